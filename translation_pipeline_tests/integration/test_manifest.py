"""The manifest of a title and language: complete, true to its schema, written when it changes."""

from __future__ import annotations

import asyncio
import json
from importlib import resources
from typing import Any

import fastjsonschema
import pytest

from translation_pipeline.stages import work
from translation_pipeline.stages.manifest import manifest_address, write_manifests
from translation_pipeline.stages.review import approved_address, collect_captions
from translation_pipeline.stages.sources import see_sources
from translation_pipeline.stages.work import Box
from translation_pipeline_tests.integration.product import (
    GOOD_SRT,
    OpenProduct,
    Product,
    tiny_video,
)


@pytest.fixture(scope="module")
def validate() -> Any:
    schema = resources.files("translation_pipeline.stages") / "data" / "manifest.schema.json"
    return fastjsonschema.compile(json.loads(schema.read_text("utf-8")))


def run(shop: Product, run_id: str) -> None:
    see_sources(shop.pipeline)
    work.plan_everything(shop.pipeline, Box(), run_id)
    asyncio.run(work.work(shop.pipeline, run_id))


def manifest(shop: Product, language: str = "pt") -> dict[str, Any]:
    address = manifest_address(shop.pipeline, "drama", language)
    found: dict[str, Any] = json.loads(shop.pipeline.storage.get(address))
    return found


def test_a_run_leaves_a_manifest(open_product: OpenProduct, validate: Any) -> None:
    shop = open_product(captions="review", languages="pt, es")
    for number in (1, 2):
        shop.put(f"incoming/drama/ep{number}.mp4", tiny_video(400 + number))
    run(shop, "run")
    shop.put(approved_address(shop.pipeline, "drama", "ep1").key, GOOD_SRT, results=True)
    collect_captions(shop.pipeline)
    run(shop, "run-2")
    found = manifest(shop)
    validate(found)
    assert not found["complete"]
    assert [line.split(":")[0] for line in found["missing"]] == ["ep2"]
    (entry,) = found["videos"]
    assert (entry["video"], entry["version"]) == ("ep1", "first")
    assert entry["captions"]["hold"] == "source"
    assert len(entry["captions"]["sha256"]) == 64
    assert entry["parameters"]["level"] == "subtitle"
    assert float(entry["job"]["cost"]) > 0
    for file in ("video", "srt", "vtt"):
        assert entry["output"][file].startswith("oss://")
    validate(manifest(shop, "es"))
    assert write_manifests(shop.pipeline) == []  # nothing changed
    shop.put(approved_address(shop.pipeline, "drama", "ep2").key, GOOD_SRT, results=True)
    run(shop, "run-3")
    found = manifest(shop)
    validate(found)
    assert found["complete"]
    assert [entry["video"] for entry in found["videos"]] == ["ep1", "ep2"]


def test_the_schema_refuses_what_is_not_described(validate: Any) -> None:
    with pytest.raises(fastjsonschema.JsonSchemaException):
        validate({"manifest_version": 1, "title": "drama"})
