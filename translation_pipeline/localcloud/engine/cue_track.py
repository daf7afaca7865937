"""From lines of text seen on the screen to captions: merging, sorting out, joining. No pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise
from statistics import median

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.ocr import Rect, join_lines

SAME_TEXT = 0.8  # similarity from which two readings are of one text
SAME_PLACE = 0.5  # of the smaller rectangle

# Milliseconds.
TOUCHING_MS = 100  # two showings of one text with a smaller gap are one
SHORTEST_MS = 200  # texture that looks like text is gone sooner
SHORTEST_LETTER_MS = 320  # the same, for a line of one or two characters
TOGETHER_MS = 150  # lines that come or go within this time do so together
SIGN_MS = 20_000  # a line that stays longer while others come and go is no caption
SIGN_OUTLIVES = 3  # other lines

SHORT_LETTERS = 2  # up to here a line is short and more often texture than text
SHORT_HEIGHTS = (0.6, 2.0)  # of a short line, as shares of the median height of the others
SHORT_DRIFT = 0.5  # of a short line from the middle of some other, in heights

LATIN_ENDS = "\u0250"  # the first character after the Latin letters

# Confidence of the model below which a line is texture; short ones have less to go by.
LEAST_SCORE = 0.6
LEAST_LETTER_SCORE = 0.8


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text that stood at one place from `start_ms` until `end_ms`.

    `is_sure` when several readings agreed on the text.
    """

    start_ms: float
    end_ms: float
    text: str
    rect: Rect
    score: float
    is_sure: bool = True

    @property
    def shown_ms(self) -> float:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True)
class TrackedCue:
    """A caption with the rectangles of its lines, top to bottom, and its lowest score."""

    cue: Cue
    rects: tuple[Rect, ...]
    score: float


def same_letters(one: str, other: str) -> bool:
    """Whether two readings differ in nothing but marks, spaces and upper case."""
    return letters(one) == letters(other)


def similar(one: str, other: str) -> bool:
    """Whether two readings may be of the same text, given what a model misreads."""
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= SAME_TEXT


def cues_from_lines(lines: Iterable[Line]) -> list[TrackedCue]:
    """The captions that these lines make up, in order of start."""
    kept = [line for line in _merged(lines) if _is_caption(line)]
    return _joined(_without_signs(_without_strays(kept)))


def is_plausible(text: str, score: float) -> bool:
    """Whether a reading can be a caption at all, whatever its duration."""
    count = len(letters(text))
    return count > 0 and score >= (LEAST_SCORE if count > SHORT_LETTERS else LEAST_LETTER_SCORE)


def is_in_language(text: str, language: str | None) -> bool:
    """Whether a line can be of the service's `lang`; only "en" excludes anything."""
    return language != "en" or any(character < LATIN_ENDS for character in letters(text))


def letters(text: str) -> str:
    """The letters and digits of a text, in lower case."""
    return "".join(character for character in text if character.isalnum()).casefold()


def _is_caption(line: Line) -> bool:
    shortest_ms = SHORTEST_MS if len(line.text) > SHORT_LETTERS else SHORTEST_LETTER_MS
    return line.shown_ms >= shortest_ms and is_plausible(line.text, line.score)


def _merged(lines: Iterable[Line]) -> list[Line]:
    """Showings of one text at one place that touch or overlap in time become one."""
    merged: list[Line] = []
    for line in sorted(lines, key=lambda line: (line.start_ms, line.end_ms)):
        for number, earlier in enumerate(merged):
            if _continues(earlier, line):
                better = max(earlier, line, key=lambda reading: (reading.is_sure, reading.score))
                merged[number] = replace(
                    better,
                    start_ms=earlier.start_ms,
                    end_ms=max(earlier.end_ms, line.end_ms),
                )
                break
        else:
            merged.append(line)
    return merged


def _continues(earlier: Line, line: Line) -> bool:
    """Two texts that both were read with certainty and differ are two, however similar."""
    touches = line.start_ms - earlier.end_ms <= TOUCHING_MS
    if not touches or earlier.rect.overlap(line.rect) < SAME_PLACE:
        return False
    if earlier.is_sure and line.is_sure:
        return same_letters(earlier.text, line.text)
    return similar(earlier.text, line.text)


def _without_strays(lines: list[Line]) -> list[Line]:
    """Leave out letters that are of another size, or stand elsewhere, than the captions."""
    captions = [line for line in lines if len(line.text) > SHORT_LETTERS]
    if not captions:
        return lines
    usual_height = median(line.rect.height for line in captions)
    least, most = (share * usual_height for share in SHORT_HEIGHTS)
    middles = {line.rect.middle for line in captions}

    def belongs(line: Line) -> bool:
        drift = min(abs(line.rect.middle - middle) for middle in middles)
        return least <= line.rect.height <= most and drift <= SHORT_DRIFT * usual_height

    return [line for line in lines if line in captions or belongs(line)]


def _without_signs(lines: list[Line]) -> list[Line]:
    """Leave out what stands in the picture all the time, such as the mark of a channel."""

    def is_sign(line: Line) -> bool:
        outlived = sum(
            line.start_ms <= other.start_ms and other.end_ms <= line.end_ms
            for other in lines
            if other is not line
        )
        return line.shown_ms > SIGN_MS and outlived >= SIGN_OUTLIVES

    return [line for line in lines if not is_sign(line)]


def _joined(lines: list[Line]) -> list[TrackedCue]:
    """Lines on the screen at the same time are one caption; a new line starts a new one."""
    cues = [cue for company in _companies(lines) for cue in _cues_of(company)]
    return sorted(cues, key=lambda tracked: tracked.cue)


def _companies(lines: list[Line]) -> list[list[Line]]:
    """Lines by what they are seen with; one that only touches the next is not in its company."""
    companies: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.start_ms):
        last = companies[-1] if companies else []
        if any(line.start_ms < other.end_ms - TOGETHER_MS for other in last):
            last.append(line)
        else:
            companies.append([line])
    return companies


def _cues_of(company: list[Line]) -> list[TrackedCue]:
    moments = _moments(company)
    cues: list[TrackedCue] = []
    for start_ms, end_ms in pairwise(moments):
        middle_ms = (start_ms + end_ms) / 2
        shown = [line for line in company if line.start_ms <= middle_ms < line.end_ms]
        if shown:
            cues.append(_cue(shown, start_ms, end_ms))
    return cues


def _cue(lines: list[Line], start_ms: float, end_ms: float) -> TrackedCue:
    rows: dict[Rect, list[Line]] = {row: [] for row in join_lines([line.rect for line in lines])}
    for line in sorted(lines, key=lambda line: line.rect.left):
        holding = [row for row in rows if line.rect.overlap(row) == 1]
        rows[min(holding, key=lambda row: row.width)].append(line)
    texts = {row: " ".join(line.text for line in pieces) for row, pieces in rows.items() if pieces}
    return TrackedCue(
        cue=Cue(round(start_ms), round(end_ms), "\n".join(texts.values())),
        rects=tuple(texts),
        score=min(line.score for line in lines),
    )


def _moments(lines: list[Line]) -> list[float]:
    """When something comes or goes; what happens almost at once happens at the first of these."""
    moments: list[float] = []
    for time_ms in sorted({time for line in lines for time in (line.start_ms, line.end_ms)}):
        if not moments or time_ms - moments[-1] > TOGETHER_MS:
            moments.append(time_ms)
    return moments
