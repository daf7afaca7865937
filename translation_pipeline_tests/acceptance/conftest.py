"""The product as a user starts it: `translation-pipeline dev`, seen from outside.

Nothing here reaches into the process: videos go in through oss2, what happened is read from
Dagster's GraphQL and from the cloud's account of accepted jobs.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import imageio_ffmpeg
import oss2
import psutil  # type: ignore[import-untyped]
import pytest
import requests

from translation_pipeline.captions.srt import Cue, compose_srt
from translation_pipeline.localcloud.config import DEFAULT_ACCESS_KEYS
from translation_pipeline.localcloud.control_client import ControlClient
from translation_pipeline.sample_title import EPISODES

START_S = 120.0
STOP_S = 60.0
CLIP_S = "8"
REGION = "cn-shanghai"
MARK = "TRANSLATION_PIPELINE_TEST_MARK"  # in the environment of every process of a session
LOCATION = "translation_pipeline"
JOB = "translate_catalog"
DIRECT, REVIEW = "the letter", "信 & 春天"
REVIEWED = [
    Cue(840, 3280, "The long winter was finally over."),
    Cue(3640, 6440, "Someone woke up."),
]
DONE = ("SUCCESS", "FAILURE", "CANCELED")

CATALOG = """\
bucket: videos
output_bucket: translated
titles:
  - match: "direct/{title}/{video}.mp4"
    level: subtitle
    source_language: en
    target_languages: [LANGUAGES]
    captions: direct
    erase: auto
    burn_in: {style: standard}
  - match: "review/{title}/{video}.mp4"
    level: subtitle
    source_language: en
    target_languages: [LANGUAGES]
    captions: review
    caption_region: [[0.75, 1], [0, 1]]
    erase: auto
    burn_in: {style: standard}
