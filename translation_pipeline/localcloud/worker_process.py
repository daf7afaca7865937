"""The server's side of a worker process: start it, hand it one order at a time, end it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from typing import Any, cast

WORKER_MODULE = "translation_pipeline.localcloud.worker"
LONGEST_ANSWER_BYTES = 4 * 2**20


class WorkerDiedError(Exception):
    """The process ended in the middle of an order: killed, out of memory, or crashed."""


class WorkerProcess:
    """A process for media work. It starts with the first order and again after it died."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The running process, or None between two of them."""
        return self._process.pid if self._process else None

    async def run(self, order: dict[str, Any]) -> dict[str, Any]:
        """The worker's answer to `order` (see `worker.run`). Raises `WorkerDiedError`."""
        process = self._process or await self._start()
        orders = cast(asyncio.StreamWriter, process.stdin)  # both are pipes, see _start
        answers = cast(asyncio.StreamReader, process.stdout)
        answer = b""
        with suppress(ConnectionError):  # a process that died before it read the order
            orders.write(json.dumps(order).encode() + b"\n")
            await orders.drain()
            answer = await answers.readline()
        if not answer.endswith(b"\n"):
            await self.close()
            raise WorkerDiedError(f"worker process {process.pid} ended with {process.returncode}")
        parsed: dict[str, Any] = json.loads(answer)
        return parsed

    async def close(self) -> None:
        """End the process and every program that it started."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            WORKER_MODULE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # a group of its own: Ctrl-C is the server's to handle
            limit=LONGEST_ANSWER_BYTES,
        )
        return self._process
