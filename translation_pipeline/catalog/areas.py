"""Places in a picture, as the catalog file writes them: fractions, origin at the top left.

The services want a caption region as `[[top, bottom], [left, right]]` and boxes as
`[x, y, width, height]` (ims.md sections 4.4 and 7.2). The two are told apart here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_DIGITS = 6  # of a fraction: a millionth of a picture is less than a pixel
_SLACK = 1e-6  # sums of fractions such as 0.7 + 0.3 may exceed 1 by rounding


@dataclass(frozen=True, slots=True)
class Region:
    """Where the captions are: edges as fractions of the picture's height and width, 0..1."""

    top: float
    bottom: float
    left: float
    right: float

    def as_roi(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The order of caption extraction's `roi` (ims.md section 7.2)."""
        return (self.top, self.bottom), (self.left, self.right)

    def as_box(self) -> Box:
        """The same place in the order of OcrArea and DetextArea (ims.md section 4.4)."""
        width, height = self.right - self.left, self.bottom - self.top
        return Box(self.left, self.top, round(width, _DIGITS), round(height, _DIGITS))


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle to erase: left edge, top edge, width and height as fractions, 0..1."""

    x: float
    y: float
    width: float
    height: float

    def as_tuple(self) -> tuple[float, float, float, float]:
        """The order of DetextArea (ims.md section 4.4)."""
        return self.x, self.y, self.width, self.height


def read_region(value: Any) -> Region:
    """The region written as `[[top, bottom], [left, right]]`; `ValueError` says what is wrong."""
    if _numbers(value, 4):
        raise ValueError("this looks like a box; a region is [[top, bottom], [left, right]]")
    if not (_is_list(value, 2) and _numbers(value[0], 2) and _numbers(value[1], 2)):
        raise ValueError("a region is two pairs of numbers, [[top, bottom], [left, right]]")
    (top, bottom), (left, right) = value
    if not (0 <= top < bottom <= 1 and 0 <= left < right <= 1):
        raise ValueError(
            "edges are fractions from 0 (top, left) to 1 (bottom, right), with top before bottom "
            "and left before right"
        )
    return Region(float(top), float(bottom), float(left), float(right))


def read_boxes(value: Any) -> tuple[Box, ...]:
    """The boxes written as `[[x, y, width, height], …]`; `ValueError` says what is wrong."""
    if _numbers(value, 4):
        raise ValueError("boxes are a list: put brackets around this box, [[x, y, width, height]]")
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("boxes are a list of [x, y, width, height]")
    return tuple(_read_box(box, number) for number, box in enumerate(value, start=1))


def _read_box(value: Any, number: int) -> Box:
    if not _numbers(value, 4):
        raise ValueError(f"box {number} is not four numbers, [x, y, width, height]")
    x, y, width, height = value
    inside = x >= 0 and y >= 0 and x + width <= 1 + _SLACK and y + height <= 1 + _SLACK
    if not inside or width <= 0 or height <= 0:
        raise ValueError(
            f"box {number} is not inside the picture: x, y, width and height are fractions, and "
            "x + width and y + height are at most 1"
        )
    return Box(float(x), float(y), float(width), float(height))


def _is_list(value: Any, length: int) -> bool:
    return isinstance(value, list | tuple) and len(value) == length


def _numbers(value: Any, length: int) -> bool:
    return _is_list(value, length) and all(
        isinstance(item, int | float) and not isinstance(item, bool) for item in value
    )
