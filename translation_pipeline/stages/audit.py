"""The ledger against the services' own lists: jobs of ours that it does not know, or knows
otherwise.

Ours is what carries our mark and writes into our output bucket, so that installations of one
account do not report each other's jobs. Only what a service lists is looked at: IMS lists
translations, but no extractions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from translation_pipeline.errors import ProviderError
from translation_pipeline.ledger.identity import MARK_LENGTH, marked_job
from translation_pipeline.ledger.outlook import Outlook, Sent
from translation_pipeline.ledger.states import JobState
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.providers.base import ListedJob, RemoteState
from translation_pipeline.stages.checks import CheckOutcome
from translation_pipeline.stages.coverage_report import COVERAGE

NO_LOST_JOBS = "no_lost_jobs"
LATELY = timedelta(days=2)  # how far back the check looks, at least once a night

S, R = JobState, RemoteState
_RUNS = "Run its title; without a person the sensor abandoned_work sees to it."
_SENT_AGAIN = "Run its title: it is sent with the token of this job, which starts no second one."
_BILLED = "It is billed: take its output, or run it again and pay once more."

# What the service may say of a job in each state of the ledger, and what to do otherwise.
_AGREED: Mapping[JobState, tuple[frozenset[RemoteState], str]] = {
    S.PLANNED: (frozenset(), _SENT_AGAIN),
    S.RESERVED: (frozenset(), _SENT_AGAIN),
    S.INTENT: (frozenset(), _RUNS),
    S.SUBMITTED: (frozenset({R.WAITING, R.RUNNING}), _RUNS),
    S.RUNNING: (frozenset({R.WAITING, R.RUNNING}), _RUNS),
    S.FINISHED: (frozenset({R.FINISHED}), "Look at its output, and ask the service why."),
    S.VERIFIED: (frozenset({R.FINISHED}), "Look at its output, and ask the service why."),
    S.FAILED: (frozenset({R.FAILED}), _BILLED),
    S.ABANDONED: (frozenset({R.FAILED}), _BILLED),
    S.UNKNOWN: (
        frozenset({R.UNRECOGNISED}),
        "The next run takes it up; or enter it: jobs resolve {job} submitted --remote-id {remote}.",
    ),
}


@dataclass(frozen=True)
class Discrepancy:
    """A job at the service, and what is wrong with it in the ledger. `job` is the ledger's id, or
    its beginning where the ledger has none."""

    remote_id: str
    at_service: str
    job: str
    in_ledger: str
    title: str
    video: str
    language: str
    problem: str
    next_step: str
    output: str


@dataclass(frozen=True)
class Audit:
    """How many jobs of ours a service listed, and which of them the ledger does not bear out."""

    checked: int
    findings: tuple[Discrepancy, ...]


async def audit(pipeline: Pipeline, since: datetime) -> Audit:
    """Compare the ledger with what the services listed since then; sends and changes nothing.

    A job that a living run works on, or that moved meanwhile, is left out. Raises `ProviderError`.
    """
    began = pipeline.ledger.now()
    checked, findings = 0, []
    for provider in pipeline.providers.values():
        ours = list(_ours(pipeline, await provider.listed(since.timestamp())))
        checked += len(ours)
        known = await asyncio.to_thread(_known, pipeline, [job for _, (job, _) in ours])
        for listed, (job, attempt) in ours:
            found = _compared(listed, job, attempt, known.get(job, ()), began)
            if found is not None:
                findings.append(found)
    return Audit(checked, tuple(findings))


def no_lost_jobs(pipeline: Pipeline) -> CheckOutcome:
    """The audit of the last days as a check; it also fails when the service does not answer."""
    try:
        found = asyncio.run(audit(pipeline, pipeline.ledger.now() - LATELY))
    except ProviderError as error:
        problem = f"The service could not be asked, so nothing is known: {error}"
        return CheckOutcome(COVERAGE, NO_LOST_JOBS, 0, ({"problem": problem},))
    rows = tuple(asdict(finding) for finding in found.findings)
    return CheckOutcome(COVERAGE, NO_LOST_JOBS, found.checked, rows)


def _ours(
    pipeline: Pipeline, listed: Sequence[ListedJob]
) -> Iterator[tuple[ListedJob, tuple[str, int]]]:
    for entry in listed:
        mark = marked_job(entry.user_data)
        elsewhere = entry.output and entry.output.bucket != pipeline.catalog.output_bucket
        if mark is not None and not elsewhere:
            yield entry, mark


def _known(pipeline: Pipeline, beginnings: Sequence[str]) -> dict[str, list[Sent]]:
    """The ledger's jobs and their attempts, by the part of the id that marks hold."""
    known: dict[str, list[Sent]] = {}
    for sent in Outlook(pipeline.ledger.database).sent(set(beginnings)):
        known.setdefault(sent.job.id[:MARK_LENGTH], []).append(sent)
    return known


def _compared(
    listed: ListedJob, beginning: str, number: int, known: Sequence[Sent], began: datetime
) -> Discrepancy | None:
    sent = next((one for one in known if one.attempt and one.attempt.number == number), None)
    if sent is None:
        problem = "The ledger does not know this job, which carries its mark and is billed."
        next_step = (
            "Bring the ledger's backup back if it was lost; else find out which installation "
            "sends into this bucket, and take the output from there."
        )
        return _discrepancy(listed, beginning, known[0] if known else None, problem, next_step)
    job, attempt = sent.job, sent.attempt
    claimed = job.owner_until is not None and job.owner_until > began
    if attempt is None or claimed or sent.moved_at >= began:
        return None
    if attempt.remote_id not in (None, listed.remote_id):
        problem = f"Attempt {number} was started twice: the ledger has {attempt.remote_id}."
        next_step = "It is billed twice: claim this one back from the service."
        return _discrepancy(listed, job.id, sent, problem, next_step)
    if number != job.attempt:
        return None  # it ended, or the next attempt would not have been made
    agreed, next_step = _AGREED[JobState(job.state)]
    if job.state == JobState.FAILED.value and job.finished_at is not None:
        agreed = frozenset({RemoteState.FINISHED})  # it was its output that was refused
    if listed.state in agreed:
        return None
    problem = f"The service has it as {listed.state.value}, the ledger as {job.state}."
    next_step = next_step.format(job=job.id[:12], remote=listed.remote_id)
    return _discrepancy(listed, job.id, sent, problem, next_step)


def _discrepancy(
    listed: ListedJob, job_id: str, sent: Sent | None, problem: str, next_step: str
) -> Discrepancy:
    job = sent.job if sent else None
    return Discrepancy(
        remote_id=listed.remote_id,
        at_service=listed.state.value,
        job=job_id,
        in_ledger=job.state if job else "",
        title=job.title if job else "",
        video=job.video if job else "",
        language=job.language if job else "",
        problem=problem,
        next_step=next_step,
        output=listed.output.to_oss() if listed.output else "",
    )
