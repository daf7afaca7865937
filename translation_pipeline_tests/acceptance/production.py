"""The product as production runs it: each server a process of its own that can be killed alone.

PostgreSQL, one code server, webserver and daemon, with the files of `deploy/`; or SQLite with
webserver and daemon alone, as the README starts them. A supervisor that starts again what died is
played by the tests.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import dagster as dg

from translation_pipeline.benchmarks.instant_catalog import target_languages
from translation_pipeline.cli.processes import answers
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import running_server
from translation_pipeline_tests.acceptance.conftest import (
    MARK,
    DevSession,
    free_port,
    marked_processes,
)
from translation_pipeline_tests.integration.product import (
    CATALOG,
    Product,
    product,
    tiny_video,
)

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
AT_HOME = ["-h", "127.0.0.1"]
START_S = 60.0
# What makes waiting short: how often runs are looked after, and taken from the queue.
MONITORING = ("poll_interval_seconds: 30", "poll_interval_seconds: 2")
QUEUE = """
run_coordinator:
  module: dagster
  class: QueuedRunCoordinator
  config: {dequeue_interval_seconds: 1}
"""


@dataclass
class Production:
    """Servers over one product; `dev` looks at them from outside."""

    product: Product
    dev: DevSession
    environment: Mapping[str, str]
    commands: Mapping[str, list[str]]
    ready: Mapping[str, Callable[[], bool]]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        """Start servers one after the other; code server and webserver are waited for."""
        for name in names:
            with (self.dev.home / "logs" / f"{name}.log").open("ab") as log:
                self.running[name] = subprocess.Popen(
                    self.commands[name],
                    cwd=self.dev.home,
                    env=dict(self.environment),
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            if name in self.ready:
                self.dev.until(self.ready[name], f"{name} answers", START_S)

    def kill(self, name: str) -> None:
        """SIGKILL to a server and to all that it started, as when a machine is lost."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def start_what_died(self) -> None:
        """What a supervisor does."""
        dead = [name for name, process in self.running.items() if process.poll() is not None]
        self.start(*dead)

    def accepted(self) -> int:
        """Jobs that the cloud accepted; insists that none was paid twice."""
        return self.dev.accepted_jobs()

    def upload(self, titles: Sequence[str], videos: int, folder: str = "incoming") -> None:
        """Put videos, each of its own content, into titles."""
        content = tiny_video(seconds=1.0)
        for title in titles:
            for number in range(videos):
                self.product.put(
                    f"{folder}/{title}/e{number}.mp4", content + _free_box(f"{title} {number}")
                )

    def cells(self, titles: Sequence[str]) -> set[str]:
        """The partitions of `translated_videos` that these titles have."""
        languages = self.product.pipeline.catalog.titles[0].target_languages
        return {f"{language}|{title}" for language in languages for title in titles}

    def translated(self, titles: Sequence[str]) -> bool:
        """Whether all of them are materialized."""
        return self.cells(titles) <= self.dev.materialized("translated_videos")


@contextmanager
def production(
    home: Path,
    database_url: str | None,
    *,
    languages: int,
    job_s: float,
    catalog: str = CATALOG,
    dagster_yaml: Path = ROOT / "dagster.yaml",
    environment: Mapping[str, str] | None = None,
    servers: Mapping[str, list[str]] | None = None,
) -> Iterator[Production]:
    """Everything but Dagster's servers, and `servers`: these are to be started by name.

    Without a database it is SQLite, and there is no server `code`: the others have their own.
    Jobs of the cloud take `job_s`; run monitoring looks every other second.
    """
    _prepare(home, dagster_yaml)
    mark, code_port, ui_port = uuid.uuid4().hex, str(free_port()), str(free_port())
    config = LocalCloudConfig(home / "cloud", instant=True, instant_duration_s=(job_s, job_s))
    more = {
        "DAGSTER_HOME": str(home / "dagster"),
        "DAGSTER_POSTGRES_URL": database_url or "",
        "DAGSTER_CODE_SERVER_HOST": "127.0.0.1",
        "DAGSTER_CODE_SERVER_PORT": code_port,
        "TRANSLATION_PIPELINE_SENSOR_INTERVAL_S": "2",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        **(environment or {}),
    }
    with ExitStack() as stack:
        cloud = stack.enter_context(running_server(config))
        stack.enter_context(patch.dict(os.environ, more))
        spoken = ", ".join(target_languages(languages))
        opened = stack.enter_context(
            product(
                cloud,
                home,
                "prod",
                languages=spoken,
                catalog=catalog,
                database_url=database_url or f"sqlite:///{home / 'ledger.db'}",
                lease_s="4",
            )
        )
        dg.DagsterInstance.get().dispose()  # makes the tables before several servers would
        stack.callback(_kill_all, mark)
        yield Production(
            product=opened,
            dev=DevSession(
                f"http://127.0.0.1:{ui_port}", cloud.process, home, cloud.endpoint, mark
            ),
            environment={**os.environ, **opened.environment, MARK: mark},
            ready={
                "code": lambda: _listens(int(code_port)),
                "webserver": lambda: answers(f"http://127.0.0.1:{ui_port}/server_info"),
            },
            commands={
                **(_servers(code_port, ui_port) if database_url else _servers_of_one(ui_port)),
                **(servers or {}),
            },
        )


def _prepare(home: Path, dagster_yaml: Path) -> None:
    (home / "dagster").mkdir(parents=True)
    (home / "logs").mkdir()
    config = dagster_yaml.read_text("utf-8")
    assert MONITORING[0] in config
    config = config.replace(*MONITORING) + QUEUE
    (home / "dagster" / "dagster.yaml").write_text(config, "utf-8")


def _servers(code_port: str, ui_port: str) -> dict[str, list[str]]:
    """The servers of PostgreSQL, by name."""
    code = ["dagster", "api", "grpc", "-m", "translation_pipeline.definitions"]
    return {
        "code": [*code, "-p", code_port, *AT_HOME],
        **_servers_of_one(ui_port, DEPLOY / "workspace.yaml"),
    }


def _servers_of_one(
    ui_port: str, workspace: Path = ROOT / "workspace.yaml"
) -> dict[str, list[str]]:
    return {
        "webserver": ["dagster-webserver", "-w", str(workspace), "-p", ui_port, *AT_HOME],
        "daemon": ["dagster-daemon", "run", "-w", str(workspace)],
    }


def _free_box(text: str) -> bytes:
    """A box at the end of a video that players skip: the same pictures as another content."""
    return (8 + len(text)).to_bytes(4, "big") + b"free" + text.encode()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _kill_all(mark: str) -> None:
    for process in marked_processes(mark):
        process.kill()
