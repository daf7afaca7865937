"""`bench jobs`: thousands of jobs in flight in one process, next to one Dagster run per job."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from translation_pipeline.benchmarks import naive_run
from translation_pipeline.benchmarks.instant_catalog import InstantCatalog, instant_catalog
from translation_pipeline.ledger.states import JobState
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import running_server

SIZES = (1_000, 10_000, 50_000)
LANGUAGES = 25
POLL_INTERVAL_S = 10.0
SUBMITS_PER_S = 400.0
NAIVE_JOBS = 50
READS = ("ListSmartJobs", "GetSmartHandleJob")


def run(
    sizes: Sequence[int] = SIZES, *, progress: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Measure each size, and the naive way once; the largest but one size is the headline."""
    measured = []
    for size in sizes:
        progress(f"{size} jobs in one process …")
        measured.append(_measure(size))
        progress(f"  {measured[-1]}")
    progress(f"{NAIVE_JOBS} jobs as one Dagster run each …")
    headline = next((row for row in measured if row["jobs"] == 10_000), measured[-1])
    naive = _measure_naive(headline["jobs"])
    return {**headline, "naive": naive, "sizes": measured}


def _measure(jobs: int) -> dict[str, Any]:
    videos = math.ceil(jobs / LANGUAGES)
    submit_s = jobs / SUBMITS_PER_S
    # All jobs are in flight before the first one ends, and they end as slowly as they came.
    durations_s = (submit_s * 1.5 + 10, submit_s * 4 + 30)
    with tempfile.TemporaryDirectory() as folder:
        config = LocalCloudConfig(
            data_dir=Path(folder) / "cloud", instant=True, instant_duration_s=durations_s
        )
        with (
            running_server(config) as cloud,
            instant_catalog(
                cloud,
                Path(folder) / "home",
                "bench",
                videos=videos,
                languages=LANGUAGES,
                pace={
                    "SUBMITS_PER_S": str(SUBMITS_PER_S),
                    "POLL_INTERVAL_S": str(POLL_INTERVAL_S),
                    "JOBS_IN_FLIGHT": "100000",
                },
            ) as catalog,
        ):
            planned = catalog.plan("bench")
            catalog.reserve(planned, "bench")
            return _figures(catalog, len(planned), _worker(catalog))


def _worker(catalog: InstantCatalog) -> dict[str, Any]:
    finished = subprocess.run(
        [sys.executable, "-m", "translation_pipeline.benchmarks.one_run"],
        env={**os.environ, **catalog.environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def _figures(catalog: InstantCatalog, jobs: int, costs: dict[str, Any]) -> dict[str, Any]:
    account = catalog.account()
    reads = sum(account["requests"].get(action, 0) for action in READS)
    ended = _ended(catalog)
    delays = [
        job.finished_at.timestamp() - ended[job.remote_id]
        for job in catalog.pipeline.ledger.jobs()
        if job.state == JobState.VERIFIED.value and job.finished_at and ended.get(job.remote_id)
    ]
    return {
        "jobs": jobs,
        "peak_memory_mb": costs["peak_memory_mb"],
        "cpu_s": costs["cpu_s"],
        "wall_s": costs["wall_s"],
        "cores": round(costs["cpu_s"] / costs["wall_s"], 2),
        "cpu_ms_per_job": round(1000 * costs["cpu_s"] / jobs, 2),
        "reads_per_job_and_round": round(reads / (jobs * max(1, costs["rounds"])), 5),
        "poll_interval_s": POLL_INTERVAL_S,
        "recorded_delay_p95_s": _p95(delays),
        "verified": costs["verified"],
        "paid_twice": account["kinds"]["video_translation"]["duplicates_by_content"],
    }


def _ended(catalog: InstantCatalog) -> dict[str | None, float]:
    """When each job ended at the service, as unix time, by the service's id."""
    return {row["job_id"]: row["finished_at"] for row in catalog.cloud.control.jobs()}


def _p95(delays_s: Sequence[float]) -> float:
    return round(sorted(delays_s)[int(0.95 * (len(delays_s) - 1))], 2)


def _measure_naive(extrapolate_to: int) -> dict[str, Any]:
    """One Dagster run per job, each in a process that submits, polls and waits."""
    with tempfile.TemporaryDirectory() as folder:
        config = LocalCloudConfig(
            data_dir=Path(folder) / "cloud", instant=True, instant_duration_s=(5.0, 15.0)
        )
        with (
            running_server(config) as cloud,
            instant_catalog(
                cloud, Path(folder) / "home", "naive", videos=NAIVE_JOBS // 10, languages=10
            ) as catalog,
        ):
            started = time.monotonic()
            costs = naive_run.run_all(catalog, NAIVE_JOBS)
            wall_s = time.monotonic() - started
            calls = catalog.account()["requests"]
            ended = _ended(catalog)
    cpu_s = sum(cost["cpu_s"] for cost in costs)
    memory_mb = sum(cost["peak_memory_mb"] for cost in costs) / len(costs)
    rounds = sum(cost["rounds"] for cost in costs)
    factor = extrapolate_to / NAIVE_JOBS
    return {
        "measured_jobs": NAIVE_JOBS,
        "extrapolated": True,
        "jobs": extrapolate_to,
        "peak_memory_mb": round(memory_mb * extrapolate_to, 0),
        "cpu_s": round(cpu_s * factor, 1),
        "wall_s": round(wall_s * factor, 1),
        "cpu_ms_per_job": round(1000 * cpu_s / NAIVE_JOBS, 1),
        "reads_per_job_and_round": round(calls.get("GetSmartHandleJob", 0) / max(1, rounds), 3),
        "poll_interval_s": naive_run.POLL_INTERVAL_S,
        "recorded_delay_p95_s": _p95(
            [cost["seen_at"] - ended[cost["remote_id"]] for cost in costs]
        ),
    }
