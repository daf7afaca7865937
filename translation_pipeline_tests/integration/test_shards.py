"""`partition_by: {shards: N}`: one line of the catalog file makes the partitions coarser, and the
ledger does not notice."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import dagster as dg
import pytest

from translation_pipeline.catalog.config import load_catalog
from translation_pipeline.catalog.partitions import Shards
from translation_pipeline.definitions import build_definitions
from translation_pipeline.defs.resources import PipelineResource
from translation_pipeline.defs.sensors import build_sensors
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.settings import PREFIX, Settings
from translation_pipeline.stages.manifest import manifest_address
from translation_pipeline_tests.integration.product import tiny_video
from translation_pipeline_tests.integration.workshop import Open, Workshop, evaluation, failure

SHARDS = Shards(3)
TITLES = ["a drama", "b, drama", "c drama", "d drama"]
LANGUAGES = ("es", "pt")
SEEDS = itertools.count(300)  # the same content again would be the same job

Sharded = Callable[[Workshop], Workshop]


@pytest.fixture
def sharded(monkeypatch: pytest.MonkeyPatch) -> Sharded:
    """The same product and Dagster instance, after one line was added to the catalog file and the
    code location was loaded again."""

    def switched(work: Workshop) -> Workshop:
        path = Settings.from_environment(work.shop.environment).catalog_path
        again = path.with_name("sharded.yaml")
        again.write_text("partition_by: {shards: 3}\n" + path.read_text("utf-8"), "utf-8")
        monkeypatch.setenv(PREFIX + "CATALOG", str(again))
        pipeline = Pipeline.from_settings(Settings.from_environment())
        return Workshop(replace(work.shop, pipeline=pipeline), work.instance)

    return switched


@pytest.fixture
def by_title(open_workshop: Open) -> Workshop:
    """Every title translated, partitioned by title."""
    work = open_workshop(languages=", ".join(LANGUAGES))
    for title in TITLES:
        work.put_video(title, "ep", tiny_video(next(SEEDS)))
    assert work.translate_catalog().success
    return work


def test_a_switch_to_shards_pays_nothing_and_keeps_everything(
    by_title: Workshop, sharded: Sharded
) -> None:
    paid = by_title.shop.accepted()
    work = sharded(by_title)
    assert work.shop.pipeline.catalog.partition_by == SHARDS
    assert work.translate_catalog().success

    used = {SHARDS.shard_of(title) for title in TITLES}
    assert 1 < len(used) < len(TITLES), "some shard holds several titles"
    cells = {f"{language}|{shard}" for language in LANGUAGES for shard in used}
    assert work.materialized("translated_videos") >= cells
    assert work.materialized("source_videos") >= used
    assert work.shop.accepted() == paid
    again = work.translate_catalog()
    assert again.success
    assert again.get_asset_materialization_events() == []

    storage = work.shop.pipeline.storage
    for title in TITLES:  # a manifest is of a title still
        assert storage.head(manifest_address(work.shop.pipeline, title, "pt"))


def test_a_shard_is_materialized_when_all_its_titles_are_done(
    by_title: Workshop, sharded: Sharded
) -> None:
    work = sharded(by_title)
    shard = max(SHARDS.names, key=lambda name: len(SHARDS.titles_in([name], TITLES)))
    one, other, *_ = SHARDS.titles_in([shard], TITLES)
    paid = work.shop.accepted()
    work.put_video(one, "torn", b"")
    work.put_video(other, "new", tiny_video(next(SEEDS)))

    assert work.materialize("source_videos", shard).success
    result = work.materialize("translated_videos", f"pt|{shard}")
    said = failure(result)
    assert f"{one}, torn: " in said
    assert "1 of " in said
    assert work.shop.accepted() == paid + 1, "the good one is delivered"
    assert work.materialized("translated_videos").isdisjoint({f"pt|{shard}"})
    _, findings = evaluation(result, "no_failed_jobs")
    assert ("torn", "set aside") in {(row["video"], row["state"]) for row in findings}

    work.put_video(one, "torn", tiny_video(next(SEEDS)))
    assert work.materialize("source_videos", shard).success
    again = work.materialize("translated_videos", f"pt|{shard}")
    assert again.success
    (event,) = again.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata["shard"].value == shard
    videos = metadata["videos"]
    assert isinstance(videos, dg.TableMetadataValue)
    titles = {str(row.data["title"]) for row in videos.records}
    assert titles == set(SHARDS.titles_in([shard], TITLES))
    assert metadata["jobs"].value == len(videos.records)
    assert all(row.data["cost"] and row.data["work_s"] for row in videos.records)
    assert work.shop.accepted() == paid + 2


def test_one_run_covers_a_box_of_shards_also_those_without_titles(
    by_title: Workshop, sharded: Sharded
) -> None:
    work = sharded(by_title)
    paid = work.shop.accepted()
    first, *_, last = SHARDS.names
    assert work.materialize_range(f"es|{first}", f"pt|{last}").success
    used = {SHARDS.shard_of(title) for title in TITLES}
    found = {f"{language}|{shard}" for language in LANGUAGES for shard in used}
    assert work.materialized("translated_videos") >= found
    for empty in set(SHARDS.names) - used:
        assert work.materialize("source_videos", empty).success
        assert work.materialize("extracted_captions", empty).success
        assert work.materialize("reviewed_captions", empty).success
    assert work.shop.accepted() == paid


def test_the_sensor_adds_no_partitions_where_there_are_shards(
    open_workshop: Open, sharded: Sharded
) -> None:
    work = sharded(open_workshop())
    work.shop.put("incoming/new title/ep.mp4", tiny_video(next(SEEDS)))
    (sensor,) = [one for one in build_sensors() if one.name == "new_videos"]
    context = dg.build_sensor_context(
        instance=work.instance, resources={"pipeline": PipelineResource()}
    )
    asked = sensor.evaluate_tick(context)
    assert len(asked.run_requests or []) == 1
    assert work.instance.get_dynamic_partitions("title") == []


def test_the_definitions_have_shards_for_titles() -> None:
    text = """
        partition_by: {shards: 64}
        bucket: videos
        output_bucket: results
        titles:
          - {match: "{title}/{video}.mp4", level: subtitle, captions: direct, erase: none,
             burn_in: none, source_language: zh, target_languages: [en, pt]}
        """
    defs = build_definitions(load_catalog(text, source="catalog.yaml"))
    dg.Definitions.validate_loadable(defs)
    assert (found := defs.resolve_assets_def("translated_videos").partitions_def) is not None
    assert len(found.get_partition_keys()) == 128
    assert (one := defs.resolve_assets_def("reviewed_captions").partitions_def) is not None
    assert one.get_partition_keys()[7] == "07-of-64"
