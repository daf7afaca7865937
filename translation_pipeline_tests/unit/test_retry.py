"""Every error code of the sheet has one decision, and nothing undocumented loops."""

from __future__ import annotations

import pytest

from translation_pipeline.errors import CallRefused, CallThrottled, OutcomeUnknown, ProviderError
from translation_pipeline.ledger.retry import Decision, decide

# ims.md section 11, line by line.
SHEET = [
    (CallThrottled("Throttling", ""), Decision.WAIT),
    (CallThrottled("Throttling.User", ""), Decision.WAIT),
    (CallThrottled("Throttling.Api", ""), Decision.WAIT),
    (OutcomeUnknown("ServiceUnavailable", ""), Decision.RECONCILE),
    (OutcomeUnknown("InternalError", ""), Decision.RECONCILE),
    (OutcomeUnknown("ConnectionBroken", ""), Decision.RECONCILE),
    (CallRefused("SignatureNonceUsed", ""), Decision.WAIT),
    (CallRefused("InvalidTimeStamp.Expired", ""), Decision.STOP_ACCOUNT),
    (CallRefused("InvalidTimeStamp.Format", ""), Decision.STOP_ACCOUNT),
    (CallRefused("SignatureDoesNotMatch", ""), Decision.STOP_ACCOUNT),
    (CallRefused("InvalidAccessKeyId.NotFound", ""), Decision.STOP_ACCOUNT),
    (CallRefused("InvalidAccessKeyId.Inactive", ""), Decision.STOP_ACCOUNT),
    (CallRefused("Forbidden.SubscriptionRequired", ""), Decision.STOP_ACCOUNT),
    (CallRefused("Forbidden", ""), Decision.STOP_ACCOUNT),
    (CallRefused("NoPermission", ""), Decision.STOP_ACCOUNT),
    (CallRefused("InvalidParameter", ""), Decision.FAIL_ITEM),
    (CallRefused("InvalidParameter.EditingConfig", ""), Decision.FAIL_ITEM),
    (CallRefused("MissingInputConfig", ""), Decision.FAIL_ITEM),
    (CallRefused("InputConfig.Subtitle is invalid", ""), Decision.REPAIR_CAPTIONS),
    (CallRefused("QuotaExceeded", ""), Decision.WAIT_ONCE),
    (CallRefused("IdempotentParameterMismatch", ""), Decision.ASK_PERSON),
    (CallRefused("NobodyHeardOfThis", ""), Decision.ASK_PERSON),
]


@pytest.mark.parametrize(("error", "decision"), SHEET, ids=lambda value: getattr(value, "code", ""))
def test_decision(error: ProviderError, decision: Decision) -> None:
    assert decide(error) is decision


def test_an_open_outcome_is_reconciled_whatever_its_code_says() -> None:
    """A code such as InvalidParameter with status 500 proves nothing."""
    assert decide(OutcomeUnknown("InvalidParameter", "")) is Decision.RECONCILE
