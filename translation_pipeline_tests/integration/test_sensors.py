"""Sensors over several ticks: they see what is new, ask for one run, and never ask twice."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from translation_pipeline.catalog.partitions import partition_key_to_title
from translation_pipeline.defs.resources import PipelineResource
from translation_pipeline.defs.sensors import ASK_AGAIN_S, build_sensors
from translation_pipeline.localcloud.process import RunningServer
from translation_pipeline.stages.review import approved_address, collect_captions
from translation_pipeline.stages.sources import inspect_sources
from translation_pipeline_tests.integration.product import GOOD_SRT, Product, product, tiny_video

JOB = "translate_catalog"
ODD_TITLES = ["a, b", "爱情 公寓", "🎬 heart+beat", " spaces ", "50% [off]", "what's | up?", "..."]


class Watch:
    """A product, a Dagster instance and a clock that a test moves: `tick` asks a sensor."""

    def __init__(self, shop: Product, instance: dg.DagsterInstance) -> None:
        self.shop = shop
        self.instance = instance
        self.now_s = 1_800_000_000.0
        self._sensors = {sensor.name: sensor for sensor in build_sensors(clock=lambda: self.now_s)}

    def tick(self, sensor: str) -> str | None:
        """The run key that the sensor asks for, None when it skips; it says why in `said`."""
        context = dg.build_sensor_context(
            instance=self.instance, resources={"pipeline": PipelineResource()}
        )
        data = self._sensors[sensor].evaluate_tick(context)
        self.said = data.skip_message
        if not data.run_requests:
            assert self.said, "a skip without a reason"
            return None
        (request,) = data.run_requests
        return request.run_key

    def titles(self) -> set[str]:
        """The partitions that Dagster knows."""
        return set(self.instance.get_dynamic_partitions("title"))


@pytest.fixture
def watch(localcloud: RunningServer, tmp_path: Path) -> Iterator[Watch]:
    name = f"t{uuid.uuid4().hex[:12]}"
    with (
        dg.DagsterInstance.ephemeral() as instance,
        product(localcloud, tmp_path / "home", name, captions="review") as shop,
    ):
        yield Watch(shop, instance)


def test_nothing_there_is_nothing_to_do(watch: Watch) -> None:
    assert watch.tick("new_videos") is None
    assert watch.said == "0 videos were listed: 0 new, 0 changed."
    assert watch.tick("approved_captions") is None
    assert watch.said == "0 caption files were listed, 0 are new or changed."


def test_a_new_video_asks_for_one_run_and_adds_its_title(watch: Watch) -> None:
    watch.shop.put("incoming/drama/ep1.mp4", tiny_video(1))
    first = watch.tick("new_videos")
    assert first is not None
    assert watch.titles() == {"drama"}
    assert watch.tick("new_videos") == first  # Dagster starts one run per key, however often
    inspect_sources(watch.shop.pipeline)  # as the run does
    assert watch.tick("new_videos") is None
    assert watch.said == "1 videos were listed: 0 new, 0 changed."


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_a_run_that_is_alive_takes_the_work_up(watch: Watch, status: dg.DagsterRunStatus) -> None:
    run = create_run_for_test(watch.instance, job_name=JOB, status=status)
    watch.shop.put("incoming/drama/ep1.mp4", tiny_video(2))
    assert watch.tick("new_videos") is None
    assert watch.said == (
        "1 videos were listed: 1 new, 0 changed. "
        f"Run {run.run_id[:8]} is alive and takes the work up."
    )
    assert watch.titles() == {"drama"}
    watch.instance.report_run_failed(run)
    assert watch.tick("new_videos") is not None


def test_a_run_of_something_else_does_not_count(watch: Watch) -> None:
    create_run_for_test(watch.instance, job_name="__ASSET_JOB", status=dg.DagsterRunStatus.STARTED)
    watch.shop.put("incoming/drama/ep1.mp4", tiny_video(3))
    assert watch.tick("new_videos") is not None


def test_a_changed_video_and_a_second_video_ask_with_other_keys(watch: Watch) -> None:
    watch.shop.put("incoming/drama/ep1.mp4", tiny_video(4))
    keys = [watch.tick("new_videos")]
    inspect_sources(watch.shop.pipeline)
    watch.shop.put("incoming/drama/ep1.mp4", tiny_video(5))
    keys.append(watch.tick("new_videos"))
    watch.shop.put("incoming/drama/ep2.mp4", tiny_video(6))
    keys.append(watch.tick("new_videos"))
    assert None not in keys
    assert len(set(keys)) == 3


def test_work_that_a_run_left_undone_is_asked_for_again_after_an_hour(watch: Watch) -> None:
    watch.shop.put("incoming/drama/ep1.mp4", tiny_video(7))
    keys = []
    for _ in range(3):
        keys.append(watch.tick("new_videos"))
        watch.now_s += ASK_AGAIN_S / 2
    assert keys[0] == keys[1] != keys[2]


def test_a_listing_that_is_suddenly_empty_removes_nothing(watch: Watch) -> None:
    address = watch.shop.put("incoming/drama/ep1.mp4", tiny_video(8))
    watch.tick("new_videos")
    inspect_sources(watch.shop.pipeline)
    watch.shop.pipeline.storage.delete(address)
    assert watch.tick("new_videos") is None
    assert watch.titles() == {"drama"}
    assert [video.video for video in watch.shop.pipeline.inventory.videos()] == ["ep1"]


def test_an_approval_asks_for_a_run_and_an_edit_for_another(watch: Watch) -> None:
    pipeline = watch.shop.pipeline
    watch.shop.put("incoming/drama/ep1.mp4", tiny_video(9))
    watch.tick("new_videos")
    assert watch.tick("approved_captions") is None
    approved = approved_address(pipeline, "drama", "ep1").key
    watch.shop.put(approved, GOOD_SRT, results=True)
    first = watch.tick("approved_captions")
    assert first is not None
    assert watch.tick("approved_captions") == first
    collect_captions(pipeline)  # as the run does
    assert watch.tick("approved_captions") is None
    watch.shop.put(approved, GOOD_SRT.replace(b"morning", b"evening"), results=True)
    assert watch.tick("approved_captions") not in (None, first)


def test_a_file_that_belongs_to_no_video_is_no_approval(watch: Watch) -> None:
    watch.shop.put("review/drama/ep9.srt", GOOD_SRT, results=True)
    assert watch.tick("approved_captions") is None


def test_titles_of_any_name_become_partitions_and_come_back(watch: Watch) -> None:
    for number, title in enumerate(ODD_TITLES):
        watch.shop.put(f"incoming/{title}/ep 1.mp4", tiny_video(10 + number))
    first = watch.tick("new_videos")
    assert first is not None
    assert {partition_key_to_title(key) for key in watch.titles()} == set(ODD_TITLES)
    assert watch.tick("new_videos") == first
    assert len(watch.titles()) == len(ODD_TITLES)
    for title in ODD_TITLES:
        key = approved_address(watch.shop.pipeline, title, "ep 1").key
        watch.shop.put(key, GOOD_SRT, results=True)
    assert watch.tick("approved_captions") is not None
    collected = collect_captions(watch.shop.pipeline)
    assert {row.title for row in collected if row.problem is None} == set(ODD_TITLES)
