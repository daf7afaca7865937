"""How fast and how many: request rates, jobs in flight and pauses of an account.

The state is one row per account in the ledger's database, so that all processes on all machines
together keep the account's limits.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from translation_pipeline.ledger.database import Database, one_transaction
from translation_pipeline.ledger.ledger import utc_now
from translation_pipeline.ledger.models import Account, Job
from translation_pipeline.ledger.states import IN_FLIGHT

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
FAILURES_BEFORE_PAUSE = 5  # broken calls in a row, before the service counts as down
PROBE_S = 15.0  # others wait this long for the outcome of the one probing call


@dataclass(frozen=True, slots=True)
class Turn:
    """How many calls may be made now, and how many seconds to wait if that is none."""

    granted: int
    wait_s: float


class Throttle:
    """Turns for one account, such as `ims:default`."""

    def __init__(
        self,
        database: Database,
        provider: str,
        account: str,
        *,
        calls_per_s: float,
        jobs_in_flight: int,
        clock: Callable[[], datetime] = utc_now,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._provider = provider
        self._account = account
        self._calls_per_s = calls_per_s
        self._jobs_in_flight = jobs_in_flight
        self._now = clock
        self._jitter = jitter
        self._trouble = False

    @one_transaction
    def take(self, wanted: int) -> Turn:
        """Ask for up to `wanted` submits. After a pause only one call is let through: the probe."""
        with self._database.write() as session:
            row = self._row(session)
            now = self._now()
            if row.paused_until is not None and row.paused_until > now:
                return Turn(0, (row.paused_until - now).total_seconds())
            self._refill(row, now)
            room = self._jobs_in_flight - self._in_flight(session)
            granted = max(0, min(wanted, int(row.tokens), room))
            if row.paused_until is not None and granted:
                granted, row.probing = 1, True
                row.paused_until = now + timedelta(seconds=PROBE_S)
            row.tokens -= granted
            if granted:
                return Turn(granted, 0.0)
            return Turn(0, 1.0 if room <= 0 else (1 - row.tokens) / self._calls_per_s)

    def slow_down(self, retry_after_s: float | None = None) -> None:
        """The service throttled a call: pause, each time longer, with jitter."""
        self._fail(pause_after=1, at_least_s=retry_after_s or 0.0)

    def broke(self) -> None:
        """A call ended without an answer: pause when that happens again and again."""
        self._fail(pause_after=FAILURES_BEFORE_PAUSE, at_least_s=0.0)

    @one_transaction
    def answered(self) -> None:
        """The service took a call: whatever trouble there was is over."""
        if not self._trouble:
            return
        self._trouble = False
        with self._database.write() as session:
            row = self._row(session)
            row.failures, row.paused_until, row.probing = 0, None, False

    @one_transaction
    def _fail(self, *, pause_after: int, at_least_s: float) -> None:
        self._trouble = True
        with self._database.write() as session:
            row = self._row(session)
            paused = row.paused_until is not None and row.paused_until > self._now()
            if paused and not row.probing:
                return  # calls that were under way when the pause began tell nothing new
            row.failures, row.probing = row.failures + 1, False
            over = row.failures - pause_after
            if over >= 0:
                longest_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(over, 10))
                pause_s = max(at_least_s, longest_s * (0.5 + self._jitter() / 2))
                row.paused_until = self._now() + timedelta(seconds=pause_s)

    def _refill(self, row: Account, now: datetime) -> None:
        """One second's worth of calls at the most: bursts would be throttled."""
        passed_s = max(0.0, (now - row.refilled_at).total_seconds())
        most = max(1.0, self._calls_per_s)
        row.tokens = min(most, row.tokens + passed_s * self._calls_per_s)
        row.refilled_at = now

    def _in_flight(self, session: Session) -> int:
        query = (
            select(func.count())
            .select_from(Job)
            .where(
                Job.provider == self._provider,
                Job.account == self._account,
                Job.state.in_(sorted(state.value for state in IN_FLIGHT)),
            )
        )
        return session.scalar(query) or 0

    def _row(self, session: Session) -> Account:
        name = f"{self._provider}:{self._account}"
        row = session.get(Account, name, with_for_update=True)
        if row is None:
            self._database.one_at_a_time(session)
            row = session.get(Account, name)
        if row is None:
            row = Account(name=name, tokens=1.0, refilled_at=self._now(), probing=False, failures=0)
            session.add(row)
            session.flush()
        # Another process may have met trouble; whoever succeeds first ends it.
        self._trouble = self._trouble or row.failures > 0
        return row
