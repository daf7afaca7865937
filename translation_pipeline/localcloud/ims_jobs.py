"""The IMS actions about jobs: submit, read, list, delete (ims.md sections 4 to 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from translation_pipeline.localcloud import ims_answers, ims_orders
from translation_pipeline.localcloud.fault_dealer import FaultDealer
from translation_pipeline.localcloud.faults import IgnoredToken, NoJobId, ShiftedList, SubmitAction
from translation_pipeline.localcloud.ims_orders import ImsOrders
from translation_pipeline.localcloud.job_engine import Engine
from translation_pipeline.localcloud.job_store import JobStore
from translation_pipeline.localcloud.jobs import Job, JobKind, JobOrder, JobState, ListedJob
from translation_pipeline.localcloud.rpc import (
    Action,
    Parameters,
    RpcError,
    choice,
    invalid,
    number,
    required,
    token_mismatch,
)

PAGE_LIMIT = 100
DEFAULT_PAGE = 10
SMART_JOB_TYPES = ("ASR", "DynamicChart", "VideoTranslation", "TextToSpeech")


class JobActions:
    """Jobs on the wire."""

    def __init__(
        self, jobs: JobStore, orders: ImsOrders, engine: Engine, faults: FaultDealer, region: str
    ) -> None:
        self._jobs = jobs
        self._orders = orders
        self._engine = engine
        self._faults = faults
        self._region = region
        self.by_name: Mapping[str, Action] = {
            "SubmitIProductionJob": self._submit_iproduction_job,
            "QueryIProductionJob": self._query_iproduction_job,
            "SubmitVideoTranslationJob": self._submit_video_translation_job,
            "GetSmartHandleJob": self._get_smart_handle_job,
            "ListSmartJobs": self._list_smart_jobs,
            "DeleteSmartJob": self._delete_smart_job,
        }

    async def _submit_iproduction_job(self, parameters: Parameters) -> dict[str, Any]:
        order = self._orders.caption_extraction(parameters)
        return self._accepted("SubmitIProductionJob", order)

    async def _submit_video_translation_job(self, parameters: Parameters) -> dict[str, Any]:
        token = ims_orders.client_token(parameters)
        asked = {name: text for name, text in parameters.items() if name != "ClientToken"}
        first = self._jobs.with_token(JobKind.VIDEO_TRANSLATION, token) if token else None
        if first and self._faults.deal(IgnoredToken, "SubmitVideoTranslationJob"):
            first = token = None
        if first is None:
            order = self._orders.video_translation(asked, token)
            self._require_original(order.work["original_job"])
            told = self._accepted("SubmitVideoTranslationJob", order)
        elif first.wire == asked:
            told = {"JobId": first.job_id}  # even if its input has gone by now
        else:
            raise token_mismatch(token)
        return {"Success": True, "Data": told}

    def _require_original(self, job_id: str | None) -> None:
        """OriginalJobId names a finished speech job that kept its files for editing (4.5)."""
        if job_id is None:
            return
        job = self._jobs.get(JobKind.VIDEO_TRANSLATION, job_id)
        if job is None or job.state is not JobState.FINISHED or not job.work.get("for_fix"):
            raise invalid(
                "EditingConfig",
                f"SpeechTranslate.OriginalJobId: {job_id!r} is no finished job at speech level "
                "with SupportEditing true",
            )

    def _accepted(self, action: SubmitAction, order: JobOrder) -> dict[str, str]:
        """Accept a job; the part of the answer that names it."""
        job_id = self._jobs.submit(
            order, self._faults.deal_to_job(action), due_in_s=self._engine.due_in_s(order)
        )
        self._engine.wake()
        return {} if self._faults.deal(NoJobId, action) else {"JobId": job_id}

    async def _query_iproduction_job(self, parameters: Parameters) -> dict[str, Any]:
        job = self._job(JobKind.CAPTION_EXTRACTION, parameters)
        word = self._faults.unknown_word(job.job_id, job.faults)
        return ims_answers.iproduction_job(job, self._region, word)

    async def _get_smart_handle_job(self, parameters: Parameters) -> dict[str, Any]:
        job = self._job(JobKind.VIDEO_TRANSLATION, parameters)
        word = self._faults.unknown_word(job.job_id, job.faults)
        return ims_answers.smart_job(job, self._region, word)

    def _job(self, kind: JobKind, parameters: Parameters) -> Job:
        job_id = required(parameters, "JobId")
        job = self._jobs.get(kind, job_id)
        if job is None:
            raise RpcError("JobNotFound", f"The job {job_id!r} does not exist.", 404)
        return job

    async def _list_smart_jobs(self, parameters: Parameters) -> dict[str, Any]:
        """Token paging, or with PageNo or PageSize the older paging (ims.md section 6)."""
        state = choice(parameters, "JobState", ims_answers.STATES_OF_SMART_JOBS)
        ascending = choice(
            parameters, "SortBy", {"CreationTime:Desc": False, "CreationTime:Asc": True}
        )
        job_type = choice(parameters, "JobType", {name: name for name in SMART_JOB_TYPES})
        if job_type not in (None, ims_answers.VIDEO_TRANSLATION):
            return {"SmartJobList": [], "NextToken": "", "MaxResults": str(DEFAULT_PAGE)}
        paged = "PageNo" in parameters or "PageSize" in parameters
        limit = number(parameters, "PageSize" if paged else "MaxResults", DEFAULT_PAGE, PAGE_LIMIT)
        beyond = number(parameters, "NextToken", 0) or None
        offset = (number(parameters, "PageNo", 1) - 1) * limit
        shifted = (beyond or offset) and self._faults.deal(ShiftedList, "ListSmartJobs")
        found = self._jobs.page(
            JobKind.VIDEO_TRANSLATION,
            state=state,
            ascending=bool(ascending),
            limit=limit + 1,
            beyond=beyond,
            offset=offset - (shifted.by if shifted else 0),
        )
        page, more = found[:limit], len(found) > limit
        return {
            "SmartJobList": [self._entry(job) for job in page],
            "NextToken": str(page[-1].number) if more else "",
            "MaxResults": str(limit),
        }

    def _entry(self, job: ListedJob) -> dict[str, Any]:
        word = self._faults.unknown_word(job.job_id, job.faults)
        return ims_answers.smart_job_entry(job, word)

    async def _delete_smart_job(self, parameters: Parameters) -> dict[str, Any]:
        job_ids = required(parameters, "JobId").split(",")
        self._jobs.delete(JobKind.VIDEO_TRANSLATION, job_ids)
        return {}
