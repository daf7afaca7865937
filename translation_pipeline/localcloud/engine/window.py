"""A decoded picture, and the part of it in which a caption stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median

import cv2
import numpy as np
import numpy.typing as npt

from translation_pipeline.localcloud.engine.geometry import Box

Plane = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.uint8]  # 255 where a pixel is replaced, else 0
Planes = tuple[Plane, Plane, Plane]

PADDING = 0.3  # around a text line, in line heights: outlines, shadows, an imprecise box
CONTEXT = 0.35  # around that, in line heights: to compare backgrounds and to paint from
LEAST_CONTEXT_PX = 12


@dataclass(frozen=True)
class YuvPicture:
    """One decoded picture, upright: its planes are views of one array."""

    time_s: float  # from the start of the video
    pts: int
    time_base: Fraction
    pixels: Plane  # yuv420p as av lays it out

    @property
    def planes(self) -> Planes:
        """Luma at full size, both chroma planes at half size; writing changes the picture."""
        rows, width = self.pixels.shape
        height = rows * 2 // 3
        quarter = height // 4
        chroma = (height // 2, width // 2)
        first = self.pixels[height : height + quarter].reshape(chroma)
        second = self.pixels[height + quarter :].reshape(chroma)
        return self.pixels[:height], first, second


@dataclass(frozen=True)
class Window:
    """The lines of a caption and their surroundings in pixels; even, so that chroma lines up."""

    top: int
    bottom: int
    left: int
    right: int
    line_height: int
    lines: tuple[tuple[slice, slice], ...]  # rows and columns inside the window

    @classmethod
    def around(cls, boxes: Sequence[Box], width: int, height: int) -> Window:
        """The window of lines in a picture of that size, cut off at the picture's edges."""
        line_height = max(4, round(median(box.height for box in boxes) * height))
        context = max(LEAST_CONTEXT_PX, round(line_height * CONTEXT))
        reach = context + _padding(line_height)
        top = round(min(box.y for box in boxes) * height) - reach
        bottom = round(max(box.y + box.height for box in boxes) * height) + reach
        left = round(min(box.x for box in boxes) * width) - reach
        right = round(max(box.x + box.width for box in boxes) * width) + reach
        top, left = max(0, top // 2 * 2), max(0, left // 2 * 2)
        lines = tuple(
            (
                slice(
                    max(0, round(box.y * height) - top), round((box.y + box.height) * height) - top
                ),
                slice(
                    max(0, round(box.x * width) - left), round((box.x + box.width) * width) - left
                ),
            )
            for box in boxes
        )
        bottom, right = min(height, (bottom + 1) // 2 * 2), min(width, (right + 1) // 2 * 2)
        return cls(top, bottom, left, right, line_height, lines)

    def cut(self, picture: YuvPicture) -> Planes:
        """Views of the window in the three planes."""
        luma, first, second = picture.planes
        half = np.s_[self.top // 2 : self.bottom // 2, self.left // 2 : self.right // 2]
        return luma[self.top : self.bottom, self.left : self.right], first[half], second[half]

    def text_area(self) -> Mask:
        """The mask of the lines as they were read."""
        area = np.zeros((self.bottom - self.top, self.right - self.left), np.uint8)
        for rows, columns in self.lines:
            area[rows, columns] = 255
        return area

    def area(self) -> Mask:
        """The mask of all that may be replaced: the lines, padded."""
        side = 2 * _padding(self.line_height) + 1
        return np.asarray(cv2.dilate(self.text_area(), np.ones((side, side), np.uint8)), np.uint8)


def _padding(line_height: int) -> int:
    return round(line_height * PADDING) + 2
