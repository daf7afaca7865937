"""Where every video stands, for each language and stage: the state, why, the cost, what next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.listing import rule_of
from translation_pipeline.ledger.models import Captions, Compared, Job, Video, Wanted
from translation_pipeline.ledger.states import JobState
from translation_pipeline.ledger.totals import cost_of
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.providers.requests import TRANSLATION
from translation_pipeline.stages.glossaries import glossary_file
from translation_pipeline.stages.review import CaptionPlace, all_places
from translation_pipeline.stages.wanted import CORRECTED, asked_for, name_of, problem_of

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


@dataclass(frozen=True)
class _Known:
    """What decides about the translations of a title, beside their jobs."""

    videos: dict[tuple[str, str], Video]
    captions: dict[tuple[str, str], list[tuple[CaptionPlace, Captions | None]]]
    """By title and video: each caption file that a person owes, and corrections that are there."""
    glossary_problems: dict[tuple[str, str], tuple[str, ObjectAddress]]
    compared: dict[tuple[str, str, str], Compared]
    problems: dict[tuple[str, str], str]
    """Videos that cannot be done as their rules say, and why."""

    @classmethod
    def of(cls, pipeline: Pipeline, titles: Collection[str] | None) -> _Known:
        videos = {(video.title, video.video): video for video in pipeline.inventory.videos(titles)}
        rows = {
            (row.title, row.video, row.origin, row.language): row
            for row in pipeline.inventory.captions(titles)
        }
        known = cls(videos, defaultdict(list), {}, {}, {})
        for place in all_places(pipeline, titles):
            name = (place.video.title, place.video.video)
            row = rows.get((*name, place.origin, place.language))
            if row is not None or place.origin != CORRECTED:
                known.captions[name].append((place, row))
        glossaries = pipeline.inventory.glossaries()
        for name, video in videos.items():
            rule = rule_of(pipeline.catalog, video)
            problem = problem_of(pipeline.settings, video, rule) if rule else video.problem
            if problem is not None:
                known.problems[name] = problem
            file = rule and glossary_file(pipeline, rule, video.title, glossaries)
            if file and file.problem:
                known.glossary_problems[name] = (file.problem, ObjectAddress(file.bucket, file.key))
        for compared in pipeline.inventory.compared(titles):
            known.compared[compared.title, compared.video, compared.language] = compared
        return known


def coverage(pipeline: Pipeline, titles: Collection[str] | None = None) -> list[CoverageRow]:
    """All rows of these titles (of all, without an argument), by title, video and stage."""
    known = _Known.of(pipeline, titles)
    today = asked_for(pipeline.catalog, known.videos.values())
    rows = [
        _row(known, wanted, job)
        for wanted, job in pipeline.inventory.wanted(titles)
        # What was delivered is there, even if its language was taken out of the catalog since.
        if wanted.delivered_at is not None or name_of(wanted) in today
    ]
    planned = {(row.title, row.video) for row in rows}
    rows += [
        _unplanned(video, known.problems.get(name))
        for name, video in known.videos.items()
        if name not in planned
    ]
    return sorted(rows, key=lambda row: (row.title, row.video, row.stage, row.language))


_NEXT_SOURCE = "Mend or replace the video; it is looked at again when it changes."


def _unplanned(video: Video, problem: str | None) -> CoverageRow:
    state, reason, next_step = WAITING, "It was seen; nothing is planned yet.", "Run its title."
    if problem is not None:
        state, reason, next_step = BLOCKED, problem, _NEXT_SOURCE
    return CoverageRow(video.title, video.video, "source", "", state, reason, "", next_step, "")


def _row(known: _Known, wanted: Wanted, job: Job | None) -> CoverageRow:
    state, reason, next_step = _explain(known, wanted, job)
    return CoverageRow(
        title=wanted.title,
        video=wanted.video,
        stage=wanted.kind,
        language=wanted.language,
        state=state,
        reason=reason,
        cost=cost_of(job) if job else "",
        next_step=next_step,
        output=f"oss://{wanted.output_bucket}/{wanted.output_key}" if state == DONE else "",
    )


def _explain(known: _Known, wanted: Wanted, job: Job | None) -> tuple[str, str, str]:
    if job is None:
        return _blocked(known, wanted)
    if wanted.blocked is not None:
        return FAILED, wanted.blocked, "Bring the output back, or run it with force to pay again."
    if wanted.delivered_at is not None:
        return DONE, *_quality(known, wanted)
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


def _quality(known: _Known, wanted: Wanted) -> tuple[str, str]:
    """What is wrong with a delivered translation, and what to do."""
    compared = known.compared.get((wanted.title, wanted.video, wanted.language))
    if wanted.kind != TRANSLATION or compared is None or compared.problem is None:
        return "", ""
    return (
        f"Its captions have errors: {compared.problem}",
        "Look at the check translation_quality; mend captions or glossary and run it again.",
    )


def _blocked(known: _Known, wanted: Wanted) -> tuple[str, str, str]:
    """Why no job is planned for it, as of now: what was found since the plan counts."""
    name = (wanted.title, wanted.video)
    if name in known.problems:
        return BLOCKED, known.problems[name], _NEXT_SOURCE
    if wanted.kind != TRANSLATION:
        return BLOCKED, wanted.blocked or "No job is planned.", "Run it."
    if name in known.glossary_problems:
        problem, address = known.glossary_problems[name]
        return BLOCKED, problem, f"Correct {address.to_oss()}; it is read again when it changes."
    for place, captions in known.captions.get(name, ()):
        # Captions in a language of the output are for that output alone.
        if place.language not in (place.rule.source_language, wanted.language):
            continue
        expected = place.address.to_oss()
        if captions is None:
            reason = wanted.blocked or "Its captions are not there yet."
            return BLOCKED, reason, f"Put the SRT at {expected}."
        if captions.problem is not None:
            return BLOCKED, captions.problem, f"Correct the file and put it at {expected}."
    return WAITING, "What it waited for is there; nothing is planned yet.", "Run its title."
