"""Outputs that the service puts elsewhere, or does not make: fetched, or refused in words."""

from __future__ import annotations

import asyncio
import time
from itertools import count
from typing import Any

import pytest

from translation_pipeline.errors import CallThrottled, OutputMissing, OutputRefused
from translation_pipeline.ledger.models import Job
from translation_pipeline.providers.base import RemoteOutputs
from translation_pipeline.providers.requests import request_from_json
from translation_pipeline.stages import work
from translation_pipeline.stages.delivery import OutputDelivery, sidecar_of
from translation_pipeline.stages.sources import see_sources
from translation_pipeline.stages.work import Box
from translation_pipeline_tests.integration.product import (
    GOOD_SRT,
    OpenProduct,
    Product,
    tiny_video,
)

SEEDS = count(300)


class Telling:
    """Stands before the provider and tells of other outputs."""

    def __init__(self, provider: Any, outputs: RemoteOutputs | Exception) -> None:
        self._provider = provider
        self._outputs = outputs

    async def outputs(self, remote_id: str, language: str) -> RemoteOutputs:
        if isinstance(self._outputs, Exception):
            raise self._outputs
        return self._outputs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)


@pytest.fixture
def shop(open_product: OpenProduct) -> Product:
    opened = open_product()
    opened.put("incoming/drama/ep1.mp4", tiny_video(next(SEEDS)))
    return opened


def sent(shop: Product) -> Job:
    """A job that was sent and is done at the service, its output in place."""
    see_sources(shop.pipeline)
    work.plan_everything(shop.pipeline, Box(), "run")
    asyncio.run(work.work(shop.pipeline, "run", submit_only=True))
    (job,) = shop.pipeline.ledger.jobs()
    sidecar = sidecar_of(request_from_json(job.request).output)
    deadline = time.monotonic() + 20
    while shop.pipeline.storage.head(sidecar) is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return job


def deliver(shop: Product, job: Job) -> None:
    """Raises what is wrong with the output."""
    for error in OutputDelivery(shop.pipeline).deliver([job]).values():
        raise error


def tell(shop: Product, outputs: RemoteOutputs | Exception) -> None:
    providers: Any = shop.pipeline.providers
    providers["ims"] = Telling(providers["ims"], outputs)


def elsewhere(shop: Product, key: str, data: bytes) -> str:
    address = shop.put(key, data, results=True)
    return address.to_https(shop.pipeline.settings.region)


def test_captions_that_lie_elsewhere_are_brought_beside_the_video(shop: Product) -> None:
    job = sent(shop)
    output = request_from_json(job.request).output
    shop.pipeline.storage.delete(sidecar_of(output))
    url = elsewhere(shop, "service/own/pt.srt", GOOD_SRT)
    tell(shop, RemoteOutputs(captions=url + "?Expires=1&Signature=x"))
    deliver(shop, job)
    assert shop.pipeline.storage.get(sidecar_of(output)) == GOOD_SRT
    assert b"Good morning." in shop.pipeline.storage.get(sidecar_of(output, ".vtt"))
    assert asyncio.run(work.work(shop.pipeline, "run-2")).verified == 1


def test_a_video_that_lies_elsewhere_is_brought_to_its_place(shop: Product) -> None:
    job = sent(shop)
    output = request_from_json(job.request).output
    made = shop.pipeline.storage.get(output)
    shop.pipeline.storage.delete(output)
    tell(shop, RemoteOutputs(video=elsewhere(shop, "service/own/pt.mp4", made)))
    deliver(shop, job)
    assert shop.pipeline.storage.get(output) == made


def test_a_language_that_the_service_left_out_is_said_at_once(shop: Product) -> None:
    job = sent(shop)
    shop.pipeline.storage.delete(request_from_json(job.request).output)
    tell(shop, RemoteOutputs(has_language=False))
    with pytest.raises(OutputRefused, match="its result lacks pt"):
        deliver(shop, job)


@pytest.mark.parametrize(
    "outputs",
    [
        RemoteOutputs(),
        RemoteOutputs(video="https://cdn.example.com/pt.mp4"),
        RemoteOutputs(video="https://gone.oss-cn-shanghai.aliyuncs.com/pt.mp4"),
        CallThrottled("Throttling.User", "slower"),
    ],
    ids=["nothing", "another host", "another bucket", "no answer"],
)
def test_what_cannot_be_found_is_missing(shop: Product, outputs: RemoteOutputs | Exception) -> None:
    job = sent(shop)
    shop.pipeline.storage.delete(request_from_json(job.request).output)
    tell(shop, outputs)
    with pytest.raises(OutputMissing):
        deliver(shop, job)
