"""What a service says of open jobs, turned into steps of the ledger. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from translation_pipeline.ledger.jobs import Change, OpenJob
from translation_pipeline.ledger.states import JobState
from translation_pipeline.providers.base import RemoteJob, RemoteState

# How long a job may take before it is called unknown: a queue allowance, and seconds of work per
# second of video (ims.md section 4.8, doubled).
QUEUE_ALLOWANCE_S = 3600.0
WORK_PER_VIDEO_SECOND = {"extraction": 4.0, "subtitle": 6.0, "speech": 20.0}

# Jobs that can only be read singly are looked at when they grew older by this share.
LOOK_AGAIN_AFTER_SHARE = 0.25
LONGEST_BETWEEN_LOOKS_S = 60.0


def deadline_s(job: OpenJob) -> float:
    """Seconds after the submit at which a job without an end is called unknown."""
    return QUEUE_ALLOWANCE_S + WORK_PER_VIDEO_SECOND[job.level] * job.duration_s


def next_look_s(age_s: float) -> float:
    """Seconds until a job of this age that is read singly is looked at again."""
    return min(LONGEST_BETWEEN_LOOKS_S, LOOK_AGAIN_AFTER_SHARE * age_s)


def changes_of(
    jobs: Sequence[OpenJob], found: Mapping[str, RemoteJob], now: datetime
) -> tuple[list[Change], list[OpenJob]]:
    """The steps that the answers call for, and the unknown jobs that stay as unknown as before."""
    changes: list[Change] = []
    unmoved: list[OpenJob] = []
    for job in jobs:
        change = _change_of(job, found.get(job.remote_id or ""), now)
        if change is not None and change.state is not job.state:
            changes.append(change)
        elif job.state is JobState.UNKNOWN:
            unmoved.append(job)
    return changes, unmoved


def _change_of(job: OpenJob, remote: RemoteJob | None, now: datetime) -> Change | None:
    if remote is None:
        return _overdue(job, f"The service does not know job {job.remote_id}.", now)
    if remote.state is RemoteState.FINISHED:
        return Change(
            job.id, JobState.FINISHED, "the service is done", result=dict(remote.result) or None
        )
    if remote.state is RemoteState.FAILED:
        words = f"{remote.error_code or 'JobFailed'}: {remote.detail} (job {remote.remote_id})"
        return Change(job.id, JobState.FAILED, words, reason=words)
    if remote.state is RemoteState.UNRECOGNISED:
        words = (
            f"The service calls job {remote.remote_id} {remote.detail!r}, a word that is not "
            "documented. It is not sent again; look the job up at the service."
        )
        return Change(job.id, JobState.UNKNOWN, words, reason=words)
    overdue = _overdue(job, f"Job {job.remote_id} passed its deadline and still runs.", now)
    if overdue is not None or remote.state is RemoteState.WAITING:
        return overdue
    return Change(job.id, JobState.RUNNING, "the service works on it")


def _overdue(job: OpenJob, words: str, now: datetime) -> Change | None:
    """A deadline that passed makes a job unknown, never failed: it may run on and be billed."""
    if job.sent_at is None or (now - job.sent_at).total_seconds() <= deadline_s(job):
        return None
    return Change(job.id, JobState.UNKNOWN, words, reason=words)
