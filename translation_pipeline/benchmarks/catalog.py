"""`bench catalog`: how long the sensor takes to see a catalog, and what is new in it, by its size.

The objects are rows of the stand-in cloud's index that share one tiny blob, a hundred to a folder;
they are listed over HTTP by the real SDK, in the same way and run as by the bare loop next to it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.objects import ObjectStore
from translation_pipeline.localcloud.process import running_server
from translation_pipeline.settings import PREFIX

SIZES = (1_000, 10_000, 100_000, 1_000_000)
VIDEOS_PER_TITLE = 100
BUCKET = "catalog-in"
CATALOG = f"""
bucket: {BUCKET}
output_bucket: catalog-out
titles:
  - match: "incoming/{{title}}/{{video}}.mp4"
    level: subtitle
    captions: direct
    erase: none
    burn_in: none
    source_language: en
    target_languages: [pt]
"""


def run(
    sizes: Sequence[int] = SIZES, *, progress: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Measure each size in processes of their own."""
    measured = []
    for size in sizes:
        progress(f"{size} objects …")
        measured.append(_measure(size))
        progress(f"  {measured[-1]}")
    return {"sizes": measured}


def _measure(objects: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        (home / "catalog.yaml").write_text(CATALOG, "utf-8")
        config = LocalCloudConfig(data_dir=Path(folder) / "cloud", instant=True, workers=1)
        _fill(config.data_dir / "objects", objects)
        with running_server(config) as cloud:
            environment = {
                **os.environ,
                **cloud.environment,
                PREFIX + "HOME": str(home),
                PREFIX + "CATALOG": str(home / "catalog.yaml"),
                PREFIX + "SETTLE_S": "0",
            }
            # Before and after, so that neither profits from a machine that became quieter.
            bare_s = [_worker(environment, "bare")["bare_scan_s"]]
            found = _worker(environment, "sensor")
            bare_s.append(_worker(environment, "bare")["bare_scan_s"])
    bare_scan_s = sum(bare_s) / len(bare_s)
    return {
        "objects": objects,
        "bare_scan_s": round(bare_scan_s, 3),
        "speed_of_bare": round(bare_scan_s / found["scan_s"], 2),
        **found,
    }


def _fill(root: Path, objects: int) -> None:
    """Make objects of one content; only their names and etags differ."""
    store = ObjectStore(root)
    for bucket in (BUCKET, "catalog-out"):
        store.create_bucket(bucket)
    store.put_bytes(BUCKET, "template", b"video")

    def rows() -> Iterator[tuple[Any, ...]]:
        _, _, *facts = template
        for number in range(objects):
            key = f"incoming/title {number // VIDEOS_PER_TITLE:06d}/ep{number:07d}.mp4"
            blob, size, _, *others = facts
            yield (BUCKET, key.encode(), blob, size, f"{number:032X}", *others)

    with store.index.transaction() as connection:
        template = connection.execute("SELECT * FROM objects").fetchone()
        marks = ", ".join("?" * len(template))
        connection.executemany(f"INSERT INTO objects VALUES ({marks})", rows())  # noqa: S608
    store.close()


def _worker(environment: dict[str, str], what: str) -> dict[str, Any]:
    finished = subprocess.run(
        [sys.executable, "-m", "translation_pipeline.benchmarks.one_catalog", what],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return found
