"""What an exception of the RPC SDK means: refused, slow down, or nobody knows (sdk-wire.md A5)."""

from __future__ import annotations

from translation_pipeline.errors import (
    CallRefused,
    CallThrottled,
    OutcomeUnknown,
    ProviderError,
)

# The only broken connections that certainly carried no request; the SDK tells them by text alone.
NEVER_CONNECTED = ("connection refused", "newconnectionerror", "name or service not known")


def translate_error(error: Exception) -> ProviderError:
    """The provider error that an SDK exception stands for.

    A 5xx answer or a broken connection leaves open whether the call was carried out, so it is
    `OutcomeUnknown`; only a 4xx answer proves that it was not.
    """
    from alibabacloud_tea_openapi.exceptions import AlibabaCloudException, ThrottlingException
    from darabonba.exceptions import UnretryableException

    if isinstance(error, AlibabaCloudException):
        code = str(error.code or "UnknownError")
        text = _plain_message(error, code)
        request_id = getattr(error, "request_id", None)
        status = getattr(error, "status_code", None) or 0
        if isinstance(error, ThrottlingException) or code.startswith("Throttling"):
            retry_after_ms = getattr(error, "retry_after", None)
            return CallThrottled(
                code, text, request_id, retry_after_ms / 1000 if retry_after_ms else None
            )
        if status >= 500:
            return OutcomeUnknown(code, text, request_id)
        return CallRefused(code, text, request_id)
    if isinstance(error, UnretryableException):
        text = str(error.inner_exception or error)
        if any(mark in text.lower() for mark in NEVER_CONNECTED):
            return CallThrottled("NotReachable", f"The service cannot be reached: {text}")
        return OutcomeUnknown("ConnectionBroken", text)
    if getattr(error, "code", None) == "InvalidCredentials":
        return CallRefused("InvalidCredentials", str(error))
    return OutcomeUnknown(type(error).__name__, str(error))


def _plain_message(error: Exception, code: str) -> str:
    data = getattr(error, "data", None)
    if isinstance(data, dict) and data.get("Message"):
        return str(data["Message"])
    return str(getattr(error, "message", code))
