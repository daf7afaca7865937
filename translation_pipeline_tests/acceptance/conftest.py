"""The product as a user starts it: `translation-pipeline dev`, seen from outside.

Nothing here reaches into the process: videos go in through oss2, what happened is read from
Dagster's GraphQL and from the cloud's account of accepted jobs.
"""

from __future__ import annotations

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

from translation_pipeline.captions.srt import Cue, compose_srt
from translation_pipeline.localcloud.config import DEFAULT_ACCESS_KEYS
from translation_pipeline.localcloud.control_client import ControlClient
from translation_pipeline.sample_title import EPISODES
from translation_pipeline_tests.acceptance.dagster_ui import DagsterUi

START_S = 120.0
STOP_S = 60.0
CLIP_S = "8"
REGION = "cn-shanghai"
MARK = "TRANSLATION_PIPELINE_TEST_MARK"  # in the environment of every process of a session
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
    target_languages: [pt]
    captions: direct
    erase: auto
    burn_in: {style: standard}
  - match: "review/{title}/{video}.mp4"
    level: subtitle
    source_language: en
    target_languages: [pt]
    captions: review
    caption_region: [[0.75, 1], [0, 1]]
    erase: auto
    burn_in: {style: standard}
"""

Found = TypeVar("Found")


@dataclass(frozen=True)
class DevSession(DagsterUi):
    """A running `translation-pipeline dev`."""

    process: subprocess.Popen[str]
    home: Path
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
    environment: Mapping[str, str] | None = None,
) -> Iterator[DevSession]:
    """`translation-pipeline dev` in a home of its own, ready to be used."""
    home.mkdir(exist_ok=True)
    (home / "catalog.yaml").write_text(CATALOG, "utf-8")
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
            return DevSession(ui, process, home, cloud, mark)
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
