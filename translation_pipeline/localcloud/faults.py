"""What goes wrong on purpose: a plan of faults, as data.

So that a test can script "the next submit: drop after it was accepted", and a load test can ask
for "30 % throttled". When which fault strikes is up to `fault_dealer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

SubmitAction = Literal["SubmitIProductionJob", "SubmitVideoTranslationJob"]
ImsAction = Literal[
    "SubmitIProductionJob",
    "SubmitVideoTranslationJob",
    "QueryIProductionJob",
    "GetSmartHandleJob",
    "ListSmartJobs",
    "DeleteSmartJob",
    "RegisterMediaInfo",
    "GetMediaInfo",
]
OssAction = Literal["OSS.GET", "OSS.HEAD", "OSS.PUT", "OSS.POST", "OSS.DELETE"]
RamAction = Literal[
    "ice:SubmitIProductionJob",
    "ice:SubmitVideoTranslationJob",
    "ice:QueryIProductionJob",
    "ice:GetSmartHandleJob",
    "ice:ListSmartJobs",
    "ice:DeleteSmartJob",
    "ice:RegisterMediaInfo",
    "ice:GetMediaInfo",
    "oss:AbortMultipartUpload",
    "oss:DeleteObject",
    "oss:GetBucketInfo",
    "oss:GetObject",
    "oss:ListObjects",
    "oss:ListParts",
    "oss:PutObject",
]
Action = Literal[ImsAction, OssAction, RamAction]
When = Literal["before", "after"]


class FaultPlanError(ValueError):
    """The plan cannot be used; the message names the fault, the field and what is allowed."""


class Fault(BaseModel):
    """One thing that goes wrong, and how often.

    `actions` are the calls that it strikes; none means all that it can strike, and of OSS only
    those named. It passes over `skip` chances, then strikes each with probability `rate`, at
    most `times` times.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    actions: tuple[Action, ...] = ()
    rate: float = Field(1.0, gt=0, le=1)
    skip: int = Field(0, ge=0)
    times: int | None = Field(None, ge=1)

    @property
    def label(self) -> str:
        """Under which name it is counted."""
        return self.kind

    def concerns(self, action: str) -> bool:
        """Whether calls of `action` are meant."""
        return action in self.actions if self.actions else not action.startswith("OSS.")


# Faults of one call


class WireFault(Fault):
    """Something that happens before the call is carried out, or after."""

    when: When = "before"

    @property
    def label(self) -> str:
        """The two are counted apart."""
        return f"{self.kind}_{self.when}"


class AnswerFault(WireFault):
    """Something that takes the place of the service's answer."""


class Throttling(AnswerFault):
    """Refused before anything was done; with `retry_after_ms` in x-acs-retry-after (ims.md 11)."""

    kind: Literal["throttling"] = "throttling"
    actions: tuple[ImsAction, ...] = ()
    when: Literal["before"] = "before"
    code: str = "Throttling.User"
    status: int = Field(400, ge=400, le=499)
    retry_after_ms: int | None = Field(None, gt=0)

    @property
    def label(self) -> str:
        """Throttled calls are never carried out."""
        return self.kind


class ServerError(AnswerFault):
    """A 5xx with a JSON body, before or after the call was carried out."""

    kind: Literal["server_error"] = "server_error"
    actions: tuple[ImsAction, ...] = ()
    code: str = "InternalError"
    status: int = Field(500, ge=500, le=599)


class HtmlError(AnswerFault):
    """A page for people in place of JSON, as proxies answer."""

    kind: Literal["html_error"] = "html_error"
    status: int = Field(502, ge=200, le=599)


class Drop(AnswerFault):
    """The connection breaks without an answer, before or after the call was carried out."""

    kind: Literal["drop"] = "drop"


class Slow(WireFault):
    """The call waits before it is carried out, or its answer afterwards."""

    kind: Literal["slow"] = "slow"
    when: When = "after"
    delay_s: float = Field(gt=0)


class ClockSkew(Fault):
    """The server's clock is ahead (or, negative, behind) when it checks the signature."""

    kind: Literal["clock_skew"] = "clock_skew"
    actions: tuple[ImsAction, ...] = ()
    offset_s: float = 1200.0


class Refusal(Fault):
    """The account may not do this; `actions` are RAM's names of it.

    `code` replaces the word of IMS, such as Forbidden.SubscriptionRequired. Of OSS a refusal may
    hold for one `bucket` only, and an `endpoint` says that the bucket lies in that other region.
    """

    kind: Literal["refusal"] = "refusal"
    actions: tuple[RamAction, ...] = Field(min_length=1)
    bucket: str | None = None
    code: str | None = None
    endpoint: str | None = None


class NoJobId(Fault):
    """The job is accepted, but the answer, a 200, does not name it (ims.md section 4.1)."""

    kind: Literal["no_job_id"] = "no_job_id"
    actions: tuple[SubmitAction, ...] = ()


class IgnoredToken(Fault):
    """A repeated ClientToken starts a second job."""

    kind: Literal["ignored_token"] = "ignored_token"
    actions: tuple[Literal["SubmitVideoTranslationJob"], ...] = ("SubmitVideoTranslationJob",)


