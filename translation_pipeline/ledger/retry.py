"""What to do about an error, as data: one decision per code (ims.md section 11)."""

from __future__ import annotations

from enum import Enum

from translation_pipeline.errors import CallThrottled, OutcomeUnknown, ProviderError


class Decision(str, Enum):
    """What happens next to the job whose submit failed."""

    WAIT = "wait"
    """Nothing was started: the same call again, later, without using up an attempt."""
    WAIT_ONCE = "wait once"
    """Nothing was started: once more after a pause; then no call of this account can succeed."""
    RECONCILE = "reconcile"
    """Perhaps started: look for it before anything is repeated."""
    REPAIR_CAPTIONS = "repair captions"
    """The service refuses the caption file: it must change before the job can be tried again."""
    FAIL_ITEM = "fail the item"
    """This video cannot be done as asked; the others go on."""
    STOP_ACCOUNT = "stop the account"
    """No call of this account can succeed until a person mends something."""
    ASK_PERSON = "ask a person"
    """Nobody documented this: the item ends with the service's own words, and is not repeated."""


# Exact codes first, then beginnings of codes.
DECISIONS: dict[str, Decision] = {
    "SignatureNonceUsed": Decision.WAIT,
    "NotReachable": Decision.WAIT,
    "ServiceUnavailable": Decision.RECONCILE,
    "InternalError": Decision.RECONCILE,
    "SignatureDoesNotMatch": Decision.STOP_ACCOUNT,
    "InvalidCredentials": Decision.STOP_ACCOUNT,
    "InvalidApi.NotFound": Decision.STOP_ACCOUNT,
    "Forbidden.SubscriptionRequired": Decision.STOP_ACCOUNT,
    "Forbidden": Decision.STOP_ACCOUNT,
    "NoPermission": Decision.STOP_ACCOUNT,
    "QuotaExceeded": Decision.WAIT_ONCE,
    "InputConfig.Subtitle is invalid": Decision.REPAIR_CAPTIONS,
    "SourceVanished": Decision.FAIL_ITEM,
    "SourceChanged": Decision.FAIL_ITEM,
    # The same token with other parameters is a fault of ours; repeating it cannot help.
    "IdempotentParameterMismatch": Decision.ASK_PERSON,
}
BEGINNINGS: dict[str, Decision] = {
    "Throttling": Decision.WAIT,
    "InvalidTimeStamp.": Decision.STOP_ACCOUNT,
    "InvalidAccessKeyId.": Decision.STOP_ACCOUNT,
    "InvalidParameter": Decision.FAIL_ITEM,
    "Missing": Decision.FAIL_ITEM,
}

ADVICE: dict[Decision, str] = {
    Decision.REPAIR_CAPTIONS: "Correct the caption file and approve it again.",
    Decision.FAIL_ITEM: "",
    Decision.ASK_PERSON: "This code is not documented; look it up before running it again.",
}


def decide(error: ProviderError) -> Decision:
    """The decision for an error of a submit. What the service proves outranks the code."""
    if isinstance(error, OutcomeUnknown):
        return Decision.RECONCILE
    if isinstance(error, CallThrottled):
        return Decision.WAIT
    found = DECISIONS.get(error.code) or next(
        (decision for start, decision in BEGINNINGS.items() if error.code.startswith(start)), None
    )
    if found is Decision.RECONCILE:
        return Decision.WAIT  # a refusal proves that nothing was started
    return found or Decision.ASK_PERSON
