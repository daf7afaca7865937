"""Patterns of object keys, such as `incoming/{title}/{video}.mp4`.

A field `{name}` stands for one or more characters without `/`, so one folder or a part of it.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import Final

_FIELD: Final = re.compile(r"\{([a-z_]+)\}")
_ANY, _MANY = "any", "many"  # exactly one, and zero or more, characters other than `/`


@dataclass(frozen=True)
class KeyPattern:
    """A key with named fields. A field used twice must have the same value in both places.

    Raises `ValueError` for a text that is no pattern, saying what to change.
    """

    text: str

    def __post_init__(self) -> None:
        literals = _FIELD.split(self.text)[::2]
        if any("{" in literal or "}" in literal for literal in literals):
            raise ValueError(
                "a field is written {name}, in lower-case letters, and braces have no other use"
            )
        if "" in literals[1:-1]:
            raise ValueError("two fields touch, so it is open where one ends: put text between")
        if not self.text or self.text.startswith(("/", "\\")):
            raise ValueError("a key is not empty and does not start with / or \\")

    def __str__(self) -> str:
        return self.text

    @cached_property
    def fields(self) -> frozenset[str]:
        """The names of the fields."""
        return frozenset(_FIELD.findall(self.text))

    @cached_property
    def literal_prefix(self) -> str:
        """What every matching key starts with: the prefix to list."""
        return self.text.split("{", 1)[0]

    def match(self, key: str) -> dict[str, str] | None:
        """The field values of `key`, or None. Earlier fields take as much as they can."""
        found = self._regex.fullmatch(key)
        return found.groupdict() if found else None

    def render(self, **values: str) -> str:
        """The key for these field values. `ValueError` when one is missing or no field value."""
        for name in self.fields:
            if not values.get(name) or "/" in values[name]:
                raise ValueError(f"{self.text}: {{{name}}} needs a value without /")
        return _FIELD.sub(lambda field: values[field[1]], self.text)

    def overlaps(self, other: KeyPattern) -> bool:
        """Whether some key matches both patterns."""
        return self.common_key(other) is not None

    def common_key(self, other: KeyPattern) -> str | None:
        """A shortest key that matches both patterns, or None when no key can.

        Exact, but for patterns that use a field twice: there both uses count as independent, so
        an overlap may be reported that no real key has.
        """
        mine, theirs = self._tokens, other._tokens
        queue = deque([(0, 0, "")])
        seen = {(0, 0)}
        while queue:
            i, j, key = queue.popleft()
            if i == len(mine) and j == len(theirs):
                return key
            for next_i, next_j, consumed in _steps(mine, i, theirs, j):
                if (next_i, next_j) not in seen:
                    seen.add((next_i, next_j))
                    # Steps that consume nothing go first, so that the shortest key is found.
                    add = queue.append if consumed else queue.appendleft
                    add((next_i, next_j, key + consumed))
        return None

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        parts = _FIELD.split(self.text)
        seen: set[str] = set()
        regex = re.escape(parts[0])
        for name, literal in zip(parts[1::2], parts[2::2], strict=True):
            regex += f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+)"
            regex += re.escape(literal)
            seen.add(name)
        return re.compile(regex)

    @cached_property
    def _tokens(self) -> list[str]:
        tokens: list[str] = []
        for index, part in enumerate(_FIELD.split(self.text)):
            tokens += [_ANY, _MANY] if index % 2 else list(part)
        return tokens


def _steps(mine: list[str], i: int, theirs: list[str], j: int) -> list[tuple[int, int, str]]:
    """Where one more character, or leaving a `_MANY`, can lead: positions and what was consumed."""
    a = mine[i] if i < len(mine) else None
    b = theirs[j] if j < len(theirs) else None
    steps = []
    if a == _MANY:
        steps.append((i + 1, j, ""))
    if b == _MANY:
        steps.append((i, j + 1, ""))
    if a is not None and b is not None:
        common = _common_character(a, b)
        if common:
            steps.append((i if a == _MANY else i + 1, j if b == _MANY else j + 1, common))
    return steps


def _common_character(a: str, b: str) -> str | None:
    if a in (_ANY, _MANY):
        a, b = b, a
    if a in (_ANY, _MANY):
        return "x"
    if b in (_ANY, _MANY):
        return a if a != "/" else None
    return a if a == b else None
