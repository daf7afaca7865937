"""What Dagster loads, as a text that a reviewer can read: changes of the graph show here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from translation_pipeline.catalog.config import Catalog, load_catalog
from translation_pipeline.cli.local_home import product_file
from translation_pipeline.definitions import build_definitions
from translation_pipeline.defs.labels import SPENDS_MONEY, STEP
from translation_pipeline.errors import CatalogInvalid, ConfigurationError
from translation_pipeline.settings import Settings

CATALOG = """\
bucket: videos
output_bucket: translated
titles:
  - match: "incoming/{title}/{video}.mp4"
    level: subtitle
    captions: direct
    source_language: zh
    target_languages: [pt, es]
    erase: auto
    burn_in: {style: standard}
"""

EXPECTED = """\
asset source_videos (catalog): see, spends money: no, oss, of team:localization
  partitions: title
asset extracted_captions (catalog): extract, spends money: yes, ims, srt, of team:localization
  partitions: title
  after: source_videos
  check: captions_look_complete
  check: no_failed_jobs
asset reviewed_captions (catalog): review, spends money: no, srt, of team:localization
  partitions: title
  after: extracted_captions
  check: captions_are_valid (blocking)
  check: captions_look_complete
asset translated_videos (catalog): translate, spends money: yes, ims, mp4, of team:localization
  partitions: language [es, pt] x title
  after: reviewed_captions
  check: no_failed_jobs
  check: outputs_verified
  check: translation_quality
  check: within_budget
asset coverage (catalog): report, spends money: no, csv, oss, of team:localization
  partitions: none
  after: translated_videos
  check: no_lost_jobs
