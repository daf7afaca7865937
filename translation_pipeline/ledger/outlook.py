"""What sensors and messages ask about jobs and money. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, case, func, or_, select

from translation_pipeline.ledger import budget
from translation_pipeline.ledger.database import Database, one_transaction
from translation_pipeline.ledger.ledger import WORKABLE, utc_now
from translation_pipeline.ledger.models import (
    Attempt,
    Captions,
    Event,
    Job,
    Reservation,
    Wanted,
)
from translation_pipeline.ledger.states import JobState
from translation_pipeline.providers.requests import EXTRACTION

RANGES_MOST = 100  # of ids in one statement
MOST = 1000  # rows of a kind; a message names a few and counts the others


@dataclass(frozen=True)
class Spent:
    """What is set aside or paid under one cap, in millionths, and how much of it `lately`."""

    title: str
    currency: str
    micros: int
    lately_micros: int


class Sent(NamedTuple):
    """A job with one of its attempts (None when none was begun), and when it last moved."""

    job: Job
    attempt: Attempt | None
    moved_at: datetime


class Outlook:
    """Questions to the ledger; each is one transaction."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self.database = database
        self.now = clock

    @one_transaction
    def idle_jobs(self) -> list[str]:
        """Ids of jobs that a run has to go on with and that no living process works on."""
        query = (
            select(Job.id)
            .where(
                Job.state.in_(sorted(state.value for state in WORKABLE)),
                or_(Job.owner_until.is_(None), Job.owner_until < self.now()),
            )
            .order_by(Job.id)
            .limit(MOST)
        )
        with self.database.read() as session:
            return list(session.scalars(query))

    @one_transaction
    def last_event(self, until: datetime) -> int:
        """The number of the last change of a job up to a time, 0 when there is none."""
        query = select(Event.id).where(Event.at <= until).order_by(Event.id.desc()).limit(1)
        with self.database.read() as session:
            return session.scalar(query) or 0

    @one_transaction
    def ended(self, after: int, until: int) -> list[Job]:
        """Jobs that became failed or unknown with an event of this range, and still are."""
        ends = [JobState.FAILED.value, JobState.UNKNOWN.value]
        query = (
            select(Job)
            .join(Event, Event.job_id == Job.id)
            .where(Event.id > after, Event.id <= until, Event.to_state == Job.state)
            .where(Job.state.in_(ends))
            .distinct()
            .limit(MOST)
        )
        return self._rows(query)

    @one_transaction
    def without_money(self, after: int, until: int) -> list[tuple[str, int]]:
        """Titles with jobs that were planned with an event of this range and still have no money
        set aside, each with their number: a cap refused them."""
        query = (
            select(Job.title, func.count(Job.id.distinct()))
            .join(Event, Event.job_id == Job.id)
            .where(Event.id > after, Event.id <= until)
            .where(Event.to_state == JobState.PLANNED.value, Job.state == JobState.PLANNED.value)
            .group_by(Job.title)
            .order_by(Job.title)
            .limit(MOST)
        )
        with self.database.read() as session:
            return [(title, count) for title, count in session.execute(query)]

    @one_transaction
    def spent_by_title(self, after: int, until: int) -> list[Spent]:
        """The money of each title for which some was set aside with an event of this range."""
        lately = self._reserved_lately(after, until).group_by(Job.title)
        with self.database.read() as session:
            recent = {title: int(micros) for title, micros in session.execute(lately)}
            if not recent:
                return []
            totals = (
                select(
                    Reservation.title,
                    func.max(Reservation.currency),
                    func.sum(Reservation.amount_micros),
                )
                .where(Reservation.status != budget.RELEASED)
                .where(Reservation.title.in_(list(recent)[:MOST]))
                .group_by(Reservation.title)
            )
            return [
                Spent(title, currency, int(micros), recent[title])
                for title, currency, micros in session.execute(totals)
            ]

    @one_transaction
    def spent_this_month(self, after: int, until: int) -> Spent | None:
        """The money of this month; None when none was set aside with an event of this range."""
        month = self.now().strftime("%Y-%m")
        total = select(func.max(Reservation.currency), func.sum(Reservation.amount_micros)).where(
            Reservation.month == month, Reservation.status != budget.RELEASED
        )
        with self.database.read() as session:
            lately = sum(
                int(row[1])
                for row in session.execute(self._reserved_lately(after, until).group_by(Job.title))
            )
            currency, micros = session.execute(total).one()
        if not lately or currency is None:
            return None
        return Spent("", currency, int(micros), lately)

    @one_transaction
    def blocked_captions(self, after: datetime, until: datetime) -> list[Captions]:
        """Caption files that were read in this time and cannot be paid for."""
        query = (
            select(Captions)
            .where(Captions.problem.is_not(None))
            .where(Captions.changed_at > after, Captions.changed_at <= until)
            .order_by(Captions.title, Captions.video)
            .limit(MOST)
        )
        return self._rows(query)

    @one_transaction
    def extracted(self, after: datetime, until: datetime) -> list[tuple[str, int]]:
        """Titles of which captions were extracted in this time, each with how many videos."""
        query = (
            select(Wanted.title, func.count())
            .where(Wanted.kind == EXTRACTION)
            .where(Wanted.delivered_at > after, Wanted.delivered_at <= until)
            .group_by(Wanted.title)
            .order_by(Wanted.title)
            .limit(MOST)
        )
        with self.database.read() as session:
            return [(title, count) for title, count in session.execute(query)]

    @one_transaction
    def sent(self, beginnings: Collection[str]) -> list[Sent]:
        """The jobs whose ids begin so, once for each attempt."""
        moved_at = select(func.max(Event.at)).where(Event.job_id == Job.id).scalar_subquery()
        query = select(Job, Attempt, moved_at).outerjoin(Attempt, Attempt.job_id == Job.id)
        ordered, found = sorted(beginnings), []
        with self.database.read() as session:
            for start in range(0, len(ordered), RANGES_MOST):
                ranges = [
                    and_(Job.id >= beginning, Job.id < beginning + "g")
                    for beginning in ordered[start : start + RANGES_MOST]
                ]
                found += [Sent(*row) for row in session.execute(query.where(or_(*ranges)))]
        return found

    @one_transaction
    def money_of_run(self, run_id: str) -> tuple[int, int, str]:
        """What a run set aside and what of it is paid, in millionths of the currency."""
        paid = case((Reservation.status == budget.SETTLED, Reservation.amount_micros), else_=0)
        query = select(
            func.sum(Reservation.amount_micros), func.sum(paid), func.max(Reservation.currency)
        ).where(Reservation.run_id == run_id, Reservation.status != budget.RELEASED)
        with self.database.read() as session:
            reserved, settled, currency = session.execute(query).one()
        return int(reserved or 0), int(settled or 0), currency or ""

    def _reserved_lately(self, after: int, until: int) -> Any:
        return (
            select(Job.title, func.sum(Job.price_micros))
            .join(Event, Event.job_id == Job.id)
            .where(Event.id > after, Event.id <= until)
            .where(Event.to_state == JobState.RESERVED.value)
        )

    def _rows(self, query: Any) -> list[Any]:
        with self.database.read() as session:
            found: Sequence[Any] = session.scalars(query).all()
            return list(found)
