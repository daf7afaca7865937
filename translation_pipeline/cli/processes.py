"""Local server processes that are started together and never outlive whoever started them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from urllib.error import URLError
from urllib.request import urlopen

from translation_pipeline.errors import TranslationPipelineError

GRACE_S = 15.0  # for a clean stop, before a process group is killed
LOG_TAIL = 4000  # characters of a dead process's log that an error quotes


class ProcessDied(TranslationPipelineError):  # noqa: N818
    """A local server ended by itself. The text quotes the end of its log."""


class LocalProcess:
    """One server in a process group of its own, writing to a log file."""

    def __init__(
        self, name: str, command: Sequence[str], env: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                list(command),
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def wait_until(self, ready: Callable[[], bool], within_s: float) -> None:
        """Return once `ready` is true; raises `ProcessDied` when it ends or takes too long."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if not self.alive:
                raise ProcessDied(f"{self.name} ended while it started:\n{self._log_tail()}")
            if ready():
                return
            time.sleep(0.1)
        raise ProcessDied(
            f"{self.name} did not answer within {within_s:.0f} s:\n{self._log_tail()}"
        )

    def ask_to_end(self) -> None:
        """Signal the whole group, so that runs in it end cleanly too and say so in their logs."""
        self._signal_group(signal.SIGTERM)

    def end(self, deadline: float) -> None:
        """Wait for the whole group until a moment of the monotonic clock, then end what is left."""
        while self._group_lives() and time.monotonic() < deadline:
            time.sleep(0.1)
        self.kill()

    def kill(self) -> None:
        """End the whole group at once."""
        self._signal_group(signal.SIGKILL)
        self._process.wait()

    def _signal_group(self, number: signal.Signals | int) -> bool:
        """Whether there was anybody to get the signal; 0 only asks."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
            return True
        return False

    def _group_lives(self) -> bool:
        self._process.poll()  # a process that ended belongs to its group until it is waited for
        return self._signal_group(0)

    def _log_tail(self) -> str:
        return self.log.read_text("utf-8", errors="replace")[-LOG_TAIL:]


class ProcessGroup:
    """Processes that are stopped together; a context manager."""

    def __init__(self) -> None:
        self._processes: list[LocalProcess] = []

    def start(
        self, name: str, command: Sequence[str], env: Mapping[str, str], log: Path
    ) -> LocalProcess:
        """Start one more."""
        process = LocalProcess(name, command, env, log)
        self._processes.append(process)
        return process

    def first_dead(self) -> LocalProcess | None:
        """A process that ended although nobody stopped it."""
        return next((process for process in self._processes if not process.alive), None)

    def stop(self) -> None:
        """Stop all of them."""
        for process in self._processes:
            process.ask_to_end()
        deadline = time.monotonic() + GRACE_S
        while self._processes:
            self._processes.pop().end(deadline)

    def __enter__(self) -> ProcessGroup:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def answers(url: str) -> bool:
    """Whether an HTTP GET of a local address succeeds."""
    try:
        with urlopen(url, timeout=2) as response:  # noqa: S310 - addresses made in this product
            return bool(response.status == 200)
    except (URLError, OSError):
        return False
