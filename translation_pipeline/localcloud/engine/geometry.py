"""Places in a picture: all as fractions of width and height, origin at the top left."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Region:
    """The part of the frame in which captions are looked for, edges as fractions 0..1.

    This is the order of the service's `roi`, `[[top, bottom], [left, right]]` (ims.md section 7.2).

    Raises:
        ValueError: an edge lies outside 0..1, or the region is empty.
    """

    top: float
    bottom: float
    left: float
    right: float

    def __post_init__(self) -> None:
        if not (0 <= self.top < self.bottom <= 1 and 0 <= self.left < self.right <= 1):
            raise ValueError(
                f"Region top {self.top}, bottom {self.bottom}, left {self.left}, right "
                f"{self.right} is not a part of the picture: use fractions from 0 (top, left) to "
                "1 (bottom, right), with top < bottom and left < right"
            )


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in the whole frame, all four as fractions 0..1.

    Raises:
        ValueError: the rectangle is empty or leaves the frame.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        slack = 1e-6  # sums of fractions such as 0.7 + 0.3 may exceed 1 by rounding
        inside = self.x >= 0 and self.y >= 0
        inside = inside and self.x + self.width <= 1 + slack and self.y + self.height <= 1 + slack
        if not inside or self.width <= 0 or self.height <= 0:
            raise ValueError(
                f"Box x {self.x}, y {self.y}, width {self.width}, height {self.height} is not "
                "inside the picture: use fractions of the picture from 0 to 1, origin top left"
            )
