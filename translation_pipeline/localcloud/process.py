"""A stand-in cloud in a process of its own, for tests and the demo."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.control_client import ControlClient

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
LOG_NAME = "server.log"
FAULTS_NAME = "faults.json"
LISTENING = "localcloud listening on "
"""What the server prints, followed by its address, when it answers requests."""


class ServerNotStartedError(RuntimeError):
    """The stand-in cloud did not come up; the message ends with what it said."""


@dataclass(frozen=True)
class RunningServer:
    """A server that answers requests at `endpoint`, which is http://host:port."""

    config: LocalCloudConfig
    endpoint: str
    process: subprocess.Popen[bytes]

    @property
    def port(self) -> int:
        """The port that was taken."""
        return int(self.endpoint.rpartition(":")[2])

    @property
    def control(self) -> ControlClient:
        """What the server did, and what shall go wrong in it."""
        return ControlClient(self.endpoint)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables with which the pipeline and the SDKs reach this server."""
        access_key_id, secret = next(iter(self.config.access_keys.items()))
        return {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": access_key_id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": secret,
            "TRANSLATION_PIPELINE_REGION": self.config.region,
            "TRANSLATION_PIPELINE_OSS_ENDPOINT": self.endpoint,
            "TRANSLATION_PIPELINE_IMS_ENDPOINT": self.endpoint,
        }

    def stop(self) -> None:
        """Stop as Ctrl-C does, running requests first; after a while, kill."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_TIMEOUT_S)
        self.kill()

    def kill(self) -> None:
        """End the process and its group at once, as a crash would."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def start_server(config: LocalCloudConfig) -> RunningServer:
    """Start a server and wait until it answers. It ends with this process at the latest.

    What it complains of is appended to server.log in its data folder.
    Raises ServerNotStartedError.
    """
    config.data_dir.mkdir(parents=True, exist_ok=True)
    with (config.data_dir / LOG_NAME).open("ab+") as log:
        begin = log.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            _command(config),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
        line = _first_line(process)
        server = RunningServer(config, line.removeprefix(LISTENING).strip(), process)
        if not line.startswith(LISTENING):
            server.kill()
            log.seek(begin)
            said = log.read().decode(errors="replace").strip() or "it said nothing."
            raise ServerNotStartedError(f"The stand-in cloud did not start: {said}")
    return server


@contextmanager
def running_server(config: LocalCloudConfig) -> Iterator[RunningServer]:
    """A server for the time of a block, however the block ends."""
    server = start_server(config)
    try:
        yield server
    finally:
        server.stop()


def _command(config: LocalCloudConfig) -> list[str]:
    keys = [f"--access-key={name}={secret}" for name, secret in config.access_keys.items()]
    return [
        sys.executable,
        "-m",
        "translation_pipeline.localcloud",
        f"--data-dir={config.data_dir}",
        f"--host={config.host}",
        f"--port={config.port}",
        f"--region={config.region}",
        f"--workers={config.workers}",
        *keys,
        *(["--instant"] if config.instant else []),
        "--instant-duration-s",
        *map(str, config.instant_duration_s),
        *([f"--faults={_fault_file(config)}"] if config.faults.faults else []),
        "--until-eof",
    ]


def _fault_file(config: LocalCloudConfig) -> Path:
    """The plan as a file: a long one does not fit into a command line."""
    path = config.data_dir / FAULTS_NAME
    path.write_text(config.faults.model_dump_json(), encoding="utf-8")
    return path


def _first_line(process: subprocess.Popen[bytes]) -> str:
    """The first line the process prints, empty when it ends or nothing comes in time."""
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    with DefaultSelector() as selector:
        selector.register(process.stdout, EVENT_READ)
        return process.stdout.readline().decode() if selector.select(START_TIMEOUT_S) else ""
