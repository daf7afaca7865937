"""The nightly run: when it is asked for, and what it does."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from translation_pipeline.definitions import build_definitions
from translation_pipeline.defs.schedules import build_schedules
from translation_pipeline.errors import ConfigurationError
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import running_server
from translation_pipeline.settings import Nightly, Settings
from translation_pipeline_tests.integration.product import product, tiny_video

SHANGHAI = Nightly(hour=2, minute=30, time_zone="Asia/Shanghai")


def test_one_run_a_night_at_the_time_of_the_settings() -> None:
    (nightly,) = build_schedules(SHANGHAI)
    assert nightly.cron_schedule == "30 2 * * *"
    assert nightly.execution_timezone == "Asia/Shanghai"
    at = datetime(2026, 3, 1, 2, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
    context = dg.build_schedule_context(scheduled_execution_time=at)
    (request,) = nightly.evaluate_tick(context).run_requests or []
    assert request.run_key == "nightly-2026-03-01"


def test_it_can_be_turned_off() -> None:
    assert build_schedules(None) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Nightly(3, 0, "UTC")),
        ({"NIGHTLY_AT": "02:30", "TIME_ZONE": "Asia/Shanghai"}, SHANGHAI),
        ({"NIGHTLY_AT": "off"}, None),
    ],
)
def test_time_and_zone_are_settings(values: dict[str, str], expected: Nightly | None) -> None:
    environment = {f"TRANSLATION_PIPELINE_{name}": value for name, value in values.items()}
    assert Settings.from_environment(environment).nightly == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [("NIGHTLY_AT", "24:00"), ("NIGHTLY_AT", "3 am"), ("TIME_ZONE", "Asia/Atlantis")],
)
def test_a_time_or_zone_that_there_is_not_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"TRANSLATION_PIPELINE_{name}"):
        Settings.from_environment({f"TRANSLATION_PIPELINE_{name}": value})


def test_the_night_lists_quotes_does_what_the_budget_allows_and_reports(tmp_path: Path) -> None:
    config = LocalCloudConfig(data_dir=tmp_path / "cloud", instant=True)
    budget = "budget: {per_title: 2, currency: CNY}"
    name = f"t{uuid.uuid4().hex[:12]}"
    with (
        running_server(config) as cloud,
        product(cloud, tmp_path / "home", name, budget=budget) as shop,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        shop.put("incoming/small/ep1.mp4", tiny_video(1))
        for number in range(3):
            shop.put(f"incoming/large/ep{number}.mp4", tiny_video(2 + number))
        defs = build_definitions(shop.pipeline.catalog, nightly=SHANGHAI)
        result = defs.resolve_job_def("translate_catalog").execute_in_process(instance=instance)
        assert result.success
        metadata = {
            event.step_key: event.step_output_data.metadata
            for event in result.all_events
            if event.is_successful_output
        }
        planned, reported = metadata["plan_jobs"], metadata["record_results"]
        assert planned["listed"].value == "4 videos were listed: 4 new, 0 changed"
        assert planned["quote"].value == "4 jobs, 4 min, 3.20 CNY"
        assert [row.data["title"] for row in planned["over_budget"].records] == ["large"]
        assert (reported["reserved"].value, reported["paid"].value) == ("0.80 CNY", "0.80 CNY")
        assert {row.data["title"] for row in reported["not_done"].records} == {"large"}
        assert instance.get_materialized_partitions(dg.AssetKey("translated_videos")) == {
            "pt|small"
        }
        assert shop.accepted() == 1
