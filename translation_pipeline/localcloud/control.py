"""The paths below /-/: no part of any cloud, for tests, benchmarks and people.

| Path          | Method   | What                                                             |
|---------------|----------|------------------------------------------------------------------|
| /-/health     | GET      | `ok`                                                             |
| /-/account    | GET      | jobs, cost and duplicates per kind; calls and faults so far      |
| /-/jobs?since | GET      | JSON lines, a job each, changed since then (unix seconds)        |
| /-/faults     | GET, PUT | the fault plan that is followed; its JSON replaces it at once    |
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from translation_pipeline.localcloud.accounting import Books
from translation_pipeline.localcloud.config import CONTROL_PREFIX
from translation_pipeline.localcloud.fault_dealer import FaultDealer
from translation_pipeline.localcloud.faults import FaultPlan, FaultPlanError
from translation_pipeline.localcloud.gateway import Gateway


class Control:
    """Tells what the server did, and takes what shall go wrong."""

    def __init__(
        self, books: Books, gateway: Gateway, faults: FaultDealer, *, instant: bool
    ) -> None:
        self._books = books
        self._gateway = gateway
        self._faults = faults
        self._instant = instant
        self._routes = {
            ("GET", "health"): self._health,
            ("GET", "account"): self._account,
            ("GET", "jobs"): self._jobs,
            ("GET", "faults"): self._get_faults,
            ("PUT", "faults"): self._put_faults,
        }

    async def handle(self, request: Request) -> Response:
        """Answer a request whose path begins with `CONTROL_PREFIX`."""
        name = request.scope["path"].removeprefix(CONTROL_PREFIX)
        answer = self._routes.get((request.method, name))
        if answer is None:
            known = ", ".join(f"{method} {CONTROL_PREFIX}{path}" for method, path in self._routes)
            return PlainTextResponse(f"There is: {known}\n", status_code=404)
        return await answer(request)

    async def _health(self, request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _account(self, request: Request) -> Response:
        return JSONResponse(
            {
                "kinds": await asyncio.to_thread(self._books.account),
                "requests": dict(self._gateway.requests),
                "faults": dict(self._faults.dealt),
            }
        )

    async def _jobs(self, request: Request) -> Response:
        try:
            since_s = float(request.query_params.get("since", 0))
        except ValueError:
            return PlainTextResponse("since: unix seconds, such as 1700000000.5\n", 400)
        return StreamingResponse(self._books.lines(since_s), media_type="application/x-ndjson")

    async def _get_faults(self, request: Request) -> Response:
        plan = self._faults.plan.model_dump(mode="json")
        return JSONResponse({"plan": plan, "standing": self._faults.standing()})

    async def _put_faults(self, request: Request) -> Response:
        try:
            plan = FaultPlan.parse(await request.body())
            plan.require_offered(instant=self._instant)
        except FaultPlanError as error:
            return PlainTextResponse(f"{error}\n", 400)
        self._faults.load(plan)
        return await self._get_faults(request)
