"""`bench orchestration`: what a video x language costs in processor time, by how Dagster runs it.

The same work three times: one run of `translated_videos` over the whole box, the job
`translate_catalog`, and one run per cell, the naive way. Each run is a process of its own, as
Dagster's launcher starts it, and pays for loading its code. What the daemon spends on launching
each run is not counted, which flatters one run per cell.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from translation_pipeline.benchmarks import naive_run
from translation_pipeline.benchmarks.instant_catalog import instant_catalog
from translation_pipeline.benchmarks.one_dagster_run import BOX, TRANSLATE_CATALOG
from translation_pipeline.cli.local_home import product_file
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import RunningServer, running_server

LANGUAGES = 25
CELLS = 2_000
RUNS_PER_CELL = 10  # measured; each is a whole process, so more only take longer
PACE = {"SUBMITS_PER_S": "400", "POLL_INTERVAL_S": "10", "JOBS_IN_FLIGHT": "100000"}


def run(
    cells: int = CELLS, *, progress: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Measure the three ways, one after the other, on clouds and ledgers of their own."""
    found: dict[str, Any] = {}
    for way in (BOX, TRANSLATE_CATALOG):
        progress(f"{cells} cells by {way} …")
        found[way] = _measured(_one_run, way, cells)
        progress(f"  {found[way]}")
    progress(f"{RUNS_PER_CELL} cells by one run each …")
    found["run_per_cell"] = _measured(_run_per_cell, "naive", RUNS_PER_CELL)
    progress(f"  {found['run_per_cell']}")
    cpu_s_per_cell = {way: round(cost["cpu_s"] / cost["cells"], 5) for way, cost in found.items()}
    naive_s = cpu_s_per_cell["run_per_cell"]
    return {
        "cells": cells,
        "languages": LANGUAGES,
        "cpu_s_per_cell": cpu_s_per_cell,
        "times_less_than_run_per_cell": {
            way: round(naive_s / cpu_s_per_cell[way], 1) for way in (BOX, TRANSLATE_CATALOG)
        },
        "runs": found,
    }


def _measured(
    measure: Callable[[RunningServer, Path, str, int], dict[str, Any]], way: str, cells: int
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        config = LocalCloudConfig(
            data_dir=Path(folder) / "cloud", instant=True, instant_duration_s=(2.0, 6.0)
        )
        with running_server(config) as cloud:
            return measure(cloud, Path(folder) / "home", way, cells)


def _one_run(cloud: RunningServer, home: Path, way: str, cells: int) -> dict[str, Any]:
    videos = cells // LANGUAGES
    # Names of buckets know no underscore.
    name = way.replace("_", "-")
    with instant_catalog(
        cloud, home, name, videos=videos, languages=LANGUAGES, pace=PACE
    ) as catalog:
        shutil.copy(product_file("dagster.yaml"), home)
        done = subprocess.run(
            [sys.executable, "-m", "translation_pipeline.benchmarks.one_dagster_run", way],
            env={**os.environ, **catalog.environment, "DAGSTER_HOME": str(home)},
            stdout=subprocess.PIPE,
            check=True,
        )
        paid_twice = catalog.account()["kinds"]["video_translation"]["duplicates_by_content"]
    cost: dict[str, Any] = json.loads(done.stdout)
    return {**cost, "paid_twice": paid_twice}


def _run_per_cell(cloud: RunningServer, home: Path, way: str, cells: int) -> dict[str, Any]:
    with instant_catalog(cloud, home, way, videos=-(-cells // 10), languages=10) as catalog:
        costs = naive_run.run_all(catalog, cells)
    return {
        "cells": len(costs),
        "cpu_s": round(sum(cost["cpu_s"] for cost in costs), 2),
        "peak_memory_mb": round(max(cost["peak_memory_mb"] for cost in costs), 1),
    }
