"""Whether this account may call IMS, found out by reads that start nothing and cost nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from translation_pipeline.errors import CallThrottled, OutcomeUnknown, ProviderError
from translation_pipeline.providers.ims_client import open_client
from translation_pipeline.providers.ims_errors import translate_error

if TYPE_CHECKING:
    from translation_pipeline.settings import Settings

NOBODYS_ID = "translation-pipeline-doctor"  # of no job and no media asset

# Every call of these that is accepted starts a job that is paid for, so nobody tries them.
PAID_ACTIONS = ("ice:SubmitIProductionJob", "ice:SubmitVideoTranslationJob")


class Standing(Enum):
    """What one call says about the account (ims.md section 11)."""

    ALLOWED = "allowed"
    DENIED = "denied"
    NOT_ACTIVATED = "not activated"
    KEY_REFUSED = "key refused"
    CLOCK_WRONG = "clock wrong"
    NOT_IMS = "not ims"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class ProbedAction:
    """A RAM action that was tried; `said` is what the service answered if it refused."""

    action: str
    standing: Standing
    said: str = ""


def probe_actions(settings: Settings) -> Iterator[ProbedAction]:
    """Try every action that only reads. Raises `ConfigurationError` without credentials."""
    from alibabacloud_ice20201109 import models

    client = open_client(settings.ims_endpoint, settings.ims_protocol, settings.region)
    listing = models.ListSmartJobsRequest(job_type="VideoTranslation", max_results=1)
    reads: tuple[tuple[str, Any, Any], ...] = (
        ("ice:ListSmartJobs", client.list_smart_jobs, listing),
        (
            "ice:GetSmartHandleJob",
            client.get_smart_handle_job,
            models.GetSmartHandleJobRequest(job_id=NOBODYS_ID),
        ),
        (
            "ice:QueryIProductionJob",
            client.query_iproduction_job,
            models.QueryIProductionJobRequest(job_id=NOBODYS_ID),
        ),
        (
            "ice:GetMediaInfo",
            client.get_media_info,
            models.GetMediaInfoRequest(media_id=NOBODYS_ID),
        ),
    )
    for action, call, request in reads:
        try:
            call(request)
        except Exception as error:  # noqa: PERF203 - each call has an outcome of its own
            meant = translate_error(error)
            yield ProbedAction(action, standing_of(meant), str(meant))
        else:
            yield ProbedAction(action, Standing.ALLOWED)


def standing_of(error: ProviderError) -> Standing:
    """What a refused read proves. One that does not know the job was allowed to ask for it."""
    code = error.code
    if isinstance(error, CallThrottled | OutcomeUnknown):
        return Standing.AWAY
    if code == "Forbidden.SubscriptionRequired":
        return Standing.NOT_ACTIVATED
    if code == "NoPermission" or code.startswith("Forbidden"):
        return Standing.DENIED
    if code.startswith(("InvalidAccessKeyId", "InvalidSecurityToken", "SignatureDoesNotMatch")):
        return Standing.KEY_REFUSED
    if code == "InvalidCredentials":
        return Standing.KEY_REFUSED
    if code.startswith("InvalidTimeStamp"):
        return Standing.CLOCK_WRONG
    if code.startswith(("InvalidApi", "InvalidAction", "InvalidVersion", "InvalidProduct")):
        return Standing.NOT_IMS
    return Standing.ALLOWED
