"""One worker process: takes the jobs of a ledger, works them off, and prints what it cost.

`python -m translation_pipeline.benchmarks.one_run [--die-at POINT --after N]`, with the
environment of an instant catalog. With a point it kills itself (SIGKILL) there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import signal
import time
from typing import Any

from translation_pipeline.benchmarks.mortality import POINTS, Fate, Mortal
from translation_pipeline.ledger.runner import Runner, RunSummary
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.settings import Settings
from translation_pipeline.stages.delivery import OutputDelivery


def main() -> None:
    """Run, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--die-at", choices=POINTS)
    parser.add_argument("--after", type=int, default=1)
    parser.add_argument("--run-id", default="bench")
    arguments = parser.parse_args()
    pipeline = Pipeline.from_settings(Settings.from_environment())
    fate = Fate(arguments.die_at, arguments.after, lambda: os.kill(os.getpid(), signal.SIGKILL))
    started = time.monotonic()
    summary, rounds = _run(pipeline, arguments.run_id, fate)
    print(json.dumps(_costs(summary, rounds, time.monotonic() - started)))


def _run(pipeline: Pipeline, run_id: str, fate: Fate) -> tuple[RunSummary, int]:
    provider: Any = Mortal("provider", pipeline.providers["ims"], fate)
    runner = Runner(
        Mortal("ledger", pipeline.ledger, fate),  # type: ignore[arg-type]
        {"ims": provider},
        Mortal("delivery", OutputDelivery(pipeline), fate),
        run_id=run_id,
        pace=pipeline.settings.pace,
    )
    return asyncio.run(runner.run()), fate.calls["provider.poll_many.before"]


def _costs(summary: RunSummary, rounds: int, wall_s: float) -> dict[str, Any]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "verified": summary.verified,
        "submitted": summary.submitted,
        "unknown": summary.unknown,
        "failed": summary.failed,
        "rounds": rounds,
        "wall_s": round(wall_s, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_memory_mb": round(used.ru_maxrss / 1024, 1),
    }


if __name__ == "__main__":
    main()
