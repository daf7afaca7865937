"""Looking at delivered outputs: once each, what is found reaches the check, its picture and OSS."""

from __future__ import annotations

import asyncio
import json

import pytest

from translation_pipeline.defs.checks import check_metadata
from translation_pipeline.stages import work
from translation_pipeline.stages.checks import outputs_verified
from translation_pipeline.stages.inspection import inspect_outputs
from translation_pipeline.stages.manifest import manifest_address, write_manifests
from translation_pipeline.stages.sources import see_sources
from translation_pipeline.stages.work import Box
from translation_pipeline_tests.integration.engine_clips import clean_clip
from translation_pipeline_tests.integration.product import CATALOG, OpenProduct, Product

BURNT_IN = CATALOG.replace("burn_in: none", "burn_in: {{style: medium}}")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    quiet = "gradients=s=640x360:r=25:speed=0.01:seed=3"
    return clean_clip(tmp_path_factory.mktemp("clips") / "clean.mp4", quiet).read_bytes()


def translated(shop: Product, clip: bytes, tail: bytes) -> Product:
    """The stand-in's instant output is a copy of its source: nothing is burnt into it."""
    shop.put("incoming/drama/ep1.mp4", clip + tail)
    see_sources(shop.pipeline)
    work.plan_everything(shop.pipeline, Box(), "run")
    assert asyncio.run(work.work(shop.pipeline, "run")).verified == 1
    return shop


def test_captions_that_were_not_burnt_in_are_found(open_product: OpenProduct, clip: bytes) -> None:
    shop = translated(open_product(catalog=BURNT_IN), clip, b"1")
    outcome = outputs_verified(shop.pipeline)
    (finding,) = outcome.findings
    assert (finding["video"], finding["language"]) == ("ep1", "pt")
    assert "captions_missing" in {row["finding"] for row in outcome.details}
    assert outcome.picture is not None
    assert outcome.picture.startswith(b"\xff\xd8")
    assert "worst_frame" in check_metadata(outcome)
    assert outputs_verified(shop.pipeline).findings == outcome.findings
    assert inspect_outputs(shop.pipeline) == 0  # once is enough
    (address,) = write_manifests(shop.pipeline)
    assert address == manifest_address(shop.pipeline, "drama", "pt")
    checks = json.loads(shop.pipeline.storage.get(address))["videos"][0]["checks"]
    assert checks["looked_at"]["findings"]


def test_a_good_output_has_no_finding(open_product: OpenProduct, clip: bytes) -> None:
    shop = translated(open_product(), clip, b"2")
    assert outputs_verified(shop.pipeline).findings == ()


def test_a_share_of_none_looks_at_nothing(open_product: OpenProduct, clip: bytes) -> None:
    shop = translated(open_product(catalog=BURNT_IN, inspect_share="0"), clip, b"3")
    assert inspect_outputs(shop.pipeline) == 0
    assert outputs_verified(shop.pipeline).findings == ()
