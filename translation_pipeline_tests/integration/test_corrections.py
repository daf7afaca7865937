"""A translation that a person corrects: that video and language run again, and nothing else."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from translation_pipeline.captions.srt import parse_srt
from translation_pipeline.catalog.addresses import ObjectAddress, parse_address
from translation_pipeline.catalog.listing import sight_captions
from translation_pipeline.ledger.models import Wanted
from translation_pipeline.stages import work
from translation_pipeline.stages.cells import translation_cells
from translation_pipeline.stages.delivery import sidecar_of
from translation_pipeline.stages.review import correction_address
from translation_pipeline.stages.sources import see_sources
from translation_pipeline.stages.work import Box
from translation_pipeline_tests.integration.product import (
    OpenProduct,
    Product,
    tiny_video,
)

SEEDS = count(200)  # one content is one job, whatever the test
CORRECTED = b"1\n00:00:00,200 --> 00:00:01,500\nBom dia, senhora.\n"


def run(shop: Product, run_id: str) -> int:
    """One run of everything; how many jobs it sent."""
    see_sources(shop.pipeline)
    work.plan_everything(shop.pipeline, Box(), run_id)
    return asyncio.run(work.work(shop.pipeline, run_id)).submitted


def correct(shop: Product, video: str, language: str, srt: bytes) -> None:
    address = correction_address(shop.pipeline, "drama", video, language)
    shop.put(address.key, srt, results=True)


def delivered(shop: Product, video: str, language: str) -> Wanted:
    (found,) = [
        wanted
        for wanted, _ in shop.pipeline.inventory.wanted(["drama"])
        if (wanted.video, wanted.language) == (video, language)
    ]
    return found


@pytest.fixture
def translated(open_product: OpenProduct) -> Product:
    shop = open_product(languages="pt, es")
    for number in (1, 2):
        shop.put(f"incoming/drama/ep{number}.mp4", tiny_video(next(SEEDS)))
    assert run(shop, "run") == 4
    return shop


def test_only_the_corrected_video_and_language_run_again(translated: Product) -> None:
    before = delivered(translated, "ep1", "pt")
    others = {
        (video, language): delivered(translated, video, language).job_id
        for video, language in (("ep1", "es"), ("ep2", "pt"), ("ep2", "es"))
    }
    correct(translated, "ep1", "pt", CORRECTED)
    assert run(translated, "run-2") == 1
    after = delivered(translated, "ep1", "pt")
    assert after.delivered_at is not None
    assert after.output_key != before.output_key
    sidecar = sidecar_of(ObjectAddress(after.output_bucket, after.output_key))
    assert parse_srt(translated.pipeline.storage.get(sidecar)).cues
    (job,) = translated.pipeline.ledger.jobs([after.job_id or ""])
    sent = ObjectAddress(**job.request["captions"])
    assert b"Bom dia, senhora." in translated.pipeline.storage.get(sent)
    assert job.request["captions_are"] == "target"
    assert b"WEBVTT" in translated.pipeline.storage.get(
        sidecar_of(ObjectAddress(after.output_bucket, after.output_key), ".vtt")
    )
    for (video, language), job_id in others.items():
        assert delivered(translated, video, language).job_id == job_id
    assert run(translated, "run-3") == 0
    (cell,) = [cell for cell in translation_cells(translated.pipeline) if cell.language == "pt"]
    assert {row["video"]: row["version"] for row in cell.rows} == {
        "ep1": "corrected",
        "ep2": "first",
    }


def test_a_correction_of_a_correction(translated: Product) -> None:
    correct(translated, "ep1", "pt", CORRECTED)
    assert run(translated, "run-2") == 1
    correct(translated, "ep1", "pt", CORRECTED.replace(b"senhora", b"senhor"))
    assert run(translated, "run-3") == 1
    assert run(translated, "run-4") == 0


def test_a_broken_correction_stops_only_itself(translated: Product) -> None:
    paid = translated.accepted()
    correct(translated, "ep1", "pt", b"not captions at all")
    assert run(translated, "run-2") == 0
    assert translated.accepted() == paid
    wanted = delivered(translated, "ep1", "pt")
    assert wanted.blocked is not None
    assert "review/drama/pt/ep1.srt" in wanted.blocked
    assert delivered(translated, "ep2", "pt").blocked is None


def test_a_speech_correction_follows_the_job_that_it_corrects(open_product: OpenProduct) -> None:
    """Even when it was there before: it needs what the service kept of the first one."""
    shop = open_product(level="speech", decisions="support_editing: true")
    shop.put("incoming/drama/ep1.mp4", tiny_video(next(SEEDS), sound=True))
    correct(shop, "ep1", "pt", CORRECTED)
    assert run(shop, "run") == 1
    first = delivered(shop, "ep1", "pt")
    assert first.facts is not None
    to_fix = parse_address(first.facts["to_fix"])
    assert parse_srt(shop.pipeline.storage.get(to_fix)).cues
    (job,) = shop.pipeline.ledger.jobs([first.job_id or ""])
    assert run(shop, "run-2") == 1
    second = delivered(shop, "ep1", "pt")
    (correction,) = shop.pipeline.ledger.jobs([second.job_id or ""])
    assert correction.request["original_job"] == job.remote_id
    assert run(shop, "run-3") == 0


def test_the_sensor_sees_corrections(translated: Product) -> None:
    catalog = translated.pipeline.catalog
    address = correction_address(translated.pipeline, "drama", "ep1", "pt")
    found = sight_captions(catalog, address.bucket, address.key)
    assert found is not None
    assert (found.title, found.video, found.captions) == ("drama", "ep1", None)
