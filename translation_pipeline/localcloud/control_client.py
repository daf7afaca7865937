"""The other end of `control`: asks a running stand-in cloud what it did, and scripts its faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from translation_pipeline.localcloud.config import CONTROL_PREFIX
from translation_pipeline.localcloud.faults import FaultPlan, FaultPlanError

TIMEOUT_S = 60.0

_OPENER = build_opener(ProxyHandler({}))  # the server is on this machine


@dataclass(frozen=True)
class ControlClient:
    """`endpoint` is http://host:port. Raises URLError when nothing answers there."""

    endpoint: str

    def put_faults(self, plan: FaultPlan | dict[str, Any]) -> None:
        """Follow this plan from now on. Raises FaultPlanError with the server's reason."""
        text = json.dumps(plan) if isinstance(plan, dict) else plan.model_dump_json()
        try:
            self._read("faults", text.encode())
        except HTTPError as refused:
            if refused.code != HTTPStatus.BAD_REQUEST:
                raise
            raise FaultPlanError(refused.read().decode().strip()) from None

    def faults(self) -> dict[str, Any]:
        """The `plan` that is followed, and per fault of it the `standing`: chances and strikes."""
        found: dict[str, Any] = json.loads(self._read("faults"))
        return found

    def account(self) -> dict[str, Any]:
        """`kinds` of jobs (see `accounting.Books.account`), `requests` and `faults` so far."""
        found: dict[str, Any] = json.loads(self._read("account"))
        return found

    def jobs(self, since_s: float = 0.0) -> Iterator[dict[str, Any]]:
        """The jobs that changed at `since_s` (unix seconds) or later, in order of acceptance."""
        for line in self._read(f"jobs?since={since_s!r}").splitlines():
            yield json.loads(line)

    def _read(self, what: str, body: bytes | None = None) -> bytes:
        url = f"{self.endpoint}{CONTROL_PREFIX}{what}"
        request = Request(url, data=body, method="GET" if body is None else "PUT")  # noqa: S310
        with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read()
        return content
