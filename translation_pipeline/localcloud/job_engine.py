"""Runs the jobs of the store in worker processes, in order of acceptance, and stores the results.

A worker that dies fails its job after one repetition and is replaced. Jobs that had not ended
when the server stopped, or was killed, run again after the next start.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from translation_pipeline.localcloud.addresses import ObjectAddress
from translation_pipeline.localcloud.job_store import JobStore
from translation_pipeline.localcloud.jobs import Job, JobKind, JobOrder
from translation_pipeline.localcloud.media_assets import MediaAssets
from translation_pipeline.localcloud.objects import ObjectStore
from translation_pipeline.localcloud.oss_errors import OssError
from translation_pipeline.localcloud.output_keys import output_key
from translation_pipeline.localcloud.worker_process import WorkerDiedError

logger = logging.getLogger(__name__)

PACKAGE = "translation_pipeline.localcloud"
MEDIA_FUNCTIONS = {kind: f"{PACKAGE}.media_jobs:{kind.value}" for kind in JobKind}

TRIES_AFTER_A_DEATH = 1
MAX_FILE_NAME_BYTES = 255


class InputGoneError(Exception):
    """An input object was deleted between submit and the start of the job."""


class Runner(Protocol):
    """Carries out orders, one at a time."""

    async def run(self, order: dict[str, Any]) -> dict[str, Any]:
        """The answer of the order's function (see `worker.run`). Raises `WorkerDiedError`."""

    async def close(self) -> None:
        """End whatever runs."""


class Engine(Protocol):
    """Brings the jobs of the store to their end: by media work, or by simulation."""

    async def start(self) -> None:
        """Take up what is unfinished, then whatever comes."""

    async def stop(self) -> None:
        """End all work; unfinished jobs stay for the next start."""

    def wake(self) -> None:
        """Say that a job was accepted."""

    def due_in_s(self, order: JobOrder) -> float | None:
        """After how long a simulated job is due for the first time; None when it is real."""


class JobEngine:
    """`functions` says per kind of job what is called, as `module:function` (see `media_jobs`)."""

    def __init__(
        self,
        jobs: JobStore,
        objects: ObjectStore,
        assets: MediaAssets,
        work_dir: Path,
        *,
        runners: list[Runner],
        functions: Mapping[JobKind, str],
    ) -> None:
        self._jobs = jobs
        self._objects = objects
        self._assets = assets
        self._work_dir = work_dir
        self._runners = runners
        self._functions = functions
        self._work_came = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take up what is unfinished, then whatever comes."""
        shutil.rmtree(self._work_dir, ignore_errors=True)
        self._work_dir.mkdir(parents=True, exist_ok=True)
        self._jobs.requeue_running()
        self._tasks = [asyncio.create_task(self._serve(runner)) for runner in self._runners]

    async def stop(self) -> None:
        """End all workers. Unfinished jobs stay for the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(runner.close() for runner in self._runners))

    def wake(self) -> None:
        """Say that a job was accepted."""
        self._work_came.set()

    def due_in_s(self, order: JobOrder) -> float | None:
        """Real work begins when a worker is free."""
        return None

    async def _serve(self, runner: Runner) -> None:
        while True:
            job = self._jobs.claim_next()
            if job is None:
                self._work_came.clear()
                await self._work_came.wait()
            else:
                await self._carry_out(job, runner)

    async def _carry_out(self, job: Job, runner: Runner) -> None:
        folder = self._work_dir / f"{job.job_id}.{job.worker_deaths}"
        try:
            order = await asyncio.to_thread(self._prepare, job, folder)
            await self._record(job, await runner.run(order))
        except InputGoneError as gone:
            self._jobs.fail(job, "InputFileNotFound", f"{gone} was deleted before the job began.")
        except WorkerDiedError as death:
            logger.warning("job %s: %s", job.job_id, death)
            self._after_death(job)
        except Exception as error:
            logger.exception("job %s", job.job_id)
            self._jobs.fail(job, "InternalError", f"The job could not be completed: {error}")
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _after_death(self, job: Job) -> None:
        if job.worker_deaths < TRIES_AFTER_A_DEATH:
            self._jobs.requeue_after_death(job)
            return
        self._jobs.fail(
            job,
            "InternalError",
            "The worker process died twice with this job (killed, or out of memory). "
            "Try a shorter or smaller video, or fewer workers.",
        )

    def _prepare(self, job: Job, folder: Path) -> dict[str, Any]:
        """Snapshot the inputs: a job is not disturbed when its source is replaced or deleted."""
        output_dir = folder / "output"
        output_dir.mkdir(parents=True)
        inputs = {}
        for role, address in job.inputs.items():
            path = folder / role / _file_name(address.key)
            path.parent.mkdir()
            self._fetch(address, path)
            inputs[role] = str(path)
        return {
            "function": self._functions[job.kind],
            "work": job.work,
            "inputs": inputs,
            "output_dir": str(output_dir),
            # Workers share the cores: each thinking that it has all of them slows all down.
            "threads": max(1, (os.cpu_count() or 1) // len(self._runners)),
        }

    async def _record(self, job: Job, answer: dict[str, Any]) -> None:
        if "error" in answer:
            self._jobs.fail(job, answer["error"]["code"], answer["error"]["message"])
            return
        outputs = await asyncio.to_thread(self._store, job, answer["files"])
        for output in outputs:
            if output["role"] == "video":
                address = ObjectAddress(job.output.bucket, output["key"])
                output["media_id"] = self._assets.add(address, {})
        languages = {output["language"] for output in outputs}
        self._jobs.finish(
            job,
            {"outputs": outputs, "dubbing": answer.get("dubbing")},
            billed_minutes=math.ceil(answer["duration_s"] / 60) * len(languages),
        )

    def _store(self, job: Job, files: list[dict[str, str]]) -> list[dict[str, str]]:
        """Put the result files into the bucket one by one, each whole."""
        outputs = []
        for number, file in enumerate(files, start=1):
            key = output_key(job.work, file["role"], file["language"], number)
            self._objects.put_file(job.output.bucket, key, Path(file["path"]))
            outputs.append({"role": file["role"], "language": file["language"], "key": key})
        return outputs

    def _fetch(self, address: ObjectAddress, path: Path) -> None:
        """The bytes of an object under a path of our own, without a copy where links exist."""
        try:
            stored, file = self._objects.open(address.bucket, address.key)
        except OssError as error:
            raise InputGoneError(str(address)) from error
        with file:
            try:
                os.link(stored.path, path)
            except OSError:  # another file system, or the object was replaced this very moment
                with path.open("wb") as copy:
                    shutil.copyfileobj(file, copy)


def _file_name(key: str) -> str:
    """The last part of the key, by which messages about the file name it, if a file may."""
    path = PurePosixPath(key)
    if path.name in ("", "..") or len(path.name.encode()) > MAX_FILE_NAME_BYTES:
        return f"input{path.suffix[:16]}"
    return path.name
