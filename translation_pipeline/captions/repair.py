"""Repairs: named rules that are reported, can be undone, and never lose text silently.

Automatic rules change nothing that a viewer reads, and move no time by more than a given amount.
Whatever goes further is only proposed, and applied when a person accepts it by name. The caller
keeps the original; a repair makes new cues.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any, Final

from translation_pipeline.captions.columns import Columns, columns_of
from translation_pipeline.captions.cue import Cue
from translation_pipeline.captions.repair_rules import (
    RULES,
    UNLIMITED_MS,
    Cues,
    Numbered,
    Rule,
    Situation,
)
from translation_pipeline.errors import ConfigurationError

_MAX_ROUNDS: Final = 10  # one rule may make work for another; two rounds are the most in practice
MAX_TIME_CHANGE_MS: Final = 2000  # an automatic repair moves no time further


@dataclass(frozen=True, slots=True)
class AppliedRule:
    """A rule that changed something, the cues by their numbers before repair, and how to undo it.

    `removed` are cues with their positions (from 0) before the rule, `added` after it.
    """

    rule: str
    cue_numbers: tuple[int, ...]
    removed: tuple[tuple[int, Cue], ...] = ()
    added: tuple[tuple[int, Cue], ...] = ()


@dataclass(frozen=True, slots=True)
class ProposedRule:
    """A repair that needs a person's word, why, and the cues (numbers before repair)."""

    rule: str
    why: str
    cue_numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RepairResult:
    """The repaired cues, numbered by their order, what was done, and what a person may add."""

    cues: tuple[Cue, ...]
    applied: tuple[AppliedRule, ...]
    proposed: tuple[ProposedRule, ...] = ()
    columns: Columns | None = field(default=None, compare=False, repr=False)
    """The columns of the repaired cues, for whoever judges them next."""


def repair(
    cues: Sequence[Cue],
    *,
    accept: Collection[str] = (),
    skip: Collection[str] = (),
    duration_s: float | None = None,
    max_time_change_ms: int = MAX_TIME_CHANGE_MS,
) -> RepairResult:
    """Apply all automatic rules, and those accepted, in their order; again it changes nothing.

    `accept` and `skip` name rules; an accepted rule may move times as far as it needs to.
    `duration_s` is the length of the video. Raises `ConfigurationError` for unknown names.
    """
    if accept or skip:
        _check_names({*accept, *skip})
    duration_ms = None if duration_s is None else round(duration_s * 1000)
    limited, unlimited = (Situation(ms, duration_ms) for ms in (max_time_change_ms, UNLIMITED_MS))
    state = _State(cues)
    rules = [rule for rule in RULES if rule.name not in skip]
    wanted = [rule for rule in rules if rule.is_automatic or rule.name in accept]
    applied: list[AppliedRule] = []
    unchanged = 0  # rules in a row: when all had their turn, the cues are repaired
    for rule in islice(cycle(wanted), len(wanted) * _MAX_ROUNDS):
        repaired, changed = state.after(rule, unlimited if rule.name in accept else limited)
        unchanged += 1
        if changed:
            applied.append(_applied(rule, changed, state.items, repaired))
            state, unchanged = _State([item.cue for item in repaired], repaired), 0
        elif unchanged == len(wanted):
            break
    proposed = tuple(
        [
            ProposedRule(rule.name, rule.why, numbers)
            for rule in rules
            if rule.name not in accept and (numbers := state.after(rule, unlimited)[1])
        ]
    )
    return RepairResult(state.cues, tuple(applied), proposed, state.columns)


class _State:
    """The cues between two rules, and their columns."""

    def __init__(self, cues: Sequence[Cue], items: Cues | None = None) -> None:
        self.cues = tuple(cues)
        self._items = items
        self.columns = columns_of(cues)

    @property
    def items(self) -> Cues:
        """The cues with their numbers; a clean file is never asked for them."""
        if self._items is None:
            self._items = [Numbered(number, cue) for number, cue in enumerate(self.cues, start=1)]
        return self._items

    def after(self, rule: Rule, situation: Situation) -> tuple[Cues, tuple[int, ...]]:
        """What a rule makes of the cues, and the numbers of those it changes."""
        if not self.cues or not rule.concerns(self.columns, situation):
            return [], ()
        repaired = rule.apply(self.items, situation)
        return repaired, _changed(self.items, repaired)


def undo(cues: Sequence[Cue], applied: Sequence[AppliedRule]) -> tuple[Cue, ...]:
    """The cues as they were before `applied`, rules in the order of the repair."""
    current = list(cues)
    for rule in reversed(applied):
        added, removed = {position for position, _ in rule.added}, dict(rule.removed)
        kept = iter([cue for position, cue in enumerate(current) if position not in added])
        total = len(current) - len(added) + len(removed)
        current = [removed[at] if at in removed else next(kept) for at in range(total)]
    return tuple(current)


def applied_to_json(applied: Sequence[AppliedRule]) -> list[dict[str, Any]]:
    """What was done as JSON data, enough to undo it."""
    return [
        {
            "rule": rule.rule,
            "cue_numbers": list(rule.cue_numbers),
            "removed": [[position, cue._asdict()] for position, cue in rule.removed],
            "added": [[position, cue._asdict()] for position, cue in rule.added],
        }
        for rule in applied
    ]


def applied_from_json(data: Sequence[Mapping[str, Any]]) -> tuple[AppliedRule, ...]:
    """The inverse of `applied_to_json`."""
    return tuple(
        AppliedRule(
            item["rule"],
            tuple(item["cue_numbers"]),
            tuple((position, Cue(**cue)) for position, cue in item["removed"]),
            tuple((position, Cue(**cue)) for position, cue in item["added"]),
        )
        for item in data
    )


def _check_names(names: Collection[str]) -> None:
    known = [rule.name for rule in RULES]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ConfigurationError(
            f"No rule of repair is called {', '.join(unknown)}. Rules: {', '.join(known)}."
        )


def _changed(before: Cues, after: Cues) -> tuple[int, ...]:
    """The numbers of the cues that a rule removed, altered or moved."""
    if before == after:
        return ()
    kept = {item.number: item.cue for item in after}
    changed = {
        item.number
        for item in before
        # Nearly all are the very same objects, which is much quicker to see.
        if (now := kept.get(item.number)) is not item.cue and now != item.cue
    }
    stayed = [item.number for item in before if item.number in kept]
    changed.update(old for old, new in zip(stayed, kept, strict=True) if old != new)
    return tuple(sorted(changed))


def _applied(rule: Rule, numbers: tuple[int, ...], before: Cues, after: Cues) -> AppliedRule:
    changed = frozenset(numbers)
    removed, added = (
        tuple((at, item.cue) for at, item in enumerate(items) if item.number in changed)
        for items in (before, after)
    )
    return AppliedRule(rule.name, numbers, removed, added)
