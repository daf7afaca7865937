"""Sensors over several ticks: they see what is new, ask for one run, and never ask twice."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from translation_pipeline.catalog.partitions import partition_key_to_title
from translation_pipeline.defs.resources import PipelineResource
from translation_pipeline.defs.sensors import ASK_AGAIN_S, build_sensors
from translation_pipeline.localcloud.process import RunningServer
from translation_pipeline.settings import PREFIX
from translation_pipeline.stages import work
from translation_pipeline.stages.cells import translation_cells
from translation_pipeline.stages.review import approved_address, collect_captions
from translation_pipeline.stages.sources import inspect_sources, see_sources
from translation_pipeline.stages.work import Box
from translation_pipeline.storage import ListedPage
from translation_pipeline_tests.integration.product import GOOD_SRT, Product, product, tiny_video

JOB = "translate_catalog"
ODD_TITLES = ["a, b", "爱情 公寓", "🎬 heart+beat", " spaces ", "50% [off]", "what's | up?", "..."]


class Watch:
    """A product, a Dagster instance and a clock that a test moves: `tick` asks a sensor."""

    def __init__(self, shop: Product, instance: dg.DagsterInstance) -> None:
        self.shop = shop
        self.instance = instance
        self.now_s = 1_800_000_000.0
        self.cursors: dict[str, str | None] = {}
        self._sensors = {sensor.name: sensor for sensor in build_sensors(clock=lambda: self.now_s)}

    def tick(self, sensor: str) -> str | None:
        """The run key that the sensor asks for, None when it skips; why is in `said`."""
        context = dg.build_sensor_context(
            instance=self.instance,
            resources={"pipeline": PipelineResource()},
            cursor=self.cursors.get(sensor),
        )
        data = self._sensors[sensor].evaluate_tick(context)
        self.cursors[sensor] = data.cursor
        self.said = data.skip_message
        if not data.run_requests:
            assert self.said, "a skip without a reason"
            return None
        (request,) = data.run_requests
        self.said = request.tags["translation_pipeline/because"]
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


@contextmanager
def setting(name: str, value: str) -> Iterator[None]:
    """Another value of a setting, as a restart with another environment would bring."""
    with patch.dict(os.environ, {PREFIX + name: value}):
        yield


def names(watch: Watch) -> list[str]:
    return [f"{one.title}/{one.video}" for one in watch.shop.pipeline.inventory.videos()]


def test_a_large_catalog_is_entered_over_many_ticks_and_then_watched(watch: Watch) -> None:
    """With time for one page per tick: nothing is passed over, and the cursor stays small."""
    keys = {f"title{number:02d}/ep{number}" for number in range(24)}
    for key in keys:
        watch.shop.put(f"incoming/{key}.mp4", b"a video")
    with patch("translation_pipeline.storage.LIST_PAGE", 5), setting("LISTING_S", "0.000001"):
        watch.cursors["new_videos"] = '{"last_sweep_s": 1}'  # no first sweep of 40 s
        for _ in range(12):
            watch.tick("new_videos")
            assert len(watch.cursors["new_videos"] or "") < 500
        assert set(names(watch)) == keys
        assert watch.titles() == {key.split("/")[0] for key in keys}

        watch.shop.put("incoming/title03/late.mp4", b"late")
        watch.shop.put("incoming/title05/ep5.mp4", b"other content")
        watch.shop.pipeline.storage.delete(watch.shop.put("incoming/title07/ep7.mp4", b""))
        before = {video.video: video.etag for video in watch.shop.pipeline.inventory.videos()}
        for _ in range(12):
            watch.tick("new_videos")
    after = {video.video: video.etag for video in watch.shop.pipeline.inventory.videos()}
    assert set(after) == set(before) - {"ep7"} | {"late"}
    assert [name for name in before if after.get(name, "") != before[name]] == ["ep5", "ep7"]
    assert "title07" not in watch.titles()


def test_a_video_that_may_still_be_uploaded_is_left_alone(watch: Watch) -> None:
    with setting("SETTLE_S", "3600"):
        watch.shop.put("incoming/drama/ep1.mp4", tiny_video(20))
        assert watch.tick("new_videos") is None
        assert "1 were written just now and are left alone for a while." in str(watch.said)
        inspect_sources(PipelineResource().open())
        (video,) = watch.shop.pipeline.inventory.videos()
        assert video.inspected_etag is None
    with setting("SETTLE_S", "0"):
        assert watch.tick("new_videos") is not None


def test_a_deleted_video_is_retired_and_comes_back(watch: Watch) -> None:
    kept = watch.shop.put("incoming/drama/ep1.mp4", tiny_video(21))
    deleted = watch.shop.put("incoming/drama/ep2.mp4", tiny_video(22))
    watch.shop.put("incoming/other/ep1.mp4", tiny_video(23))
    watch.tick("new_videos")
    watch.shop.pipeline.storage.delete(deleted)
    watch.tick("new_videos")
    assert "1 gone" in str(watch.said)
    assert names(watch) == ["drama/ep1", "other/ep1"]
    watch.shop.pipeline.storage.delete(kept)
    watch.tick("new_videos")
    assert names(watch) == ["other/ep1"]
    assert watch.titles() == {"other"}
    watch.shop.put("incoming/drama/ep1.mp4", tiny_video(21))
    watch.tick("new_videos")
    assert names(watch) == ["drama/ep1", "other/ep1"]
    assert watch.titles() == {"drama", "other"}


def test_a_listing_that_leaves_something_out_retires_nothing(watch: Watch) -> None:
    """Only OSS itself, asked for the one object, may say that it is gone."""
    watch.shop.put("incoming/drama/ep1.mp4", tiny_video(24))
    watch.shop.put("incoming/drama/ep2.mp4", tiny_video(25))
    watch.tick("new_videos")
    storage = type(watch.shop.pipeline.storage)
    pages = storage.pages

    def forgetful(*arguments: str, **options: str) -> Iterator[ListedPage]:
        for page in pages(*arguments, **options):  # type: ignore[arg-type]
            yield replace(page, objects=page.objects[:1])

    with patch.object(storage, "pages", forgetful):
        watch.tick("new_videos")
    assert names(watch) == ["drama/ep1", "drama/ep2"]


def test_a_deleted_video_stays_where_the_catalog_file_keeps_it(watch: Watch) -> None:
    catalog = watch.shop.pipeline.settings.catalog_path
    catalog.write_text("when_gone: keep\n" + catalog.read_text("utf-8"), "utf-8")
    with setting("SIGNED_URL_S", "3601"):  # other settings: the catalog file is read anew
        watch.shop.put("incoming/drama/ep1.mp4", tiny_video(26))
        deleted = watch.shop.put("incoming/drama/ep2.mp4", tiny_video(27))
        watch.tick("new_videos")
        watch.shop.pipeline.storage.delete(deleted)
        watch.tick("new_videos")
    assert names(watch) == ["drama/ep1", "drama/ep2"]


def test_a_title_is_complete_without_the_video_that_was_deleted(
    localcloud: RunningServer, tmp_path: Path
) -> None:
    name = f"t{uuid.uuid4().hex[:12]}"
    with product(localcloud, tmp_path / "home", name, captions="review") as shop:
        good, bad = (
            shop.put(f"incoming/drama/{video}.mp4", data)
            for video, data in (("good", tiny_video(28)), ("bad", b"no video"))
        )
        see_sources(shop.pipeline)
        work.plan_everything(shop.pipeline, Box(), "run")
        (cell,) = translation_cells(shop.pipeline)
        assert len(cell.missing) == 2
        shop.pipeline.storage.delete(bad)
        assert see_sources(shop.pipeline).gone == 1
        (cell,) = translation_cells(shop.pipeline)
        assert [line.partition(":")[0] for line in cell.missing] == ["good"]
        assert good.key


def test_a_video_under_another_name_of_its_title_is_moved_or_told(watch: Watch) -> None:
    pipeline = watch.shop.pipeline
    catalog = pipeline.settings.catalog_path
    text = catalog.read_text("utf-8")
    rule = text[text.index("  - match") :]
    catalog.write_text(text + rule.replace("incoming/", "archive/"), "utf-8")
    with setting("SIGNED_URL_S", "3602"):
        first = watch.shop.put("incoming/drama/ep1.mp4", tiny_video(29))
        watch.tick("new_videos")
        watch.shop.put("archive/drama/ep1.mp4", tiny_video(29))
        watch.tick("new_videos")
        assert "archive/drama/ep1.mp4 (clashes with incoming/drama/ep1.mp4)" in str(watch.said)
        assert [one.key for one in pipeline.inventory.videos()] == ["incoming/drama/ep1.mp4"]
        pipeline.storage.delete(first)
        watch.tick("new_videos")
        watch.tick("new_videos")
    assert [one.key for one in pipeline.inventory.videos()] == ["archive/drama/ep1.mp4"]


def test_work_whose_run_died_gets_another_one(watch: Watch) -> None:
    assert watch.tick("abandoned_work") is None
    watch.shop.put("incoming/drama/ep1.mp4", tiny_video(30))
    see_sources(watch.shop.pipeline)
    work.plan_everything(watch.shop.pipeline, Box(), "run that dies")
    assert watch.tick("abandoned_work") is None
    assert watch.said == (
        "1 open jobs have no process that works on them. If that is still so at the next tick, "
        "a run is started."
    )
    assert watch.tick("abandoned_work") is not None
    watch.shop.pipeline.ledger.claim("a living process")
    assert watch.tick("abandoned_work") is None
    watch.shop.pipeline.ledger.release("a living process")
    watch.tick("abandoned_work")
    run = create_run_for_test(watch.instance, job_name=JOB, status=dg.DagsterRunStatus.STARTED)
    assert watch.tick("abandoned_work") is None
    assert f"Run {run.run_id[:8]} is alive" in str(watch.said)
    asyncio.run(work.work(watch.shop.pipeline, "run that goes on"))
    assert watch.tick("abandoned_work") is None
    assert watch.said == "0 open jobs have no process that works on them."