"""

Found = TypeVar("Found")


@dataclass(frozen=True)
class DevSession:
    """A running `translation-pipeline dev`."""

    process: subprocess.Popen[str]
    home: Path
    ui: str
    cloud: str
    mark: str

    def bucket(self, name: str) -> oss2.Bucket:
        """The real SDK's view of a bucket of the embedded cloud."""
        (key,) = DEFAULT_ACCESS_KEYS.items()
        return oss2.Bucket(oss2.AuthV4(*key), self.cloud, name, region=REGION)

    def accepted_jobs(self) -> int:
        """How many jobs the cloud accepted so far: what a customer would be billed for."""
        kinds: dict[str, dict[str, int]] = ControlClient(self.cloud).account()["kinds"]
        assert not any(kind["duplicates_by_content"] for kind in kinds.values()), kinds
        return sum(kind["accepted"] for kind in kinds.values())

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of a GraphQL answer."""
        answer = requests.post(
            f"{self.ui}/graphql", json={"query": query, "variables": variables}, timeout=30
        ).json()
        assert "errors" not in answer, json.dumps(answer["errors"], indent=1)[:2000]
        data: dict[str, Any] = answer["data"]
        return data

    def runs(self, job: str | None = None) -> list[dict[str, Any]]:
        """Runs, newest first, with status, tags and when they ended."""
        query = """query($filter: RunsFilter) { runsOrError(filter: $filter) { ... on Runs {
          results { runId status jobName endTime tags { key value } } } } }"""
        found: list[dict[str, Any]] = self.ask(query, filter={"pipelineName": job} if job else {})[
            "runsOrError"
        ]["results"]
        for run in found:
            run["tags"] = {tag["key"]: tag["value"] for tag in run["tags"]}
        return found

    def finished(self, run_id: str, within_s: float = 180) -> str:
        """The status a run ends with."""
        query = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"

        def status() -> str | None:
            found: str = self.ask(query, id=run_id)["runOrError"]["status"]
            return found if found in DONE else None

        return self.until(status, f"run {run_id} ends", within_s)

    def settled(self, run_id: str, within_s: float = 180) -> None:
        """Wait for a run and insist on its success, saying why it failed otherwise."""
        status = self.finished(run_id, within_s)
        assert status == "SUCCESS", self.failure(run_id)

    def failure(self, run_id: str) -> str:
        """What the failed steps of a run said."""
        query = """query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
          __typename ... on ExecutionStepFailureEvent { error { message } }
          ... on RunFailureEvent { message } } } } }"""
        events = self.ask(query, id=run_id)["logsForRun"]["events"]
        return "\n".join(
            (event.get("error") or event).get("message", "")
            for event in events
            if "Failure" in event["__typename"]
        )

    def until(self, look: Callable[[], Found | None], what: str, within_s: float = 120) -> Found:
        """The first thing that `look` finds."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            assert self.process.poll() is None, f"dev ended while waiting until {what}"
            time.sleep(0.3)
        raise AssertionError(f"not within {within_s:.0f} s: {what}\n{self._log_tails()}")

    def materialized(self, asset: str) -> set[str]:
        """The partitions of an asset that are materialized."""
        query = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) {
          ... on AssetNode { assetMaterializations { partition } } } }"""
        node = self.ask(query, key={"path": [asset]})["assetNodeOrError"]
        return {event["partition"] for event in node["assetMaterializations"]}

    def out_of_date(self, asset: str, partition: str) -> list[str]:
        """Why the UI calls a partition unsynced; nothing where it does not."""
        query = """query($key: AssetKeyInput!, $partition: String!) {
          assetNodeOrError(assetKey: $key) { ... on AssetNode {
            staleCauses(partition: $partition) { reason } } } }"""
        node = self.ask(query, key={"path": [asset]}, partition=partition)["assetNodeOrError"]
        return [cause["reason"] for cause in node["staleCauses"]]

    def checks(self) -> dict[tuple[str, str], str]:
        """(asset, check) to the status that the UI shows, `PASSED` where it is fine."""
        query = """{ assetNodes { assetKey { path } assetChecksOrError { ... on AssetChecks {
          checks { name executionForLatestMaterialization { status evaluation { severity } } }
        } } } }"""
        return {
            (node["assetKey"]["path"][0], check["name"]): (
                (check["executionForLatestMaterialization"] or {}).get("status", "NEVER RUN")
            )
            for node in self.ask(query)["assetNodes"]
            for check in node["assetChecksOrError"]["checks"]
        }

    def launch(self, asset: str, partition: str) -> str:
        """Materialize one partition as the UI's button does; returns the run's id."""
        query = """mutation($params: ExecutionParams!) {
          launchPipelineExecution(executionParams: $params) { __typename
            ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
            ... on RunConfigValidationInvalid { errors { message } } } }"""
        params = {
            "selector": {
                "repositoryLocationName": LOCATION,
                "repositoryName": "__repository__",
                "pipelineName": "__ASSET_JOB",
                "assetSelection": [{"path": [asset]}],
                "assetCheckSelection": None,
            },
            "executionMetadata": {"tags": _partition_tags(partition)},
        }
        answer = self.ask(query, params=params)["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def add_title(self, title: str) -> None:
        """Add a title partition by hand, as the UI's dialogue does."""
        query = """mutation($repository: RepositorySelector!, $key: String!) {
          addDynamicPartition(repositorySelector: $repository, partitionsDefName: "title",
            partitionKey: $key) { __typename } }"""
        repository = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}
        answer = self.ask(query, repository=repository, key=title)["addDynamicPartition"]
        assert answer["__typename"] == "AddDynamicPartitionSuccess", answer

    def backfill(self, asset: str, partitions: list[str]) -> str:
        """Materialize many partitions as the UI's dialogue does; returns the backfill's id."""
        query = """mutation($params: LaunchBackfillParams!) {
          launchPartitionBackfill(backfillParams: $params) { __typename
            ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
        params = {"assetSelection": [{"path": [asset]}], "partitionNames": partitions}
        answer = self.ask(query, params=params)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def backfilled(self, backfill: str) -> bool:
        """Whether a backfill is over; insists on its success."""
        query = """query($id: String!) { partitionBackfillOrError(backfillId: $id) {
          ... on PartitionBackfill { status } } }"""
        status: str = self.ask(query, id=backfill)["partitionBackfillOrError"]["status"]
        assert "FAIL" not in status, status
        return status == "COMPLETED_SUCCESS"

    def stop(self, with_signal: signal.Signals = signal.SIGINT) -> int:
        """Ask it to stop, as Ctrl-C does; returns the exit code."""
        self.process.send_signal(with_signal)
        return self.process.wait(STOP_S)

    def left_over(self) -> list[str]:
        """Processes that were started for this session and still run, as command lines."""
        return [" ".join(process.cmdline()) for process in marked_processes(self.mark)]

    def _log_tails(self) -> str:
        logs = sorted((self.home / "logs").glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text('utf-8')[-1500:]}" for log in logs)


def _partition_tags(partition: str) -> list[dict[str, str]]:
    """The tags of a run of one partition; `|` joins the dimensions in their alphabetical order."""
    tags = {"dagster/partition": partition}
    if "|" in partition:
        language, title = partition.split("|")
        tags |= {"dagster/partition/language": language, "dagster/partition/title": title}
    return [{"key": key, "value": value} for key, value in tags.items()]


def marked_processes(mark: str) -> Iterator[psutil.Process]:
    """All processes of this machine that inherited the mark, zombies excepted."""
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            if process.environ().get(MARK) == mark:
                yield process


@contextmanager
def dev_session(
    home: Path,
    *options: str,
    languages: str = "pt",
    environment: Mapping[str, str] | None = None,
) -> Iterator[DevSession]:
    """`translation-pipeline dev` in a home of its own, ready to be used."""
    home.mkdir(exist_ok=True)
    (home / "catalog.yaml").write_text(CATALOG.replace("LANGUAGES", languages), "utf-8")
    mark = uuid.uuid4().hex
    port = free_port()
    with (home / "dev.err").open("a") as errors:
        process = subprocess.Popen(
            [
                sys.executable,
                *("-m", "translation_pipeline", "dev"),
                *("--home", str(home), "--port", str(port), *options),
            ],
            env=os.environ
            | {"TRANSLATION_PIPELINE_SENSOR_INTERVAL_S": "2", MARK: mark}
            | dict(environment or {}),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield _ready(process, home, mark)
    finally:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
        for process_left in marked_processes(mark):
            process_left.kill()


def _ready(process: subprocess.Popen[str], home: Path, mark: str) -> DevSession:
    assert process.stdout is not None
    addresses: list[str] = []
    for line in process.stdout:  # ends early when dev does
        addresses += re.findall(r"http://[0-9.:]+", line)
        if line.startswith("Stop with"):
            ui, cloud = addresses
            return DevSession(process, home, ui, cloud, mark)
    raise AssertionError(f"dev did not start: {(home / 'dev.err').read_text('utf-8')}")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first seconds of a sample episode: two burnt-in captions over moving pictures."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    source = str(EPISODES[0].video)
    subprocess.run(
        [ffmpeg, "-v", "error", "-i", source, "-t", CLIP_S, "-c", "copy", str(path)], check=True
    )
    return path


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevSession]:
    """One session with real media work that the tests share, each with titles of its own."""
    with dev_session(tmp_path_factory.mktemp("dev")) as session:
        yield session


@pytest.fixture(scope="session")
def uploaded(dev: DevSession, clip: Path) -> DevSession:
    """A video of each of two titles is in the source bucket, where a sensor must find it."""
    bucket = dev.bucket("videos")
    bucket.put_object_from_file(f"direct/{DIRECT}/episode 1.mp4", str(clip))
    bucket.put_object_from_file(f"review/{REVIEW}/episode 1.mp4", str(clip))
    return dev


@pytest.fixture(scope="session")
def first_run(uploaded: DevSession) -> dict[str, Any]:
    """The run that a sensor asked for after the upload, ended well."""
    run = uploaded.until(lambda: uploaded.runs(JOB), "a sensor requests a run")[-1]
    uploaded.settled(run["runId"])
    return run


@pytest.fixture(scope="session")
def second_run(uploaded: DevSession, first_run: dict[str, Any]) -> dict[str, Any]:
    """The run that a sensor asked for after a person approved captions, ended well."""
    key = f"review/{REVIEW}/episode 1.srt"
    uploaded.bucket("translated").put_object(key, compose_srt(REVIEWED))
    run = uploaded.until(lambda: uploaded.runs(JOB)[:-1], "the approval starts a run")[-1]
    uploaded.settled(run["runId"])
    return run


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
