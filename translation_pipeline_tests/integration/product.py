"""A whole product on an instant stand-in cloud: what tests of stages and runs work with."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import av
import numpy as np

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.localcloud.process import RunningServer
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.settings import PREFIX, Settings

CATALOG = """
bucket: {source}
output_bucket: {results}
titles:
  - match: "incoming/{{title}}/{{video}}.mp4"
    level: {level}
    captions: {captions}
    {region}
    erase: none
    burn_in: none
    source_language: {source_language}
    target_languages: [{languages}]
    {budget}
    {decisions}
"""

GOOD_SRT = b"1\n00:00:00,200 --> 00:00:01,500\nGood morning.\n"


@dataclass
class Product:
    """A pipeline with its cloud."""

    pipeline: Pipeline
    cloud: RunningServer
    environment: Mapping[str, str]

    def put(self, key: str, data: bytes, *, results: bool = False) -> ObjectAddress:
        """Write an object into the source bucket (or the one for results)."""
        catalog = self.pipeline.catalog
        address = ObjectAddress(catalog.output_bucket if results else catalog.bucket, key)
        self.pipeline.storage.put(address, data)
        return address

    def account(self) -> dict[str, Any]:
        """What the cloud accepted so far, over all tests that share it."""
        found: dict[str, Any] = self.cloud.control.account()
        return found

    def accepted(self) -> int:
        """Jobs of all kinds that the cloud accepted."""
        kinds = self.account()["kinds"]
        return sum(kind["accepted"] for kind in kinds.values())


OpenProduct = Callable[..., Product]


@contextmanager
def product(
    cloud: RunningServer,
    home: Path,
    name: str,
    *,
    captions: str = "direct",
    languages: str = "pt",
    budget: str = "",
    level: str = "subtitle",
    decisions: str = "",
    catalog: str = CATALOG,
    source_language: str = "en",
    database_url: str | None = None,
    **settings: str,
) -> Iterator[Product]:
    """A product in a home and in buckets of its own; `decisions` is one more line of its rule."""
    home.mkdir(parents=True, exist_ok=True)
    catalog_path = home / "catalog.yaml"
    region = "caption_region: [[0.75, 1], [0, 1]]" if captions == "review" else ""
    catalog_path.write_text(
        catalog.format(
            source=f"{name}-in",
            results=f"{name}-out",
            captions=captions,
            region=region,
            languages=languages,
            budget=budget,
            level=level,
            decisions=decisions,
            source_language=source_language,
        ),
        "utf-8",
    )
    environment = {
        **cloud.environment,
        PREFIX + "HOME": str(home),
        PREFIX + "CATALOG": str(catalog_path),
        PREFIX + "POLL_INTERVAL_S": "0.2",
        PREFIX + "SUBMITS_PER_S": "200",
        PREFIX + "RECONCILE_AFTER_S": "0.5",
        PREFIX + "SETTLE_S": "0",
        **({PREFIX + "DATABASE_URL": database_url} if database_url else {}),
        **{PREFIX + key.upper(): value for key, value in settings.items()},
    }
    with patch.dict(os.environ, environment):
        pipeline = Pipeline.from_settings(Settings.from_environment())
        for bucket in {pipeline.catalog.bucket, pipeline.catalog.output_bucket}:
            pipeline.storage.create_bucket(bucket)
        yield Product(pipeline, cloud, environment)
        pipeline.close()


def tiny_video(seed: int = 0, *, seconds: float = 2.0, sound: bool = False) -> bytes:
    """A real mp4 of a few kilobytes; each seed is another content."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        audio = container.add_stream("aac", rate=16_000) if sound else None
        random = np.random.default_rng(seed)
        for _ in range(int(seconds * 10)):
            pixels = random.integers(0, 255, (64, 64, 3), dtype=np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(video.encode(None))
        if audio is not None:
            _add_tone(container, audio, seconds)
    return buffer.getvalue()


def _add_tone(
    container: av.container.OutputContainer, audio: av.AudioStream, seconds: float
) -> None:
    time_s = np.arange(int(seconds * 16_000)) / 16_000
    wave = (0.2 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)[None, :]
    frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
    frame.sample_rate = 16_000
    container.mux(audio.encode(frame))
    container.mux(audio.encode(None))
