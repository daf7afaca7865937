"""Follows lines of text through the pictures of a video: each is read once, and then watched.

Recognising text costs a hundred times more than decoding a picture. So a line is read when it
appears, once or twice more to be certain, and afterwards every picture is only asked whether the
strokes of that line are still there (`Stencil`). Starts and ends are those of the pictures in
which the strokes come and go. New lines are searched for where strokes stand (`StrokeMap`), and
now and then everywhere.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from translation_pipeline.localcloud.engine.cue_track import (
    SAME_PLACE,
    SHORT_LETTERS,
    Line,
    is_plausible,
    letters,
    same_letters,
)
from translation_pipeline.localcloud.engine.frames import Picture, Pixels
from translation_pipeline.localcloud.engine.ocr import Ocr, Rect
from translation_pipeline.localcloud.engine.stencil import Stencil
from translation_pipeline.localcloud.engine.strokes import StrokeMap

# Strength of the stencil (see Stencil.strength): below SURE the text may be another one, below
# SHOWN it is gone; above TOO_STRONG it was read while it faded in.
SURE = 0.6
SHOWN = 0.3
TOO_STRONG = 1.5

# Milliseconds.
SEARCH_MS = 1000  # between searches while nothing seems to have changed, before any caption
LATER_SEARCH_MS = 2000  # the same, once it is known how the captions of the video look
STANDING_MS = 80  # strokes that stand for this long may be those of a caption
CONFIRM_MS = 120  # after a line was read for the first time, it is read again

HISTORY_BYTES = 48_000_000  # brightness planes kept to find the start of what was just read

# How dense strokes must be to be looked at (StrokeMap): so much before the first caption, then
# this share of the least dense of the latest captions.
FIRST_DENSITY = 0.25
LEARNED_SHARE = 0.6
LEARNED_LINES = 8

# A line is read until two readings agree, or so often.
READINGS_TO_AGREE = 2
MOST_READINGS = 3

SURE_SCORE = 0.95  # of a reading that can stand alone
GROWN = 1.2  # times as wide: more text came to a line

# What the detector overlooks is read where captions usually stand: so far from the usual height
# and from the usual middle, as shares of the usual height.
OVERLOOKED_HEIGHTS = (0.5, 1.4)
OVERLOOKED_DRIFT = 0.4


@dataclass(slots=True)
class _StandingLine:
    """A line that was read and has not gone yet. `scores` are those of each reading's text."""

    rect: Rect
    stencil: Stencil
    start_ms: float
    scores: dict[str, list[float]]
    readings: int = 1
    doubtful_since_ms: float | None = None

    @property
    def text(self) -> str:
        """The text that was read most often; of equals, the surer or, if both are, the first."""

        def rank(text: str) -> tuple[int, bool]:
            return len(self.scores[text]), max(self.scores[text]) >= SURE_SCORE

        return max(self.scores, key=rank)

    @property
    def score(self) -> float:
        return max(self.scores[self.text])

    @property
    def is_sure(self) -> bool:
        """Whether readings agreed on the text."""
        return len(self.scores[self.text]) >= READINGS_TO_AGREE

    @property
    def is_settled(self) -> bool:
        """Whether another reading would add nothing."""
        return self.is_sure or self.readings >= MOST_READINGS

    @property
    def is_short(self) -> bool:
        return len(letters(self.text)) <= SHORT_LETTERS

    @property
    def is_doubtful(self) -> bool:
        """Whether its strokes are not all there any more, or there are more of them."""
        return self.doubtful_since_ms is not None

    @property
    def is_questionable(self) -> bool:
        """Whether a new search may find something else in its place."""
        unsure = self.is_short or self.score < SURE_SCORE
        return self.is_doubtful or (unsure and not self.is_settled)

    @property
    def is_believable(self) -> bool:
        """Whether it is text and not texture: of short lines one doubtful reading is not enough."""
        return self.is_sure or not self.is_short or self.score >= SURE_SCORE

    def add(self, text: str, score: float) -> None:
        """Another reading of the same line."""
        self.readings += 1
        if is_plausible(text, score):
            self.scores.setdefault(text, []).append(score)

    def ended(self, end_ms: float) -> Line:
        return Line(self.start_ms, end_ms, self.text, self.rect, self.score, self.is_sure)


