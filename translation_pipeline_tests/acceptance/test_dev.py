"""What a user of `translation-pipeline dev` sees: videos in, translations out, nothing paid twice.

The session is real: webserver, daemon, embedded cloud with media work, oss2 and GraphQL.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import oss2
import pytest

from translation_pipeline.captions.srt import parse_srt
from translation_pipeline_tests.acceptance.conftest import (
    DIRECT,
    JOB,
    REVIEW,
    REVIEWED,
    DevSession,
    dev_session,
)

pytestmark = pytest.mark.timeout(420)

ALL_PASSED = {
    ("extracted_captions", "no_failed_jobs"): "SUCCEEDED",
    ("extracted_captions", "captions_look_complete"): "SUCCEEDED",
    ("reviewed_captions", "captions_are_valid"): "SUCCEEDED",
    ("reviewed_captions", "captions_look_complete"): "SUCCEEDED",
    ("translated_videos", "no_failed_jobs"): "SUCCEEDED",
    ("translated_videos", "outputs_verified"): "SUCCEEDED",
    ("translated_videos", "translation_quality"): "SUCCEEDED",
    ("translated_videos", "within_budget"): "SUCCEEDED",
    ("coverage", "no_lost_jobs"): "SUCCEEDED",
}


def test_the_daemon_that_asks_the_sensors_is_healthy(dev: DevSession) -> None:
    query = """{ instance { daemonHealth { allDaemonStatuses {
      daemonType required healthy lastHeartbeatErrors { message } } } } }"""

    def unhealthy() -> list[str]:
        found = dev.ask(query)["instance"]["daemonHealth"]["allDaemonStatuses"]
        return [one["daemonType"] for one in found if one["required"] and not one["healthy"]]

    dev.until(lambda: not unhealthy(), "all daemons are healthy")


def test_a_sensor_starts_a_run_that_translates_what_was_uploaded(
    uploaded: DevSession, first_run: dict[str, Any]
) -> None:
    assert first_run["tags"]["dagster/sensor_name"] == "new_videos"
    assert uploaded.materialized("source_videos") == {DIRECT, REVIEW}
    assert uploaded.materialized("extracted_captions") == {DIRECT, REVIEW}
    assert uploaded.materialized("reviewed_captions") == {DIRECT}  # where there is nothing to do
    assert uploaded.materialized("translated_videos") == {f"pt|{DIRECT}"}


def test_the_checks_are_shown_as_passed(uploaded: DevSession, first_run: dict[str, Any]) -> None:
    assert uploaded.checks() == ALL_PASSED


def test_approval_starts_the_translation_of_a_reviewed_title(
    uploaded: DevSession, second_run: dict[str, Any]
) -> None:
    assert second_run["tags"]["dagster/sensor_name"] == "approved_captions"
    assert uploaded.materialized("reviewed_captions") == {DIRECT, REVIEW}
    assert uploaded.materialized("translated_videos") == {f"pt|{DIRECT}", f"pt|{REVIEW}"}
    results = uploaded.bucket("translated")
    (captions,) = [
        item.key
        for item in oss2.ObjectIteratorV2(results, f"review/{REVIEW}/")
        if ".pt." in item.key and item.key.endswith(".srt")
    ]
    translated = parse_srt(results.get_object(captions).read()).cues
    times = [(cue.start_ms, cue.end_ms) for cue in translated]
    assert times == [(cue.start_ms, cue.end_ms) for cue in REVIEWED]
    assert "winter" not in translated[0].text


@pytest.mark.parametrize("title", [DIRECT, REVIEW])
def test_materializing_a_partition_again_submits_nothing(
    uploaded: DevSession, second_run: dict[str, Any], title: str
) -> None:
    accepted = uploaded.accepted_jobs()
    run_id = uploaded.launch("translated_videos", f"pt|{title}")
    uploaded.settled(run_id)
    assert uploaded.accepted_jobs() == accepted == 3
    assert uploaded.checks() == ALL_PASSED
    assert uploaded.out_of_date("translated_videos", f"pt|{title}") == []


def test_work_that_is_done_starts_no_more_runs(
    uploaded: DevSession, second_run: dict[str, Any]
) -> None:
    """Sensors were asked dozens of times meanwhile; each upload and approval made one run."""
    assert len(uploaded.runs(JOB)) == 2


def test_a_run_that_ctrl_c_broke_off_goes_on_and_pays_nothing_twice(
    tmp_path: Path, clip: Path
) -> None:
    home = tmp_path / "home"
    slow = {"TRANSLATION_PIPELINE_POLL_INTERVAL_S": "600"}
    with dev_session(home, "--instant", environment=slow) as dev:
        dev.bucket("videos").put_object_from_file("direct/one/1.mp4", str(clip))
        dev.until(lambda: dev.accepted_jobs() == 1, "the job is submitted")
        (broken_off,) = dev.runs(JOB)
        assert broken_off["status"] == "STARTED"
        assert dev.stop(signal.SIGINT) == 0
        assert dev.left_over() == []
    with dev_session(home, "--instant") as dev:
        again = dev.until(lambda: dev.runs(JOB)[:-1], "the run is started again")[0]
        assert again["tags"]["dagster/parent_run_id"] == broken_off["runId"]
        dev.settled(again["runId"])
        assert dev.materialized("translated_videos") == {"pt|one"}
        assert dev.accepted_jobs() == 1
        assert dev.stop(signal.SIGTERM) == 0
        assert dev.left_over() == []
