"""Where every video stands, for each language and stage: the state, why, the cost, what next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from translation_pipeline.ledger.budget import format_money
from translation_pipeline.ledger.models import Job, Video, Wanted
from translation_pipeline.ledger.states import JobState
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.stages.review import approved_address

DONE, BLOCKED, FAILED, UNKNOWN, WAITING, RUNNING = (
    "done",
    "blocked",
    "failed",
    "unknown",
    "waiting",
    "running",
)

_WORDS = {
    JobState.PLANNED: (WAITING, "No money is set aside yet.", "Run it, or raise the budget."),
    JobState.RESERVED: (WAITING, "It is about to be sent.", "Nothing; a run takes it."),
    JobState.INTENT: (RUNNING, "It is being sent.", "Nothing; a run goes on with it."),
    JobState.SUBMITTED: (RUNNING, "The service has it.", "Nothing; a run waits for it."),
    JobState.RUNNING: (RUNNING, "The service works on it.", "Nothing; a run waits for it."),
    JobState.FINISHED: (RUNNING, "Its output is being checked.", "Nothing; a run goes on."),
}


@dataclass(frozen=True)
class CoverageRow:
    """One video, language and stage. `cost` is what is reserved or paid for it, as text."""

    title: str
    video: str
    stage: str
    language: str
    state: str
    reason: str
    cost: str
    next_step: str
    output: str


def coverage(pipeline: Pipeline, titles: Collection[str] | None = None) -> list[CoverageRow]:
    """All rows of these titles (of all, without an argument), by title, video and stage."""
    videos = pipeline.inventory.videos(titles)
    unusable = {(video.title, video.video) for video in videos if video.problem is not None}
    rows = [
        _row(pipeline, wanted, job, unusable) for wanted, job in pipeline.inventory.wanted(titles)
    ]
    planned = {(row.title, row.video) for row in rows}
    rows += [_unplanned(video) for video in videos if (video.title, video.video) not in planned]
    return sorted(rows, key=lambda row: (row.title, row.video, row.stage, row.language))


_NEXT_SOURCE = "Mend or replace the video; it is looked at again when it changes."


def _unplanned(video: Video) -> CoverageRow:
    state, reason, next_step = WAITING, "It was seen; nothing is planned yet.", "Run its title."
    if video.problem is not None:
        state, reason, next_step = BLOCKED, video.problem, _NEXT_SOURCE
    return CoverageRow(video.title, video.video, "source", "", state, reason, "", next_step, "")


def _row(
    pipeline: Pipeline, wanted: Wanted, job: Job | None, unusable: Collection[tuple[str, str]]
) -> CoverageRow:
    bad_video = (wanted.title, wanted.video) in unusable
    state, reason, next_step = _explain(pipeline, wanted, job, bad_video)
    paid = job is not None and job.state not in (
        JobState.PLANNED.value,
        JobState.FAILED.value,
        JobState.ABANDONED.value,
    )
    return CoverageRow(
        title=wanted.title,
        video=wanted.video,
        stage=wanted.kind,
        language=wanted.language,
        state=state,
        reason=reason,
        cost=format_money(job.price_micros, job.currency) if job and paid else "",
        next_step=next_step,
        output=f"oss://{wanted.output_bucket}/{wanted.output_key}" if state == DONE else "",
    )


def _explain(
    pipeline: Pipeline, wanted: Wanted, job: Job | None, unusable: bool
) -> tuple[str, str, str]:
    if wanted.blocked is not None or job is None:
        reason = wanted.blocked or "No job is planned."
        return BLOCKED, reason, _NEXT_SOURCE if unusable else _unblock(pipeline, wanted)
    if wanted.delivered_at is not None:
        return DONE, "", ""
    state = JobState(job.state)
    if state is JobState.FAILED:
        return FAILED, job.reason or "", "Mend the cause, then run it again."
    if state is JobState.UNKNOWN:
        return UNKNOWN, job.reason or "", "Look it up at the service; it is not sent again."
    if state is JobState.ABANDONED:
        return BLOCKED, job.reason or "A person abandoned it.", "Run it again to take it up."
    if state is JobState.VERIFIED:
        return RUNNING, "It is paid for and has yet to be copied to its place.", "Run it."
    return _WORDS[state]


def _unblock(pipeline: Pipeline, wanted: Wanted) -> str:
    address = approved_address(pipeline, wanted.title, wanted.video)
    return f"Put what is missing in place, such as the reviewed SRT at {address.to_oss()}."
