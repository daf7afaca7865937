"""Which cue of a translation belongs to which cue of its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from translation_pipeline.captions.cue import Cue, visible_text

SAME_START_MS: Final = 700  # cues that start so near each other are the same
MAX_OFFSET_MS: Final = 300  # of starts: more is seen
SHIFT_WINDOW: Final = 24  # cues in which shifted lines are looked for
MIN_CORRELATION: Final = 0.75  # of lengths, at the shift
MIN_GAIN: Final = 0.5  # over the correlation without a shift


@dataclass(frozen=True, slots=True)
class Pair:
    """A cue of the source and its translation, by number; one of them may be missing.

    With `is_merged`, the translation of this source cue is inside that of another one.
    """

    source_number: int | None
    source: Cue | None
    target_number: int | None
    target: Cue | None
    is_merged: bool = False


def align(source: Sequence[Cue], target: Sequence[Cue]) -> list[Pair]:
    """Pairs by number where both have as many cues, else by time."""
    if len(source) == len(target):
        return [
            Pair(number, cue, number, other)
            for number, (cue, other) in enumerate(zip(source, target, strict=True), start=1)
        ]
    return align_by_time(source, target)


def drift(pairs: Sequence[Pair]) -> tuple[int, int] | None:
    """How far targets start from their sources, in ms: at the start and at the end of the file.

    None when no cue starts further off than is seen.
    """
    offsets = [
        pair.target.start_ms - pair.source.start_ms for pair in pairs if pair.source and pair.target
    ]
    if not offsets or max(map(abs, offsets)) <= MAX_OFFSET_MS:
        return None
    edge = max(1, len(offsets) // 10)
    return round(median(offsets[:edge])), round(median(offsets[-edge:]))


def shifted_lines(pairs: Sequence[Pair]) -> tuple[int, int, int] | None:
    """The first run of targets that translate the line before or after: from, to, and the shift.

    Long lines have long translations; where lengths agree much better with the neighbour's, the
    lines have slipped. None where they have not.
    """
    both = [pair for pair in pairs if pair.source and pair.target]
    lengths = [(_length(pair.source), _length(pair.target)) for pair in both]
    for start in range(0, len(both) - SHIFT_WINDOW, SHIFT_WINDOW // 2):
        window = slice(start, start + SHIFT_WINDOW)
        sources = [source for source, _ in lengths[window]]
        targets = [target for _, target in lengths[window]]
        straight = _correlation(sources, targets)
        for shift, correlation in (
            (1, _correlation(sources[:-1], targets[1:])),
            (-1, _correlation(sources[1:], targets[:-1])),
        ):
            if correlation > MIN_CORRELATION and correlation - straight > MIN_GAIN:
                first, last = both[start].target_number, both[window][-1].target_number
                return first or 0, last or 0, shift
    return None


def align_by_time(source: Sequence[Cue], target: Sequence[Cue]) -> list[Pair]:
    """Pairs of cues that start at nearly the same time; the others stay alone."""
    pairs: list[Pair] = []
    at = other_at = 0
    while at < len(source) or other_at < len(target):
        cue = source[at] if at < len(source) else None
        other = target[other_at] if other_at < len(target) else None
        if cue and other and abs(cue.start_ms - other.start_ms) <= SAME_START_MS:
            pairs.append(Pair(at + 1, cue, other_at + 1, other))
            at, other_at = at + 1, other_at + 1
        elif other is None or (cue and cue.start_ms < other.start_ms):
            last = next((pair.target for pair in reversed(pairs) if pair.target), None)
            is_merged = bool(cue and last and (cue.start_ms + cue.end_ms) / 2 < last.end_ms)
            pairs.append(Pair(at + 1, cue, None, None, is_merged))
            at += 1
        else:
            pairs.append(Pair(None, None, other_at + 1, other))
            other_at += 1
    return pairs


def _length(cue: Cue | None) -> float:
    return float(len(visible_text(cue.text))) if cue else 0.0


def _correlation(xs: Sequence[float], ys: Sequence[float]) -> float:
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs) * sum((y - mean_y) ** 2 for y in ys)
    if not spread:
        return 0.0
    return float(
        sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread**0.5
    )
