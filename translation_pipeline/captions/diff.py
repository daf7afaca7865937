"""What changed between two versions of the same captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from translation_pipeline.captions.alignment import align_by_time
from translation_pipeline.captions.cue import Cue

Change = Literal["added", "removed", "text", "times", "text and times"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A cue that is not the same in both versions; numbers count from 1 in each."""

    change: Change
    before_number: int | None
    before: Cue | None
    after_number: int | None
    after: Cue | None


def diff_captions(before: Sequence[Cue], after: Sequence[Cue]) -> list[Difference]:
    """The differences in the order of time; cues that start together are the same cue."""
    found = []
    for pair in align_by_time(before, after):
        change = _change(pair.source, pair.target)
        if change is not None:
            found.append(
                Difference(change, pair.source_number, pair.source, pair.target_number, pair.target)
            )
    return found


def _change(before: Cue | None, after: Cue | None) -> Change | None:
    if before is None:
        return "added"
    if after is None:
        return "removed"
    if before == after:
        return None
    if before.text == after.text:
        return "times"
    same_times = (before.start_ms, before.end_ms) == (after.start_ms, after.end_ms)
    return "text" if same_times else "text and times"