class ShiftedList(Fault):
    """A following page of ListSmartJobs begins `by` jobs too early, so that these are repeated;
    negative: too late, so that these are skipped (ims.md section 6)."""

    kind: Literal["shifted_list"] = "shifted_list"
    actions: tuple[Literal["ListSmartJobs"], ...] = ("ListSmartJobs",)
    by: int = 5

    @field_validator("by")
    @classmethod
    def _moves(cls, value: int) -> int:
        if value == 0:
            raise ValueError("0 moves nothing; positive repeats jobs, negative skips them")
        return value


# Faults of one job, dealt when it is accepted


class JobFault(Fault):
    """Something that is wrong with a job; kept with the job, over restarts too."""

    actions: tuple[SubmitAction, ...] = ()
    needs_instant: ClassVar[bool] = False


class ListDelay(JobFault):
    """A new job is not in ListSmartJobs for the first `delay_s`."""

    kind: Literal["list_delay"] = "list_delay"
    delay_s: float = Field(2.0, gt=0)


class UnknownStatus(JobFault):
    """The first `reads` answers about a job (all when None; pages of the list count) have a word
    that no document knows in place of its state."""

    kind: Literal["unknown_status"] = "unknown_status"
    word: str = Field("Suspended", min_length=1)
    reads: int | None = Field(None, ge=1)


class OddResult(JobFault):
    """The result of a translation in another documented shape (ims.md section 5.2): AiResult is
    an empty text, has no MediaURL, is a map for one language, or has the fields of the first of
    several languages at the top."""

    kind: Literal["odd_result"] = "odd_result"
    actions: tuple[Literal["SubmitVideoTranslationJob"], ...] = ("SubmitVideoTranslationJob",)
    shape: Literal["empty", "media_id_only", "map", "flat"]


class MissingLanguage(JobFault):
    """The translation is Finished, but its last language is neither in the result nor stored."""

    kind: Literal["missing_language"] = "missing_language"
    actions: tuple[Literal["SubmitVideoTranslationJob"], ...] = ("SubmitVideoTranslationJob",)
    needs_instant = True


class MissingOutput(JobFault):
    """The job has ended well, but its files appear `delay_s` later, or never when None."""

    kind: Literal["missing_output"] = "missing_output"
    delay_s: float | None = Field(None, gt=0)
    needs_instant = True


class FailingJob(JobFault):
    """The job fails in the end."""

    kind: Literal["failing_job"] = "failing_job"
    code: str = "JobFailed"
    message: str = "The job failed as the fault plan says."
    needs_instant = True


class EndlessJob(JobFault):
    """The job never ends."""

    kind: Literal["endless_job"] = "endless_job"
    needs_instant = True


_CallFault = (
    Throttling
    | ServerError
    | HtmlError
    | Drop
    | Slow
    | ClockSkew
    | Refusal
    | NoJobId
    | IgnoredToken
    | ShiftedList
)
_JobFault = (
    ListDelay
    | UnknownStatus
    | OddResult
    | MissingLanguage
    | MissingOutput
    | FailingJob
    | EndlessJob
)
_JOB_FAULTS: TypeAdapter[tuple[JobFault, ...]] = TypeAdapter(
    tuple[Annotated[_JobFault, Field(discriminator="kind")], ...]
)

J = TypeVar("J", bound=JobFault)


class FaultPlan(BaseModel):
    """Everything that shall go wrong. Of several faults that could answer one call, the first
    that strikes does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    faults: tuple[Annotated[_CallFault | _JobFault, Field(discriminator="kind")], ...] = ()

    @classmethod
    def parse(cls, text: str | bytes) -> FaultPlan:
        """A plan from JSON. Raises FaultPlanError."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise FaultPlanError("; ".join(_problem(found) for found in error.errors())) from None

    def require_offered(self, *, instant: bool) -> None:
        """Raise FaultPlanError for faults that only a server with --instant can deal."""
        refused = {
            fault.kind
            for fault in self.faults
            if isinstance(fault, JobFault) and fault.needs_instant and not instant
        }
        if refused:
            raise FaultPlanError(
                f"{', '.join(sorted(refused))}: only offered with --instant, where jobs are "
                "simulated; leave them out or start the server with --instant"
            )


def job_fault(faults: Sequence[JobFault], kind: type[J]) -> J | None:
    """The fault of that kind among those of a job; the first one counts."""
    return next((fault for fault in faults if isinstance(fault, kind)), None)


def job_faults_to_json(faults: Sequence[JobFault]) -> str | None:
    """The text that is kept with a job; None for a job that goes as it should."""
    return _JOB_FAULTS.dump_json(tuple(faults)).decode() if faults else None


def job_faults_from_json(text: str | None) -> tuple[JobFault, ...]:
    """What `job_faults_to_json` wrote."""
    return _JOB_FAULTS.validate_json(text) if text else ()


def _problem(found: Any) -> str:
    field = ".".join(str(part) for part in found["loc"])
    reason = found["msg"].removeprefix("Value error, ")
    return f"{field}: {reason}" if field else reason
