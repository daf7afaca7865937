"""The ledger of paid jobs: the only code that writes jobs, attempts, reservations and events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import Update, func, or_, select, update
from sqlalchemy.orm import Session

from translation_pipeline.errors import BudgetExceeded, LedgerError
from translation_pipeline.ledger import budget
from translation_pipeline.ledger.database import Database, chunked, one_transaction
from translation_pipeline.ledger.identity import client_token, user_data
from translation_pipeline.ledger.jobs import Applied, Change, OpenJob, PlannedJob
from translation_pipeline.ledger.models import Attempt, Event, Job, Reservation
from translation_pipeline.ledger.states import LEGAL, OPEN, SETTLED, JobState
from translation_pipeline.providers.requests import request_to_json

LEASE_S = 60.0  # after so long without a sign of life a claim is void
NOT_BEGUN = {JobState.PLANNED.value, JobState.FAILED.value, JobState.ABANDONED.value}
WORKABLE = OPEN - {JobState.PLANNED}  # a planned job waits for its money first


def utc_now() -> datetime:
    """The wall clock, aware and in UTC."""
    return datetime.now(timezone.utc)


class Ledger:
    """Jobs and the money they take. Each method is one transaction."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime] = utc_now,
        lease_s: float = LEASE_S,
    ) -> None:
        self.database = database
        self.now = clock
        self.lease = timedelta(seconds=lease_s)

    @one_transaction
    def plan(self, jobs: Sequence[PlannedJob], run_id: str) -> list[str]:
        """Enter jobs that are not there yet; returns the ids that are new.

        One that is there and was not begun, or failed, learns where its video lies today: the
        same content may have been renamed.
        """
        with self.database.write() as session:
            self.database.one_at_a_time(session)
            known = {job.id: job for job in _load(session, [job.id for job in jobs])}
            new = {job.id: job for job in jobs if job.id not in known}
            for job in jobs:
                if job.id in known and known[job.id].state in NOT_BEGUN:
                    known[job.id].request = request_to_json(job.request)
                    known[job.id].source_etag = job.source_etag
            session.add_all(self._row(job) for job in new.values())
            session.flush()
            session.add_all(
                self._event(job_id, None, JobState.PLANNED, run_id, "wanted") for job_id in new
            )
            return list(new)

    @one_transaction
    def reserve(self, job_ids: Collection[str], caps: budget.Caps, run_id: str) -> int:
        """Set money aside for all of these planned jobs, or for none; returns how many.

        Raises `BudgetExceeded`, naming the cap and what would have been needed.
        """
        with self.database.write() as session:
            self.database.one_at_a_time(session)
            jobs = [job for job in _load(session, job_ids) if job.state == JobState.PLANNED]
            now = self.now()
            budget.check_caps(session, jobs, caps, run_id, now)
            earlier = _reservations(session, [job.id for job in jobs])
            for job in jobs:
                held = _held(job, run_id, now)
                (session.merge if job.id in earlier else session.add)(held)
                session.add(self._move(job, JobState.RESERVED, run_id, "money set aside"))
            return len(jobs)

    @one_transaction
    def refusal(self, job_ids: Collection[str], caps: budget.Caps) -> str | None:
        """Why `reserve` would refuse these planned jobs; None when it would not."""
        with self.database.read() as session:
            jobs = [job for job in _load(session, job_ids) if job.state == JobState.PLANNED]
            try:
                budget.check_caps(session, jobs, caps, "", self.now())
            except BudgetExceeded as error:
                return str(error)
            return None

    @one_transaction
    def claim(
        self,
        owner: str,
        job_ids: Collection[str] | None = None,
        limit: int = 1000,
        include_unknown: bool = False,
    ) -> list[OpenJob]:
        """Take open jobs that nobody works on; they are this owner's until the lease ends.

        `include_unknown` takes unknown jobs too: the service may know their end by now.
        """
        now = self.now()
        states = WORKABLE | {JobState.UNKNOWN} if include_unknown else WORKABLE
        query = (
            select(Job)
            .where(
                Job.state.in_(sorted(state.value for state in states)),
                or_(Job.owner_until.is_(None), Job.owner_until < now),
            )
            .order_by(Job.created_at)
        )
        if self.database.is_postgresql:
            query = query.with_for_update(skip_locked=True, key_share=True)
        claimed: list[OpenJob] = []
        with self.database.write() as session:
            for chunk in _chunks(job_ids):
                left = limit - len(claimed)
                if left <= 0:
                    break
                free = query if chunk is None else query.where(Job.id.in_(chunk))
                for job in session.scalars(free.limit(left)):
                    job.owner, job.owner_until = owner, now + self.lease
                    claimed.append(_open_job(job))
        return claimed

    @one_transaction
    def renew(self, owner: str, job_ids: Collection[str]) -> None:
        """Keep this owner's claims of these jobs for another lease.

        Claims that the owner no longer knows of, since an answer of the database was lost, run
        out and are taken again.
        """
        with self.database.write() as session:
            for claims in _claims(owner, job_ids):
                session.execute(claims.values(owner_until=self.now() + self.lease))

    @one_transaction
    def release(self, owner: str, job_ids: Collection[str] | None = None) -> None:
        """Give claims back, all or some."""
        with self.database.write() as session:
            for claims in _claims(owner, job_ids):
                session.execute(claims.values(owner=None, owner_until=None))

    @one_transaction
    def begin_attempts(
        self, job_ids: Collection[str], run_id: str, owner: str | None = None
    ) -> dict[str, Attempt]:
        """Write down, durably, that these jobs are about to be sent, before they are sent.

        Jobs that are no longer this owner's are left out: somebody else took them over; so are
        those that were begun already: they must be reconciled first. Raises `LedgerError` for a
        job without a reservation, or one that cannot be sent from its state.
        """
        begun = {}
        with self.database.write() as session:
            jobs = self._lock(session, job_ids)
            reserved, attempts = _reservations(session, job_ids), _attempts(session, job_ids)
            for job in jobs:
                taken_over = owner is not None and job.owner != owner
                if taken_over or job.state == JobState.INTENT:
                    continue
                if job.id not in reserved:
                    raise LedgerError(f"Job {job.id} has no reservation; it must not be sent.")
                session.add(self._move(job, JobState.INTENT, run_id, f"attempt {job.attempt}"))
                # One that was begun before keeps its token.
                begun[job.id] = attempts.get((job.id, job.attempt)) or self._attempt(job)
                session.add(begun[job.id])
        return begun

    @one_transaction
    def attempt(self, job_id: str) -> Attempt:
        """The job's current attempt; raises `LedgerError` if it was never begun."""
        with self.database.read() as session:
            job = session.get(Job, job_id)
            attempt = session.get(Attempt, (job_id, job.attempt)) if job else None
            if attempt is None:
                raise LedgerError(f"No attempt of job {job_id} was begun.")
            return attempt

    @one_transaction
    def apply(self, changes: Sequence[Change], run_id: str, owner: str | None = None) -> Applied:
        """Take steps of many jobs at once; the illegal ones are refused, the others are kept.

        With an `owner`, a step of a job that somebody else took over is refused: a process that
        slept through its lease must not write over its successor. Money follows the state: it
        is settled for a verified job, released for a failed or abandoned one.
        """
        by_id = {change.job_id: change for change in changes}
        applied = Applied([], {})
        sent = [change.job_id for change in changes if change.remote_id is not None]
        settled = [change.job_id for change in changes if change.state in SETTLED]
        with self.database.write() as session:
            jobs = self._lock(session, list(by_id))
            attempts, reserved = _attempts(session, sent), _reservations(session, settled)
            for job in jobs:
                change = by_id.pop(job.id)
                try:
                    if owner is not None and job.owner != owner:
                        raise LedgerError(f"Job {job.id} was taken over by {job.owner}.")
                    session.add(self._move(job, change.state, run_id, change.cause))
                except LedgerError as error:
                    applied.refused[job.id] = error
                    continue
                attempt = attempts.get((job.id, job.attempt))
                self._take_along(job, change, attempt, reserved.get(job.id))
                applied.jobs.append(_open_job(job))
        for job_id in by_id:
            applied.refused[job_id] = LedgerError(f"There is no job {job_id} in the ledger.")
        return applied

    def record(
        self, job_id: str, state: JobState, run_id: str, cause: str, **details: Any
    ) -> OpenJob:
        """One step of one job; raises `LedgerError` when it is not legal."""
        applied = self.apply([Change(job_id, state, cause, **details)], run_id)
        if applied.refused:
            raise applied.refused[job_id]
        return applied.jobs[0]

    @one_transaction
    def retry(
        self, job_ids: Collection[str], run_id: str, cause: str, *, pay_again: bool = False
    ) -> int:
        """Take failed or abandoned jobs up once more; returns how many.

        One that the service finished was billed, only its output was refused: the output is
        looked at again, and nothing is sent. All others, and with `pay_again` these too, are
        planned as a new attempt.
        """
        again = (JobState.FAILED.value, JobState.ABANDONED.value)
        with self.database.write() as session:
            jobs = [job for job in self._lock(session, job_ids) if job.state in again]
            for job in jobs:
                job.reason = None
                if job.finished_at is not None and job.state != again[1] and not pay_again:
                    session.add(self._move(job, JobState.FINISHED, run_id, cause))
                    continue
                if session.get(Attempt, (job.id, job.attempt)) is not None:
                    job.attempt += 1
                job.remote_id = job.result = job.submitted_at = job.finished_at = None
                session.add(self._move(job, JobState.PLANNED, run_id, cause))
            return len(jobs)

    @one_transaction
    def jobs(self, job_ids: Collection[str] | None = None) -> list[Job]:
        """Rows of these jobs (all, without an argument), oldest first."""
        with self.database.read() as session:
            return _load(session, job_ids)

    @one_transaction
    def jobs_in(
        self, states: Collection[JobState], job_ids: Collection[str] | None = None
    ) -> list[Job]:
        """Rows of all jobs (or those among these) in these states, oldest first."""
        wanted = sorted(state.value for state in states)
        query = select(Job).where(Job.state.in_(wanted)).order_by(Job.created_at, Job.id)
        found: list[Job] = []
        with self.database.read() as session:
            for chunk in _chunks(job_ids):
                some = query if chunk is None else query.where(Job.id.in_(chunk))
                found.extend(session.scalars(some))
        return found

    @one_transaction
    def states(self, job_ids: Collection[str]) -> dict[str, str]:
        """The state of each of these jobs that is there."""
        with self.database.read() as session:
            return {
                job_id: state
                for chunk in chunked(job_ids)
                for job_id, state in session.execute(
                    select(Job.id, Job.state).where(Job.id.in_(chunk))
                )
            }

    @one_transaction
    def find(self, beginning: str) -> list[Job]:
        """The jobs whose ids begin so; two at the most: then it is not unique."""
        with self.database.read() as session:
            query = select(Job).where(Job.id >= beginning, Job.id < beginning + "g").limit(2)
            return list(session.scalars(query))

    @one_transaction
    def unsettled(self, job_ids: Collection[str] | None = None) -> int:
        """How many of these jobs the runner still has to wait for."""
        waiting = sorted(state.value for state in WORKABLE)
        total = 0
        with self.database.read() as session:
            for chunk in _chunks(job_ids):
                query = select(func.count()).select_from(Job).where(Job.state.in_(waiting))
                if chunk is not None:
                    query = query.where(Job.id.in_(chunk))
                total += session.scalar(query) or 0
        return total

    @one_transaction
    def events(self, job_id: str) -> list[Event]:
        """The history of one job, oldest first."""
        with self.database.read() as session:
            query = select(Event).where(Event.job_id == job_id).order_by(Event.id)
            return list(session.scalars(query))

    def _row(self, job: PlannedJob) -> Job:
        return Job(
            id=job.id,
            provider=job.provider,
            account=job.account,
            kind=job.request.kind,
            title=job.title,
            video=job.video,
            language=job.language,
            request=request_to_json(job.request),
            source_etag=job.source_etag,
            duration_s=job.duration_s,
            price_micros=job.price_micros,
            currency=job.currency,
            state=JobState.PLANNED.value,
            attempt=1,
            created_at=self.now(),
        )

    def _attempt(self, job: Job) -> Attempt:
        return Attempt(
            job_id=job.id,
            number=job.attempt,
            client_token=client_token(job.id, job.attempt),
            user_data=user_data(job.id, job.attempt),
            intent_at=self.now(),
        )

    def _take_along(
        self, job: Job, change: Change, attempt: Attempt | None, reservation: Reservation | None
    ) -> None:
        """Everything but the state that a change brings."""
        job.reason = change.reason
        if change.result is not None:
            job.result = change.result
        if change.remote_id is not None:
            job.remote_id, job.submitted_at = change.remote_id, self.now()
            if attempt is not None:
                attempt.remote_id = change.remote_id
        if change.state is JobState.FINISHED:
            job.finished_at = self.now()
        if change.state in SETTLED:
            job.owner = job.owner_until = None
            if reservation is not None:
                # What the service finished is billed, whatever its output is worth.
                billed = job.finished_at is not None
                at_end = budget.SETTLED if billed else budget.STATUS_AT_END.get(change.state)
                reservation.status = at_end or reservation.status

    def _move(self, job: Job, state: JobState, run_id: str, cause: str) -> Event:
        """The one place where a job's state changes."""
        present = JobState(job.state)
        if state not in LEGAL[present]:
            raise LedgerError(
                f"Job {job.id} ({job.title}/{job.video}, {job.language}) is {present.value}; "
                f"it cannot become {state.value} ({cause})."
            )
        job.state = state.value
        return self._event(job.id, present, state, run_id, cause)

    def _event(
        self, job_id: str, before: JobState | None, after: JobState, run_id: str, cause: str
    ) -> Event:
        return Event(
            job_id=job_id,
            at=self.now(),
            from_state=None if before is None else before.value,
            to_state=after.value,
            run_id=run_id,
            cause=cause,
        )

    def _lock(self, session: Session, job_ids: Collection[str]) -> list[Job]:
        """Rows that nobody else can change until the transaction ends.

        They are locked in the order of their ids, so that two batches cannot wait for each other.
        """
        jobs: list[Job] = []
        for chunk in _chunks(sorted(set(job_ids))):
            query = select(Job).where(Job.id.in_(chunk or [])).order_by(Job.id)
            jobs.extend(session.scalars(query.with_for_update(key_share=True)))
        return jobs


