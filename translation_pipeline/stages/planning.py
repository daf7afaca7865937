"""Entering what is wanted into the ledger, with its money; a quote before anything runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from translation_pipeline.catalog.listing import rule_of
from translation_pipeline.errors import BudgetExceeded
from translation_pipeline.ledger.budget import caps_of
from translation_pipeline.ledger.identity import JobIdentity
from translation_pipeline.ledger.jobs import PlannedJob
from translation_pipeline.ledger.ledger import NOT_BEGUN
from translation_pipeline.ledger.models import Wanted
from translation_pipeline.ledger.states import JobState
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.stages.wanted import WantedOutput, output_of, request_of


@dataclass
class Plan:
    """What a planning step found: how many outputs are wanted, the jobs that answer them, each
    once, the new ones among these, and refusals."""

    wanted: int = 0
    job_ids: list[str] = field(default_factory=list)
    new_job_ids: list[str] = field(default_factory=list)
    over_budget: dict[str, str] = field(default_factory=dict)
    """Title to why its jobs were refused whole."""


def plan(
    pipeline: Pipeline, outputs: Sequence[WantedOutput], run_id: str, *, force: bool = False
) -> Plan:
    """Write wanted outputs and their new jobs; jobs that exist already are only pointed at.

    `force` makes new jobs for those that are done already: a person wants to pay again.
    """
    current = current_identities(pipeline, outputs, force=force)
    job_ids = {identity.id for identity in current.values()}
    begun = {
        job_id
        for job_id, state in pipeline.ledger.states(job_ids).items()
        if state not in NOT_BEGUN
    }
    jobs: dict[str, PlannedJob] = {}
    wanted: list[Wanted] = []
    for output in outputs:
        identity = current[output.identity.id] if output.identity is not None else None
        if identity is not None and identity.id not in begun and identity.id not in jobs:
            jobs[identity.id] = planned_job(pipeline, output, identity)
        wanted.append(_wanted_row(pipeline, output, identity.id if identity else None))
    new_job_ids = pipeline.ledger.plan(list(jobs.values()), run_id)
    pipeline.inventory.want(wanted)
    answers = list(dict.fromkeys(row.job_id for row in wanted if row.job_id))
    return Plan(len(wanted), answers, new_job_ids)


def reserve(pipeline: Pipeline, found: Plan, run_id: str) -> int:
    """Set money aside, title by title: all of a title's planned jobs or none; returns how many.

    Titles that would pass a cap are named in `found.over_budget`.
    """
    jobs = pipeline.ledger.jobs_in([JobState.PLANNED], found.job_ids)
    by_title: dict[str, list[str]] = defaultdict(list)
    for job in jobs:
        by_title[job.title].append(job.id)
    rules = {row.title: row for row in pipeline.inventory.videos(list(by_title))}
    reserved = 0
    for title, job_ids in by_title.items():
        rule = rule_of(pipeline.catalog, rules[title])
        try:
            reserved += pipeline.ledger.reserve(
                job_ids, caps_of(rule.budget if rule else None), run_id
            )
        except BudgetExceeded as error:
            found.over_budget[title] = str(error)
    return reserved


def current_identities(
    pipeline: Pipeline, outputs: Iterable[WantedOutput], *, force: bool = False
) -> dict[str, JobIdentity]:
    """Each identity with the force counter that is in effect: the highest one in the ledger,
    and one more where a person forces a job that is already done with."""
    current = {output.identity.id: output.identity for output in outputs if output.identity}
    rising = dict(current)
    states: dict[str, str] = {}
    while rising:
        states |= pipeline.ledger.states([identity.id for identity in rising.values()])
        present = {base: i for base, i in rising.items() if i.id in states}
        current |= present
        rising = {base: replace(i, force=i.force + 1) for base, i in present.items()}
    if force:
        for base, identity in current.items():
            if states.get(identity.id) == JobState.VERIFIED.value:
                current[base] = replace(identity, force=identity.force + 1)
    return current


def planned_job(pipeline: Pipeline, output: WantedOutput, identity: JobIdentity) -> PlannedJob:
    """The job for an output, with its price."""
    video = output.video
    duration_s = video.duration_s or 0.0
    request = request_of(pipeline, output, identity)
    return PlannedJob(
        id=identity.id,
        provider=identity.provider,
        account=identity.account,
        title=video.title,
        video=video.video,
        language=output.language,
        request=request,
        source_etag=video.etag,
        duration_s=duration_s,
        price_micros=pipeline.prices.price_micros(identity.provider, request, duration_s),
        currency=pipeline.prices.currency,
    )


def _wanted_row(pipeline: Pipeline, wanted: WantedOutput, job_id: str | None) -> Wanted:
    output = output_of(pipeline, wanted, job_id)
    return Wanted(
        title=wanted.video.title,
        video=wanted.video.video,
        kind=wanted.kind,
        language=wanted.language,
        job_id=job_id,
        output_bucket=output.bucket,
        output_key=output.key,
        blocked=wanted.blocked,
    )
