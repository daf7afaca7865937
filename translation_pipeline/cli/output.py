"""How commands talk: tables and progress on a terminal, plain lines elsewhere, JSON on request."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

# Data goes to standard output; everything a person reads meanwhile goes to standard error.
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(data: Any) -> None:
    """One JSON object or list on one line of standard output."""
    print(json.dumps(data, ensure_ascii=False, default=str), flush=True)


def print_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """A table on a terminal, tab-separated lines elsewhere."""
    if not out.is_terminal:
        print("\t".join(columns))
        for row in rows:
            print("\t".join(_text(row.get(column)) for column in columns))
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*(_text(row.get(column)) for column in columns))
    out.print(table)


class Steps:
    """Progress over named steps: bars on a terminal, one line per change elsewhere."""

    def __init__(self, bars: Progress | None) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}
        self._last: dict[str, str] = {}

    def show(self, step: str, done: int, total: int, note: str = "") -> None:
        """Step `step` has `done` of `total` behind it."""
        line = f"{step}: {done}/{total} {note}".rstrip()
        if self._last.get(step) == line:
            return
        self._last[step] = line
        if self._bars is None:
            err.print(line)
            return
        if step not in self._tasks:
            self._tasks[step] = self._bars.add_task(step, total=total)
        self._bars.update(self._tasks[step], completed=done, total=total, description=step)


@contextmanager
def steps() -> Iterator[Steps]:
    """Progress for the time of a block."""
    if not err.is_terminal:
        yield Steps(None)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as bars:
        yield Steps(bars)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, float) else str(value)
