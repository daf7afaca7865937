"""Outputs: are they there, are they what was asked for, and are they at their place?"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from translation_pipeline.captions.formats import compose_webvtt
from translation_pipeline.captions.srt import parse_srt
from translation_pipeline.catalog.addresses import ObjectAddress, parse_address
from translation_pipeline.catalog.listing import rule_of
from translation_pipeline.errors import (
    AccessRefused,
    AddressInvalid,
    BucketUnusable,
    CallRefused,
    CaptionsUnreadable,
    ObjectMissing,
    OutputMissing,
    OutputRefused,
    ProviderError,
    StorageAway,
    StorageError,
)
from translation_pipeline.ledger.identity import short_id
from translation_pipeline.ledger.ledger import utc_now
from translation_pipeline.ledger.models import Captions, Job, Wanted
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.providers.base import RemoteOutputs
from translation_pipeline.providers.requests import (
    ExtractionRequest,
    TranslationRequest,
    request_from_json,
)
from translation_pipeline.stages.review import Judging, judge_captions, note_judgement
from translation_pipeline.stages.wanted import EXTRACTED
from translation_pipeline.storage import ObjectHead

DURATION_TOLERANCE = 0.02  # share of the source's duration
CHECKS_AT_ONCE = 8
SIDECARS = (".srt", ".vtt")


class OutputDelivery:
    """What the runner asks about the objects of a job, answered from OSS."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def preflight(self, job: Job) -> None:
        """Raise `CallRefused` when the source changed or vanished since it was planned."""
        source = request_from_json(job.request).video
        head = self._pipeline.storage.head(source)
        if head is None:
            raise CallRefused(
                "SourceVanished", f"{source.to_oss()} was deleted after it was listed."
            )
        if head.etag != job.source_etag:
            raise CallRefused(
                "SourceChanged",
                f"{source.to_oss()} was replaced after it was planned; its new content is planned "
                "at the next scan.",
            )

    def output_exists(self, job: Job) -> bool:
        """Whether the job's own output object is there."""
        return self._pipeline.storage.head(request_from_json(job.request).output) is not None

    def deliver(self, jobs: Sequence[Job]) -> dict[str, OutputRefused | StorageError]:
        """Check outputs, copy them to every place that wants them, and note what was found.

        Returns what is wrong, by job; nothing is noted of these.
        """
        wanted = self._pipeline.inventory.wanted_by([job.id for job in jobs])
        refused: dict[str, OutputRefused | StorageError] = {}

        def check(job: Job) -> list[tuple[Wanted, dict[str, Any]]]:
            try:
                facts = self._delivered(job, wanted[job.id])
            except (OutputRefused, StorageError) as error:
                refused[job.id] = error
                return []
            return [(row, facts) for row in wanted[job.id]]

        with ThreadPoolExecutor(CHECKS_AT_ONCE) as threads:
            found = [one for rows in threads.map(check, jobs) for one in rows]
        self._pipeline.inventory.delivered(found)
        return refused

    def _delivered(self, job: Job, wanted: list[Wanted]) -> dict[str, Any]:
        """What was found of an output that is at its places now."""
        request = request_from_json(job.request)
        head = self._pipeline.storage.head(request.output)
        if head is None and isinstance(request, TranslationRequest):
            head = self._fetched(job, request)
        if head is None:
            raise OutputMissing(
                f"The service reported success, but {request.output.to_oss()} is missing."
            )
        if head.size == 0:
            raise OutputRefused(
                f"The service reported success, but {request.output.to_oss()} is empty."
            )
        if isinstance(request, ExtractionRequest):
            facts = self._extracted(job, request, head, wanted)
        else:
            facts = self._translated(job, request, head)
        for row in wanted:
            self._copy(request.output, row)
        return facts

    def catch_up(self, job_ids: Collection[str]) -> None:
        """Hand out outputs that were paid for earlier and are wanted at a new place by now.

        One that cannot be had any more keeps its reason; the others are not affected. Raises
        `StorageError` when the bucket refuses access.
        """
        refused = self.deliver(self._pipeline.inventory.undelivered(job_ids))
        for error in refused.values():
            if isinstance(error, AccessRefused | BucketUnusable):
                raise error
        reasons = {
            job_id: f"It is paid for, and its output cannot be had: {error}"
            for job_id, error in refused.items()
            if not isinstance(error, StorageAway)
        }
        self._pipeline.inventory.not_delivered(reasons)

    def _extracted(
        self, job: Job, request: ExtractionRequest, head: ObjectHead, wanted: list[Wanted]
    ) -> dict[str, Any]:
        data = self._pipeline.storage.get(request.output)
        try:
            parsed = parse_srt(data, request.source_language)
        except CaptionsUnreadable as error:
            raise OutputRefused(
                f"No captions were read from {job.title}/{job.video}: {error} Check that the "
                "catalog's caption_region covers them."
            ) from error
        self._pipeline.inventory.save([self._judged(row, data, head) for row in wanted])
        return {"cues": len(parsed.cues), "last_cue_ms": max(cue.end_ms for cue in parsed.cues)}

    def _judged(self, wanted: Wanted, data: bytes, head: ObjectHead) -> Captions:
        """What a reviewer should know of captions that were read from the picture."""
        video = self._pipeline.inventory.video(wanted.title, wanted.video)
        rule = rule_of(self._pipeline.catalog, video) if video is not None else None
        by = Judging(wanted.language)
        if video is not None and rule is not None:
            by = Judging.of(video, rule, wanted.language)
        row = Captions(
            title=wanted.title,
            video=wanted.video,
            origin=EXTRACTED,
            language=wanted.language,
            bucket=wanted.output_bucket,
            key=wanted.output_key,
            etag=head.etag,
            problem=None,
            changed_at=utc_now(),
        )
        note_judgement(row, judge_captions(data, by), by)
        return row

    def _translated(
        self, job: Job, request: TranslationRequest, head: ObjectHead
    ) -> dict[str, Any]:
        from translation_pipeline import media  # late: whoever only plans loads no media engine

        try:
            facts = media.probe(self._pipeline.storage.signed_url(request.output))
        except media.UnreadableVideo as error:
            raise OutputRefused(f"The output does not play: {error}") from error
        if abs(facts.duration_s - job.duration_s) > DURATION_TOLERANCE * job.duration_s:
            raise OutputRefused(
                f"The output is {facts.duration_s:.1f} s long, its source {job.duration_s:.1f} s."
            )
        if not facts.has_audio and self._source_has_audio(job):
            raise OutputRefused("The output has no sound, its source has.")
        return {
            "size": head.size,
            "duration_s": round(facts.duration_s, 3),
            "width": facts.width,
            "height": facts.height,
            "has_audio": facts.has_audio,
            "cues": self._caption_count(job, request),
            "to_fix": self._fetch_captions_to_fix(job, request),
        }

    def _fetched(self, job: Job, request: TranslationRequest) -> ObjectHead | None:
        """The output, copied from where the service says that it put it; None if it does not."""
        told = self._told(job, request)
        if not told.has_language:
            raise OutputRefused(
                f"The service reported success, but its result lacks {request.target_language}."
            )
        if not self._copied(told.video, request.output):
            return None
        return self._pipeline.storage.head(request.output)

    def _captions(self, job: Job, request: TranslationRequest) -> bytes | None:
        """The translated SRT beside the output: some services only tell where they put it."""
        sidecar = sidecar_of(request.output)
        try:
            return self._pipeline.storage.get(sidecar)
        except ObjectMissing:
            if not self._copied(self._told(job, request).captions, sidecar):
                return None
        return self._pipeline.storage.get(sidecar)

    def _fetch_captions_to_fix(self, job: Job, request: TranslationRequest) -> str | None:
        """What a correction starts from, where the rule keeps it; its oss:// address."""
        if not request.support_editing:
            return None
        told = self._told(job, request).captions_to_fix
        address = ObjectAddress(
            self._pipeline.catalog.output_bucket,
            f"{self._pipeline.catalog.captions_prefix}{job.title}/{job.language}/"
            f"{job.video}.{short_id(job.id)}.to-fix.srt",
        )
        return address.to_oss() if self._copied(told, address) else None

    def _told(self, job: Job, request: TranslationRequest) -> RemoteOutputs:
        provider = self._pipeline.providers[job.provider]
        try:
            return asyncio.run(provider.outputs(job.remote_id or "", request.target_language))
        except ProviderError as error:
            raise OutputMissing(
                f"The service does not tell where its outputs are: {error}"
            ) from error

    def _copied(self, url: str | None, target: ObjectAddress) -> bool:
        """Copy a file that the service named; False when it is not in a bucket that we can read."""
        if url is None:
            return False
        try:
            source = parse_address(url, region=self._pipeline.settings.region)
            exists = self._pipeline.storage.head(source) is not None
        except (AddressInvalid, AccessRefused, BucketUnusable):
            return False
        if exists and source != target:
            self._pipeline.storage.copy(source, target)
        return exists

    def _source_has_audio(self, job: Job) -> bool:
        video = self._pipeline.inventory.video(job.title, job.video)
        return video is not None and bool(video.has_audio)

    def _caption_count(self, job: Job, request: TranslationRequest) -> int | None:
        """Cues of the SRT beside the video; None where the service made none."""
        data = self._captions(job, request)
        if data is None:
            return None
        try:
            cues = parse_srt(data).cues
        except CaptionsUnreadable as error:
            raise OutputRefused(f"The captions beside the output are unusable: {error}") from error
        beside = sidecar_of(request.output, ".vtt")
        self._pipeline.storage.put(beside, compose_webvtt(cues).encode())
        return len(cues)

    def _copy(self, output: ObjectAddress, row: Wanted) -> None:
        target = ObjectAddress(row.output_bucket, row.output_key)
        if target == output:
            return
        storage = self._pipeline.storage
        for extension in SIDECARS:
            sidecar = sidecar_of(output, extension)
            if storage.head(sidecar) is not None:
                storage.copy(sidecar, sidecar_of(target, extension))
        storage.copy(output, target)


def sidecar_of(video: ObjectAddress, extension: str = ".srt") -> ObjectAddress:
    """The captions that lie beside a translated video: the same key with another extension."""
    return ObjectAddress(video.bucket, video.key.rpartition(".")[0] + extension)
