"""Parts of a picture, as fractions of its size: left, top, width, height, origin top left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from translation_pipeline.verification.strokes import Mask

Area: TypeAlias = tuple[float, float, float, float]
"""Left, top, width, height, each 0..1."""

LOWER_PART: Area = (0.0, 0.6, 1.0, 0.4)  # where captions are when nobody said so


def area_mask(areas: Sequence[Area], shape: tuple[int, ...]) -> Mask:
    """The pixels of a picture that lie in one of the areas."""
    mask = np.zeros(shape[:2], np.bool_)
    height, width = mask.shape
    for left, top, across, down in areas:
        rows = slice(round(top * height), round((top + down) * height))
        mask[rows, round(left * width) : round((left + across) * width)] = True
    return mask


def area_of_region(rows: tuple[float, float], columns: tuple[float, float]) -> Area:
    """The area of a caption region, (top, bottom) and (left, right)."""
    return columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0]
