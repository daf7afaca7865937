"""When to look, and what strokes, boxes and texts are, without any file."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translation_pipeline.captions.srt import Cue
from translation_pipeline.verification.areas import area_mask, area_of_region
from translation_pipeline.verification.findings import clock
from translation_pipeline.verification.frames import working_size
from translation_pipeline.verification.glyphs import count_equal_boxes
from translation_pipeline.verification.moments import EDGE_S, MOST_SCENES, Scene, chosen_scenes
from translation_pipeline.verification.reading import share_found
from translation_pipeline.verification.streams import Timing, check_timing
from translation_pipeline.verification.strokes import Mask, detail, grown


def free(_: Scene) -> float:
    return 0.0


@given(
    st.lists(st.tuples(st.integers(0, 60_000), st.integers(1, 8_000)), max_size=30),
    st.floats(0.5, 60.0),
)
def test_moments_lie_inside_and_outside_captions(
    spans: list[tuple[int, int]], duration_s: float
) -> None:
    cues = [Cue(start, start + length, "Hola") for start, length in spans]

    scenes = chosen_scenes(cues, cues, duration_s, free)

    assert len(scenes) <= MOST_SCENES
    for scene in scenes:
        cue = scene.target_cue
        assert cue is not None
        first_s, second_s = scene.inside
        assert cue.start_ms / 1000 + EDGE_S <= first_s < second_s <= cue.end_ms / 1000 - EDGE_S
        assert second_s <= duration_s
        for at_s in scene.outside or ():
            assert 0 <= at_s <= duration_s
            assert not any(one.start_ms <= at_s * 1000 <= one.end_ms for one in cues)


def test_the_cheapest_caption_of_each_section_is_taken() -> None:
    cues = [Cue(n * 2000, n * 2000 + 1500, "Hola") for n in range(50)]

    scenes = chosen_scenes((), cues, 100.0, lambda scene: scene.inside.first_s % 20)

    assert [int(scene.inside.first_s) for scene in scenes] == [0, 20, 40, 60, 80]


@pytest.mark.parametrize(
    ("old", "new", "keeps"),
    [("Tom!", "Tom!", True), ("Tom!", "TOM!", True), ("Hello", "Hola", False), ("", "Ana", False)],
)
def test_a_text_that_stays_the_same_is_known(old: str, new: str, keeps: bool) -> None:
    [scene] = chosen_scenes([Cue(0, 2000, old)], [Cue(0, 2000, new)], 5.0, free)

    assert scene.keeps_text is keeps


def test_captions_too_short_to_look_at_and_empty_ones_are_left_out() -> None:
    assert chosen_scenes((), [Cue(0, 300, "Hola"), Cue(1000, 3000, "<i> </i>")], 5.0, free) == []


def test_detail_is_the_difference_to_what_is_around() -> None:
    luma = np.full((200, 300), 50, np.uint8)
    luma[100, 150] = 250
    details = detail(luma)

    assert details[100, 150] == pytest.approx(200, abs=3)
    assert np.abs(np.delete(details.ravel(), 100 * 300 + 150)).max() <= 3


def test_a_mask_grows_on_all_sides() -> None:
    mask = np.zeros((9, 9), np.bool_)
    mask[4, 4] = True

    assert np.array_equal(np.argwhere(grown(mask, 2)).min(axis=0), [2, 2])
    assert grown(mask, 2).sum() == 25


def signs(*, boxes: int, bars: int) -> Mask:
    """A line of hollow boxes and of solid bars."""
    line = np.zeros((40, 20 * (boxes + bars) + 20), np.bool_)
    for number in range(boxes + bars):
        left = 10 + number * 20
        line[10:30, left : left + 12] = True
        if number < boxes:
            line[12:28, left + 2 : left + 10] = False
    return line


@pytest.mark.parametrize(
    ("boxes", "bars", "found"),
    [(10, 0, 10), (5, 5, 5), (3, 0, 3), (2, 0, 0), (3, 17, 0), (0, 9, 0)],
)
def test_many_equal_boxes_are_no_letters(boxes: int, bars: int, found: int) -> None:
    assert count_equal_boxes(signs(boxes=boxes, bars=bars)) == found


@pytest.mark.parametrize(
    ("wanted", "read", "least", "most"),
    [
        ("¿Dónde está el viejo puente?", "Donde esta el viejo puente?", 1, 1),
        ("¿Dónde está el viejo puente?", "Dónde esta\nelviejo puenle", 0.9, 1),
        ("¿Dónde está el viejo puente?", "It is behind the house.", 0, 0.3),
        ("漫长的冬天终于过去了", "漫长的冬天終于过去了", 0.9, 1),
        ("漫长的冬天终于过去了", "The long winter", 0, 0),
    ],
)
def test_how_much_of_a_text_was_read(wanted: str, read: str, least: float, most: float) -> None:
    assert least <= share_found(wanted, read) <= most


@pytest.mark.parametrize(
    ("source", "output", "expected"),
    [
        (Timing(60, 25, True), Timing(60.4, 25, True), []),
        (Timing(60, 25, True), Timing(60.7, 25, True), ["wrong_duration"]),
        (Timing(3600, 25, True), Timing(3630, 25, True), []),
        (Timing(60, 23.976, True), Timing(60, 24, True), []),
        (Timing(60, 24, True), Timing(60, 25, True), ["wrong_frame_rate"]),
        (Timing(60, 22.1, False), Timing(60, 25, True), []),
        (Timing(0.5, 24, True), Timing(0.5, 25, True), []),
    ],
)
def test_durations_and_rates(source: Timing, output: Timing, expected: list[str]) -> None:
    assert [finding.name for finding in check_timing(source, output).findings] == expected


def test_areas_are_parts_of_the_picture() -> None:
    area = area_of_region((0.5, 1.0), (0.25, 0.75))
    mask = area_mask([area], (100, 200))

    assert area == (0.25, 0.5, 0.5, 0.5)
    assert mask[50:, 50:150].all() and mask.sum() == 50 * 100


def test_sizes_and_times_in_words() -> None:
    assert working_size(1920, 1080) == (853, 480)
    assert working_size(720, 1280) == (480, 853)
    assert working_size(320, 180) == (320, 180)
    assert (clock(3.26), clock(59.98), clock(3723.5)) == ("0:03.3", "1:00.0", "1:02:03.5")
