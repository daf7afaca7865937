"""`bench orchestration`: what a video x language costs in processor time, by how Dagster runs it.

The same work three times: one run of `translated_videos` over the whole box, the job
`translate_catalog`, and one run per cell, the naive way. Each run is a process of its own, as
Dagster's launcher starts it, and pays for loading its code. All three do all of the work: plan,
submit and poll, check the output, look at it, tell Dagster of it with its pictures. So a run per
cell is the asset `translated_videos` as well, of one cell each: leaving out the ledger or the
checks would compare with something that promises less.

What the daemon spends on launching each run is not counted, nor that the checks of a run look at
the whole catalog: both flatter one run per cell.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from translation_pipeline.benchmarks.instant_catalog import InstantCatalog, instant_catalog
from translation_pipeline.benchmarks.one_dagster_run import BOX, CELL, TRANSLATE_CATALOG
from translation_pipeline.cli.local_home import product_file
from translation_pipeline.defs.partitions import add_titles, titles_by_language
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import running_server
from translation_pipeline.providers.requests import TRANSLATION

LANGUAGES = 25
CELLS = 2_000
RUNS_PER_CELL = 10  # measured; each is a whole process, so more only take longer
RUNS_AT_ONCE = 5  # of those; each waits most of its time
PACE = {"SUBMITS_PER_S": "400", "POLL_INTERVAL_S": "10", "JOBS_IN_FLIGHT": "100000"}


def run(
    cells: int = CELLS, *, progress: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Measure the three ways, one after the other, on clouds and ledgers of their own."""
    found: dict[str, Any] = {}
    for way in (BOX, TRANSLATE_CATALOG):
        progress(f"{cells} cells by {way} …")
        found[way] = _one_run(way, cells)
        progress(f"  {found[way]}")
    progress(f"{RUNS_PER_CELL} cells by one run each …")
    found["run_per_cell"] = _run_per_cell(RUNS_PER_CELL)
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


def _one_run(way: str, cells: int) -> dict[str, Any]:
    with _catalog(way, videos=-(-cells // LANGUAGES), languages=LANGUAGES) as catalog:
        cost = _process(catalog, way)
        return {**cost, **_outcome(catalog)}


def _run_per_cell(cells: int) -> dict[str, Any]:
    with _catalog(CELL, videos=1, languages=cells) as catalog:
        with ThreadPoolExecutor(RUNS_AT_ONCE) as threads:
            costs = list(threads.map(lambda key: _process(catalog, CELL, key), _keys(catalog)))
        return {
            "success": all(cost["success"] for cost in costs),
            "cpu_s": round(sum(cost["cpu_s"] for cost in costs), 2),
            "peak_memory_mb": max(cost["peak_memory_mb"] for cost in costs),
            **_outcome(catalog),
        }


@contextmanager
def _catalog(way: str, *, videos: int, languages: int) -> Iterator[InstantCatalog]:
    """A catalog whose titles Dagster knows; its DAGSTER_HOME is that of the product."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        config = LocalCloudConfig(
            data_dir=Path(folder) / "cloud", instant=True, instant_duration_s=(2.0, 6.0)
        )
        # Names of buckets know no underscore.
        name = way.replace("_", "-")
        with (
            running_server(config) as cloud,
            instant_catalog(
                cloud, home, name, videos=videos, languages=languages, pace=PACE
            ) as catalog,
        ):
            shutil.copy(product_file("dagster.yaml"), home)
            with dg.DagsterInstance.get() as instance:
                parts = catalog.pipeline
                add_titles(instance, parts.catalog, parts.inventory.titles())
            yield catalog


def _outcome(catalog: InstantCatalog) -> dict[str, int]:
    """How many cells are delivered, and how many jobs the cloud was sent twice."""
    wanted = catalog.pipeline.inventory.wanted(kind=TRANSLATION)
    return {
        "cells": sum(row.delivered_at is not None for row, _ in wanted),
        "paid_twice": catalog.account()["kinds"]["video_translation"]["duplicates_by_content"],
    }


def _keys(catalog: InstantCatalog) -> list[str]:
    partitions = titles_by_language(catalog.pipeline.catalog)
    with dg.DagsterInstance.get() as instance:
        return list(partitions.get_partition_keys(dynamic_partitions_store=instance))


def _process(catalog: InstantCatalog, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "translation_pipeline.benchmarks.one_dagster_run", *arguments],
        env={**os.environ, **catalog.environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    cost: dict[str, Any] = json.loads(done.stdout)
    return cost
