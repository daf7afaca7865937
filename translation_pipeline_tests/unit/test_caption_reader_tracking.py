"""Following lines through pictures, with a model that is told what it sees."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from translation_pipeline.localcloud.engine.caption_reader import read_captions
from translation_pipeline.localcloud.engine.cue_track import Line
from translation_pipeline.localcloud.engine.frames import Pixels
from translation_pipeline.localcloud.engine.geometry import Box, Region
from translation_pipeline.localcloud.engine.line_tracker import LineTracker
from translation_pipeline.localcloud.engine.ocr import Rect
from translation_pipeline.localcloud.engine.stencil import Stencil
from translation_pipeline.localcloud.engine.strokes import StrokeMap

WIDTH, HEIGHT, FRAME_SIDE = 640, 90, 360
PLACE = Rect(left=100, top=30, right=520, bottom=70)
FRAME_MS = 40


def background(number: int) -> Pixels:
    """A smooth pattern that moves from picture to picture."""
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    return (110 + 60 * np.sin((x + 9 * number) / 31) * np.cos(y / 23)).astype(np.uint8)


def with_text(picture: Pixels, text: str, strength: float = 1.0) -> Pixels:
    """White letters with a black outline, as captions are."""
    drawn = picture.copy()
    for colour, thickness in ((0, 7), (255, 2)):
        cv2.putText(drawn, text, (110, 62), cv2.FONT_HERSHEY_SIMPLEX, 1.1, colour, thickness)
    return cv2.addWeighted(drawn, strength, picture, 1 - strength, 0).astype(np.uint8)


@dataclass
class FakePicture:
    time_ms: float
    luma: Pixels
    text: str

    def colours(self) -> FakePicture:
        return self


class FakeOcr:
    """Sees what the picture says it shows, and counts how often it was asked."""

    def __init__(self) -> None:
        self.searches = 0
        self.readings = 0

    def find_lines(self, picture: FakePicture) -> list[Rect]:
        self.searches += 1
        return [PLACE] if picture.text else []

    def read_line(self, picture: FakePicture, rect: Rect, attempt: int = 0) -> tuple[str, float]:
        self.readings += 1
        return (picture.text, 0.98) if rect.overlap(PLACE) > 0.5 else ("", 0.0)


def follow(
    shown: list[tuple[int, int, str]], *, until_ms: int, gated: bool = True
) -> tuple[list[Line], FakeOcr]:
    ocr = FakeOcr()
    tracker = LineTracker(ocr, frame_side_px=FRAME_SIDE, sample_ms=200, gated=gated)
    for number, time_ms in enumerate(range(0, until_ms, FRAME_MS)):
        text = next((text for start, end, text in shown if start <= time_ms < end), "")
        luma = background(number)
        tracker.see(FakePicture(time_ms, with_text(luma, text) if text else luma, text))
    return tracker.finish(until_ms), ocr


def test_starts_and_ends_are_those_of_the_pictures_between_the_samples() -> None:
    lines, _ = follow([(1040, 2480, "Somewhere else")], until_ms=4000)
    assert [(line.start_ms, line.end_ms, line.text) for line in lines] == [
        (1040, 2480, "Somewhere else")
    ]


def test_a_standing_line_is_not_read_again_and_again() -> None:
    shown = [(1040, 9000, "Somewhere else")]
    gated = follow(shown, until_ms=10_000)[1]
    naive = follow(shown, until_ms=10_000, gated=False)[1]
    assert gated.readings <= 3
    assert gated.searches * 3 < naive.searches
    assert naive.readings >= 39


def test_one_text_after_the_other_without_a_gap() -> None:
    lines, _ = follow([(600, 1720, "First of all"), (1720, 3000, "Then it ends")], until_ms=4000)
    assert [(line.start_ms, line.end_ms, line.text) for line in lines] == [
        (600, 1720, "First of all"),
        (1720, 3000, "Then it ends"),
    ]


def test_a_text_that_differs_in_one_word_is_noticed() -> None:
    lines, _ = follow(
        [(600, 2000, "Chapter one begins"), (2000, 3400, "Chapter two begins")], until_ms=4000
    )
    assert [line.text for line in lines] == ["Chapter one begins", "Chapter two begins"]


def test_a_gap_shorter_than_the_sampling_interval_is_seen() -> None:
    lines, _ = follow([(600, 2000, "Once more"), (2160, 3400, "Once more")], until_ms=4000)
    assert [(line.start_ms, line.end_ms) for line in lines] == [(600, 2000), (2160, 3400)]


def test_a_line_still_shown_at_the_end_ends_with_the_video() -> None:
    lines, _ = follow([(3000, 9999, "To be continued")], until_ms=4000)
    assert [(line.start_ms, line.end_ms) for line in lines] == [(3000, 4000)]


def test_a_moving_picture_without_text_has_no_lines() -> None:
    lines, ocr = follow([], until_ms=4000)
    assert lines == []
    assert ocr.searches <= 4  # once a second, to be safe


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_stencil_measures_how_much_of_the_text_shows(strength: float) -> None:
    stencil = Stencil(with_text(background(0), "Strokes"), PLACE)
    measured = stencil.strength(with_text(background(20), "Strokes", strength))
    assert measured == pytest.approx(strength, abs=0.15)


def test_stencil_sees_no_text_in_other_text_or_in_none() -> None:
    stencil = Stencil(with_text(background(0), "Strokes of letters"), PLACE)
    assert stencil.strength(background(20)) < 0.2
    assert stencil.strength(with_text(background(20), "Others than these")) < 0.3


def test_stencil_of_a_blank_place_matches_nothing() -> None:
    blank = np.full((HEIGHT, WIDTH), 128, np.uint8)
    assert Stencil(blank, PLACE).strength(blank) == 0


def test_strokes_stand_only_where_both_pictures_have_them() -> None:
    text = with_text(background(3), "Standing")
    standing = StrokeMap(text, with_text(background(0), "Standing"), frame_side_px=FRAME_SIDE)
    arriving = StrokeMap(text, background(0), frame_side_px=FRAME_SIDE)
    (crowd,) = standing.crowds(0.25, outside=[])
    assert crowd.overlap(PLACE) > 0.8
    assert standing.density(PLACE) > 0.4
    assert arriving.crowds(0.25, outside=[]) == []
    assert standing.crowds(0.25, outside=[PLACE]) == []


@pytest.mark.parametrize(
    ("top", "bottom", "left", "right"),
    [(0.5, 0.5, 0, 1), (-0.1, 1, 0, 1), (0, 1, 0.8, 0.2), (0, 1.2, 0, 1), (75, 100, 0, 100)],
)
def test_a_region_outside_the_picture_is_refused(
    top: float, bottom: float, left: float, right: float
) -> None:
    with pytest.raises(ValueError, match="fractions"):
        Region(top, bottom, left, right)


def test_a_box_outside_the_picture_is_refused_and_rounding_is_not() -> None:
    assert Box(0.7, 0.1, 0.3, 0.9).width == 0.3
    with pytest.raises(ValueError, match="fractions"):
        Box(0.7, 0.1, 0.4, 0.2)


def test_wrong_settings_are_refused_before_any_work(tmp_path) -> None:  # type: ignore[no-untyped-def]
    everything = Region(0, 1, 0, 1)
    with pytest.raises(ValueError, match="fps"):
        read_captions(tmp_path / "missing.mp4", everything, fps=0)
    with pytest.raises(ValueError, match="language"):
        read_captions(tmp_path / "missing.mp4", everything, language="zh")
