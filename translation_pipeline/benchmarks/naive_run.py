"""The naive way: one Dagster run per job, in a process of its own that submits and polls."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from translation_pipeline.providers.requests import TRANSLATION

if TYPE_CHECKING:  # the processes that are measured make no catalog, nor load what that needs
    from translation_pipeline.benchmarks.instant_catalog import InstantCatalog

POLL_INTERVAL_S = 10.0
PROCESSES_AT_ONCE = 10


def run_all(catalog: InstantCatalog, jobs: int) -> list[dict[str, Any]]:
    """Run `jobs` processes, some at a time; returns what each used."""
    ids = catalog.plan("naive")[:jobs]
    waiting, costs = list(ids), []
    running: list[subprocess.Popen[str]] = []
    while waiting or running:
        while waiting and len(running) < PROCESSES_AT_ONCE:
            running.append(_start(catalog, waiting.pop()))
        for process in [process for process in running if process.poll() is not None]:
            running.remove(process)
            output, _ = process.communicate()
            costs.append(json.loads(output))
        time.sleep(0.05)
    return costs


def _start(catalog: InstantCatalog, job_id: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "translation_pipeline.benchmarks.naive_run", job_id],
        env={**os.environ, **catalog.environment, "DAGSTER_DISABLE_TELEMETRY": "yes"},
        stdout=subprocess.PIPE,
        text=True,
    )


def main(arguments: Sequence[str]) -> None:
    """One run of one job through Dagster, and what the process used."""
    import dagster as dg

    found: dict[str, Any] = {}

    @dg.op
    def translate() -> None:
        found.update(asyncio.run(_submit_and_wait(arguments[0])))

    @dg.job(
        executor_def=dg.in_process_executor,
        config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    def one_video() -> None:
        translate()

    with dg.DagsterInstance.local_temp() as instance:
        one_video.execute_in_process(instance=instance)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                **found,
                "cpu_s": used.ru_utime + used.ru_stime,
                "peak_memory_mb": used.ru_maxrss / 1024,
            }
        )
    )


async def _submit_and_wait(job_id: str) -> dict[str, Any]:
    """How often it looked, and when (unix time) it saw that the service was done."""
    from translation_pipeline.ledger.identity import client_token, user_data
    from translation_pipeline.pipeline import Pipeline
    from translation_pipeline.providers.base import RemoteState, Submission
    from translation_pipeline.providers.requests import request_from_json
    from translation_pipeline.settings import Settings

    pipeline = Pipeline.from_settings(Settings.from_environment())
    (job,) = pipeline.ledger.jobs([job_id])
    provider = pipeline.providers[job.provider]
    submission = Submission(
        request_from_json(job.request), job.title, user_data(job_id, 1), client_token(job_id, 1)
    )
    remote_id = await provider.submit(submission)
    rounds = 0
    while True:
        await asyncio.sleep(POLL_INTERVAL_S)
        rounds += 1
        found = await provider.poll_many(TRANSLATION, [remote_id])
        if found[remote_id].state is RemoteState.FINISHED:
            return {"remote_id": remote_id, "rounds": rounds, "seen_at": time.time()}


if __name__ == "__main__":
    main(sys.argv[1:])
