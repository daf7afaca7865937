"""One async loop that submits, waits for, checks and frees any number of jobs.

The loop owns no truth: every step is read from and written to the ledger, so it can be killed
at any point and the next one goes on from there. Stopping leaves jobs in flight where they are.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from translation_pipeline.errors import (
    AccessRefused,
    BucketUnusable,
    OutputMissing,
    OutputRefused,
    ProviderError,
    StorageAway,
    StorageError,
)
from translation_pipeline.ledger.jobs import Change, OpenJob
from translation_pipeline.ledger.ledger import Ledger
from translation_pipeline.ledger.models import Job
from translation_pipeline.ledger.polling import changes_of, next_look_s
from translation_pipeline.ledger.recorder import Recorder
from translation_pipeline.ledger.retry import Decision, decide
from translation_pipeline.ledger.states import JobState
from translation_pipeline.ledger.submitting import Sent, Submitter
from translation_pipeline.ledger.throttle import Throttle
from translation_pipeline.providers.base import Provider
from translation_pipeline.settings import Pace

HEARTBEATS_PER_LEASE = 3
CHECKED_TOGETHER = 32  # outputs; what is found of them is one transaction
OUTPUT_GRACE_S = 60.0  # for an output to appear after the service said that it is done
LOOK_AGAIN_S = 1.0
IDLE_S = 0.5  # between looks at what is to be submitted


class Delivery(Protocol):
    """What the runner needs to know about objects; the stages implement it."""

    def preflight(self, job: Job) -> None:
        """Raise `CallRefused` when the inputs are no longer what was planned."""

    def output_exists(self, job: Job) -> bool:
        """Whether the job's own output object is there."""

    def deliver(self, jobs: Sequence[Job]) -> Mapping[str, OutputRefused | StorageError]:
        """Check outputs and hand them to whoever wants them; returns what is wrong, by job."""


@dataclass
class RunSummary:
    """What one run of the loop did."""

    submitted: int = 0
    verified: int = 0
    failed: int = 0
    unknown: int = 0
    stopped_by: str | None = None


