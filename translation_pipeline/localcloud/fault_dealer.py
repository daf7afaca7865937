"""When which fault of a plan strikes, and how often each did.

A fault is drawn only where it can act: a scripted one is not used up by a call that could not
show it. The same plan, met by the same sequence of calls, strikes at the same places. The plan
lives in memory: a restarted server has the one it was started with. What a job was dealt is kept
with the job.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from translation_pipeline.localcloud.faults import (
    Fault,
    FaultPlan,
    JobFault,
    Refusal,
    UnknownStatus,
    When,
    WireFault,
    job_fault,
)

F = TypeVar("F", bound=Fault)
W = TypeVar("W", bound=WireFault)


class FaultDealer:
    """Says, chance by chance, which fault of the plan strikes, and counts those that did.

    The counts go on when the plan is replaced.
    """

    def __init__(self, plan: FaultPlan) -> None:
        self.dealt: Counter[str] = Counter()
        self._odd_reads: Counter[str] = Counter()
        self.load(plan)

    def load(self, plan: FaultPlan) -> None:
        """Follow another plan, from its beginning."""
        self.plan = plan
        self._hands = [_Hand(fault, plan.seed, place) for place, fault in enumerate(plan.faults)]

    def deal(self, kind: type[F], action: str) -> F | None:
        """The first fault of that kind that strikes this call of `action`, if one does."""
        return self._first(kind, action, lambda fault: True)

    def deal_on_wire(self, kind: type[W], action: str, when: When) -> W | None:
        """As `deal`, of those that strike before, or after, the call is carried out."""
        return self._first(kind, action, lambda fault: fault.when == when)

    def deal_refusal(self, ram_action: str, bucket: str | None = None) -> Refusal | None:
        """The refusal of a call that needs a right, of those for any bucket or for this one."""
        return self._first(Refusal, ram_action, lambda fault: fault.bucket in (None, bucket))

    def deal_to_job(self, action: str) -> tuple[JobFault, ...]:
        """All that will be wrong with the job that a call of `action` is about to start."""
        dealt = [
            hand.fault
            for hand in self._hands
            if isinstance(hand.fault, JobFault) and hand.strikes(action)
        ]
        self.dealt.update(fault.label for fault in dealt)
        return tuple(dealt)

    def unknown_word(self, job_id: str, faults: Sequence[JobFault]) -> str | None:
        """The word that one more read of a job gets in place of its state, if it gets one.

        Reads are counted in memory: after a restart they begin again.
        """
        fault = job_fault(faults, UnknownStatus)
        if fault is None or self._odd_reads[job_id] == fault.reads:
            return None
        self._odd_reads[job_id] += 1
        return fault.word

    def _first(self, kind: type[F], action: str, meant: Callable[[F], bool]) -> F | None:
        for hand in self._hands:
            fault = hand.fault
            if isinstance(fault, kind) and meant(fault) and hand.strikes(action):
                self.dealt[fault.label] += 1
                return fault
        return None

    def standing(self) -> list[dict[str, Any]]:
        """Per fault of the plan: its kind, how many chances it had and how often it struck."""
        return [
            {"kind": hand.fault.kind, "chances": hand.chances, "struck": hand.struck}
            for hand in self._hands
        ]


class _Hand:
    """One fault of the running plan with its own sequence of draws."""

    def __init__(self, fault: Fault, seed: int, place: int) -> None:
        self.fault = fault
        self.chances = 0
        self.struck = 0
        self._random = random.Random(f"{seed}/{place}")  # noqa: S311 - repeatable, not secret

    def strikes(self, action: str) -> bool:
        """Draw for one call, if it is meant at all."""
        fault = self.fault
        if not fault.concerns(action) or self.struck == fault.times:
            return False
        self.chances += 1
        if self.chances <= fault.skip or self._random.random() >= fault.rate:
            return False
        self.struck += 1
        return True
