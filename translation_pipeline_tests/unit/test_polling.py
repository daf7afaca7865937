"""Words of the service become steps of the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from translation_pipeline.ledger.jobs import OpenJob
from translation_pipeline.ledger.polling import (
    LONGEST_BETWEEN_LOOKS_S,
    changes_of,
    deadline_s,
    next_look_s,
)
from translation_pipeline.ledger.states import LEGAL, JobState
from translation_pipeline.providers.base import RemoteJob, RemoteState

NOW = datetime(2026, 3, 1, 8, tzinfo=timezone.utc)
JOB = OpenJob(
    id="a" * 64,
    provider="ims",
    account="default",
    kind="translation",
    state=JobState.SUBMITTED,
    remote_id="r-1",
    duration_s=600.0,
    level="subtitle",
    sent_at=NOW - timedelta(minutes=1),
)


def step(job: OpenJob, remote: RemoteJob | None) -> JobState | None:
    found = {} if remote is None else {"r-1": remote}
    changes, _ = changes_of([job], found, NOW)
    return changes[0].state if changes else None


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        (RemoteState.WAITING, None),
        (RemoteState.RUNNING, JobState.RUNNING),
        (RemoteState.FINISHED, JobState.FINISHED),
        (RemoteState.FAILED, JobState.FAILED),
        (RemoteState.UNRECOGNISED, JobState.UNKNOWN),
    ],
)
@pytest.mark.parametrize("state", [JobState.SUBMITTED, JobState.RUNNING, JobState.UNKNOWN])
def test_each_word_leads_to_a_legal_step_or_none(
    state: JobState, remote: RemoteState, expected: JobState | None
) -> None:
    found = step(replace(JOB, state=state), RemoteJob("r-1", remote, detail="word"))
    assert found == (None if expected is state else expected)
    assert found is None or found in LEGAL[state]


def test_a_passed_deadline_is_unknown_never_failed() -> None:
    late = replace(JOB, sent_at=NOW - timedelta(seconds=deadline_s(JOB) + 1))
    assert step(late, RemoteJob("r-1", RemoteState.RUNNING)) is JobState.UNKNOWN
    assert step(late, RemoteJob("r-1", RemoteState.WAITING)) is JobState.UNKNOWN
    assert step(late, None) is JobState.UNKNOWN
    assert step(late, RemoteJob("r-1", RemoteState.FINISHED)) is JobState.FINISHED


def test_a_job_that_is_not_listed_yet_is_waited_for() -> None:
    assert step(JOB, None) is None


def test_an_unknown_job_that_still_runs_is_let_go_as_it_is() -> None:
    late = replace(
        JOB, state=JobState.UNKNOWN, sent_at=NOW - timedelta(seconds=deadline_s(JOB) + 1)
    )
    changes, unmoved = changes_of([late], {"r-1": RemoteJob("r-1", RemoteState.RUNNING)}, NOW)
    assert (changes, unmoved) == ([], [late])


def test_deadlines_grow_with_duration_and_level() -> None:
    assert deadline_s(replace(JOB, duration_s=1200.0)) > deadline_s(JOB)
    assert deadline_s(replace(JOB, level="speech")) > deadline_s(JOB)


def test_looks_grow_apart_up_to_a_limit() -> None:
    assert next_look_s(0) == 0
    assert next_look_s(40) == 10
    assert next_look_s(86_400) == LONGEST_BETWEEN_LOOKS_S
