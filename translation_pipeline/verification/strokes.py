"""Strokes of letters: pixels that stand out from what is around them, and stand still."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from translation_pipeline.verification.frames import Luma

Mask = NDArray[np.bool_]
Detail = NDArray[np.int16]

AROUND_SHARE = 0.05  # of the shorter side: the square whose mean a pixel is compared with
CONTRAST = 30  # grey levels by which a stroke stands out; noise of encoders stays below 15
CELL_SHARE = 1 / 30  # of the shorter side: the side of a cell, about a small letter
CROWDED = 0.12  # share of strokes in a cell that holds text


@dataclass(frozen=True)
class Strokes:
    """Where light and dark strokes stand in both pictures of a moment."""

    light: Mask
    dark: Mask

    @property
    def both(self) -> Mask:
        """Light or dark."""
        return self.light | self.dark

    @classmethod
    def standing(cls, one: Detail, other: Detail) -> Strokes:
        """What stands out alike in both."""
        return cls((one > CONTRAST) & (other > CONTRAST), (one < -CONTRAST) & (other < -CONTRAST))


def detail(luma: Luma) -> Detail:
    """How much each pixel differs from the mean around it, in grey levels."""
    around = max(3, round(min(luma.shape) * AROUND_SHARE)) | 1
    half = around // 2
    padded = np.pad(luma, half, mode="edge")
    sums = np.cumsum(padded, axis=0, dtype=np.int32)
    sums = np.concatenate([np.zeros((1, sums.shape[1]), np.int32), sums])
    rows = sums[around:] - sums[:-around]
    sums = np.cumsum(rows, axis=1, dtype=np.int32)
    sums = np.concatenate([np.zeros((sums.shape[0], 1), np.int32), sums], axis=1)
    means = (sums[:, around:] - sums[:, :-around]) // (around * around)
    differences: Detail = luma.astype(np.int16) - means.astype(np.int16)
    return differences


def grown(mask: Mask, by_px: int) -> Mask:
    """The mask with a margin on all sides."""
    wide = mask.copy()
    for _ in range(by_px):
        wide[1:] |= mask[:-1]
        wide[:-1] |= mask[1:]
        wide[:, 1:] |= wide[:, :-1].copy()
        wide[:, :-1] |= wide[:, 1:].copy()
        mask = wide.copy()
    return wide


def cell_side(mask: NDArray[np.generic]) -> int:
    """The side of a cell in pixels."""
    return max(4, round(int(min(mask.shape)) * CELL_SHARE))


def cell_sums(values: NDArray[np.generic], side: int) -> NDArray[np.float64]:
    """The sum of each square cell; cells at the right and lower edge may be cut off."""
    height, width = values.shape
    rows = np.add.reduceat(values, np.arange(0, height, side), axis=0, dtype=np.float64)
    sums: NDArray[np.float64] = np.add.reduceat(rows, np.arange(0, width, side), axis=1)
    return sums


def cell_means(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """The picture from afar: the mean of each cell."""
    side = cell_side(values)
    return cell_sums(values, side) / cell_sums(np.ones(values.shape, np.uint8), side)


def text_only(mask: Mask) -> Mask:
    """The strokes in crowded cells that have a crowded neighbour left or right: letters."""
    side = cell_side(mask)
    crowded = cell_sums(mask, side) >= CROWDED * side * side
    beside = np.zeros_like(crowded)
    beside[:, 1:] |= crowded[:, :-1]
    beside[:, :-1] |= crowded[:, 1:]
    kept = grown(crowded & beside, 1)
    whole = kept.repeat(side, axis=0).repeat(side, axis=1)
    return mask & whole[: mask.shape[0], : mask.shape[1]]
