"""`bench partitions`: does Dagster stay quick with tens of thousands of titles x languages?

Each size has a Dagster instance of its own (SQLite) and a real webserver over the product's
definitions. Nine of ten cells are materialized: one event is reported to Dagster, the others are
copies of its row. No daemon runs, so a run that is launched waits in its queue, and a backfill for
the run that it will be.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import dagster as dg
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage

from translation_pipeline.benchmarks.asset_page import AssetPage
from translation_pipeline.benchmarks.instant_catalog import CATALOG, target_languages
from translation_pipeline.catalog.config import Catalog, load_catalog
from translation_pipeline.cli.local_home import product_file
from translation_pipeline.cli.processes import ProcessGroup, answers
from translation_pipeline.defs.boxes import translate_box, translate_the_box
from translation_pipeline.defs.instance_storage import DATABASE
from translation_pipeline.defs.partitions import TITLE, add_titles, titles_by_language
from translation_pipeline.settings import PREFIX
from translation_pipeline.stages.cells import TRANSLATED_VIDEOS

SIZES = (2_500, 25_000)
LANGUAGES = 25
DONE = 0.9  # share of the cells that are materialized, anywhere
ASKED = 5  # times; medians are told
REQUESTED_KEYS = 200  # of a sensor's own requests; what all titles take follows from them
BOX_TITLES = 10
START_S = 120.0
LOCATION = "translation_pipeline"


def run(
    sizes: Sequence[int] = SIZES, *, progress: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Measure each number of cells by itself."""
    measured = []
    for size in sizes:
        progress(f"{size} cells …")
        measured.append(_measure(size))
        progress(f"  {measured[-1]}")
    return {"sizes": measured}


def _measure(cells: int) -> dict[str, Any]:
    languages = target_languages(LANGUAGES)
    titles = [f"title {number:06d}" for number in range(-(-cells // len(languages)))]
    with (
        tempfile.TemporaryDirectory() as folder,
        _home(Path(folder), languages) as catalog,
        dg.DagsterInstance.get() as instance,
    ):
        found = _added(instance, catalog, titles)
        keys = titles_by_language(catalog).get_partition_keys(dynamic_partitions_store=instance)
        *done, undone = random.Random(0).sample(keys, int(DONE * len(keys)) + 1)  # noqa: S311
        _materialize(instance, done)
        with _page(Path(folder)) as page:
            found |= _asked(page, instance, undone)
            box = titles[:BOX_TITLES]
            config = {"ops": {translate_the_box.name: {"config": {"titles": box}}}}
            written = page.launch_job(translate_box.name, config)
            launched = page.launch_range(f"{languages[0]}|{box[0]}", f"{languages[-1]}|{box[-1]}")
            backfill = page.backfill(keys)
    return {
        "cells": len(keys),
        "titles": len(titles),
        "materialized": len(done),
        **found,
        "launched_cells": len(box) * len(languages),
        "launch_s": round(written.took_s, 3),
        "launch_range_s": round(launched.took_s, 3),
        "backfill_of_all_s": round(backfill.took_s, 3),
    }


@contextmanager
def _home(folder: Path, languages: Sequence[str]) -> Iterator[Catalog]:
    """A catalog file and a home of Dagster's, named by the environment."""
    text = CATALOG.format(name="many", languages=", ".join(languages), budget="")
    (folder / "catalog.yaml").write_text(text, "utf-8")
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(product_file(name), folder)
    environment = {
        "DAGSTER_HOME": str(folder),
        PREFIX + "HOME": str(folder),
        PREFIX + "CATALOG": str(folder / "catalog.yaml"),
    }
    with patch.dict(os.environ, environment):
        os.environ.pop(DATABASE, None)
        yield load_catalog(text, source="the catalog of the benchmark")


def _added(
    instance: dg.DagsterInstance, catalog: Catalog, titles: Sequence[str]
) -> dict[str, float]:
    """Seconds to add all titles at once, and by a sensor's own requests: Dagster's daemon looks
    each requested key up by itself, then adds them."""
    some = [f"requested {title}" for title in titles[:REQUESTED_KEYS]]
    started = time.perf_counter()
    instance.add_dynamic_partitions(
        TITLE, [key for key in some if not instance.has_dynamic_partition(TITLE, key)]
    )
    request_s = time.perf_counter() - started
    for key in some:
        instance.delete_dynamic_partition(TITLE, key)
    started = time.perf_counter()
    add_titles(instance, catalog, titles)
    add_s = time.perf_counter() - started
    return {
        "add_titles_s": round(add_s, 4),
        "sensor_requests_extrapolated_s": round(request_s / len(some) * len(titles), 3),
        "sensor_requests_measured": len(some),
    }


def _materialize(instance: dg.DagsterInstance, keys: Sequence[str]) -> None:
    """Enter one materialization of each cell: the first by Dagster, copies of its row after it."""
    _report(instance, keys[0])
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        raise TypeError(f"The rows of {type(storage).__name__} are not known.")
    table = SqlEventLogStorageTable
    with storage.index_connection() as connection:
        query = table.select().where(table.c.partition == keys[0])
        row = dict(connection.execute(query).mappings().one())
        del row["id"]
        copies = [
            {**row, "partition": key, "event": row["event"].replace(keys[0], key)}
            for key in keys[1:]
        ]
        connection.execute(table.insert(), copies)


def _report(instance: dg.DagsterInstance, key: str) -> None:
    instance.report_runless_asset_event(
        dg.AssetMaterialization(TRANSLATED_VIDEOS, partition=key, metadata={"videos": 80})
    )


def _asked(page: AssetPage, instance: dg.DagsterInstance, undone: str) -> dict[str, Any]:
    """What the pages of the asset take, in seconds; `first` while the webserver has no cache."""
    first = page.live()
    live_s = [page.live().took_s for _ in range(ASKED)]
    after_s = []
    for _ in range(ASKED):
        _report(instance, undone)
        after_s.append(page.live().took_s)
    tabs = [page.partitions_tab() for _ in range(ASKED)]
    (node,) = page.live().data["assetNodes"]
    return {
        "list_partitions_s": round(median(page.keys().took_s for _ in range(ASKED)), 3),
        "asset_page_first_s": round(first.took_s, 3),
        "asset_page_s": round(median(live_s), 3),
        "asset_page_after_an_event_s": round(median(after_s), 3),
        "partitions_tab_s": round(median(tab.took_s for tab in tabs), 3),
        "partitions_tab_mb": round(tabs[0].size_bytes / 1e6, 3),
        "shown": node["partitionStats"],
    }


@contextmanager
def _page(home: Path) -> Iterator[AssetPage]:
    """The page of `translated_videos` on a webserver of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ui = f"http://127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port)),
        *("-w", str(home / "workspace.yaml")),
    ]
    with ProcessGroup() as processes:
        server = processes.start("webserver", command, os.environ, home / "webserver.log")
        server.wait_until(lambda: answers(f"{ui}/server_info"), START_S)
        yield AssetPage(ui, LOCATION, TRANSLATED_VIDEOS)