job translate_box: translate_the_box
job translate_catalog: plan_jobs -> submit_jobs -> poll_jobs -> record_results
sensor new_videos: every 30 s, RUNNING, starts translate_catalog
sensor approved_captions: every 30 s, RUNNING, starts translate_catalog
sensor abandoned_work: every 30 s, RUNNING, starts translate_catalog
sensor notifications: every 300 s, RUNNING
schedule nightly: 0 3 * * * UTC, RUNNING, starts translate_catalog
"""

ASSETS = (
    "source_videos",
    "extracted_captions",
    "reviewed_captions",
    "translated_videos",
    "coverage",
)


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_definitions(load_catalog(CATALOG, source="catalog.yaml"))


def described(defs: dg.Definitions) -> Iterator[str]:
    """The definitions, one line each and what belongs to them indented."""
    graph = defs.resolve_asset_graph()
    for name in ASSETS:
        node = graph.get(dg.AssetKey(name))
        tags = node.tags
        yield (
            f"asset {name} ({node.group_name}): {tags[STEP]}, spends money: {tags[SPENDS_MONEY]}, "
            f"{', '.join(sorted(node.kinds))}, of {', '.join(node.owners)}"
        )
        yield f"  partitions: {partitions(node.partitions_def)}"
        yield from (f"  after: {parent.to_user_string()}" for parent in sorted(node.parent_keys))
        for key in sorted(node.check_keys):
            blocking = graph.get(key).blocking
            yield f"  check: {key.name}{' (blocking)' if blocking else ''}"
    for name in ("translate_box", "translate_catalog"):
        ops = [node.name for node in defs.resolve_job_def(name).graph.nodes_in_topological_order]
        yield f"job {name}: {' -> '.join(ops)}"
    for sensor in defs.sensors or []:
        assert isinstance(sensor, dg.SensorDefinition)
        starts = f", starts {sensor.job.name}" if sensor.has_jobs else ""
        yield (
            f"sensor {sensor.name}: every {sensor.minimum_interval_seconds} s, "
            f"{sensor.default_status.value}{starts}"
        )
    for schedule in defs.schedules or []:
        assert isinstance(schedule, dg.ScheduleDefinition)
        yield (
            f"schedule {schedule.name}: {schedule.cron_schedule} {schedule.execution_timezone}, "
            f"{schedule.default_status.value}, starts {schedule.job.name}"
        )


def partitions(definition: dg.PartitionsDefinition | None) -> str:
    if definition is None:
        return "none"
    if isinstance(definition, dg.MultiPartitionsDefinition):
        dimensions = definition.partitions_defs
        return " x ".join(f"{partitions(one.partitions_def)}" for one in dimensions)
    if isinstance(definition, dg.DynamicPartitionsDefinition):
        return str(definition.name)
    assert isinstance(definition, dg.StaticPartitionsDefinition)
    return f"language [{', '.join(definition.get_partition_keys())}]"


def cpu_s(code: str, home: Path) -> float:
    """The processor time of a process until it has run this code; what it then takes to end is no
    part of loading."""
    told = f"{code}; import time; print(time.process_time())"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", told], cwd=home, check=True, stdout=subprocess.PIPE
    )
    return float(done.stdout)


def test_loading_takes_at_most_twice_as_long_as_dagster_alone(tmp_path: Path) -> None:
    """In turn, and the least of each, since others may use the cores."""
    bare, ours = zip(
        *(
            (
                cpu_s("import dagster", tmp_path),
                cpu_s("import translation_pipeline.definitions", tmp_path),
            )
            for _ in range(4)
        ),
        strict=True,
    )
    assert min(ours) <= 2 * min(bare)


def test_the_definitions_load(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_the_definitions_are_these(defs: dg.Definitions) -> None:
    assert "\n".join(described(defs)) + "\n" == EXPECTED
    graph = defs.resolve_asset_graph()
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == set(ASSETS)


def test_each_asset_says_where_its_code_is(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    for name in ASSETS:
        (place,) = graph.get(dg.AssetKey(name)).metadata["dagster/code_references"].code_references
        lines = Path(place.file_path).read_text("utf-8").splitlines()[place.line_number - 1 :]
        assert any(f"def {name}(" in line for line in lines[:30])


def test_owners_are_those_of_the_setting_and_others_are_refused_in_words() -> None:
    named = Settings.from_environment({"TRANSLATION_PIPELINE_OWNERS": "team:qa mara@example.com"})
    built = build_definitions(load_catalog(CATALOG, source="c"), owners=named.owners)
    graph = built.resolve_asset_graph()
    assert {tuple(graph.get(dg.AssetKey(name)).owners) for name in ASSETS} == {
        ("team:qa", "mara@example.com")
    }
    assert Settings.from_environment({"TRANSLATION_PIPELINE_OWNERS": ""}).owners == ()
    for bad in ("localization", "team:", "mara@example"):
        with pytest.raises(ConfigurationError, match=f"OWNERS names '{bad}'"):
            Settings.from_environment({"TRANSLATION_PIPELINE_OWNERS": bad})


def test_a_translation_depends_on_the_captions_of_its_own_title_only(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    mapping = graph.get_partition_mapping(
        dg.AssetKey("translated_videos"), dg.AssetKey("reviewed_captions")
    )
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("title", ["one", "two"])
        translated = graph.get(dg.AssetKey("translated_videos")).partitions_def
        reviewed = graph.get(dg.AssetKey("reviewed_captions")).partitions_def
        assert translated is not None
        assert reviewed is not None
        upstream = mapping.get_upstream_mapped_partitions_result_for_partitions(
            translated.subset_with_partition_keys(["pt|two"]),
            translated,
            reviewed,
            dynamic_partitions_store=instance,
        )
    assert set(upstream.partitions_subset.get_partition_keys()) == {"two"}


def test_dagster_itself_validates_the_workspace_without_beta_warnings(tmp_path: Path) -> None:
    (tmp_path / "catalog.yaml").write_text(CATALOG, "utf-8")
    done = validate(tmp_path, "catalog.yaml")
    assert done.returncode == 0, done.stderr
    assert "BetaWarning" not in done.stdout + done.stderr


def test_a_bad_catalog_file_is_told_with_file_field_and_remedy(tmp_path: Path) -> None:
    bad = CATALOG.replace("    captions: direct\n", "").replace("[pt, es]", "[pt, klingon]")
    (tmp_path / "bad.yaml").write_text(bad, "utf-8")
    with pytest.raises(CatalogInvalid) as caught:
        catalog(tmp_path / "bad.yaml")
    for word in ("bad.yaml", "captions", "Choose direct", "klingon"):
        assert word in str(caught.value)
    done = validate(tmp_path, "bad.yaml")
    assert done.returncode == 1
    assert "Choose direct" in done.stdout + done.stderr


def catalog(path: Path) -> Catalog:
    return load_catalog(path.read_text("utf-8"), source=str(path))


def validate(home: Path, catalog_name: str) -> subprocess.CompletedProcess[str]:
    """`dagster definitions validate` of the workspace file that ships."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "dagster", "definitions", "validate"),
            *("-w", str(product_file("workspace.yaml"))),
        ],
        env=os.environ
        | {
            "DAGSTER_HOME": str(home),
            "TRANSLATION_PIPELINE_HOME": str(home),
            "TRANSLATION_PIPELINE_CATALOG": str(home / catalog_name),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
