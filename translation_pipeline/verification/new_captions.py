"""Do the burnt-in captions show when they should, only then, and whole?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from translation_pipeline.captions.cue import visible_text
from translation_pipeline.verification.findings import Checked, clock
from translation_pipeline.verification.look import Look, SceneLook
from translation_pipeline.verification.strokes import Mask

# Pixels of strokes in a picture whose shorter side is 480: a letter of standard size has about
# 100, a small one 40; what a rough erasure leaves of an old letter is about 10.
PIXELS_PER_LETTER = 15
REFERENCE_SIDE_PX = 480

BUSY = 0.15  # share of the picture that is strokes; grass and leaves have less
OUTSIDE_SHARE = 0.3  # of what captions show inside their times: more outside is no noise
OUTSIDE_LETTERS = 10  # the same where none showed inside
MARGIN = 0.02  # of width and height; text that comes closer to the edge is cut, or nearly
CUT_SHARE = 0.01  # of the strokes that lie in the margin: a line that is cut has 2 % and more
CUT_PIXELS = 20
NOISY = 0.05  # of the strokes show outside the caption, too


def check_new_captions(looks: Sequence[SceneLook]) -> Checked:
    """Whether the letters that only the output has come and go with the target's cues."""
    checked = Checked()
    due = [
        look for look in looks if look.scene.target_cue is not None and not look.scene.keeps_text
    ]
    showing = [look for look in due if _shows(look)]
    missing = [look for look in due if not _shows(look) and not _is_busy(look.inside)]
    _note_missing(checked, missing, len(due))
    _note_outside(checked, looks, showing)
    _note_cut_off(checked, showing)
    checked.facts["new_captions_due"] = len(due)
    checked.facts["new_captions_shown"] = len(showing)
    return checked


def _shows(look: SceneLook) -> bool:
    """Whether there are as many new strokes as the cue's letters need."""
    cue = look.scene.target_cue
    letters = sum(map(str.isalnum, visible_text(cue.text))) if cue is not None else 0
    return _reference_pixels(look.inside) >= PIXELS_PER_LETTER * max(letters, 1)


def _is_busy(look: Look) -> bool:
    """Whether the source is so full of strokes that letters may drown in them."""
    return float(look.source_strokes.both.mean()) > BUSY


def _reference_pixels(look: Look) -> float:
    """New strokes, as if the picture's shorter side were `REFERENCE_SIDE_PX`."""
    strokes = look.new_strokes
    scale = REFERENCE_SIDE_PX / int(min(strokes.shape))
    return float(strokes.sum()) * scale**2


def _note_missing(checked: Checked, missing: Sequence[SceneLook], due: int) -> None:
    if missing:
        at_s = missing[0].inside.moment.middle_s
        checked.found(
            "captions_missing",
            f"{len(missing)} of {due} new captions that were looked at do not show, the first at "
            f"{clock(at_s)}. Check burn_in, and that the captions' times are those of the video.",
            at_s,
        )


def _note_outside(
    checked: Checked, looks: Sequence[SceneLook], showing: Sequence[SceneLook]
) -> None:
    outside = {look.outside.moment: look.outside for look in looks if look.outside is not None}
    shown = [_reference_pixels(look.inside) for look in showing]
    most = OUTSIDE_SHARE * median(shown) if shown else OUTSIDE_LETTERS * PIXELS_PER_LETTER
    stray = [look for look in outside.values() if _reference_pixels(look) > most]
    checked.facts["outside_looked_at"] = len(outside)
    checked.facts["outside_with_captions"] = len(stray)
    if stray:
        at_s = stray[0].moment.middle_s
        checked.found(
            "captions_outside_cues",
            f"New text shows where no caption is due, first at {clock(at_s)} ({len(stray)} of "
            f"{len(outside)} such moments). The burnt-in captions are probably out of step.",
            at_s,
        )


def _note_cut_off(checked: Checked, showing: Sequence[SceneLook]) -> None:
    cut = [look for look in showing if not _is_busy(look.inside) and _is_cut_off(look)]
    checked.facts["new_captions_box"] = _box([look.inside.new_strokes for look in showing])
    if cut:
        at_s = cut[0].inside.moment.middle_s
        checked.found(
            "captions_cut_off",
            f"{len(cut)} of {len(showing)} new captions reach the edge of the picture or leave "
            f"it, the first at {clock(at_s)}. Choose a smaller size or another position in "
            "burn_in, or shorten the line.",
            at_s,
        )


def _is_cut_off(look: SceneLook) -> bool:
    """Whether strokes reach the margin, in a picture where strokes are no noise."""
    strokes = look.inside.new_strokes
    if look.outside is not None and look.outside.new_strokes.sum() > NOISY * strokes.sum():
        return False
    height, width = strokes.shape
    rows, columns = max(1, round(height * MARGIN)), max(1, round(width * MARGIN))
    in_margin = strokes.sum() - strokes[rows:-rows, columns:-columns].sum()
    return bool(in_margin >= max(CUT_PIXELS, CUT_SHARE * strokes.sum()))


def _box(masks: Sequence[Mask]) -> list[float] | None:
    """Left, top, width and height, as fractions, of where all these strokes are."""
    if not masks:
        return None
    together = np.logical_or.reduce(masks)
    height, width = together.shape
    rows, columns = np.nonzero(together)
    left, top = columns.min() / width, rows.min() / height
    right, bottom = (columns.max() + 1) / width, (rows.max() + 1) / height
    return [round(float(edge), 3) for edge in (left, top, right - left, bottom - top)]
