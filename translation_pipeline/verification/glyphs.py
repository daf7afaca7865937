"""Boxes in place of letters: what a renderer draws when the font has no picture of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from translation_pipeline.captions.cue import visible_text
from translation_pipeline.verification.findings import Checked, clock
from translation_pipeline.verification.look import SceneLook
from translation_pipeline.verification.strokes import Mask

LEAST_SIDE_PX = 5  # a smaller box cannot be told from a letter
SIDE_FILLED = 0.85  # of each of a box's four sides; round letters fill less
INNER_FILLED = 0.3  # of the inside at the most
LEAST_BOXES = 3  # of equal size in one caption
LEAST_SHARE = 0.3  # of the signs of the caption
BOX_LETTERS = "口囗回日曰目田ㅁ□▢■ロ"  # that look like boxes as they are


def check_glyphs(looks: Sequence[SceneLook]) -> Checked:
    """Whether captions hold many equal hollow boxes."""
    checked = Checked()
    boxes = {
        look.inside.moment.middle_s: count_boxes(look)
        for look in looks
        if look.scene.target_cue is not None
    }
    checked.facts["missing_glyph_boxes"] = sum(boxes.values())
    if any(boxes.values()):
        at_s = max(boxes, key=lambda at_s: boxes[at_s])
        checked.found(
            "missing_glyphs",
            f"{boxes[at_s]} letters of the caption at {clock(at_s)} are empty boxes: the font that "
            "was burnt in does not have them. Choose a font for this language in burn_in.",
            at_s,
        )
    return checked


def count_boxes(look: SceneLook) -> int:
    """How many letters of the caption are boxes; 0 where they may be letters."""
    cue = look.scene.target_cue
    if cue is None or sum(map(visible_text(cue.text).count, BOX_LETTERS)) >= LEAST_BOXES:
        return 0
    strokes = look.inside.output_strokes
    return max(
        count_equal_boxes(strokes.light & look.inside.new_strokes),
        count_equal_boxes(strokes.dark & look.inside.new_strokes),
    )


def count_equal_boxes(fill: Mask) -> int:
    """The number of equal boxes among the signs whose filling this is."""
    signs = list(_signs(fill))
    sizes = Counter(sign.shape for sign in signs if _is_box(sign))
    if not sizes:
        return 0
    (height, width), _ = sizes.most_common(1)[0]
    equal = sum(
        count
        for (other_height, other_width), count in sizes.items()
        if abs(other_height - height) <= 1 and abs(other_width - width) <= 1
    )
    return equal if equal >= max(LEAST_BOXES, LEAST_SHARE * len(signs)) else 0


def _signs(fill: Mask) -> Iterator[Mask]:
    """The pieces between empty rows, then between empty columns, without their empty margins."""
    for top, bottom in _runs(_seen(fill, 1)):
        line = fill[top:bottom]
        for left, right in _runs(_seen(line, 0)):
            rows = np.flatnonzero(_seen(line[:, left:right], 1))
            sign = line[rows[0] : rows[-1] + 1, left:right]
            if min(sign.shape) >= LEAST_SIDE_PX:
                yield sign


def _seen(pixels: Mask, axis: int) -> Mask:
    """For each column (axis 0) or row (axis 1), whether there is anything in it."""
    return np.asarray(pixels.any(axis=axis))


def _runs(filled: Mask) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(filled.astype(np.int8), prepend=0, append=0))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _is_box(sign: Mask) -> bool:
    height, width = sign.shape
    if not 0.3 <= width / height <= 1.5:
        return False
    rim = max(1, round(min(height, width) * 0.15))
    sides = (
        _seen(sign[:rim], 0),
        _seen(sign[-rim:], 0),
        _seen(sign[:, :rim], 1),
        _seen(sign[:, -rim:], 1),
    )
    corners = (sides[0][0], sides[0][-1], sides[1][0], sides[1][-1])
    inner = sign[2 * rim : -2 * rim, 2 * rim : -2 * rim]
    return (
        all(corners)
        and all(float(side.mean()) >= SIDE_FILLED for side in sides)
        and inner.size > 0
        and float(inner.mean()) <= INNER_FILLED
    )
