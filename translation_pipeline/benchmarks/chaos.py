"""`bench chaos`: everything goes wrong at once; all jobs end right, none is paid twice."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from translation_pipeline.benchmarks.instant_catalog import InstantCatalog, instant_catalog
from translation_pipeline.ledger.budget import MICROS, RELEASED
from translation_pipeline.ledger.models import Reservation
from translation_pipeline.ledger.states import JobState
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import running_server

JOBS = 10_000
LANGUAGES = 25
LIST_DELAY_S = 2.0
PRICE = 0.80  # of one job by the example table, in CNY
RUNS_MOST = 20
SUBMIT = ["SubmitVideoTranslationJob"]
READ = ["GetSmartHandleJob", "ListSmartJobs"]
FAULTS = {
    "faults": [
        {"kind": "throttling", "actions": [*SUBMIT, *READ], "rate": 0.3},
        {"kind": "drop", "actions": SUBMIT, "rate": 0.05, "when": "after"},
        {"kind": "server_error", "actions": SUBMIT, "rate": 0.05, "when": "after"},
        {"kind": "server_error", "actions": READ, "rate": 0.05},
        {"kind": "list_delay", "delay_s": LIST_DELAY_S},
        {"kind": "unknown_status", "rate": 0.01, "reads": 1},
    ]
}


def run(jobs: int = JOBS, *, progress: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Work off `jobs` jobs while calls are throttled, dropped, broken and mis-spelt."""
    videos = math.ceil(jobs / LANGUAGES)
    total = videos * LANGUAGES
    with tempfile.TemporaryDirectory() as folder:
        config = LocalCloudConfig(
            data_dir=Path(folder) / "cloud", instant=True, instant_duration_s=(1.0, 20.0)
        )
        with (
            running_server(config) as cloud,
            instant_catalog(
                cloud,
                Path(folder) / "home",
                "chaos",
                videos=videos,
                languages=LANGUAGES,
                # Exactly what all jobs cost: one paid twice would not fit.
                per_title_cap=f"{total * PRICE:.2f}",
                pace={
                    "SUBMITS_PER_S": "500",
                    "POLL_INTERVAL_S": "2",
                    "RECONCILE_AFTER_S": str(2 * LIST_DELAY_S),
                },
            ) as catalog,
        ):
            job_ids = catalog.plan("chaos")
            catalog.reserve(job_ids, "chaos")
            cloud.control.put_faults(FAULTS)
            runs = _until_settled(catalog, progress)
            return _figures(catalog, job_ids, total, runs)


def _until_settled(catalog: InstantCatalog, progress: Callable[[str], None]) -> int:
    """Run until all are verified: a later run looks once more at what a person was asked of."""
    for number in range(1, RUNS_MOST + 1):
        finished = subprocess.run(
            [sys.executable, "-m", "translation_pipeline.benchmarks.one_run"],
            env={**os.environ, **catalog.environment},
            stdout=subprocess.PIPE,
            check=True,
        )
        progress(f"run {number}: {finished.stdout.decode().strip()}")
        states = {job.state for job in catalog.pipeline.ledger.jobs()}
        if states == {JobState.VERIFIED.value}:
            return number
    return RUNS_MOST


def _figures(catalog: InstantCatalog, job_ids: list[str], total: int, runs: int) -> dict[str, Any]:
    account = catalog.account()
    kind = account["kinds"]["video_translation"]
    jobs = catalog.pipeline.ledger.jobs(job_ids)
    at_service = {row["job_id"]: row["state"] for row in catalog.cloud.control.jobs()}
    wrong = [
        job.id
        for job in jobs
        if job.state != JobState.VERIFIED.value or at_service.get(job.remote_id) != "finished"
    ]
    with catalog.pipeline.ledger.database.read() as session:
        spent = session.scalar(
            select(func.sum(Reservation.amount_micros)).where(Reservation.status != RELEASED)
        )
    cap = round(total * PRICE * MICROS)
    return {
        "jobs": len(jobs),
        "paid_twice": kind["duplicates_by_content"],
        "accepted": kind["accepted"],
        "wrong_state": len(wrong),
        "over_budget": max(0, int(spent or 0) - cap) / MICROS,
        "runs": runs,
        "faults": account["faults"],
        "requests": account["requests"],
    }
