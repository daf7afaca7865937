"""`translation-pipeline dev`: embedded cloud, Dagster webserver and daemon, one Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from translation_pipeline.cli.local_home import LocalHome, cloud_config, product_file
from translation_pipeline.cli.processes import ProcessDied, ProcessGroup, answers
from translation_pipeline.defs.instance_storage import DATABASE
from translation_pipeline.localcloud.process import running_server
from translation_pipeline.pipeline import read_catalog
from translation_pipeline.settings import Settings
from translation_pipeline.storage import Storage

if TYPE_CHECKING:
    import dagster as dg

START_S = 60.0
LOST = "Its session was stopped while it worked; nothing that was paid for is lost."


@dataclass(frozen=True)
class DevAddresses:
    """Where the servers of a `dev` session answer."""

    ui: str
    cloud: str


def run_dev(
    home: LocalHome,
    *,
    ui_port: int,
    cloud_port: int,
    instant: bool,
    ready: Callable[[DevAddresses], None],
) -> None:
    """Run everything until SIGINT or SIGTERM, then stop all of it.

    `instant` replaces the media work of the embedded cloud by a copy.
    Raises `ProcessDied` when a server ends by itself; the others are stopped.
    """
    home.prepare()
    stop = threading.Event()
    with (
        _stop_signals(stop),
        running_server(cloud_config(home, cloud_port, instant=instant)) as cloud,
        ProcessGroup() as processes,
    ):
        env = home.environment(cloud)
        os.environ.update(env)
        _make_buckets()
        _initialise_instance()
        workspace = str(product_file("workspace.yaml"))
        ui = f"http://127.0.0.1:{ui_port}"
        webserver = processes.start(
            "dagster-webserver",
            [*_module("dagster_webserver"), "-w", workspace, "-p", str(ui_port), "-h", "127.0.0.1"],
            env,
            home.log("webserver"),
        )
        processes.start(
            "dagster-daemon",
            [*_module("dagster._daemon"), "run", "-w", workspace],
            env,
            home.log("daemon"),
        )
        webserver.wait_until(lambda: stop.is_set() or answers(f"{ui}/server_info"), START_S)
        if not stop.is_set():
            ready(DevAddresses(ui=ui, cloud=cloud.endpoint))
        while not stop.wait(0.5):
            dead = processes.first_dead()
            if dead is not None:
                raise ProcessDied(f"{dead.name} ended by itself; its log is {dead.log}.")
            if cloud.process.poll() is not None:
                raise ProcessDied("The embedded cloud ended by itself.")


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]


def _make_buckets() -> None:
    """The buckets that the catalog names: in a real account they exist, here nobody made them."""
    settings = Settings.from_environment()
    catalog = read_catalog(settings.catalog_path)
    storage = Storage.from_settings(settings)
    for bucket in {catalog.bucket, catalog.output_bucket}:
        storage.create_bucket(bucket)


def _initialise_instance() -> None:
    """Make Dagster's tables before several processes would race to make them."""
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        if DATABASE not in os.environ:  # else machines that share the database may be at work
            _give_up_lost_runs(instance)


def _give_up_lost_runs(instance: dg.DagsterInstance) -> None:
    """End the runs that an earlier session left behind, so that the daemon starts them again.

    They died with their session, but Dagster's own launcher cannot tell and would wait for them
    (run_monitoring in dagster.yaml). A new run finds in the ledger what is paid for already.
    """
    from dagster import DagsterRunStatus, RunsFilter
    from dagster._core.events import JobFailureData, RunFailureReason

    alive = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    for run in instance.get_runs(RunsFilter(statuses=alive)):
        if run.status is DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, LOST)
        else:
            reason = JobFailureData(error=None, failure_reason=RunFailureReason.RUN_WORKER_RESTART)
            instance.report_run_failed(run, LOST, reason)


@contextmanager
def _stop_signals(stop: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM set `stop`, so that everything is stopped in order."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *_: stop.set())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def default_home(name: str = "") -> Path:
    """The home of commands that were given none: below the present folder."""
    return (Path(".translation_pipeline") / name).resolve()
