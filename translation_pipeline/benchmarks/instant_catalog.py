"""A catalog of tiny real videos on an instant stand-in cloud: thousands of jobs without waiting.

One video in many languages gives many jobs from few objects; every video has content of its own,
since the same content is paid for only once.
"""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from translation_pipeline.captions.languages import level_languages
from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.ledger.budget import caps_of
from translation_pipeline.ledger.ledger import utc_now
from translation_pipeline.ledger.models import Video
from translation_pipeline.localcloud.process import RunningServer
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.settings import PREFIX, Settings
from translation_pipeline.stages.planning import plan
from translation_pipeline.stages.wanted import wanted_extractions, wanted_translations

VIDEO_S = 1.0
CATALOG = """
bucket: {name}-in
output_bucket: {name}-out
titles:
  - match: "direct/{{title}}/{{video}}.mp4"
    level: subtitle
    captions: direct
    erase: none
    burn_in: none
    source_language: en
    target_languages: [{languages}]
{budget}
  - match: "reviewed/{{title}}/{{video}}.mp4"
    level: subtitle
    captions: review
    caption_region: [[0.75, 1], [0, 1]]
    erase: none
    burn_in: none
    source_language: en
    target_languages: [{languages}]
"""


def target_languages(most: int) -> list[str]:
    """Languages that IMS translates English captions into, `most` of them at the most."""
    codes = level_languages("ims", "subtitle")
    assert codes is not None  # noqa: S101 - the data has it
    return [code for code in sorted(codes.target) if code != "en"][:most]


@dataclass(frozen=True)
class InstantCatalog:
    """A pipeline over generated videos, and the environment for processes that join it.

    Title `direct` has translations to be done, title `reviewed` extractions.
    """

    pipeline: Pipeline
    environment: Mapping[str, str]
    cloud: RunningServer

    def plan(self, run_id: str) -> list[str]:
        """Enter all jobs that can be done now; returns their ids."""
        wanted = wanted_translations(self.pipeline, ["direct"])
        wanted += wanted_extractions(self.pipeline, ["reviewed"])
        return plan(self.pipeline, wanted, run_id).job_ids

    def reserve(self, job_ids: Collection[str], run_id: str) -> int:
        """Set the money of planned jobs aside, inside the caps of the catalog."""
        budget = self.pipeline.catalog.titles[0].budget
        return self.pipeline.ledger.reserve(job_ids, caps_of(budget), run_id)

    def account(self) -> dict[str, Any]:
        """What the cloud accepted, and what of it twice."""
        return self.cloud.control.account()


@contextmanager
def instant_catalog(
    cloud: RunningServer,
    home: Path,
    name: str,
    *,
    videos: int,
    languages: int,
    reviewed_videos: int = 0,
    per_title_cap: str | None = None,
    database_url: str | None = None,
    pace: Mapping[str, str] | None = None,
) -> Iterator[InstantCatalog]:
    """A catalog of `videos` x `languages` translations and `reviewed_videos` extractions, its
    videos uploaded and looked into."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "catalog.yaml").write_text(
        CATALOG.format(
            name=name,
            languages=", ".join(target_languages(languages)),
            budget=(
                f"    budget: {{per_title: {per_title_cap}, currency: CNY}}"
                if per_title_cap
                else ""
            ),
        ),
        "utf-8",
    )
    environment = {
        **cloud.environment,
        PREFIX + "HOME": str(home),
        "DAGSTER_HOME": str(home),
        PREFIX + "CATALOG": str(home / "catalog.yaml"),
        **({PREFIX + "DATABASE_URL": database_url} if database_url else {}),
        **{PREFIX + key: value for key, value in (pace or {}).items()},
    }
    with _environment(environment):
        pipeline = Pipeline.from_settings(Settings.from_environment())
        try:
            _upload(pipeline, "direct", range(videos))
            _upload(pipeline, "reviewed", range(videos, videos + reviewed_videos))
            yield InstantCatalog(pipeline, environment, cloud)
        finally:
            pipeline.close()


def tiny_video(*, seconds: float = VIDEO_S) -> bytes:
    """A real mp4 of a few kilobytes."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(int(seconds * 10)):
            pixels = np.full((64, 64, 3), number * 20 % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def numbered(video: bytes, number: int) -> bytes:
    """The same video as another content: an unused box at its end that players skip."""
    mark = f"{number:016d}".encode()
    return video + (8 + len(mark)).to_bytes(4, "big") + b"free" + mark


def _upload(pipeline: Pipeline, title: str, numbers: Iterable[int]) -> None:
    """Put the videos and enter what looking into each would find: they only differ by a mark."""
    catalog, storage = pipeline.catalog, pipeline.storage
    for bucket in (catalog.bucket, catalog.output_bucket):
        storage.create_bucket(bucket)
    video = tiny_video()

    def put(number: int) -> Video:
        name = f"ep{number:06d}"
        address = ObjectAddress(catalog.bucket, f"{title}/{title}/{name}.mp4")
        storage.put(address, numbered(video, number))
        head = storage.head(address)
        assert head is not None  # noqa: S101 - it was put just now
        return Video(
            title=title, video=name, bucket=address.bucket, key=address.key, size=head.size,
            etag=head.etag, inspected_etag=head.etag, crc64=head.crc64, duration_s=VIDEO_S,
            width=64, height=64, fps=10.0, has_audio=False, seen_at=utc_now(),
        )  # fmt: skip

    with ThreadPoolExecutor(8) as threads:
        pipeline.inventory.save(list(threads.map(put, numbers)))


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
