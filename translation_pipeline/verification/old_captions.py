"""Are the source's captions gone? Judged only where they can be told from the picture for sure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from translation_pipeline.verification.areas import Area, area_mask
from translation_pipeline.verification.findings import Checked, clock
from translation_pipeline.verification.look import Look, SceneLook
from translation_pipeline.verification.strokes import (
    CONTRAST,
    CROWDED,
    Mask,
    cell_means,
    cell_side,
    cell_sums,
    grown,
    text_only,
)

LEAST_CELLS = 4  # of text; less may be texture
SAME_SHOT = 12.0  # grey levels that cells of one shot differ on average; after a cut it is 30
STRAY_DENSITY = 0.25  # of strokes that come and go elsewhere: more, and the camera has moved
LETTER_SURVIVES = (0.6, 0.8)  # contrast kept, and likeness, of a cell whose letter still stands
SHARE_OF_ONE = 0.6  # of a caption's cells that survive: one such caption is enough
SHARE_OF_MOST = 0.3  # and so many in half of the captions


def check_old_captions(looks: Sequence[SceneLook], areas: Sequence[Area]) -> Checked:
    """Whether strokes of the source's captions inside the areas still stand in the output."""
    checked = Checked()
    shares = {look.scene.inside.middle_s: _surviving_share(look, areas) for look in looks}
    judged = {at_s: share for at_s, share in shares.items() if share is not None}
    checked.facts = {
        "old_captions_judged": len(judged),
        "old_captions_left": round(max(judged.values(), default=0.0), 3),
    }
    left = [at_s for at_s, share in judged.items() if share >= SHARE_OF_ONE]
    partly = [at_s for at_s, share in judged.items() if share >= SHARE_OF_MOST]
    if left or len(partly) * 2 > max(len(judged), 2):
        remaining = left or partly
        at_s = max(remaining, key=lambda at_s: judged[at_s])
        checked.found(
            "old_captions_remain",
            f"{len(remaining)} of {len(judged)} old captions that were looked at still show "
            f"although erasing was asked, clearest at {clock(at_s)} ({judged[at_s]:.0%} of its "
            "letters). Check that erase covers where the captions are.",
            at_s,
        )
    return checked


def _surviving_share(look: SceneLook, areas: Sequence[Area]) -> float | None:
    """The share of the old caption's cells that look as before; None where nobody can tell."""
    scene = look.scene
    if scene.source_cue is None or look.outside is None:
        return None
    if scene.keeps_text:
        return None  # the new caption looks like the old one
    strokes = _caption_strokes(look.inside, look.outside, areas)
    return None if strokes is None else _surviving(look.inside, strokes)


def _caption_strokes(inside: Look, outside: Look, areas: Sequence[Area]) -> Mask | None:
    """The letters in the areas that come and go with the caption, if nothing else does."""
    shots = [
        np.abs(cell_means(a) - cell_means(b))
        for a, b in zip(inside.source, outside.source, strict=True)
    ]
    if max(float(shot.mean()) for shot in shots) > SAME_SHOT:
        return None
    background = [grown(np.abs(one) > CONTRAST, 2) for one in outside.source_details]
    come_and_go = text_only(inside.source_strokes.both & ~background[0] & ~background[1])
    in_areas = area_mask(areas, come_and_go.shape)
    strokes = come_and_go & in_areas
    stray = come_and_go & ~in_areas
    if stray.sum() * in_areas.sum() > STRAY_DENSITY * strokes.sum() * (~in_areas).sum():
        return None
    return strokes


def _surviving(look: Look, strokes: Mask) -> float | None:
    before = np.where(strokes, np.add(*look.source_details), 0).astype(np.float64)
    after = np.where(strokes, np.add(*look.output_details), 0).astype(np.float64)
    side = cell_side(strokes)
    text = cell_sums(strokes, side) >= CROWDED * side * side
    if text.sum() < LEAST_CELLS:
        return None
    energy = cell_sums(before * before, side)[text]
    common = cell_sums(before * after, side)[text]
    contrast = common / energy
    likeness = common / np.sqrt(energy * cell_sums(after * after, side)[text] + 1)
    least_contrast, least_likeness = LETTER_SURVIVES
    return float(((contrast > least_contrast) & (likeness > least_likeness)).mean())
