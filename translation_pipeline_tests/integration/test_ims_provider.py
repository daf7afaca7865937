"""The IMS provider through the real SDK: what each misbehaviour of the service means to us."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.errors import CallRefused, CallThrottled, OutcomeUnknown
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import RunningServer, running_server
from translation_pipeline.providers.base import Lookup, RemoteJob, RemoteState, Submission
from translation_pipeline.providers.ims import ImsProvider
from translation_pipeline.providers.requests import TRANSLATION, TranslationRequest
from translation_pipeline_tests.integration.product import Product, product, tiny_video

T = TypeVar("T")
SUBMIT = ["SubmitVideoTranslationJob"]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    config = LocalCloudConfig(data_dir=tmp_path_factory.mktemp("cloud"), instant=True)
    with running_server(config) as server:
        yield server


@pytest.fixture
def shop(cloud: RunningServer, tmp_path: Path) -> Iterator[Product]:
    with product(cloud, tmp_path, f"t{uuid.uuid4().hex[:12]}") as opened:
        opened.put("incoming/drama/ep.mp4", tiny_video())
        yield opened
        cloud.control.put_faults({"faults": []})


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def submission(shop: Product, mark: str = "m1") -> Submission:
    catalog = shop.pipeline.catalog
    request = TranslationRequest(
        video=ObjectAddress(catalog.bucket, "incoming/drama/ep.mp4"),
        output=ObjectAddress(catalog.output_bucket, f"out/{mark}.mp4"),
        level="subtitle",
        source_language="en",
        target_language="pt",
        captions=None,
        captions_are=None,
        erase=None,
        subtitle_style=None,
        bilingual=False,
    )
    return Submission(request, "title", mark, uuid.uuid4().hex)


def provider(shop: Product) -> ImsProvider:
    return ImsProvider.from_settings(shop.pipeline.settings)


def poll_to_the_end(ims: ImsProvider, job_ids: list[str]) -> dict[str, RemoteJob]:
    """Polls until no job waits or runs; an instant cloud needs a moment too."""
    for _ in range(100):
        found = run(ims.poll_many(TRANSLATION, job_ids))
        if not {RemoteState.WAITING, RemoteState.RUNNING} & {job.state for job in found.values()}:
            return found
        time.sleep(0.1)
    raise AssertionError(f"still open: {found}")


@pytest.mark.parametrize(
    ("fault", "meaning", "code"),
    [
        ({"kind": "throttling"}, CallThrottled, "Throttling.User"),
        ({"kind": "throttling", "retry_after_ms": 1500}, CallThrottled, "Throttling.User"),
        ({"kind": "server_error"}, OutcomeUnknown, "InternalError"),
        ({"kind": "server_error", "when": "after"}, OutcomeUnknown, "InternalError"),
        ({"kind": "html_error"}, OutcomeUnknown, "ConnectionBroken"),
        ({"kind": "drop"}, OutcomeUnknown, "ConnectionBroken"),
        ({"kind": "drop", "when": "after"}, OutcomeUnknown, "ConnectionBroken"),
        ({"kind": "no_job_id"}, OutcomeUnknown, "NoJobId"),
        ({"kind": "clock_skew"}, CallRefused, "InvalidTimeStamp.Expired"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_a_misbehaviour_means(
    shop: Product, fault: dict[str, Any], meaning: type[Exception], code: str
) -> None:
    shop.cloud.control.put_faults({"faults": [{**fault, "actions": SUBMIT, "times": 1}]})
    with pytest.raises(meaning) as caught:
        run(provider(shop).submit(submission(shop)))
    assert caught.value.code == code  # type: ignore[attr-defined]
    if "retry_after_ms" in fault:
        assert caught.value.retry_after_s == 1.5  # type: ignore[attr-defined]


def test_a_service_that_cannot_be_reached_started_nothing(shop: Product) -> None:
    nobody = ImsProvider("127.0.0.1:9", "HTTP", "cn-shanghai")
    with pytest.raises(CallThrottled) as caught:
        run(nobody.submit(submission(shop)))
    assert caught.value.code == "NotReachable"


def test_a_wrong_secret_is_told_apart(shop: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "wrong")
    with pytest.raises(CallRefused) as caught:
        run(provider(shop).submit(submission(shop)))
    assert caught.value.code == "SignatureDoesNotMatch"


def test_reads_outlast_throttling(shop: Product) -> None:
    ims = provider(shop)
    job_ids = [run(ims.submit(submission(shop, f"m{number}"))) for number in range(5)]
    shop.cloud.control.put_faults(
        {"faults": [{"kind": "throttling", "actions": ["ListSmartJobs"], "times": 3}]}
    )
    found = poll_to_the_end(ims, job_ids)
    assert {job.state for job in found.values()} == {RemoteState.FINISHED}


def test_an_undocumented_word_is_unrecognised(shop: Product) -> None:
    shop.cloud.control.put_faults({"faults": [{"kind": "unknown_status"}]})
    ims = provider(shop)
    job_id = run(ims.submit(submission(shop)))
    found = run(ims.poll_many(TRANSLATION, [job_id]))
    assert found[job_id].state is RemoteState.UNRECOGNISED


def test_a_failed_job_tells_why_in_a_sweep_too(shop: Product) -> None:
    shop.cloud.control.put_faults(
        {"faults": [{"kind": "failing_job", "code": "Broken", "times": 1}]}
    )
    ims = provider(shop)
    job_ids = [run(ims.submit(submission(shop, f"f{number}"))) for number in range(5)]
    found = poll_to_the_end(ims, job_ids)
    assert found[job_ids[0]].state is RemoteState.FAILED
    assert found[job_ids[0]].error_code == "Broken"


def test_jobs_that_do_not_exist_are_missing_from_the_answer(shop: Product) -> None:
    assert run(provider(shop).poll_many(TRANSLATION, ["0" * 32])) == {}


def test_a_lost_job_is_found_by_its_mark(shop: Product) -> None:
    shop.cloud.control.put_faults(
        {"faults": [{"kind": "drop", "when": "after", "actions": SUBMIT, "times": 1}]}
    )
    ims, lost = provider(shop), submission(shop, '{"tp":"abc:1"}')
    with pytest.raises(OutcomeUnknown):
        run(ims.submit(lost))
    never = submission(shop, '{"tp":"xyz:1"}')
    lookups = [
        Lookup("lost", lost.request, lost.user_data, 0.0),
        Lookup("never", never.request, never.user_data, 0.0),
    ]
    assert set(run(ims.find_lost(lookups))) == {"lost"}


@pytest.mark.parametrize("shape", [None, "map", "flat", "media_id_only", "empty"])
def test_outputs_are_told_in_every_shape(shop: Product, shape: str | None) -> None:
    provider = shop.pipeline.providers["ims"]
    if shape is not None:
        shop.cloud.control.put_faults({"faults": [{"kind": "odd_result", "shape": shape}]})
    sent = submission(shop, f"outputs-{shape}")
    remote_id = run(provider.submit(sent))
    deadline = time.monotonic() + 20
    while run(provider.poll_many(TRANSLATION, [remote_id]))[remote_id].state is not (
        RemoteState.FINISHED
    ):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    outputs = run(provider.outputs(remote_id, "pt"))
    assert outputs.has_language
    address = sent.request.output.to_https(shop.pipeline.settings.region)
    # An empty result still names the video; a media id leads to the asset's own address.
    assert outputs.video == address
    expected = None if shape == "empty" else address.replace(".mp4", ".srt")
    assert outputs.captions == expected
