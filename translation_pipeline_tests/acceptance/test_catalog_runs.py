"""What people and machines do to a catalog's runs, on SQLite and on PostgreSQL.

Real webserver and daemon; what is done is done over GraphQL, what was paid is in the cloud's books.
Each test has titles of its own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import oss2
import pytest

from translation_pipeline.benchmarks.instant_catalog import target_languages
from translation_pipeline.localcloud.control_client import ControlClient
from translation_pipeline.stages.sources import see_sources
from translation_pipeline_tests.acceptance.conftest import JOB
from translation_pipeline_tests.acceptance.production import Production, production
from translation_pipeline_tests.conftest import empty_database
from translation_pipeline_tests.integration.product import CATALOG

pytestmark = pytest.mark.timeout(420)

ONE, OTHER = target_languages(2)
ASSET = "translated_videos"
VIDEOS = 2
NIGHT = "night"
START_S = 90  # more than code server and webserver need on a busy machine
ONLY_ONE_LANGUAGE = f"""
  - match: "fewer/{{{{title}}}}/{{{{video}}}}.mp4"
    level: subtitle
    captions: direct
    erase: none
    burn_in: none
    source_language: en
    target_languages: [{ONE}]
"""


@contextmanager
def _servers(
    tmp_path_factory: pytest.TempPathFactory, database_url: str | None, nightly_at: str
) -> Iterator[Production]:
    """Webserver and what it needs; the daemon is not started, the sensors are turned off."""
    with production(
        tmp_path_factory.mktemp("runs") / "home",
        database_url,
        languages=2,
        job_s=0.5,
        catalog=CATALOG + ONLY_ONE_LANGUAGE,
        environment={"TRANSLATION_PIPELINE_NIGHTLY_AT": nightly_at},
    ) as started:
        started.start(*(name for name in started.commands if name != "daemon"))
        started.dev.turn_sensors()
        yield started


@pytest.fixture(scope="module")
def on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, postgresql_url: str
) -> Iterator[Production]:
    """The servers over PostgreSQL, a minute or two before their night, and a title that nobody
    saw. They come first, so that nobody has to wait for the night."""
    night = datetime.now(timezone.utc) + timedelta(seconds=START_S, minutes=1)
    with (
        empty_database(postgresql_url) as url,
        _servers(tmp_path_factory, url, f"{night:%H:%M}") as started,
    ):
        started.dev.restart_schedule("nightly")
        assert datetime.now(timezone.utc) < night.replace(second=0), "the servers started too late"
        started.upload([NIGHT], VIDEOS)
        started.start("daemon")
        yield started


@pytest.fixture(scope="module")
def nightly_run(on_postgresql: Production) -> dict[str, Any]:
    """The run that the schedule started, ended well."""
    dev = on_postgresql.dev

    def runs() -> list[dict[str, Any]]:
        return [run for run in dev.runs(JOB) if "dagster/schedule_name" in run["tags"]]

    (run,) = dev.until(runs, "the night comes", 240)
    dev.settled(run["runId"])
    return run


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def servers(
    request: pytest.FixtureRequest,
    on_postgresql: Production,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Production]:
    """Webserver and daemon; no sensor is on and no schedule will start anything."""
    if request.param == "postgresql":
        request.getfixturevalue("nightly_run")
        yield on_postgresql
        return
    with _servers(tmp_path_factory, None, "off") as started:
        started.start("daemon")
        yield started


def arrive(servers: Production, titles: Sequence[str], folder: str = "incoming") -> None:
    """Have titles with `VIDEOS` each that are known and not translated."""
    servers.upload(titles, VIDEOS, folder)
    see_sources(servers.product.pipeline)
    for title in titles:
        servers.dev.add_title(title)


@contextmanager
def jobs_in_flight(servers: Production) -> Iterator[None]:
    """Meanwhile the service accepts jobs and tells nobody how they are: runs stay in the middle."""
    control = ControlClient(servers.dev.cloud)
    reads = ["ListSmartJobs", "GetSmartHandleJob"]
    refusal = {"kind": "throttling", "code": "SignatureNonceUsed", "actions": reads}
    control.put_faults({"faults": [refusal]})  # the same read is made again with the next poll
    try:
        yield
    finally:
        control.put_faults({"faults": []})


def test_what_a_sensor_finds_is_translated_and_verified(servers: Production) -> None:
    dev = servers.dev
    paid = servers.accepted()
    servers.upload(["found"], VIDEOS)
    dev.turn_sensors(["new_videos"])

    def runs() -> list[dict[str, Any]]:
        return [run for run in dev.runs(JOB) if "dagster/sensor_name" in run["tags"]]

    (run,) = dev.until(runs, "a sensor starts a run")
    dev.settled(run["runId"])
    dev.turn_sensors()
    assert servers.cells(["found"]) <= dev.materialized(ASSET)
    assert dev.checks()[ASSET, "outputs_verified"] == "SUCCEEDED"
    assert servers.accepted() == paid + 2 * VIDEOS


def test_a_box_is_one_run_that_a_reload_of_the_code_location_does_not_disturb(
    servers: Production,
) -> None:
    """One title of the box is wanted in one language only: its other cell stays empty."""
    dev = servers.dev
    arrive(servers, ["a", "b"])
    arrive(servers, ["c"], "fewer")
    arrive(servers, ["outside the box"])
    wanted = servers.cells(["a", "b"]) | {f"{ONE}|c"}
    paid, runs, done = servers.accepted(), len(dev.runs()), dev.materialized(ASSET)
    with jobs_in_flight(servers):
        run = dev.launch(ASSET, f"{ONE}|a", f"{OTHER}|c")
        dev.until(lambda: servers.accepted() == paid + len(wanted) * VIDEOS, "all jobs are sent")
        sent_at_s = time.time()
        assert dev.reload() > sent_at_s

    dev.settled(run)

    assert len(dev.runs()) == runs + 1
    assert dev.materialized(ASSET) - done == wanted
    assert dev.failed_partitions(ASSET) == 0
    assert servers.accepted() == paid + len(wanted) * VIDEOS


def test_one_failed_job_costs_one_video_and_a_rerun_does_only_that(servers: Production) -> None:
    dev, cell = servers.dev, f"{ONE}|partly"
    control = ControlClient(dev.cloud)
    arrive(servers, ["partly"])
    paid = servers.accepted()
    fault = {"kind": "failing_job", "message": "Frame 7 is torn.", "times": 1}
    control.put_faults({"faults": [fault]})

    failed = dev.launch(ASSET, cell)

    assert dev.finished(failed) == "FAILURE"
    said = dev.failure(failed)
    assert f"partly, {ONE}: 1 of {VIDEOS} videos are not done" in said
    (named,) = re.findall(r"^ +(\w+): .*Frame 7 is torn", said, re.MULTILINE)
    assert delivered(servers, "partly") == {f"e{n}" for n in range(VIDEOS)} - {named}
    assert cell not in dev.materialized(ASSET)
    assert servers.accepted() == paid + VIDEOS

    dev.settled(dev.rerun(failed))

    assert cell in dev.materialized(ASSET)
    assert delivered(servers, "partly") == {f"e{n}" for n in range(VIDEOS)}
    assert servers.accepted() == paid + VIDEOS + 1


def test_a_cancelled_run_is_continued_by_the_next_one(servers: Production) -> None:
    dev, cell = servers.dev, f"{ONE}|cancelled"
    arrive(servers, ["cancelled"])
    paid = servers.accepted()
    with jobs_in_flight(servers):
        run = dev.launch(ASSET, cell)
        dev.until(lambda: servers.accepted() == paid + VIDEOS, "all jobs are sent")
        dev.terminate(run)
        assert dev.finished(run) == "CANCELED"
    assert cell not in dev.materialized(ASSET)

    dev.settled(dev.launch(ASSET, cell))

    assert cell in dev.materialized(ASSET)
    assert servers.accepted() == paid + VIDEOS


def test_by_night_what_is_missing_is_done(
    on_postgresql: Production, nightly_run: dict[str, Any]
) -> None:
    """No sensor was on: only the schedule could find the title."""
    assert nightly_run["tags"]["dagster/schedule_name"] == "nightly"
    assert on_postgresql.translated([NIGHT])
    assert len(delivered(on_postgresql, NIGHT)) == VIDEOS


def delivered(servers: Production, title: str) -> set[str]:
    """The videos of a title that lie in the bucket for results."""
    bucket = servers.dev.bucket(servers.product.pipeline.catalog.output_bucket)
    keys = [item.key for item in oss2.ObjectIteratorV2(bucket, f"incoming/{title}/")]
    return {key.split("/")[-1].split(".")[0] for key in keys if key.endswith(".mp4")}
