"""Alibaba Cloud IMS through its own SDK (ims.md; sdk-wire.md part A).

SDK retries stay off: a submit is repeated only by the runner, which reconciles first. Calls run
in a few threads, because the SDK's synchronous path keeps the event loop free at any latency.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.errors import CallRefused, CallThrottled, OutcomeUnknown
from translation_pipeline.providers.base import (
    ListedJob,
    Lookup,
    RemoteJob,
    RemoteOutputs,
    RemoteState,
    Submission,
)
from translation_pipeline.providers.ims_client import open_client
from translation_pipeline.providers.ims_errors import translate_error
from translation_pipeline.providers.ims_results import NamedMedia, read_translation_result
from translation_pipeline.providers.ims_wire import (
    EXTRACTION_STATES,
    TRANSLATION_STATES,
    extraction_fields,
    translation_fields,
)
from translation_pipeline.providers.requests import (
    EXTRACTION,
    TRANSLATION,
    ExtractionRequest,
    TranslationRequest,
)

if TYPE_CHECKING:
    from translation_pipeline.settings import Settings

T = TypeVar("T")

CALLS_AT_ONCE = 16
LIST_PAGE = 100  # jobs, the most that one ListSmartJobs call returns
LIST_PAGES_MOST = 1000  # pages of one sweep
READ_TRIES = 8
FIRST_READ_WAIT_S = 0.1
LONGEST_READ_WAIT_S = 2.0
SINGLE_READS_MOST = 3  # jobs; more are cheaper to read with a sweep of the list
# No code is documented for a job that does not exist; these are the usual spellings.
JOB_NOT_FOUND = frozenset({"JobNotFound", "InvalidJob.NotFound", "InvalidParameter.JobNotFound"})
LOOKUP_MARGIN_S = 300.0  # clocks of the two sides may differ


class ImsProvider:
    """IMS in one region of one account."""

    name = "ims"

    def __init__(
        self, endpoint: str, protocol: str, region: str, subtitle_y_from: str = "top"
    ) -> None:
        self._endpoint = endpoint
        self._protocol = protocol
        self._region = region
        self._subtitle_y_from = subtitle_y_from
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="ims")
        self._pages_of_last_sweep = 0

    @classmethod
    def from_settings(cls, settings: Settings) -> ImsProvider:
        """The IMS that the settings name."""
        return cls(
            settings.ims_endpoint,
            settings.ims_protocol,
            settings.region,
            settings.subtitle_y_from,
        )

    @cached_property
    def _client(self) -> Any:
        return open_client(self._endpoint, self._protocol, self._region)

    async def submit(self, submission: Submission) -> str:
        """See `Provider.submit`; a 200 answer without a job id is `OutcomeUnknown`."""
        if isinstance(submission.request, ExtractionRequest):
            job_id = await self._call(lambda: self._submit_extraction(submission))
        else:
            job_id = await self._call(lambda: self._submit_translation(submission))
        if not job_id:
            raise OutcomeUnknown("NoJobId", "The service answered without a job id.")
        return job_id

    async def poll_many(self, kind: str, remote_ids: Sequence[str]) -> dict[str, RemoteJob]:
        """Sweeps of the list for translations; single reads for extractions (no list exists).

        The list tells neither why a job failed nor its result: failed jobs are read singly too,
        finished ones are not, since the output object is the proof (ims.md section 5.2).
        """
        if kind == EXTRACTION:
            return await self._read_each(self._read_extraction, remote_ids)
        if len(remote_ids) <= max(SINGLE_READS_MOST, self._pages_of_last_sweep):
            self._pages_of_last_sweep = 0
            return await self._read_each(self._read_translation, remote_ids)
        seen = await self._call(lambda: self._sweep(set(remote_ids)))
        failed = [job.remote_id for job in seen.values() if job.state is RemoteState.FAILED]
        missing = [remote_id for remote_id in remote_ids if remote_id not in seen]
        return seen | await self._read_each(self._read_translation, failed + missing)

    async def find_lost(self, lookups: Sequence[Lookup]) -> dict[str, str]:
        """One sweep, newest jobs first, back to the oldest intent, matched by UserData.

        Extractions can be neither listed nor searched (ims.md 7.4).
        """
        listed = [lookup for lookup in lookups if lookup.request.kind == TRANSLATION]
        return await self._call(lambda: self._find_translations(listed)) if listed else {}

    async def listed(self, since: float) -> list[ListedJob]:
        """Translations, by one sweep; extractions have no list (ims.md 7.4)."""
        return await self._call(lambda: self._listed_since(since))

    async def outputs(self, remote_id: str, language: str) -> RemoteOutputs:
        """One read of the job, and one of the media asset for a file that has no address there."""
        job = await self._call(lambda: _patiently(lambda: self._read_translation(remote_id)))
        found = read_translation_result(job.result, language)
        files = (found.video, found.captions, found.captions_to_fix)
        video, captions, to_fix = await asyncio.gather(*(self._address(file) for file in files))
        return RemoteOutputs(video, captions, to_fix, found.has_language)

    def polls_in_batches(self, kind: str) -> bool:
        """ListSmartJobs knows translations only."""
        return kind == TRANSLATION

    def replays_safely(self, kind: str) -> bool:
        """Only translation jobs take a ClientToken (ims.md section 9)."""
        return kind == TRANSLATION

    async def _call(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except Exception as error:
            raise translate_error(error) from error

    async def _address(self, file: NamedMedia) -> str | None:
        media_id = file.media_id
        if file.url is not None or media_id is None:
            return file.url
        try:
            return await self._call(lambda: _patiently(lambda: self._asset_address(media_id)))
        except CallRefused:
            return None  # the asset is not there (yet); the file may be found in another way

    async def _read_each(
        self, read: Callable[[str], RemoteJob], remote_ids: Sequence[str]
    ) -> dict[str, RemoteJob]:
        async def one(remote_id: str) -> RemoteJob | None:
            try:
                return await self._call(lambda: _patiently(lambda: read(remote_id)))
            except CallRefused as error:
                if error.code in JOB_NOT_FOUND:
                    return None
                raise

        jobs = await asyncio.gather(*(one(remote_id) for remote_id in remote_ids))
        return {job.remote_id: job for job in jobs if job is not None}

    def _submit_extraction(self, submission: Submission) -> str:
        from alibabacloud_ice20201109 import models

        assert isinstance(submission.request, ExtractionRequest)  # noqa: S101 - narrows the type
        fields = extraction_fields(submission.request, self._region)
        response = self._client.submit_iproduction_job(
            models.SubmitIProductionJobRequest(
                function_name="CaptionExtraction",
                input=models.SubmitIProductionJobRequestInput(
                    type=fields["Input"]["Type"], media=fields["Input"]["Media"]
                ),
                output=models.SubmitIProductionJobRequestOutput(
                    type=fields["Output"]["Type"], media=fields["Output"]["Media"]
                ),
                job_params=fields["JobParams"],
                name=submission.title[:100],
                user_data=submission.user_data,
            )
        )
        return response.body.job_id or ""

    def _submit_translation(self, submission: Submission) -> str:
        from alibabacloud_ice20201109 import models

        assert isinstance(submission.request, TranslationRequest)  # noqa: S101 - narrows the type
        fields = translation_fields(
            submission.request, self._region, subtitle_y_from=self._subtitle_y_from
        )
        response = self._client.submit_video_translation_job(
            models.SubmitVideoTranslationJobRequest(
                input_config=fields["InputConfig"],
                output_config=fields["OutputConfig"],
                editing_config=fields["EditingConfig"],
                title=submission.title,
                user_data=submission.user_data,
                client_token=submission.client_token,
            )
        )
        data = response.body.data
        return (data.job_id if data else "") or ""

    def _read_extraction(self, remote_id: str) -> RemoteJob:
        from alibabacloud_ice20201109 import models

        body = self._client.query_iproduction_job(
            models.QueryIProductionJobRequest(job_id=remote_id)
        ).body
        word = body.status or ""
        state = EXTRACTION_STATES.get(word, RemoteState.UNRECOGNISED)
        code, detail = _failure_of(body.result) if state is RemoteState.FAILED else (None, word)
        return RemoteJob(
            remote_id, state, code, detail or word, {"output_urls": list(body.output_urls or [])}
        )

    def _read_translation(self, remote_id: str) -> RemoteJob:
        from alibabacloud_ice20201109 import models

        body = self._client.get_smart_handle_job(
            models.GetSmartHandleJobRequest(job_id=remote_id)
        ).body
        word = body.state or ""
        state = TRANSLATION_STATES.get(word, RemoteState.UNRECOGNISED)
        result = body.job_result.to_map() if body.job_result else {}
        return RemoteJob(remote_id, state, body.error_code, body.error_message or word, result)

    def _asset_address(self, media_id: str) -> str | None:
        from alibabacloud_ice20201109 import models

        info = self._client.get_media_info(
            models.GetMediaInfoRequest(media_id=media_id)
        ).body.media_info
        for entry in (info and info.file_info_list) or []:
            if entry.file_basic_info and entry.file_basic_info.file_url:
                return str(entry.file_basic_info.file_url)
        basic = info and info.media_basic_info
        return (basic.input_url or None) if basic else None

    def _sweep(self, wanted: set[str]) -> dict[str, RemoteJob]:
        seen: dict[str, RemoteJob] = {}
        for entry in self._listed():
            if entry.job_id in wanted:
                word = entry.job_state or ""
                state = TRANSLATION_STATES.get(word, RemoteState.UNRECOGNISED)
                seen[entry.job_id] = RemoteJob(entry.job_id, state, None, word)
                if len(seen) == len(wanted):
                    break
        return seen

    def _find_translations(self, lookups: Sequence[Lookup]) -> dict[str, str]:
        oldest = min(lookup.since for lookup in lookups) - LOOKUP_MARGIN_S
        by_mark = {lookup.user_data: lookup.job_id for lookup in lookups}
        by_output = {
            (lookup.request.output.bucket, lookup.request.output.key): lookup.job_id
            for lookup in lookups
        }
        found: dict[str, str] = {}
        for entry in self._listed():
            created = _unix_time(entry.create_time)
            if len(found) == len(by_mark) or (created is not None and created < oldest):
                break
            job_id = by_mark.get(entry.user_data)
            if not entry.user_data and entry.output_config:
                # An output is shared by all attempts of a job, so the mark goes first.
                output = entry.output_config
                job_id = by_output.get((output.bucket, output.object))
            if job_id is not None:
                found.setdefault(job_id, str(entry.job_id))
        return found

    def _listed_since(self, since: float) -> list[ListedJob]:
        found: dict[str, ListedJob] = {}
        for entry in self._listed():
            created = _unix_time(entry.create_time)
            if created is not None and created < since:
                break
            output = entry.output_config
            is_told = output is not None and output.bucket and output.object
            found[entry.job_id] = ListedJob(
                remote_id=entry.job_id,
                state=TRANSLATION_STATES.get(entry.job_state or "", RemoteState.UNRECOGNISED),
                user_data=entry.user_data or "",
                created_at=created,
                output=ObjectAddress(output.bucket, output.object) if is_told else None,
            )
        return list(found.values())

    def _listed(self) -> Iterator[Any]:
        """Translation jobs, newest first, page by page; repeats at page borders are possible."""
        from alibabacloud_ice20201109 import models

        token: str | None = None
        for page in range(1, LIST_PAGES_MOST + 1):
            request = models.ListSmartJobsRequest(
                job_type="VideoTranslation",
                max_results=LIST_PAGE,
                next_token=token,
                sort_by="CreationTime:Desc",
            )
            body = _patiently(lambda: self._client.list_smart_jobs(request)).body  # noqa: B023
            self._pages_of_last_sweep = page
            yield from body.smart_job_list or []
            token = body.next_token
            if not token:
                return


def _patiently(read: Callable[[], T]) -> T:
    """A read, repeated while it is throttled or breaks off: one of a hundred pages that is
    refused must not cost the other ninety-nine."""
    for attempt in range(READ_TRIES):
        try:
            return read()
        except Exception as error:  # noqa: PERF203 - each try has an outcome of its own
            meant = translate_error(error)
            last = attempt == READ_TRIES - 1
            if last or not isinstance(meant, CallThrottled | OutcomeUnknown):
                raise
            asked_s = meant.retry_after_s if isinstance(meant, CallThrottled) else None
            longest_s = min(LONGEST_READ_WAIT_S, FIRST_READ_WAIT_S * 2**attempt)
            time.sleep(max(asked_s or 0.0, longest_s * random.uniform(0.5, 1.0)))  # noqa: S311
    raise AssertionError("unreachable")


def _failure_of(result: str | None) -> tuple[str | None, str | None]:
    """Code and words of a failed extraction, as far as its Result tells them (ims.md 7.3)."""
    try:
        data = json.loads(result or "{}")
    except ValueError:
        return None, result
    if not isinstance(data, dict):
        return None, result
    return data.get("Code") or data.get("ErrorCode"), data.get("Message") or data.get(
        "ErrorMessage"
    )


def _unix_time(text: str | None) -> float | None:
    """Unix seconds of a time such as 2026-03-01T08:00:00Z; None when it has another shape."""
    try:
        moment = datetime.fromisoformat((text or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp()
