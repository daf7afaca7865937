"""`translation-pipeline status`, `plan` and `jobs`: what the ledger knows, as tables."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from translation_pipeline.cli.local_home import LocalHome
from translation_pipeline.cli.output import err, print_json, print_table
from translation_pipeline.errors import ConfigurationError
from translation_pipeline.ledger.budget import format_money
from translation_pipeline.ledger.models import Job
from translation_pipeline.ledger.states import JobState
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.settings import Settings
from translation_pipeline.stages.audit import audit
from translation_pipeline.stages.coverage import BLOCKED, FAILED, UNKNOWN
from translation_pipeline.stages.coverage_report import CoverageFiles, coverage_rows
from translation_pipeline.stages.quote import quote

STATUS_COLUMNS = ("title", "video", "stage", "language", "state", "cost", "reason", "next_step")
QUOTE_COLUMNS = ("title", "video", "stage", "language", "minutes", "cost", "why")
AUDIT_COLUMNS = ("remote_id", "job", "title", "video", "language", "problem", "next_step", "output")
JOB_COLUMNS = ("id", "title", "video", "kind", "language", "state", "cost", "remote_id", "reason")

RUN = "command line"

# What a person may decide about a job that nobody can prove anything of.
DECISIONS = {
    "submitted": JobState.SUBMITTED,
    "not-submitted": JobState.RESERVED,
    "failed": JobState.FAILED,
    "abandoned": JobState.ABANDONED,
}


def open_pipeline(home: Path | None) -> Pipeline:
    """The pipeline of a local home, or of the environment without one."""
    environment = dict(os.environ)
    if home is not None:
        environment = LocalHome(home.resolve()).environment()
    return Pipeline.from_settings(Settings.from_environment(environment))


def show_status(
    titles: Sequence[str] | None,
    home: Path | None,
    *,
    html: Path | None,
    csv: Path | None,
    as_json: bool,
) -> bool:
    """Print the coverage, and write it to files where they are named; False when something
    failed, is unknown or is blocked."""
    pipeline = open_pipeline(home)
    try:
        with CoverageFiles(html, csv) as files:
            rows = (asdict(files.add(row)) for row in coverage_rows(pipeline, titles))
            if as_json:
                print_json({"rows": list(rows)})
            else:
                print_table(rows, STATUS_COLUMNS)
    except OSError as error:
        raise ConfigurationError(f"The report cannot be written: {error}.") from error
    for path in filter(None, (html, csv)):
        err.print(f"Report: {path}")
    counts = files.summary.by_state
    return not any(counts[state] for state in (BLOCKED, FAILED, UNKNOWN))


def show_plan(
    titles: Sequence[str] | None,
    languages: Sequence[str] | None,
    home: Path | None,
    *,
    as_json: bool,
) -> None:
    """Print what a run would send and cost."""
    pipeline = open_pipeline(home)
    found = quote(pipeline, titles, languages)
    currency = pipeline.prices.currency
    lines = [{**asdict(line), "cost": line.cost} for line in found.lines]
    if as_json:
        print_json(
            {
                "jobs": lines,
                "waiting": found.waiting,
                "minutes": sum(line.minutes for line in found.lines),
                "total": format_money(found.total_micros, currency),
                "total_micros": found.total_micros,
                "currency": currency,
            }
        )
        return
    print_table(lines, QUOTE_COLUMNS)
    for title, micros in found.by_title().items():
        err.print(f"{title}: {format_money(micros, currency)}")
    err.print(
        f"{len(lines)} jobs, {format_money(found.total_micros, currency)} by the price table; "
        f"{len(found.waiting)} outputs wait. Nothing was sent."
    )


def list_jobs(states: Sequence[str] | None, home: Path | None, *, as_json: bool) -> None:
    """Print jobs of the ledger, those in these states only, if any are given."""
    unknown = sorted(set(states or ()) - {state.value for state in JobState})
    if unknown:
        raise ConfigurationError(
            f"There is no job state {', '.join(unknown)}. "
            f"Choose from {', '.join(state.value for state in JobState)}."
        )
    ledger = open_pipeline(home).ledger
    jobs = ledger.jobs_in([JobState(state) for state in states]) if states else ledger.jobs()
    rows = [_job_row(job) for job in jobs]
    if as_json:
        print_json({"jobs": rows})
    else:
        print_table([{**row, "id": row["id"][:12]} for row in rows], JOB_COLUMNS)


def show_job(job_id: str, home: Path | None, *, as_json: bool) -> None:
    """Print one job with its whole history. A beginning of its id is enough."""
    pipeline = open_pipeline(home)
    job = _find(pipeline, job_id)
    events = [
        {
            "at": event.at,
            "from": event.from_state,
            "to": event.to_state,
            "run": event.run_id,
            "cause": event.cause,
        }
        for event in pipeline.ledger.events(job.id)
    ]
    if as_json:
        print_json({**_job_row(job), "request": job.request, "events": events})
        return
    for name, value in _job_row(job).items():
        print(f"{name}: {'' if value is None else value}")
    print_table(events, ("at", "from", "to", "run", "cause"))


def audit_jobs(days: float, home: Path | None, *, as_json: bool) -> bool:
    """Print the jobs of ours at the service that the ledger does not bear out; False for any."""
    pipeline = open_pipeline(home)
    found = asyncio.run(audit(pipeline, pipeline.ledger.now() - timedelta(days=days)))
    rows = [asdict(finding) for finding in found.findings]
    if as_json:
        print_json({"checked": found.checked, "findings": rows})
    else:
        print_table([{**row, "job": row["job"][:12]} for row in rows], AUDIT_COLUMNS)
    err.print(
        f"{found.checked} translations of ours at the service in {days:g} days, {len(rows)} of "
        "them otherwise than in the ledger. Extractions cannot be listed. Nothing was changed."
    )
    return not rows


def resolve_job(job_id: str, decision: str, remote_id: str | None, home: Path | None) -> None:
    """Enter a person's decision on a job that is unknown."""
    if decision not in DECISIONS:
        raise ConfigurationError(
            f"There is no decision {decision!r}. Choose from {', '.join(DECISIONS)}."
        )
    if (decision == "submitted") != bool(remote_id):
        raise ConfigurationError(
            "Name the service's job id with --remote-id for the decision submitted, and only then."
        )
    pipeline = open_pipeline(home)
    job = _find(pipeline, job_id)
    if job.state != JobState.UNKNOWN.value:
        raise ConfigurationError(
            f"Job {job.id[:12]} is {job.state}; only unknown jobs wait for a person's decision."
        )
    words = f"a person decided: {decision}"
    pipeline.ledger.record(
        job.id,
        DECISIONS[decision],
        RUN,
        words,
        reason=words if decision in ("failed", "abandoned") else None,
        remote_id=remote_id,
    )
    err.print(f"Job {job.id[:12]} is now {DECISIONS[decision].value}.")


def _find(pipeline: Pipeline, beginning: str) -> Job:
    found = pipeline.ledger.find(beginning)
    if len(found) != 1:
        raise ConfigurationError(
            f"{'Several' if found else 'No'} jobs have an id that begins with {beginning!r}. "
            "`translation-pipeline jobs list` shows them."
        )
    return found[0]


def _job_row(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "title": job.title,
        "video": job.video,
        "kind": job.kind,
        "language": job.language,
        "state": job.state,
        "attempt": job.attempt,
        "cost": format_money(job.price_micros, job.currency),
        "remote_id": job.remote_id,
        "reason": job.reason,
    }
