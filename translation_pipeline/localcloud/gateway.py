"""What stands before the services: counts the calls, and lets them fail on the wire.

Here are the faults of which a service knows nothing: refusals before or after its work, pages in
place of JSON, broken connections, slow answers.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from translation_pipeline.localcloud import rpc
from translation_pipeline.localcloud.fault_dealer import FaultDealer
from translation_pipeline.localcloud.faults import (
    AnswerFault,
    HtmlError,
    ServerError,
    Slow,
    Throttling,
    When,
)
from translation_pipeline.localcloud.rpc import RpcError

ABORT = "localcloud.abort"  # ASGI extension: breaks the connection at once

Service = Callable[[Request], Awaitable[Response]]


class Gateway:
    """Passes calls on to services, with the faults that the dealer deals."""

    def __init__(self, faults: FaultDealer) -> None:
        self._faults = faults
        self.requests: Counter[str] = Counter()

    async def handle(self, action: str, request: Request, service: Service) -> Response:
        """The answer of `service` to a call of `action`, or what a fault makes of it."""
        self.requests[action] += 1
        await self._dawdle(action, "before")
        fault = self._faults.deal_on_wire(AnswerFault, action, "before")
        if fault is not None:
            return _answer(fault, request)
        response = await service(request)
        await self._dawdle(action, "after")
        fault = self._faults.deal_on_wire(AnswerFault, action, "after")
        return response if fault is None else _answer(fault, request)

    async def _dawdle(self, action: str, when: When) -> None:
        slow = self._faults.deal_on_wire(Slow, action, when)
        if slow is not None:
            await asyncio.sleep(slow.delay_s)


class BrokenConnection(Response):
    """No answer at all: the connection is aborted."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Abort, and wait until the server has noticed, so that it sends nothing either."""
        scope["extensions"][ABORT]()
        while (await receive())["type"] != "http.disconnect":
            pass


class AbortableProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's HTTP with one more ASGI extension, by which a connection can be aborted."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Give each request of this connection the means to break it."""
        super().connection_made(transport)
        app: ASGIApp = self.app  # type: ignore[has-type]

        async def abortable(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[ABORT] = transport.abort
            await app(scope, receive, send)

        self.app = abortable


def _answer(fault: AnswerFault, request: Request) -> Response:
    host = request.headers.get("host", "")
    if isinstance(fault, Throttling):
        message = "Request was denied due to user flow control."
        response = rpc.refusal(RpcError(fault.code, message, fault.status), host)
        if fault.retry_after_ms is not None:
            response.headers["x-acs-retry-after"] = str(fault.retry_after_ms)
        return response
    if isinstance(fault, ServerError):
        message = "The request processing has failed due to some unknown error."
        return rpc.refusal(RpcError(fault.code, message, fault.status), host)
    if isinstance(fault, HtmlError):
        return HTMLResponse(f"<html><h1>{fault.status} Bad Gateway</h1></html>", fault.status)
    return BrokenConnection()
