"""The speech level from upload to verified output, and a failure that stays one."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path

import pytest

from translation_pipeline.captions.srt import compose_srt
from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.ledger.models import Job, Wanted
from translation_pipeline.localcloud.process import RunningServer
from translation_pipeline.providers.requests import TRANSLATION
from translation_pipeline.stages import work
from translation_pipeline.stages.sources import see_sources
from translation_pipeline.stages.work import Box
from translation_pipeline_tests.integration.ims_client import Ims
from translation_pipeline_tests.integration.product import OpenProduct, Product
from translation_pipeline_tests.integration.speech_clips import (
    ENGLISH,
    PAUSES_MS,
    PORTUGUESE,
    decibels,
    part,
    share_understood,
    sound_of,
    speech_model,
    spoken_clip,
)

PROVIDED = 'provided_srt: "incoming/{title}/{video}.{language}.srt"\n    provided_srt_is: target'


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spoken_clip(tmp_path_factory.mktemp("clip") / "pt.mp4", PORTUGUESE, "pt")


@pytest.fixture
def shop(localcloud: RunningServer, open_product: OpenProduct, clip: Path) -> Product:
    """A Portuguese video with an English and a Sichuanese translation beside it."""
    opened = open_product(
        cloud=localcloud,
        level="speech",
        captions="provided",
        languages="en, sichuan",
        decisions=PROVIDED,
        source_language="pt",
    )
    unique = b"\0\0\0\x18free" + uuid.uuid4().bytes  # one content is one job, whatever the test
    opened.put("incoming/drama/ep1.mp4", clip.read_bytes() + unique)
    for language in ("en", "sichuan"):
        srt = compose_srt(list(ENGLISH)).encode()
        opened.put(f"incoming/drama/ep1.{language}.srt", srt)
    return opened


def run(shop: Product, run_id: str) -> None:
    """One run of everything."""
    see_sources(shop.pipeline)
    work.plan_everything(shop.pipeline, Box(), run_id)
    asyncio.run(work.work(shop.pipeline, run_id))


def translations(shop: Product) -> dict[str, tuple[Wanted, Job]]:
    found = shop.pipeline.inventory.wanted(["drama"])
    return {row.language: (row, job) for row, job in found if row.kind == TRANSLATION and job}


def test_a_dubbed_video_is_delivered_and_a_failed_one_stays_failed(
    shop: Product, tmp_path: Path
) -> None:
    """Sichuanese has no voice here: run after run, that is no reason to send captions instead."""
    run(shop, "run")
    run(shop, "run-2")

    found = translations(shop)
    (english, _), (sichuanese, failed) = found["en"], found["sichuan"]
    assert english.delivered_at is not None
    assert sichuanese.delivered_at is None
    assert failed.state == "failed"
    assert "VoiceMissing" in (failed.reason or "")
    assert all(job.request["level"] == "speech" for _, job in found.values())
    sent = [
        json.loads(entry.editing_config)
        for entry in Ims(shop.cloud.port).listed(max_results=100).smart_job_list
        if entry.output_config.bucket == shop.pipeline.catalog.output_bucket
    ]
    assert {config["TargetLanguage"] for config in sent} == {"en", "sichuan"}
    for config in sent:
        assert config["NeedSpeechTranslate"] is True
        assert "SubtitleTranslate" not in config
    storage, bucket = shop.pipeline.storage, sichuanese.output_bucket
    assert storage.head(ObjectAddress(bucket, sichuanese.output_key)) is None

    video = tmp_path / "en.mp4"
    storage.download_file(ObjectAddress(english.output_bucket, english.output_key), video)
    assert decibels(part(sound_of(video), ENGLISH[0].start_ms, ENGLISH[0].end_ms)) > -26
    assert decibels(part(sound_of(video), *PAUSES_MS[0])) < -26


def test_what_is_delivered_is_understood(shop: Product, tmp_path: Path) -> None:
    model = speech_model()
    run(shop, "run")
    english, _ = translations(shop)["en"]
    video = tmp_path / "en.mp4"
    output = ObjectAddress(english.output_bucket, english.output_key)
    shop.pipeline.storage.download_file(output, video)
    assert share_understood(video, ENGLISH, "en", model) >= 0.7
