"""Sending jobs so that nothing can make them pay twice: intent, call, record; else reconcile."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from translation_pipeline.errors import (
    AccessRefused,
    BucketUnusable,
    CallRefused,
    CallThrottled,
    LedgerError,
    ProviderError,
    StorageAway,
    StorageError,
)
from translation_pipeline.ledger.jobs import Change, OpenJob
from translation_pipeline.ledger.ledger import Ledger
from translation_pipeline.ledger.models import Attempt, Job
from translation_pipeline.ledger.polling import deadline_s
from translation_pipeline.ledger.recorder import Recorder
from translation_pipeline.ledger.retry import ADVICE, Decision, decide
from translation_pipeline.ledger.states import JobState
from translation_pipeline.ledger.throttle import Throttle
from translation_pipeline.providers.base import Lookup, Provider, Submission
from translation_pipeline.providers.requests import request_from_json
from translation_pipeline.settings import Pace

if TYPE_CHECKING:
    from translation_pipeline.ledger.runner import Delivery

NO_PROOF = (
    "The answer to its submit was lost, and this service neither lists such jobs nor takes a "
    "repeat safely. If its output appears, it is taken; otherwise a person decides."
)
REPEAT_REFUSED = "The answer to its submit was lost, and its repetition was refused"
BY_POLICY = "No proof was found before its deadline; the setting TRANSLATION_PIPELINE_WHEN_UNKNOWN"
QUOTA_PAUSE_S = 30.0  # before the one repetition that a full quota allows (ims.md section 11)


@dataclass
class Sent:
    """What came of a batch: jobs as they are now, and whether the account must stop."""

    jobs: list[OpenJob] = field(default_factory=list)
    gone: list[OpenJob] = field(default_factory=list)
    """Jobs that somebody else took over meanwhile."""
    submitted: int = 0
    stopped_by: str | None = None


class Submitter:
    """Sends batches of jobs of one runner."""

    AT_ONCE = 64

    def __init__(
        self,
        ledger: Ledger,
        providers: Mapping[str, Provider],
        delivery: Delivery,
        recorder: Recorder,
        *,
        run_id: str,
        owner: str,
        pace: Pace,
    ) -> None:
        self._ledger = ledger
        self._providers = providers
        self._delivery = delivery
        self._recorder = recorder
        self._run_id = run_id
        self._owner = owner
        self._reconcile_after_s = pace.reconcile_after_s
        self._when_unknown = pace.when_unknown
        self._doubtful_since: dict[str, float] = {}
        self._quota_full_since: float | None = None

    async def submit(self, jobs: Sequence[OpenJob], throttle: Throttle) -> Sent:
        """Send reserved jobs, each after a durable intent."""
        sent = Sent()
        if not jobs:
            return sent
        rows = {row.id: row for row in await asyncio.to_thread(self._ledger.jobs, _ids(jobs))}
        by_source: dict[tuple[str, str], list[OpenJob]] = defaultdict(list)
        for job in jobs:
            row = rows[job.id]
            source = request_from_json(row.request).video
            by_source[source.to_oss(), row.source_etag].append(job)
        checked = await asyncio.gather(
            *(self._preflight(group, rows[group[0].id], sent) for group in by_source.values())
        )
        good = [job for group in checked for job in group]
        attempts = await asyncio.to_thread(
            self._ledger.begin_attempts, _ids(good), self._run_id, self._owner
        )
        sent.gone += [job for job in good if job.id not in attempts]
        await asyncio.gather(
            *(
                self._send(job, rows[job.id], attempts[job.id], throttle, sent)
                for job in good
                if job.id in attempts
            )
        )
        return sent

    async def reconcile(
        self, jobs: Sequence[OpenJob], throttles: Mapping[tuple[str, str], Throttle]
    ) -> Sent:
        """Find out about jobs whose submit went unanswered; nothing is repeated unproven."""
        sent = Sent()
        by_provider: dict[str, list[tuple[OpenJob, Attempt]]] = defaultdict(list)
        for job in jobs:
            attempt = await asyncio.to_thread(self._ledger.attempt, job.id)
            if self._may_be_listed(job, attempt):
                by_provider[job.provider].append((job, attempt))
        for provider, doubtful in by_provider.items():
            await self._reconcile_at(self._providers[provider], doubtful, throttles, sent)
        return sent

    async def _reconcile_at(
        self,
        provider: Provider,
        doubtful: Sequence[tuple[OpenJob, Attempt]],
        throttles: Mapping[tuple[str, str], Throttle],
        sent: Sent,
    ) -> None:
        ids = [job.id for job, _ in doubtful]
        rows = {row.id: row for row in await asyncio.to_thread(self._ledger.jobs, ids)}
        lookups = [
            Lookup(
                job.id,
                request_from_json(rows[job.id].request),
                attempt.user_data,
                attempt.intent_at.timestamp(),
            )
            for job, attempt in doubtful
        ]
        try:
            found = await provider.find_lost(lookups)
        except ProviderError:
            return  # asked again in the next round
        for job, attempt in doubtful:
            row = rows[job.id]
            if job.id in found:
                change = Change(job.id, JobState.SUBMITTED, "found again", remote_id=found[job.id])
                await self._note(change, job, sent)
            elif provider.replays_safely(job.kind) and job.state is JobState.INTENT:
                throttle = throttles[job.provider, job.account]
                turn = await asyncio.to_thread(throttle.take, 1)
                if turn.granted:
                    await self._send(job, row, attempt, throttle, sent, again=True)
            else:
                await self._without_proof(job, row, attempt, sent)

    async def _without_proof(self, job: OpenJob, row: Job, attempt: Attempt, sent: Sent) -> None:
        exists = await asyncio.to_thread(self._delivery.output_exists, row)
        if job.state is JobState.INTENT:
            await self._note(Change(job.id, JobState.UNKNOWN, NO_PROOF, reason=NO_PROOF), job, sent)
        elif not exists:
            await self._by_policy(job, attempt, sent)
        if exists:
            await self._note(
                Change(job.id, JobState.FINISHED, "its output object appeared"), job, sent
            )

    async def _by_policy(self, job: OpenJob, attempt: Attempt, sent: Sent) -> None:
        """What the settings decided about jobs that stay unproven past their deadline."""
        age_s = (self._ledger.now() - attempt.intent_at).total_seconds()
        if self._when_unknown == "ask" or age_s <= deadline_s(job):
            sent.gone.append(job)
            return
        state = JobState.RESERVED if self._when_unknown == "send-again" else JobState.FAILED
        words = f"{BY_POLICY} says {self._when_unknown}."
        reason = words if state is JobState.FAILED else None
        await self._note(Change(job.id, state, words, reason=reason), job, sent)

    async def _preflight(self, jobs: list[OpenJob], row: Job, sent: Sent) -> list[OpenJob]:
        """Jobs of one source that may be sent; `row` is any of theirs."""
        try:
            await asyncio.to_thread(self._delivery.preflight, row)
        except StorageAway:
            return []  # they stay reserved and are sent later
        except (AccessRefused, BucketUnusable) as error:
            sent.stopped_by = f"OSS refuses access: {error} No job was lost."
            return []
        except (CallRefused, StorageError) as error:
            words = f"Not sent: {error}"
            for job in jobs:
                await self._note(Change(job.id, JobState.FAILED, words, reason=words), job, sent)
            return []
        return jobs

    async def _send(
        self,
        job: OpenJob,
        row: Job,
        attempt: Attempt,
        throttle: Throttle,
        sent: Sent,
        *,
        again: bool = False,
    ) -> None:
        """One call. `again` repeats one whose answer was lost, with the same token."""
        submission = Submission(
            request=request_from_json(row.request),
            title=f"{row.title} {row.video} {row.language}",
            user_data=attempt.user_data,
            client_token=attempt.client_token,
        )
        try:
            remote_id = await self._providers[job.provider].submit(submission)
        except ProviderError as error:
            await self._not_answered(job, error, throttle, sent, again=again)
            return
        await asyncio.to_thread(throttle.answered)
        self._doubtful_since.pop(job.id, None)
        self._quota_full_since = None
        sent.submitted += 1
        change = Change(job.id, JobState.SUBMITTED, "accepted", remote_id=remote_id)
        await self._note(change, job, sent)

    async def _not_answered(
        self, job: OpenJob, error: ProviderError, throttle: Throttle, sent: Sent, *, again: bool
    ) -> None:
        decision = self._with_one_wait(decide(error))
        if decision is Decision.RECONCILE:
            await asyncio.to_thread(throttle.broke)
        elif decision in (Decision.WAIT, Decision.WAIT_ONCE):
            wait_s = QUOTA_PAUSE_S if decision is Decision.WAIT_ONCE else None
            if isinstance(error, CallThrottled):
                wait_s = error.retry_after_s
            await asyncio.to_thread(throttle.slow_down, wait_s)
        elif decision is Decision.STOP_ACCOUNT:
            sent.stopped_by = f"{job.provider} refuses every call: {error}. No job was lost."
        if decision is Decision.RECONCILE or (again and decision in _CERTAIN_BUT_LATER):
            # The first call may have been carried out: it stays an intent until that is known.
            self._doubtful_since[job.id] = time.monotonic()
            sent.jobs.append(replace(job, state=JobState.INTENT))
        elif decision in _CERTAIN_BUT_LATER:
            await self._note(Change(job.id, JobState.RESERVED, f"not started: {error}"), job, sent)
        elif again:
            words = f"{REPEAT_REFUSED}: {error}"
            await self._note(Change(job.id, JobState.UNKNOWN, words, reason=words), job, sent)
        else:
            words = f"{error} {ADVICE[decision]}".strip()
            await self._note(Change(job.id, JobState.FAILED, words, reason=words), job, sent)

    def _with_one_wait(self, decision: Decision) -> Decision:
        """A quota that is still full after one pause stops the account.

        Calls that were under way at the first refusal do not count as repetitions.
        """
        if decision is not Decision.WAIT_ONCE:
            return decision
        now_s = time.monotonic()
        if self._quota_full_since is None:
            self._quota_full_since = now_s
        waited = now_s - self._quota_full_since >= QUOTA_PAUSE_S / 2  # pauses have jitter
        return Decision.STOP_ACCOUNT if waited else decision

    async def _note(self, change: Change, job: OpenJob, sent: Sent) -> None:
        try:
            sent.jobs.append(await self._recorder.record(change))
        except LedgerError:
            sent.gone.append(job)

    def _may_be_listed(self, job: OpenJob, attempt: Attempt) -> bool:
        """Whether the service has had time to list the job, were it started."""
        since = self._doubtful_since.get(job.id)
        if since is not None:
            return time.monotonic() - since >= self._reconcile_after_s
        return (self._ledger.now() - attempt.intent_at).total_seconds() >= self._reconcile_after_s


_CERTAIN_BUT_LATER = {Decision.WAIT, Decision.WAIT_ONCE, Decision.STOP_ACCOUNT}


def _ids(jobs: Sequence[OpenJob]) -> list[str]:
    return [job.id for job in jobs]
