"""Parameters and answers of Alibaba's RPC style services, shared by IMS and VOD.

Facts: sdk-wire.md A2 and A5.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from starlette.responses import JSONResponse

Parameters = dict[str, str]
Action = Callable[[Parameters], Awaitable[dict[str, Any]]]
Choice = TypeVar("Choice")


class RpcError(Exception):
    """A refused call: `code` for programs, `message` for people, `status` the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def missing(parameter: str) -> RpcError:
    """The refusal of a call without a parameter that it needs."""
    return RpcError(f"Missing{parameter}", f"{parameter} is mandatory for this action.")


def invalid(parameter: str, reason: str) -> RpcError:
    """The refusal of a parameter's value; `reason` says what is wrong and what is allowed."""
    return RpcError("InvalidParameter", f"{parameter}: {reason}")


def token_mismatch(token: str | None) -> RpcError:
    """The refusal of a ClientToken that came with other parameters before (ims.md 4.1)."""
    return RpcError(
        "IdempotentParameterMismatch",
        f"ClientToken {token} was used before with other parameters.",
    )


def required(parameters: Parameters, name: str) -> str:
    """The text of a parameter that the call cannot do without. Raises `RpcError`."""
    text = parameters.get(name)
    if not text:
        raise missing(name)
    return text


def choice(parameters: Parameters, name: str, values: dict[str, Choice]) -> Choice | None:
    """What `values` has for the word that was sent; None when none was. Raises `RpcError`."""
    text = parameters.get(name)
    if not text:
        return None
    if text not in values:
        raise invalid(name, f"{text!r} is none of {', '.join(values)}")
    return values[text]


def number(parameters: Parameters, name: str, default: int, most: int | None = None) -> int:
    """A whole number from 1 to `most`. Raises `RpcError`."""
    text = parameters.get(name)
    if not text:
        return default
    found = int(text) if text.isascii() and text.isdigit() else 0
    if found < 1 or (most is not None and found > most):
        limits = f"from 1 to {most}" if most else "from 1"
        raise invalid(name, f"{text!r} is not a whole number {limits}")
    return found


def answer(body: dict[str, Any]) -> JSONResponse:
    """A success: the body with a fresh RequestId."""
    return JSONResponse({"RequestId": _request_id(), **body})


def refusal(error: RpcError, host: str) -> JSONResponse:
    """An error body as the SDKs parse it."""
    return JSONResponse(
        {
            "RequestId": _request_id(),
            "HostId": host,
            "Code": error.code,
            "Message": error.message,
            "Recommend": f"https://api.aliyun.com/troubleshoot?q={error.code}",
        },
        status_code=error.status,
    )


def utc_text(unix_s: float | None) -> str:
    """`yyyy-MM-ddTHH:mm:ssZ`; empty for a time that has not come."""
    if unix_s is None:
        return ""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix_s))


def _request_id() -> str:
    return str(uuid.uuid4()).upper()
