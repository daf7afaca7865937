"""The ledger on real SQLite and PostgreSQL: what it must never allow."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.errors import BudgetExceeded, LedgerError
from translation_pipeline.ledger.budget import MICROS, Caps
from translation_pipeline.ledger.database import Database
from translation_pipeline.ledger.identity import client_token
from translation_pipeline.ledger.jobs import Change, PlannedJob
from translation_pipeline.ledger.ledger import LEASE_S, Ledger
from translation_pipeline.ledger.models import Attempt
from translation_pipeline.ledger.states import JobState
from translation_pipeline.ledger.totals import (
    Totals,
    cost_of,
    totals_of,
    totals_of_all,
    waiting_for,
    work_s,
)
from translation_pipeline.providers.requests import ExtractionRequest, request_from_json

RUN = "run-1"
NO_CAPS = Caps()


def planned(number: int = 1, title: str = "drama", language: str = "en") -> PlannedJob:
    return PlannedJob(
        id=f"{number:064x}",
        provider="ims",
        account="default",
        title=title,
        video=f"ep{number}",
        language=language,
        request=ExtractionRequest(
            video=ObjectAddress("videos", f"incoming/{title}/ep {number}.mp4"),
            output=ObjectAddress("results", f"captions/{title}/ep{number}.srt"),
            source_language="en",
            region=((0.75, 1.0), (0.0, 1.0)),
            fps=5,
        ),
        source_etag="E1",
        duration_s=61.0,
        price_micros=10 * MICROS,
        currency="CNY",
    )


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 8, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(database: Database, clock: Clock) -> Ledger:
    return Ledger(database, clock)


def reserved(ledger: Ledger, *jobs: PlannedJob) -> list[str]:
    ids = [job.id for job in jobs]
    ledger.plan(jobs, RUN)
    ledger.reserve(ids, NO_CAPS, RUN)
    return ids


def begin(ledger: Ledger, job_id: str) -> Attempt:
    return ledger.begin_attempts([job_id], RUN)[job_id]


def state(ledger: Ledger, job_id: str) -> JobState:
    (job,) = ledger.jobs([job_id])
    return JobState(job.state)


def test_a_job_is_entered_once_whoever_plans_it(ledger: Ledger) -> None:
    assert ledger.plan([planned()], RUN) == [planned().id]
    assert ledger.plan([planned(), planned(2)], "run-2") == [planned(2).id]
    assert len(ledger.jobs()) == 2


def test_the_request_comes_back_as_it_was(ledger: Ledger) -> None:
    ledger.plan([planned()], RUN)
    (job,) = ledger.jobs()
    assert request_from_json(job.request) == planned().request


def test_no_attempt_without_a_reservation(ledger: Ledger) -> None:
    ledger.plan([planned()], RUN)
    with pytest.raises(LedgerError, match="no reservation"):
        begin(ledger, planned().id)
    assert state(ledger, planned().id) is JobState.PLANNED


def test_the_whole_way_of_a_job_is_told_by_its_events(ledger: Ledger) -> None:
    (job_id,) = reserved(ledger, planned())
    attempt = begin(ledger, job_id)
    assert attempt.client_token == client_token(job_id, 1)
    ledger.record(job_id, JobState.SUBMITTED, RUN, "accepted", remote_id="r-1")
    ledger.record(job_id, JobState.RUNNING, RUN, "works")
    ledger.record(job_id, JobState.FINISHED, RUN, "done", result={"a": 1})
    ledger.record(job_id, JobState.VERIFIED, RUN, "good")
    assert [event.to_state for event in ledger.events(job_id)] == [
        "planned", "reserved", "intent", "submitted", "running", "finished", "verified",
    ]  # fmt: skip
    (job,) = ledger.jobs([job_id])
    assert job.remote_id == "r-1"
    assert job.result == {"a": 1}


def test_totals_count_each_billed_job_once_and_each_attempt_that_came_to_nothing(
    ledger: Ledger, clock: Clock
) -> None:
    assert totals_of_all(ledger.database) == totals_of([]) == Totals()
    assert waiting_for(ledger.database, "approved") == 0
    ids = reserved(ledger, *(planned(number) for number in range(1, 6)))
    verified, failed, refused, late, _ = ids

    def go(job_id: str, *states: JobState) -> None:
        begin(ledger, job_id)
        ledger.record(job_id, JobState.SUBMITTED, RUN, "accepted", remote_id=f"r-{job_id}")
        clock.now += timedelta(seconds=90)
        for step in states:
            ledger.record(job_id, step, RUN, "so it is")

    go(verified, JobState.FINISHED, JobState.VERIFIED)
    go(failed, JobState.FAILED)
    go(refused, JobState.FINISHED, JobState.FAILED)  # billed, whatever its output is worth
    go(late, JobState.FAILED)
    ledger.retry([late], RUN, "again")
    ledger.reserve([late], NO_CAPS, RUN)
    go(late, JobState.FINISHED, JobState.VERIFIED)
    ledger.plan([replace(planned(6), currency="USD")], RUN)

    jobs = ledger.jobs()
    expected = Totals(3, 3 * 61.0 / 60, {"CNY": 30 * MICROS, "USD": 0}, failures=3)
    assert totals_of_all(ledger.database) == totals_of([*jobs, *jobs]) == expected
    by_id = {job.id: job for job in jobs}
    assert [cost_of(by_id[job_id]) for job_id in ids] == [
        "10.00 CNY", "", "10.00 CNY", "10.00 CNY", "10.00 CNY",
    ]  # fmt: skip
    assert [work_s(by_id[job_id]) for job_id in ids] == [90.0, None, 90.0, 90.0, None]


@pytest.mark.parametrize("illegal", [JobState.VERIFIED, JobState.FINISHED, JobState.SUBMITTED])
def test_an_illegal_step_changes_nothing(ledger: Ledger, illegal: JobState) -> None:
    (job_id,) = reserved(ledger, planned())
    with pytest.raises(LedgerError, match=r"drama/ep1.*cannot become"):
        ledger.record(job_id, illegal, RUN, "no")
    assert state(ledger, job_id) is JobState.RESERVED
    assert len(ledger.events(job_id)) == 2


def test_a_verified_job_cannot_be_planned_again(ledger: Ledger) -> None:
    (job_id,) = reserved(ledger, planned())
    begin(ledger, job_id)
    ledger.record(job_id, JobState.SUBMITTED, RUN, "accepted", remote_id="r-1")
    ledger.record(job_id, JobState.FINISHED, RUN, "done")
    ledger.record(job_id, JobState.VERIFIED, RUN, "good")
    assert ledger.retry([job_id], RUN, "again") == 0
    assert ledger.plan([planned()], RUN) == []
    assert state(ledger, job_id) is JobState.VERIFIED


def test_a_throttled_attempt_keeps_its_token(ledger: Ledger) -> None:
    (job_id,) = reserved(ledger, planned())
    first = begin(ledger, job_id)
    ledger.record(job_id, JobState.RESERVED, RUN, "throttled")
    again = begin(ledger, job_id)
    assert again.client_token == first.client_token
    assert again.intent_at == first.intent_at


def test_a_new_attempt_after_a_failure_has_a_new_token(ledger: Ledger) -> None:
    (job_id,) = reserved(ledger, planned())
    first = begin(ledger, job_id)
    ledger.record(job_id, JobState.FAILED, RUN, "bad", reason="bad")
    assert ledger.retry([job_id], RUN, "a person") == 1
    ledger.reserve([job_id], NO_CAPS, RUN)
    again = begin(ledger, job_id)
    assert again.client_token != first.client_token
    assert again.user_data != first.user_data


def test_two_owners_never_hold_one_job(ledger: Ledger) -> None:
    ids = reserved(ledger, *(planned(number) for number in range(40)))
    taken: dict[str, list[str]] = {}
    barrier = threading.Barrier(4)

    def claim(owner: str) -> None:
        barrier.wait()
        taken[owner] = [job.id for job in ledger.claim(owner)]

    threads = [threading.Thread(target=claim, args=(f"owner-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [job_id for ids_of_one in taken.values() for job_id in ids_of_one]
    assert len(every) == len(set(every))
    # PostgreSQL skips rows that another claim is just taking; a second look finds the rest.
    every += [job.id for job in ledger.claim("late")]
    assert sorted(every) == sorted(ids)


def test_a_dead_owners_jobs_are_taken_over_after_the_lease(ledger: Ledger, clock: Clock) -> None:
    (job_id,) = reserved(ledger, planned())
    assert ledger.claim("dead")
    assert ledger.claim("next") == []
    clock.now += timedelta(seconds=LEASE_S + 1)
    assert [job.id for job in ledger.claim("next")] == [job_id]


def test_a_beating_heart_keeps_its_claims(ledger: Ledger, clock: Clock) -> None:
    reserved(ledger, planned())
    ledger.claim("alive")
    clock.now += timedelta(seconds=LEASE_S - 1)
    ledger.renew("alive", [planned().id])
    clock.now += timedelta(seconds=2)
    assert ledger.claim("next") == []


def test_planned_jobs_wait_for_their_money(ledger: Ledger) -> None:
    ledger.plan([planned()], RUN)
    assert ledger.claim("me") == []
    assert ledger.unsettled() == 0


@pytest.mark.parametrize("cap", ["per_run", "per_title", "per_language", "per_month"])
def test_over_a_cap_nothing_is_reserved(ledger: Ledger, cap: str) -> None:
    jobs = [planned(1), planned(2), planned(3)]
    ledger.plan(jobs, RUN)
    caps = replace(NO_CAPS, **{cap: 29 * MICROS})
    with pytest.raises(BudgetExceeded, match=rf"30\.00 CNY.*{cap}.*29\.00 CNY"):
        ledger.reserve([job.id for job in jobs], caps, RUN)
    assert {state(ledger, job.id) for job in jobs} == {JobState.PLANNED}
    assert ledger.reserve([job.id for job in jobs[:2]], caps, RUN) == 2


def test_a_cap_counts_what_was_spent_before_but_not_what_failed(ledger: Ledger) -> None:
    jobs = [planned(1), planned(2), planned(3)]
    ledger.plan(jobs, RUN)
    caps = replace(NO_CAPS, per_title=20 * MICROS)
    ledger.reserve([jobs[0].id, jobs[1].id], caps, RUN)
    with pytest.raises(BudgetExceeded):
        ledger.reserve([jobs[2].id], caps, "run-2")
    ledger.record(jobs[0].id, JobState.FAILED, RUN, "bad", reason="bad")
    assert ledger.reserve([jobs[2].id], caps, "run-2") == 1


def test_caps_hold_when_many_reserve_at_once(ledger: Ledger) -> None:
    jobs = [planned(number) for number in range(12)]
    ledger.plan(jobs, RUN)
    caps = replace(NO_CAPS, per_month=50 * MICROS)
    granted: list[int] = []

    def reserve_one(job: PlannedJob) -> None:
        try:
            granted.append(ledger.reserve([job.id], caps, RUN))
        except BudgetExceeded:
            granted.append(0)

    threads = [threading.Thread(target=reserve_one, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 5


def test_a_process_that_slept_through_its_lease_writes_nothing(
    ledger: Ledger, clock: Clock
) -> None:
    (job_id,) = reserved(ledger, planned())
    ledger.claim("sleeper")
    clock.now += timedelta(seconds=LEASE_S + 1)
    ledger.claim("successor")
    assert ledger.begin_attempts([job_id], RUN, owner="sleeper") == {}
    ledger.begin_attempts([job_id], RUN, owner="successor")
    change = Change(job_id, JobState.SUBMITTED, "accepted", remote_id="r-9")
    assert job_id in ledger.apply([change], RUN, owner="sleeper").refused
    assert state(ledger, job_id) is JobState.INTENT


def test_one_illegal_change_does_not_hold_up_the_others(ledger: Ledger) -> None:
    good, bad = reserved(ledger, planned(1), planned(2))
    begin(ledger, good)
    applied = ledger.apply(
        [
            Change(good, JobState.SUBMITTED, "accepted", remote_id="r-1"),
            Change(bad, JobState.VERIFIED, "no"),
            Change("f" * 64, JobState.VERIFIED, "no such job"),
        ],
        RUN,
    )
    assert [job.id for job in applied.jobs] == [good]
    assert set(applied.refused) == {bad, "f" * 64}


def finished(ledger: Ledger, job_id: str) -> None:
    begin(ledger, job_id)
    ledger.record(job_id, JobState.SUBMITTED, RUN, "accepted", remote_id="r-1")
    ledger.record(job_id, JobState.FINISHED, RUN, "done")


def test_a_job_whose_output_was_refused_is_billed_and_only_looked_at_again(
    ledger: Ledger,
) -> None:
    (job_id,) = reserved(ledger, planned())
    finished(ledger, job_id)
    ledger.record(job_id, JobState.FAILED, RUN, "too short", reason="too short")
    ledger.plan([planned(2)], RUN)
    with pytest.raises(BudgetExceeded):
        ledger.reserve([planned(2).id], replace(NO_CAPS, per_title=19 * MICROS), RUN)
    assert ledger.retry([job_id], RUN, "a person") == 1
    assert state(ledger, job_id) is JobState.FINISHED
    ledger.record(job_id, JobState.VERIFIED, RUN, "it was late")


def test_only_force_sends_a_billed_job_again(ledger: Ledger) -> None:
    (job_id,) = reserved(ledger, planned())
    finished(ledger, job_id)
    ledger.record(job_id, JobState.FAILED, RUN, "too short", reason="too short")
    assert ledger.retry([job_id], RUN, "a person, with force", pay_again=True) == 1
    assert state(ledger, job_id) is JobState.PLANNED
    ledger.reserve([job_id], NO_CAPS, RUN)
    assert begin(ledger, job_id).client_token == client_token(job_id, 2)


def test_jobs_are_found_by_the_beginning_of_their_id_and_by_state(ledger: Ledger) -> None:
    reserved(ledger, planned(1), planned(0xA0), planned(0xAF))
    begin(ledger, planned(1).id)
    assert [job.id for job in ledger.find(planned(1).id[:64])] == [planned(1).id]
    assert [job.id for job in ledger.find("0" * 62 + "01")] == [planned(1).id]
    assert len(ledger.find("0" * 62 + "a")) == 2
    assert ledger.find("f") == []
    assert [job.id for job in ledger.jobs_in([JobState.INTENT])] == [planned(1).id]
