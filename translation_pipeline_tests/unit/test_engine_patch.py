"""The strokes of a caption are found, and nothing else is taken for them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest

from translation_pipeline.localcloud.engine.geometry import Box
from translation_pipeline.localcloud.engine.patch import (
    CaptionPatch,
    Patch,
    spread,
    strokes,
)
from translation_pipeline.localcloud.engine.window import Window, YuvPicture

WIDTH, HEIGHT = 320, 180
BOX = Box(0.25, 0.5, 0.5, 0.2)  # 80..240 x 90..126
LETTERS = [(slice(96, 120), slice(left, left + 4)) for left in range(90, 230, 14)]


def picture(luma: npt.NDArray[np.uint8]) -> YuvPicture:
    chroma = np.full((HEIGHT // 2, WIDTH), 128, np.uint8)
    return YuvPicture(0.0, 0, Fraction(1, 25), np.concatenate([luma, chroma]))


def scene(shift: int = 0, *, letters: bool = False, box: int | None = None) -> YuvPicture:
    """A coarse pattern that slides, with bars for letters, on a box of one grey level or none."""
    columns, rows = np.meshgrid(np.arange(WIDTH) + shift, np.arange(HEIGHT))
    luma = (110 + 50 * np.sin(columns / 9) * np.cos(rows / 11)).astype(np.uint8)
    if box is not None:
        luma[88:128, 78:242] = box
    for where in LETTERS if letters else []:
        luma[where] = 245
    return picture(luma)


def drawn() -> npt.NDArray[np.bool_]:
    bars = np.zeros((HEIGHT, WIDTH), np.bool_)
    for where in LETTERS:
        bars[where] = True
    return bars


@pytest.fixture
def window() -> Window:
    return Window.around([BOX], WIDTH, HEIGHT)


def samples(window: Window, step: int, box: int | None = None) -> list[npt.NDArray[np.uint8]]:
    shown = (scene(step * n, letters=True, box=box) for n in range(10))
    return [window.cut(each)[0] for each in shown]


@pytest.mark.parametrize("step", [0, 6], ids=["still", "sliding"])
def test_the_letters_and_little_else_are_masked(window: Window, step: int) -> None:
    mask = strokes(window, samples(window, step)) > 0
    letters = drawn()[window.top : window.bottom, window.left : window.right]

    assert mask[letters].all()
    assert mask[~letters].mean() < 0.3


@pytest.mark.parametrize(("step", "box"), [(6, 110), (0, 10)], ids=["sliding", "still"])
def test_an_opaque_box_goes_with_its_letters(window: Window, step: int, box: int) -> None:
    assert (strokes(window, samples(window, step, box)) == window.area()).all()


def test_a_caption_that_was_never_seen_is_masked_whole(window: Window) -> None:
    assert (strokes(window, []) == window.area()).all()


def test_a_window_stays_inside_the_picture_and_is_even() -> None:
    window = Window.around([Box(0, 0, 0.3, 0.11), Box(0.71, 0.9, 0.29, 0.1)], WIDTH, HEIGHT)

    assert (window.top, window.left, window.bottom, window.right) == (0, 0, HEIGHT, WIDTH)
    luma, first, second = window.cut(scene())
    assert luma.shape == (HEIGHT, WIDTH)
    assert first.shape == second.shape == (HEIGHT // 2, WIDTH // 2)


def test_spreading_keeps_what_is_visible_and_continues_it() -> None:
    slope = np.tile(np.arange(64, dtype=np.float32), (48, 1))
    mask = np.zeros((48, 64), np.uint8)
    mask[10:38, 20:30] = 255

    filled = spread(np.where(mask > 0, 999, slope).astype(np.float32), mask)

    assert np.allclose(filled[mask == 0], slope[mask == 0])
    assert np.abs(filled - slope).max() < 6


def test_what_is_behind_moving_letters_comes_from_the_picture_before(window: Window) -> None:
    mask = strokes(window, samples(window, 6))
    filled = scene(6, letters=True)

    CaptionPatch(window, mask, []).apply(filled, scene(0), [])

    error = np.abs(filled.planes[0].astype(int) - scene(6).planes[0])
    assert error[drawn()].mean() < 2


def test_the_letters_of_a_neighbour_are_no_source(window: Window) -> None:
    """Two captions overlap in time while one replaces the other."""
    luma = np.full((HEIGHT, WIDTH), 60, np.uint8)
    luma[drawn()] = 245
    shown = picture(luma)
    shape = (window.bottom - window.top, window.right - window.left)
    mine, theirs = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    letters = drawn()[window.top : window.bottom, window.left : window.right]
    theirs[letters] = 255
    mine[np.roll(letters, 4, axis=1)] = 255

    Patch(window, mine).apply(shown, None, [Patch(window, theirs)])

    assert (shown.planes[0] == 60).all()