def _held(job: Job, run_id: str, now: datetime) -> Reservation:
    return Reservation(
        job_id=job.id,
        amount_micros=job.price_micros,
        currency=job.currency,
        status=budget.HELD,
        title=job.title,
        language=job.language,
        run_id=run_id,
        month=now.strftime("%Y-%m"),
    )


def _open_job(job: Job) -> OpenJob:
    return OpenJob(
        id=job.id,
        provider=job.provider,
        account=job.account,
        kind=job.kind,
        state=JobState(job.state),
        remote_id=job.remote_id,
        duration_s=job.duration_s,
        level=job.request.get("level", job.kind),
        sent_at=job.submitted_at,
    )


def _claims(owner: str, job_ids: Collection[str] | None) -> Iterator[Update]:
    """Updates of an owner's jobs (all, without ids), locked in the order of `Ledger._lock`."""
    for chunk in _chunks(None if job_ids is None else sorted(job_ids)):
        mine = select(Job.id).where(Job.owner == owner).order_by(Job.id)
        if chunk is not None:
            mine = mine.where(Job.id.in_(chunk))
        yield update(Job).where(Job.id.in_(mine.with_for_update(key_share=True)))


def _load(session: Session, job_ids: Collection[str] | None) -> list[Job]:
    jobs: list[Job] = []
    for chunk in _chunks(job_ids):
        query = select(Job).order_by(Job.created_at, Job.id)
        jobs.extend(session.scalars(query if chunk is None else query.where(Job.id.in_(chunk))))
    return jobs


def _chunks(ids: Collection[str] | None) -> Iterable[list[str] | None]:
    """None stays one None (no restriction); ids come in pieces that fit a statement."""
    if ids is None:
        yield None
        return
    yield from chunked(ids)


def _reservations(session: Session, job_ids: Collection[str]) -> dict[str, Reservation]:
    query = select(Reservation)
    return {
        row.job_id: row
        for chunk in chunked(job_ids)
        for row in session.scalars(query.where(Reservation.job_id.in_(chunk)))
    }


def _attempts(session: Session, job_ids: Collection[str]) -> dict[tuple[str, int], Attempt]:
    """By job and number."""
    query = select(Attempt)
    return {
        (row.job_id, row.number): row
        for chunk in chunked(job_ids)
        for row in session.scalars(query.where(Attempt.job_id.in_(chunk)))
    }
