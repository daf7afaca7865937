"""Make a process die at a named point: before or after any call of an object it works with.

Used to prove that the ledger survives: nothing in the product itself knows of it.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable
from typing import Any

# Object, method and side of the call at which a run can be made to die.
POINTS: tuple[str, ...] = tuple(
    f"{name}.{side}"
    for name in (
        "ledger.claim",
        "ledger.begin_attempts",
        "provider.submit",
        "ledger.apply",
        "provider.poll_many",
        "provider.find_lost",
        "delivery.preflight",
        "delivery.deliver",
    )
    for side in ("before", "after")
)


class Mortal:
    """Stands for an object and calls `die` at one point, at the `countdown`-th call there."""

    def __init__(self, name: str, target: Any, fate: Fate) -> None:
        self._name = name
        self._target = target
        self._fate = fate

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._target, attribute)
        if not callable(found):
            return found
        point = f"{self._name}.{attribute}"
        if inspect.iscoroutinefunction(found):
            return self._mortal_coroutine(point, found)

        def call(*arguments: Any, **options: Any) -> Any:
            self._fate.at(f"{point}.before")
            result = found(*arguments, **options)
            self._fate.at(f"{point}.after")
            return result

        return call

    def _mortal_coroutine(self, point: str, found: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*arguments: Any, **options: Any) -> Any:
            self._fate.at(f"{point}.before")
            result = await found(*arguments, **options)
            self._fate.at(f"{point}.after")
            return result

        return call


class Fate:
    """Counts down the calls at one point and then dies; once dead, every call dies."""

    def __init__(self, point: str | None, countdown: int, die: Callable[[], None]) -> None:
        self._point = point
        self._left = countdown
        self._die = die
        self.dead = False
        self.calls: Counter[str] = Counter()

    def at(self, point: str) -> None:
        """A call comes by this point."""
        self.calls[point] += 1
        if self.dead:
            self._die()
        if point != self._point:
            return
        self._left -= 1
        if self._left <= 0:
            self.dead = True
            self._die()
