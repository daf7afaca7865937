"""Is a line of text that was read once still in the picture? Answered without reading it again."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from translation_pipeline.localcloud.engine.frames import Pixels
from translation_pipeline.localcloud.engine.ocr import Rect

STROKE_CONTRAST = 0.5  # a stroke pixel stands out by this share of the strongest of the line
CELL_ENERGY = 0.25  # a cell with less than this share of the mean energy (a space) does not vote


class Stencil:
    """The strokes of one line of text, in cells about as wide as the line is high.

    Strokes are the pixels that differ most from their surroundings: the filling of the letters
    and their outline. How much of their pattern another picture holds is a matched filter, cell
    by cell: 1 where the same letter shows, near 0 where it does not, whatever is behind the
    text; in between while a caption fades.
    """

    def __init__(self, luma: Pixels, rect: Rect) -> None:
        detail, strokes = _strokes(luma[rect.top : rect.bottom, rect.left : rect.right])
        height, width = detail.shape
        rows, columns = np.nonzero(strokes)
        cell_count = max(1, round(width / height))
        cells = columns * cell_count // width
        order = np.argsort(cells, kind="stable")
        rows, columns, cells = rows[order], columns[order], cells[order]
        weights = detail[rows, columns]
        sizes = np.bincount(cells, minlength=cell_count)
        sums = np.bincount(cells, weights, cell_count)
        weights = weights - (sums / np.maximum(sizes, 1))[cells]
        energies = np.bincount(cells, weights * weights, cell_count)
        voting = energies > CELL_ENERGY * energies.mean()
        keep = voting[cells]
        self._pixels = (rows[keep] + rect.top) * luma.shape[1] + columns[keep] + rect.left
        self._weights = (weights / np.maximum(energies, 1e-6)[cells])[keep].astype(np.float32)
        self._starts = np.flatnonzero(np.diff(cells[keep], prepend=-1))

    def strength(self, luma: Pixels) -> float:
        """How much of its weakest cell the picture holds: 1 all of it, about 0 nothing."""
        if not self._starts.size:
            return 0.0
        shares = luma.ravel()[self._pixels] * self._weights
        return float(np.add.reduceat(shares, self._starts).min())


def _strokes(line: Pixels) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """How much each pixel differs from the mean around it, and which ones do so most."""
    around = max(3, line.shape[0] // 2) | 1
    values = line.astype(np.float32)
    detail = values - cv2.blur(values, (around, around), borderType=cv2.BORDER_REFLECT)
    strongest = float(np.percentile(np.abs(detail), 95))
    return detail, np.abs(detail) >= max(STROKE_CONTRAST * strongest, 1.0)