class Runner:
    """Works on jobs of the ledger until none is left, or until it is told to stop."""

    def __init__(
        self,
        ledger: Ledger,
        providers: Mapping[str, Provider],
        delivery: Delivery,
        *,
        run_id: str,
        pace: Pace,
    ) -> None:
        self._ledger = ledger
        self._providers = providers
        self._delivery = delivery
        self._run_id = run_id
        self._pace = pace
        self._owner = f"{run_id}:{uuid.uuid4().hex[:8]}"
        self._recorder = Recorder(lambda changes: ledger.apply(changes, run_id, self._owner))
        self._mine: dict[JobState, dict[str, OpenJob]] = defaultdict(dict)
        self._throttles: dict[tuple[str, str], Throttle] = {}
        self._next_look: dict[str, float] = {}
        self._summary = RunSummary()
        self._over = asyncio.Event()

    def stop(self, reason: str) -> None:
        """End after the present step; what is in flight stays in flight."""
        self._summary.stopped_by = self._summary.stopped_by or reason
        self._over.set()

    async def run(
        self, job_ids: Collection[str] | None = None, *, submit_only: bool = False
    ) -> RunSummary:
        """Work on these jobs (all open ones, without an argument) until they are settled.

        `submit_only` returns as soon as nothing is left to submit.
        """
        heartbeat = asyncio.create_task(self._beat())
        loops = [self._submit_loop()]
        if not submit_only:
            loops += [self._poll_loop(), self._deliver_loop()]
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            await self._claim_until_over(job_ids, tasks, submit_only)
            await asyncio.gather(*tasks)
        finally:
            self._over.set()
            for task in (heartbeat, *tasks):
                task.cancel()
            await asyncio.gather(heartbeat, *tasks, return_exceptions=True)
            await asyncio.to_thread(self._ledger.release, self._owner)
        return self._summary

    async def _claim_until_over(
        self,
        job_ids: Collection[str] | None,
        tasks: Sequence[asyncio.Task[None]],
        submit_only: bool,
    ) -> None:
        look_at_unknown = not submit_only
        while not self._over.is_set():
            room = self._pace.jobs_in_flight - self._in_hand()
            claimed = await asyncio.to_thread(
                self._ledger.claim, self._owner, job_ids, room, look_at_unknown
            )
            look_at_unknown = False
            for job in claimed:
                self._keep(job)
            if any(task.done() for task in tasks):
                return  # it failed; gathering the tasks says why
            if await self._nothing_left(job_ids, submit_only):
                self._over.set()
            await self._pause(min(self._pace.poll_interval_s, 1.0))

    async def _nothing_left(self, job_ids: Collection[str] | None, submit_only: bool) -> bool:
        if submit_only:
            return not self._mine[JobState.RESERVED] and not self._to_reconcile()
        if self._in_hand():
            return False
        # Jobs that another process holds are waited for: it may die.
        return not await asyncio.to_thread(self._ledger.unsettled, job_ids)

    async def _submit_loop(self) -> None:
        submitter = Submitter(
            self._ledger,
            self._providers,
            self._delivery,
            self._recorder,
            run_id=self._run_id,
            owner=self._owner,
            pace=self._pace,
        )
        while not self._over.is_set():
            lost = self._to_reconcile()
            throttles = {key: self._throttle(*key) for key in _accounts(lost)}
            self._take(await submitter.reconcile(lost, throttles))
            wait_s = min(IDLE_S, self._pace.poll_interval_s)
            reserved = list(self._mine[JobState.RESERVED].values())
            for account in _accounts(reserved):
                jobs = [job for job in reserved if (job.provider, job.account) == account]
                throttle = self._throttle(*account)
                turn = await asyncio.to_thread(throttle.take, min(len(jobs), Submitter.AT_ONCE))
                self._take(await submitter.submit(jobs[: turn.granted], throttle))
                wait_s = min(wait_s, turn.wait_s)
            await self._pause(wait_s)

    def _take(self, sent: Sent) -> None:
        """Keep what the submitter brought back."""
        for job in sent.gone:
            self._forget(job.id)
        for job in sent.jobs:
            self._note(job)
        self._summary.submitted += sent.submitted
        if sent.stopped_by:
            self.stop(sent.stopped_by)

    async def _poll_loop(self) -> None:
        while not self._over.is_set():
            started = time.monotonic()
            groups: dict[tuple[str, str], list[OpenJob]] = defaultdict(list)
            for state in (JobState.SUBMITTED, JobState.RUNNING, JobState.UNKNOWN):
                for job in self._mine[state].values():
                    if job.remote_id and self._is_due(job, started):
                        groups[job.provider, job.kind].append(job)
            for (provider, kind), jobs in groups.items():
                await self._poll(self._providers[provider], kind, jobs)
            spent_s = time.monotonic() - started
            await self._pause(max(0.05, self._pace.poll_interval_s - spent_s))

    def _is_due(self, job: OpenJob, now_s: float) -> bool:
        """Jobs that share a call are always due, others less often the older they are."""
        if self._providers[job.provider].polls_in_batches(job.kind):
            return True
        if now_s < self._next_look.get(job.id, 0.0):
            return False
        age_s = (self._ledger.now() - job.sent_at).total_seconds() if job.sent_at else 0.0
        self._next_look[job.id] = now_s + next_look_s(age_s)
        return True

    async def _poll(self, provider: Provider, kind: str, jobs: Sequence[OpenJob]) -> None:
        try:
            found = await provider.poll_many(kind, [job.remote_id or "" for job in jobs])
        except ProviderError as error:
            if decide(error) not in (Decision.WAIT, Decision.RECONCILE):
                self.stop(f"{provider.name} does not tell of its jobs: {error}. None was lost.")
            return  # a read that was throttled or broke off is made again in the next round
        changes, unmoved = changes_of(jobs, found, self._ledger.now())
        for job in unmoved:
            self._forget(job.id)
        await asyncio.to_thread(self._ledger.release, self._owner, [job.id for job in unmoved])
        if changes:
            await self._apply(changes)

    async def _deliver_loop(self) -> None:
        while not self._over.is_set():
            now_s = time.monotonic()
            due = [
                job
                for job in self._mine[JobState.FINISHED].values()
                if self._next_look.get(job.id, 0.0) <= now_s
            ]
            if due:
                await self._deliver([job.id for job in due[:CHECKED_TOGETHER]])
            else:
                await self._pause(0.2)

    async def _deliver(self, job_ids: Sequence[str]) -> None:
        rows = await asyncio.to_thread(self._ledger.jobs, job_ids)
        refused = await asyncio.to_thread(self._delivery.deliver, rows)
        changes = []
        for row in rows:
            error = refused.get(row.id)
            if error is None:
                words = "its output is what was asked for"
                changes.append(Change(row.id, JobState.VERIFIED, words))
            elif isinstance(error, AccessRefused | BucketUnusable):
                # It stays finished; a later run looks at it.
                self.stop(f"OSS refuses access: {error} No output was lost.")
            elif self._may_mend_itself(error, row):
                self._next_look[row.id] = time.monotonic() + LOOK_AGAIN_S
            else:
                changes.append(Change(row.id, JobState.FAILED, str(error), reason=str(error)))
        if changes:
            await self._apply(changes)

    async def _apply(self, changes: Sequence[Change]) -> None:
        """Take steps, and let jobs go that somebody else took over."""
        applied = await asyncio.to_thread(self._ledger.apply, changes, self._run_id, self._owner)
        for job in applied.jobs:
            self._note(job)
        for job_id in applied.refused:
            self._forget(job_id)

    def _may_mend_itself(self, error: OutputRefused | StorageError, row: Job) -> bool:
        """OSS is away, or the output is late: services say "done" before it can be read."""
        if isinstance(error, StorageAway):
            return True
        if not isinstance(error, OutputMissing) or row.finished_at is None:
            return False
        return (self._ledger.now() - row.finished_at).total_seconds() < OUTPUT_GRACE_S

    def _throttle(self, provider: str, account: str) -> Throttle:
        key = (provider, account)
        if key not in self._throttles:
            self._throttles[key] = Throttle(
                self._ledger.database, provider, account,
                calls_per_s=self._pace.submits_per_s, jobs_in_flight=self._pace.jobs_in_flight,
            )  # fmt: skip
        return self._throttles[key]

    def _to_reconcile(self) -> list[OpenJob]:
        unknown = self._mine[JobState.UNKNOWN].values()
        return [
            *self._mine[JobState.INTENT].values(),
            *(job for job in unknown if job.remote_id is None),
        ]

    def _in_hand(self) -> int:
        return sum(map(len, self._mine.values()))

    def _keep(self, job: OpenJob) -> None:
        for jobs in self._mine.values():
            jobs.pop(job.id, None)
        self._mine[job.state][job.id] = job

    def _forget(self, job_id: str) -> None:
        for jobs in self._mine.values():
            jobs.pop(job_id, None)
        self._next_look.pop(job_id, None)

    def _note(self, job: OpenJob) -> None:
        """A job changed: keep it, or count its end and let it go."""
        if job.state is JobState.FINISHED:
            self._next_look.pop(job.id, None)  # its output is due at once
        counter = _ENDS.get(job.state)
        if counter is None:
            self._keep(job)
            return
        self._forget(job.id)
        setattr(self._summary, counter, getattr(self._summary, counter) + 1)

    async def _pause(self, seconds: float) -> None:
        """Sleep, but no longer than the run."""
        try:
            await asyncio.wait_for(self._over.wait(), max(seconds, 0.001))
        except asyncio.TimeoutError:
            return

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._ledger.lease.total_seconds() / HEARTBEATS_PER_LEASE)
            held = [job_id for jobs in self._mine.values() for job_id in jobs]
            await asyncio.to_thread(self._ledger.renew, self._owner, held)


_ENDS = {
    JobState.VERIFIED: "verified",
    JobState.FAILED: "failed",
    JobState.UNKNOWN: "unknown",
    JobState.ABANDONED: "failed",
}


def _accounts(jobs: Sequence[OpenJob]) -> list[tuple[str, str]]:
    """Provider and account of these jobs, each once."""
    return sorted({(job.provider, job.account) for job in jobs})