class LineTracker:
    """Follows the lines of text through the pictures of one video."""

    def __init__(self, ocr: Ocr, *, frame_side_px: int, sample_ms: float, gated: bool) -> None:
        self._ocr = ocr
        self._frame_side_px = frame_side_px
        self._sample_ms = sample_ms
        self._gated = gated
        self._standing: list[_StandingLine] = []
        self._ended: list[Line] = []
        self._history: deque[tuple[float, Pixels]] = deque()
        self._usual: deque[tuple[Rect, float]] = deque(maxlen=LEARNED_LINES)
        self._next_sample_ms = 0.0
        self._next_search_ms = 0.0

    def see(self, picture: Picture) -> None:
        """Take in the next picture."""
        self._remember(picture)
        self._check_standing(picture)
        if picture.time_ms < self._next_sample_ms:
            return
        strokes = self._strokes(picture)
        if self._must_search(picture, strokes):
            self._read(picture, strokes, self._ocr.find_lines(picture.colours()))
            pause_ms = LATER_SEARCH_MS if self._usual else SEARCH_MS
            self._next_search_ms = picture.time_ms + pause_ms
        elif not all(line.is_settled for line in self._standing):
            self._read(picture, strokes, [])
        next_ms = self._sample_ms
        if not all(line.is_settled for line in self._standing):
            next_ms = min(next_ms, CONFIRM_MS)
        self._next_sample_ms = max(self._next_sample_ms + next_ms, picture.time_ms)

    def finish(self, end_ms: float) -> list[Line]:
        """All lines of the video, which ended at `end_ms`."""
        for line in list(self._standing):
            self._end(line, end_ms)
        return self._ended

    def _remember(self, picture: Picture) -> None:
        self._history.append((picture.time_ms, picture.luma))
        most = max(HISTORY_BYTES // picture.luma.nbytes, 2)
        oldest_ms = picture.time_ms - LATER_SEARCH_MS - self._sample_ms
        while self._history[0][0] < oldest_ms or len(self._history) > most:
            self._history.popleft()

    def _check_standing(self, picture: Picture) -> None:
        for line in list(self._standing):
            strength = line.stencil.strength(picture.luma)
            if strength < SHOWN:
                self._end(line, picture.time_ms)
            elif SURE <= strength <= TOO_STRONG:
                line.doubtful_since_ms = None
            elif line.doubtful_since_ms is None:
                line.doubtful_since_ms = picture.time_ms

    def _end(self, line: _StandingLine, end_ms: float) -> None:
        self._standing.remove(line)
        if line.is_believable:
            self._ended.append(line.ended(end_ms))

    def _strokes(self, picture: Picture) -> StrokeMap:
        """The strokes that stood for STANDING_MS, outside the lines that are known."""
        before = next(
            luma
            for time_ms, luma in reversed(self._history)
            if time_ms <= picture.time_ms - STANDING_MS or luma is self._history[0][1]
        )
        return StrokeMap(picture.luma, before, frame_side_px=self._frame_side_px)

    def _must_search(self, picture: Picture, strokes: StrokeMap) -> bool:
        if not self._gated or picture.time_ms >= self._next_search_ms:
            return True
        if any(line.is_questionable for line in self._standing):
            return True
        known = [line.rect for line in self._standing]
        return bool(strokes.crowds(self._least_density(), outside=known))

    def _least_density(self) -> float:
        least = min((density for _, density in self._usual), default=None)
        return FIRST_DENSITY if least is None else LEARNED_SHARE * least

    def _read(self, picture: Picture, strokes: StrokeMap, found: list[Rect]) -> None:
        """Read what is new or not settled among the places `found` and the standing lines."""
        unseen = [line.rect for line in self._standing if not _covers(found, line.rect)]
        for rect in found + unseen:
            self._read_at(picture, strokes, rect)
        if self._usual:
            known = [line.rect for line in self._standing]
            for rect in strokes.crowds(self._least_density(), outside=known):
                if any(_resembles(rect, usual) for usual, _ in self._usual):
                    self._read_at(picture, strokes, rect)

    def _read_at(self, picture: Picture, strokes: StrokeMap, rect: Rect) -> None:
        known = self._standing_at(rect)
        if known is None or _outgrows(rect, known):
            self._take_in(picture, rect)
        elif known.is_doubtful:
            # The detector may have found a piece of it: first see whether it is all there.
            if not self._is_still_there(picture, known) and not self._take_in(picture, rect):
                self._end(known, known.doubtful_since_ms or picture.time_ms)
        elif not known.is_settled or not self._gated:
            known.add(*self._ocr.read_line(picture.colours(), known.rect, known.readings))
            self._learn(known, strokes)

    def _is_still_there(self, picture: Picture, line: _StandingLine) -> bool:
        text, score = self._ocr.read_line(picture.colours(), line.rect)
        if not same_letters(text, line.text):
            return False
        line.add(text, score)
        line.stencil = Stencil(picture.luma, line.rect)
        line.doubtful_since_ms = None
        return True

    def _learn(self, line: _StandingLine, strokes: StrokeMap) -> None:
        if not line.is_short and line.is_settled and line.score >= SURE_SCORE:
            self._usual.append((line.rect, strokes.density(line.rect)))

    def _take_in(self, picture: Picture, rect: Rect) -> bool:
        """What is at `rect` is new and ends what stood there; returns whether it is text at all."""
        text, score = self._ocr.read_line(picture.colours(), rect)
        if not is_plausible(text, score):
            return False
        line = self._new_line(picture, rect, text, score)
        replaced = [other for other in self._standing if other.rect.overlap(rect) >= SAME_PLACE]
        for other in replaced:
            if other.is_settled:
                line.start_ms = max(line.start_ms, other.doubtful_since_ms or 0.0)
        for other in replaced:
            if other.start_ms < line.start_ms:
                self._end(other, line.start_ms)
            else:
                self._standing.remove(other)
        self._standing.append(line)
        return True

    def _standing_at(self, rect: Rect) -> _StandingLine | None:
        overlapping = [line for line in self._standing if line.rect.overlap(rect) >= SAME_PLACE]
        return max(overlapping, key=lambda line: line.rect.overlap(rect), default=None)

    def _new_line(self, picture: Picture, rect: Rect, text: str, score: float) -> _StandingLine:
        stencil = Stencil(picture.luma, rect)
        start_ms = picture.time_ms
        for time_ms, luma in reversed(self._history):
            if stencil.strength(luma) < SHOWN:
                break
            start_ms = time_ms
        return _StandingLine(rect, stencil, start_ms, {text: [score]})


def _outgrows(rect: Rect, line: _StandingLine) -> bool:
    """Whether more text came to a line that stands."""
    return rect.width > GROWN * line.rect.width


def _covers(rects: list[Rect], rect: Rect) -> bool:
    return any(other.overlap(rect) >= SAME_PLACE for other in rects)


def _resembles(rect: Rect, usual: Rect) -> bool:
    least, most = (share * usual.height for share in OVERLOOKED_HEIGHTS)
    drift = abs(rect.middle - usual.middle)
    return least <= rect.height <= most and drift <= OVERLOOKED_DRIFT * usual.height
