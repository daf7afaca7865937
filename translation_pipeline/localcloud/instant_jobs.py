"""Jobs without media work, for load tests (`localcloud --instant`): they end at a simulated time.

No timer and no process per job: each job is a row that says when it is due, and one task moves
all due jobs on in batches. The translated video is the input itself, captions are one fixed cue.
Nothing looks into the files, so anything can be a video, and every video counts as one minute.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from translation_pipeline.localcloud.addresses import ObjectAddress
from translation_pipeline.localcloud.faults import (
    EndlessJob,
    FailingJob,
    MissingOutput,
)
from translation_pipeline.localcloud.instant_outputs import (
    InstantOutputs,
    Output,
    OutputRefusedError,
    outputs_of,
)
from translation_pipeline.localcloud.job_store import JobStore
from translation_pipeline.localcloud.jobs import Job, JobOrder, JobState
from translation_pipeline.localcloud.media_assets import MediaAssets
from translation_pipeline.localcloud.objects import ObjectStore

BATCH = 200  # jobs that move on together
PAUSE_S = 0.02  # so that jobs gather for a batch
PAUSE_AFTER_ERROR_S = 0.5
WAITING_SHARE = 0.1  # of a job's duration
BILLED_MINUTES = 1  # per language

logger = logging.getLogger(__name__)


class InstantEngine:
    """Moves simulated jobs on. `duration_s` are the shortest and the longest from submit to end."""

    def __init__(
        self,
        jobs: JobStore,
        objects: ObjectStore,
        assets: MediaAssets,
        work_dir: Path,
        *,
        duration_s: tuple[float, float],
    ) -> None:
        self._jobs = jobs
        self._assets = assets
        shutil.rmtree(work_dir, ignore_errors=True)
        work_dir.mkdir(parents=True)
        self._outputs = InstantOutputs(objects, work_dir / "captions.srt")
        self._duration_s = duration_s
        self._work_came = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take up what is unfinished, then whatever comes."""
        self._jobs.adopt()
        self._task = asyncio.create_task(self._serve())

    async def stop(self) -> None:
        """Let the running batch come to its end. Unfinished jobs stay for the next start."""
        self._stopping = True
        self.wake()
        if self._task is not None:
            await self._task

    def wake(self) -> None:
        """Say that a job was accepted."""
        self._work_came.set()

    def due_in_s(self, order: JobOrder) -> float:
        """How long the job waits until it runs."""
        return WAITING_SHARE * self._duration(order)

    def _duration(self, job: Job | JobOrder) -> float:
        return random.Random(job.duration_seed).uniform(*self._duration_s)  # noqa: S311

    async def _serve(self) -> None:
        while not self._stopping:
            due = self._jobs.due(time.time(), BATCH)
            try:
                await (self._move_on(due) if due else self._wait())
            except Exception:  # such as a full disk; the jobs are still due
                logger.exception("%d simulated jobs could not move on", len(due))
                await asyncio.sleep(PAUSE_AFTER_ERROR_S)
            await asyncio.sleep(PAUSE_S)

    async def _wait(self) -> None:
        """Until a job comes, or one that is there is due."""
        self._work_came.clear()
        due_at = self._jobs.next_due_at()
        patience_s = None
        if due_at is not None and not math.isinf(due_at):
            patience_s = max(due_at - time.time(), 0.0)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._work_came.wait(), patience_s)

    async def _move_on(self, due: Sequence[Job]) -> None:
        """Let every due job do its next step: begin, end, or show its files late."""
        now = time.time()
        late = [job for job in due if job.state is JobState.FINISHED]
        open_jobs = [job for job in due if job.state is not JobState.FINISHED]
        ends_at = {job.number: self._ends_at(job) for job in open_jobs}
        ending = [(job, outputs_of(job)) for job in open_jobs if ends_at[job.number] <= now]
        storing = [(job, outputs) for job, outputs in ending if not _hides_outputs(job)]
        storing += [(job, outputs_of(job)) for job in late]
        refused = await asyncio.to_thread(self._outputs.store, storing)
        results = {job.number: self._result(job, outputs) for job, outputs in ending}
        with self._jobs.transaction():
            for job in late:
                self._jobs.postpone(job, None)
            for job in open_jobs:
                if job.number in results:
                    self._end(job, results[job.number], refused.get(job.number))
                else:
                    self._jobs.begin(job, ends_at[job.number])

    def _ends_at(self, job: Job) -> float:
        return math.inf if job.fault(EndlessJob) else job.created_at + self._duration(job)

    def _result(self, job: Job, outputs: Sequence[Output]) -> list[dict[str, str]]:
        """What the job records of its files; each video becomes a media asset."""
        result = []
        for output in outputs:
            told = {"role": output.role, "language": output.language, "key": output.key}
            if output.role == "video":
                told["media_id"] = self._assets.add(
                    ObjectAddress(job.output.bucket, output.key), {}
                )
            result.append(told)
        return result

    def _end(
        self, job: Job, outputs: list[dict[str, str]], refused: OutputRefusedError | None
    ) -> None:
        failing, missing = job.fault(FailingJob), job.fault(MissingOutput)
        if failing is not None:
            self._jobs.fail(job, failing.code, failing.message)
        elif refused is not None:
            self._jobs.fail(job, refused.code, str(refused))
        else:
            languages = {output["language"] for output in outputs}
            self._jobs.finish(job, {"outputs": outputs}, BILLED_MINUTES * len(languages))
            if missing is not None and missing.delay_s is not None:
                self._jobs.postpone(job, time.time() + missing.delay_s)


def _hides_outputs(job: Job) -> bool:
    """Whether a job ends without files, or without them for a while."""
    return job.fault(FailingJob) is not None or job.fault(MissingOutput) is not None
