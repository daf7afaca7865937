"""One process that looks at a catalog: `python -m translation_pipeline.benchmarks.one_catalog`.

`bare` is what anybody would write: a loop over the SDK's listing, which keeps nothing. `sensor` is
the first scan, which enters every video, and then ticks of the sensor `new_videos`.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dagster as dg
from sqlalchemy import func, select

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.defs.resources import PipelineResource
from translation_pipeline.defs.sensors import build_sensors
from translation_pipeline.ledger.models import Video
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.settings import Settings
from translation_pipeline.stages.lookout import Position
from translation_pipeline.stages.sources import glance_at_sources
from translation_pipeline.storage import LIST_PAGE

NEW = 100  # objects that come between two ticks
AT_WORK = 5  # titles that get their next episodes


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["bare", "sensor"])
    arguments = parser.parse_args()
    logging.getLogger("dagster").setLevel(logging.WARNING)  # a line per tick would be hundreds
    print(json.dumps(_bare() if arguments.what == "bare" else _Sensor().measure()))


def _bare() -> dict[str, float]:
    settings = Settings.from_environment()
    pipeline = Pipeline.from_settings(settings)
    bucket = pipeline.storage._bucket(pipeline.catalog.bucket)  # the SDK's own object
    bucket.object_exists("template")
    begun = time.monotonic()
    token, objects = "", 0
    while True:
        page = bucket.list_objects_v2(
            prefix="incoming/", continuation_token=token, max_keys=LIST_PAGE
        )
        objects += len(page.object_list)
        if not page.is_truncated:
            return {"bare_scan_s": time.monotonic() - begun, "objects": objects}
        token = page.next_continuation_token


class _Sensor:
    """The sensor over many ticks, with its cursor."""

    def __init__(self) -> None:
        self._pipeline = PipelineResource().open()
        (self._sensor,) = [one for one in build_sensors() if one.name == "new_videos"]
        self._cursor: str | None = None

    def measure(self) -> dict[str, Any]:
        """The first scan, then ticks with new objects where they show soon, then anywhere."""
        first = self._scan()
        with dg.DagsterInstance.ephemeral() as instance:
            self._tick(instance)  # the first one loads what later ones have
            idle = self._tick(instance)
            titles = self._pipeline.inventory.titles()
            soon = self._put([(titles[-number - 1], "next") for number in range(AT_WORK)])
            ticks = self._until_seen(instance, soon)
            quiet = random.Random(7).sample(titles, min(NEW, len(titles)))  # noqa: S311
            anywhere = self._until_seen(instance, self._put([(title, "late") for title in quiet]))
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "scan_s": round(sum(first), 3),
            "scan_ticks": len(first),
            "idle_tick_s": round(idle, 3),
            "tick_s": round(max(ticks), 3),
            "ticks_until_seen": len(ticks),
            "tick_anywhere_s": round(max(anywhere), 3),
            "ticks_until_seen_anywhere": len(anywhere),
            "peak_memory_mb": round(used.ru_maxrss / 1024, 1),
        }

    def _scan(self) -> list[float]:
        """Seconds of each look until everything was listed and entered for the first time."""
        catalog = self._pipeline.catalog
        self._pipeline.storage.head(ObjectAddress(catalog.bucket, "template"))  # loads the SDK
        looks: list[float] = []
        position = Position()
        while position.last_sweep_s is None:
            begun = time.monotonic()
            _, position = glance_at_sources(self._pipeline, position)
            looks.append(time.monotonic() - begun)
        self._cursor = position.to_json()
        return looks

    def _tick(self, instance: dg.DagsterInstance) -> float:
        context = dg.build_sensor_context(
            instance=instance,
            cursor=self._cursor,
            resources={"pipeline": PipelineResource()},
        )
        begun = time.monotonic()
        self._cursor = self._sensor.evaluate_tick(context).cursor
        return time.monotonic() - begun

    def _until_seen(self, instance: dg.DagsterInstance, known_before: int) -> list[float]:
        """Seconds of each tick until all of the new objects are in the inventory."""
        ticks = [self._tick(instance)]
        while self._known() < known_before + NEW:
            ticks.append(self._tick(instance))
        return ticks

    def _put(self, titles: list[tuple[str, str]]) -> int:
        """Put new objects: half into these titles and half into a new one, if they are few, else
        one into each; returns how many videos were known before."""
        before = self._known()
        some = NEW if len(titles) * 2 > NEW else NEW // 2
        keys = [
            f"{titles[number % len(titles)][0]}/{titles[0][1]}{number}" for number in range(some)
        ]
        keys += [f"title 000000 new {titles[0][1]}/ep{number}" for number in range(NEW - some)]
        bucket = self._pipeline.catalog.bucket

        def put(key: str) -> None:
            self._pipeline.storage.put(ObjectAddress(bucket, f"incoming/{key}.mp4"), b"new")

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(put, keys))
        return before

    def _known(self) -> int:
        with self._pipeline.ledger.database.read() as session:
            return session.scalar(select(func.count()).select_from(Video)) or 0


if __name__ == "__main__":
    main()
