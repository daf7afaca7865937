"""What running now would cost, and why each job is needed. Nothing is entered or sent."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from translation_pipeline.ledger.budget import format_money
from translation_pipeline.ledger.models import Job
from translation_pipeline.ledger.states import JobState
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.stages.glossaries import collect_glossaries
from translation_pipeline.stages.planning import current_identities, planned_job
from translation_pipeline.stages.review import collect_captions
from translation_pipeline.stages.sources import inspect_sources, see_sources
from translation_pipeline.stages.wanted import (
    WantedOutput,
    name_of,
    wanted_extractions,
    wanted_translations,
)

_TO_PAY = {JobState.PLANNED.value, JobState.FAILED.value, JobState.ABANDONED.value}


@dataclass(frozen=True)
class QuoteLine:
    """One job that a run would send. `minutes` are those that are billed."""

    title: str
    video: str
    stage: str
    language: str
    minutes: int
    cost_micros: int
    currency: str
    why: str

    @property
    def cost(self) -> str:
        """As text, such as `12.34 CNY`."""
        return format_money(self.cost_micros, self.currency)


@dataclass
class Quote:
    """Jobs that would be sent, and outputs that must wait, with the reason."""

    lines: list[QuoteLine] = field(default_factory=list)
    waiting: list[dict[str, str]] = field(default_factory=list)

    @property
    def total_micros(self) -> int:
        """The sum, in millionths."""
        return sum(line.cost_micros for line in self.lines)

    def by_title(self) -> dict[str, int]:
        """The sum of each title, in millionths."""
        sums: dict[str, int] = defaultdict(int)
        for line in self.lines:
            sums[line.title] += line.cost_micros
        return dict(sums)


def quote(
    pipeline: Pipeline,
    titles: Collection[str] | None = None,
    languages: Collection[str] | None = None,
) -> Quote:
    """List and look into the videos, read what was approved, and price what is missing."""
    see_sources(pipeline)
    inspect_sources(pipeline, titles)
    collect_captions(pipeline, titles)
    collect_glossaries(pipeline, titles)
    found = Quote()
    priced: set[str] = set()
    for some in pipeline.inventory.title_batches(titles):
        _add_prices(pipeline, some, languages, found, priced)
    return found


def _add_prices(
    pipeline: Pipeline,
    titles: Collection[str],
    languages: Collection[str] | None,
    found: Quote,
    priced: set[str],
) -> None:
    """Add the lines of some titles; `priced` are the jobs that lines were made for."""
    outputs = wanted_extractions(pipeline, titles)
    outputs += wanted_translations(pipeline, titles, languages)
    current = current_identities(pipeline, outputs)
    jobs = {job.id: job for job in pipeline.ledger.jobs([i.id for i in current.values()])}
    before = {name_of(row): job for row, job in pipeline.inventory.wanted(titles)}
    for output in outputs:
        if output.identity is None:
            found.waiting.append(_waiting(output))
            continue
        identity = current[output.identity.id]
        job = jobs.get(identity.id)
        if identity.id in priced or (job is not None and job.state not in _TO_PAY):
            continue
        priced.add(identity.id)
        planned = planned_job(pipeline, output, identity)
        name = (output.video.title, output.video.video, output.kind, output.language)
        found.lines.append(
            QuoteLine(
                title=output.video.title,
                video=output.video.video,
                stage=output.kind,
                language=output.language,
                minutes=max(1, math.ceil(planned.duration_s / 60)),
                cost_micros=planned.price_micros,
                currency=planned.currency,
                why=_why(job, before.get(name)),
            )
        )


def _waiting(output: WantedOutput) -> dict[str, str]:
    return {
        "title": output.video.title,
        "video": output.video.video,
        "stage": output.kind,
        "language": output.language,
        "reason": output.blocked or "",
    }


def _why(job: Job | None, earlier: Job | None) -> str:
    """`earlier` is the job that answered for this output until now."""
    if job is not None and job.state == JobState.FAILED.value:
        return f"It failed before: {job.reason}"
    if job is not None and job.state == JobState.ABANDONED.value:
        return f"It was given up before: {job.reason}"
    if job is None and earlier is not None and earlier.state == JobState.VERIFIED.value:
        return "Its video, captions, glossary or parameters changed since it was done."
    return "It was never done."
