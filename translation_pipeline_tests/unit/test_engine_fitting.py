"""How lines are fitted into the time of their captions, with a voice that takes exact time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.fitting import (
    COMFORTABLE_TEMPO,
    FASTEST_TEMPO,
    LONGEST_SPILL_S,
    PAUSE_S,
    TOLERANCE_S,
    Line,
    Placement,
    placed,
)
from translation_pipeline.localcloud.engine.sound import RATE_HZ, Samples


class Metronome:
    """Speaks a number: so many seconds at tempo 1; `drag` makes it slower than it was told."""

    def __init__(self, drag: float = 1.0) -> None:
        self.drag = drag

    def speak(self, text: str, tempo: float) -> Samples:
        pace = 1.0 if tempo == 1.0 else tempo / self.drag
        return np.ones((1, round(float(text) / pace * RATE_HZ)), np.float32)


def lines(*cues: tuple[float, float, float]) -> list[Line]:
    """(start, end, spoken) in seconds."""
    return [
        Line(number, Cue(round(start * 1000), round(end * 1000), ""), str(spoken))
        for number, (start, end, spoken) in enumerate(cues, start=1)
    ]


def fit(
    *cues: tuple[float, float, float], end: float = 60, force: bool = False, drag: float = 1.0
) -> list[Placement]:
    voice = Metronome(drag)
    found = placed(lines(*cues), voice, duration_s=end, inside_captions=force)
    return [placement for placement, _ in found]


def test_what_fits_is_spoken_at_its_own_pace_from_the_start_of_its_caption() -> None:
    (line,) = fit((2, 5, 2.5))
    assert (line.tempo, line.start_ms, line.end_ms, line.fits) == (1.0, 2000, 4500, True)


def test_a_little_too_much_is_spoken_faster_and_ends_with_its_caption() -> None:
    (line,) = fit((2, 4, 2.4))
    assert line.tempo == pytest.approx(1.2)
    assert line.end_ms == 4000


def test_more_flows_into_the_pause_before_it_is_rushed() -> None:
    (line,) = fit((2, 4, 3.5))
    assert line.tempo == COMFORTABLE_TEMPO
    assert line.end_ms == pytest.approx(2000 + 3500 / COMFORTABLE_TEMPO, abs=1)
    assert line.overrun_ms == 0
    assert line.fits


def test_inside_captions_the_pause_is_not_used() -> None:
    (line,) = fit((2, 4, 3.3), force=True)
    assert line.tempo == pytest.approx(1.65)
    assert line.end_ms == 4000


def test_what_cannot_fit_is_spoken_whole_reported_and_waited_for() -> None:
    first, second = fit((0, 1, 4.0), (1.2, 3, 1.0))
    assert first.tempo == FASTEST_TEMPO
    assert not first.fits
    assert first.overrun_ms == pytest.approx((4.0 / FASTEST_TEMPO - (1.2 - PAUSE_S)) * 1000, abs=2)
    assert second.start_ms == pytest.approx(first.end_ms + PAUSE_S * 1000, abs=2)
    assert second.late_ms == second.start_ms - 1200


def test_the_end_of_the_video_cuts_and_the_report_says_how_much() -> None:
    found = list(placed(lines((8, 9, 6.8)), Metronome(), duration_s=10, inside_captions=False))
    ((line, sound),) = found
    assert sound.shape[1] == 2 * RATE_HZ
    assert abs(sound[0, -1]) < 0.01, "it fades out"
    assert (line.end_ms, line.cut_ms, line.fits) == (10_000, 2000, False)


def test_a_voice_that_drags_is_asked_again_until_it_fits() -> None:
    (line,) = fit((0, 2, 2.3), force=True, drag=1.1)
    assert line.fits
    assert line.tempo > 2.3 / 2


def test_a_voice_that_says_nothing_leaves_no_line() -> None:
    assert fit((0, 1, 0.0)) == []


seconds = st.floats(0.1, 4.0)


@given(st.lists(st.tuples(st.floats(0, 2.0), seconds, seconds), max_size=12), st.booleans())
def test_lines_never_overlap_never_go_too_fast_and_never_leave_the_video(
    parts: list[tuple[float, float, float]], force: bool
) -> None:
    cues, clock = [], 0.0
    for gap, length, spoken in parts:
        cues.append((clock + gap, clock + gap + length, spoken))
        clock += gap + length
    found = fit(*cues, end=clock, force=force)
    assert len(found) == len(cues)
    for before, after in pairwise(found):
        assert after.start_ms >= before.end_ms
    for line, (start, end, _) in zip(found, cues, strict=True):
        assert line.start_ms >= round(start * 1000) - 1
        assert 1.0 <= line.tempo <= FASTEST_TEMPO
        assert line.end_ms <= round(clock * 1000) + 1 or line.start_ms > clock * 1000 - 1
        if line.fits:
            spill = 0 if force else LONGEST_SPILL_S
            assert line.end_ms <= (end + spill + TOLERANCE_S) * 1000 + 2
