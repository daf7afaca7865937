"""What jobs came to, in figures that can be drawn over time. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import case, func, select
from sqlalchemy.orm import aliased

from translation_pipeline.ledger.budget import format_money
from translation_pipeline.ledger.database import Database, one_transaction
from translation_pipeline.ledger.models import Captions, Job, Video, Wanted
from translation_pipeline.ledger.states import JobState
from translation_pipeline.providers.requests import EXTRACTION, TRANSLATION


@dataclass(frozen=True)
class Totals:
    """Jobs that the service finished, and thus bills: how many, of how many minutes of video, for
    how much money (millionths by currency). `failures` are attempts that came to nothing, also
    where a later one went well."""

    jobs: int = 0
    video_minutes: float = 0.0
    paid_micros: Mapping[str, int] = field(default_factory=dict)
    failures: int = 0


def totals_of(jobs: Iterable[Job]) -> Totals:
    """The totals of these jobs; one that is given twice counts once."""
    by_id = {job.id: job for job in jobs}
    billed = [job for job in by_id.values() if job.finished_at is not None]
    paid = dict.fromkeys((job.currency for job in by_id.values()), 0)
    for job in billed:
        paid[job.currency] += job.price_micros
    return Totals(
        len(billed),
        sum(job.duration_s for job in billed) / 60,
        paid,
        sum(job.attempt - 1 + (job.state == JobState.FAILED) for job in by_id.values()),
    )


@one_transaction
def totals_of_all(database: Database) -> Totals:
    """The totals of all jobs of the ledger, in one statement."""
    billed = Job.finished_at.is_not(None)
    failed = case((Job.state == JobState.FAILED.value, 1), else_=0)
    query = select(
        Job.currency,
        func.sum(case((billed, 1), else_=0)),
        func.sum(case((billed, Job.duration_s), else_=0.0)),
        func.sum(case((billed, Job.price_micros), else_=0)),
        func.sum(Job.attempt - 1 + failed),
    ).group_by(Job.currency)
    with database.read() as session:
        rows = session.execute(query).all()
    return Totals(
        sum(int(row[1]) for row in rows),
        sum(float(row[2]) for row in rows) / 60,
        {row[0]: int(row[3]) for row in rows},
        sum(int(row[4]) for row in rows),
    )


@one_transaction
def waiting_for(database: Database, origin: str) -> int:
    """How many videos there are whose captions were extracted and that are not translated, because
    a person has yet to bring usable captions of this origin."""
    translation = aliased(Wanted)
    goes_on = (
        select(translation.title)
        .where(translation.title == Wanted.title, translation.video == Wanted.video)
        .where(translation.kind == TRANSLATION, translation.job_id.is_not(None))
        .exists()
    )
    brought = (
        select(Captions.title)
        .where(Captions.title == Wanted.title, Captions.video == Wanted.video)
        .where(Captions.origin == origin, Captions.usable_key.is_not(None))
        .exists()
    )
    query = (
        select(func.count())
        .select_from(Wanted)
        .join(Video, (Video.title == Wanted.title) & (Video.video == Wanted.video))
        .where(Wanted.kind == EXTRACTION, Wanted.delivered_at.is_not(None))
        .where(Video.gone_at.is_(None), ~goes_on, ~brought)
    )
    with database.read() as session:
        return session.scalar(query) or 0


def cost_of(job: Job) -> str:
    """What is set aside or paid for a job, as text; nothing for one that costs nothing."""
    free = (JobState.PLANNED, JobState.FAILED, JobState.ABANDONED)
    if job.finished_at is None and job.state in free:
        return ""
    return format_money(job.price_micros, job.currency)


def work_s(job: Job) -> float | None:
    """Seconds from the submit until the end was seen, the service's queue and the time between
    two polls included; None for a job that has not ended."""
    if job.submitted_at is None or job.finished_at is None:
        return None
    return (job.finished_at - job.submitted_at).total_seconds()
