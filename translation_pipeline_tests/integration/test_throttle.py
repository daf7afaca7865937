"""Turns of an account: rates, jobs in flight, pauses and probes, shared through the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from translation_pipeline.ledger.database import Database
from translation_pipeline.ledger.throttle import FAILURES_BEFORE_PAUSE, PROBE_S, Throttle


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 8, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_throttle(database: Database, clock: Clock) -> Callable[[], Throttle]:
    """Each call is another process with the same account."""
    return lambda: Throttle(
        database,
        "ims",
        "default",
        calls_per_s=10,
        jobs_in_flight=1000,
        clock=clock,
        jitter=lambda: 1.0,
    )


def test_two_processes_share_one_rate(open_throttle: Callable[[], Throttle], clock: Clock) -> None:
    one, other = open_throttle(), open_throttle()
    one.take(1)
    clock.pass_(60)
    assert one.take(7).granted == 7
    assert other.take(7).granted == 3
    assert other.take(7).granted == 0
    clock.pass_(0.5)
    assert one.take(7).granted == 5


def test_idle_time_is_not_saved_up(open_throttle: Callable[[], Throttle], clock: Clock) -> None:
    throttle = open_throttle()
    clock.pass_(3600)
    throttle.take(0)
    assert throttle.take(1000).granted <= 10


def test_a_throttled_call_pauses_everybody_and_then_lets_one_probe_through(
    open_throttle: Callable[[], Throttle], clock: Clock
) -> None:
    one, other = open_throttle(), open_throttle()
    clock.pass_(10)
    one.slow_down(retry_after_s=3)
    assert other.take(5).granted == 0
    assert other.take(5).wait_s == pytest.approx(3)
    clock.pass_(3.1)
    assert other.take(5).granted == 1
    assert one.take(5).granted == 0
    other.answered()
    assert one.take(5).granted == 5


def test_pauses_grow_while_probes_fail(open_throttle: Callable[[], Throttle], clock: Clock) -> None:
    throttle = open_throttle()
    pauses = []
    throttle.slow_down()
    for _ in range(4):
        pauses.append(throttle.take(1).wait_s)
        clock.pass_(pauses[-1] + 0.01)
        assert throttle.take(1).granted == 1
        throttle.slow_down()
    assert pauses == pytest.approx([1, 2, 4, 8])


def test_calls_under_way_when_a_pause_begins_do_not_lengthen_it(
    open_throttle: Callable[[], Throttle],
) -> None:
    throttle = open_throttle()
    for _ in range(30):
        throttle.slow_down()
    assert throttle.take(1).wait_s <= 1


def test_a_probe_that_never_comes_back_does_not_block_for_ever(
    open_throttle: Callable[[], Throttle], clock: Clock
) -> None:
    throttle = open_throttle()
    throttle.slow_down()
    clock.pass_(2)
    assert throttle.take(1).granted == 1
    clock.pass_(PROBE_S + 1)
    assert open_throttle().take(1).granted == 1


def test_a_service_that_breaks_again_and_again_counts_as_down(
    open_throttle: Callable[[], Throttle], clock: Clock
) -> None:
    throttle = open_throttle()
    clock.pass_(10)
    for _ in range(FAILURES_BEFORE_PAUSE - 1):
        throttle.broke()
    assert throttle.take(1).granted == 1
    throttle.broke()
    assert throttle.take(1).granted == 0
