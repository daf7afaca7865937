"""Reading burnt-in captions with rapidocr, where it is installed (extra `local`).

Its models read Latin and Chinese letters; captions in other scripts are not judged by it.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from statistics import median
from typing import Any, Protocol

import numpy as np

from translation_pipeline.captions.cue import visible_text
from translation_pipeline.captions.languages import languages, letters_by_script, script_of
from translation_pipeline.verification.findings import Checked, clock
from translation_pipeline.verification.frames import Luma
from translation_pipeline.verification.look import SceneLook
from translation_pipeline.verification.strokes import Mask

READ_SCRIPTS = frozenset(("Latn", "Hani"))
LEAST_LETTERS = 4  # of a caption, and of what is read of it: less says nothing
LEAST_FOUND = 0.4  # share of a caption's letters in what is read: unrelated texts share 0.3
LEAST_OF_SCRIPT = 0.5  # share of the letters that are in a script of the language
MARGIN_PX = 12  # around the letters, for the reader
DETECTION_SIDE_PX = 736  # the longest side; with its own default, nothing is found on a strip


class Reader(Protocol):
    """Reads the text of a picture."""

    def __call__(self, picture: Luma) -> str:
        """The lines from top to bottom; empty where there is no text."""


@lru_cache(maxsize=1)
def installed_reader() -> Reader | None:
    """rapidocr with the models that it brings along; None where it is not installed."""
    try:
        from rapidocr import RapidOCR
    except ImportError:
        return None
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    engine = RapidOCR(
        params={
            "Global.use_cls": False,
            "Global.log_level": "error",
            "Det.limit_type": "max",
            "Det.limit_side_len": DETECTION_SIDE_PX,
        }
    )

    def read(picture: Luma) -> str:
        colours = np.repeat(picture[:, :, None], 3, axis=2)
        result: Any = engine(colours, use_det=True, use_cls=False, use_rec=True)
        return "\n".join(result.txts or ())

    return read


def can_be_read(language: str) -> bool:
    """Whether the reader knows the script of the language."""
    known = languages().get(language)
    return known is not None and READ_SCRIPTS.issuperset(known.scripts)


def check_text(looks: Sequence[SceneLook], language: str, reader: Reader) -> Checked:
    """Whether the captions' letters can be found in what the reader reads of the new strokes."""
    checked = Checked()
    read: list[tuple[float, str, float, float]] = []  # time, text, share found, share of script
    scripts = frozenset(languages()[language].scripts)
    for look in looks:
        cue, strokes = look.scene.target_cue, look.inside.new_strokes
        if cue is None or look.scene.keeps_text or not strokes.any():
            continue
        wanted = _letters(visible_text(cue.text))
        found = reader(_part(look.inside.output[0], strokes))
        if len(wanted) >= LEAST_LETTERS and len(_letters(found)) >= LEAST_LETTERS:
            at_s = look.inside.moment.middle_s
            read.append((at_s, found, share_found(wanted, found), _share_of(scripts, found)))
    checked.facts["captions_read"] = len(read)
    if not read:
        return checked
    found_share = median(share for _, _, share, _ in read)
    script_share = median(share for *_, share in read)
    checked.facts["captions_read_as_written"] = round(found_share, 3)
    checked.facts["captions_in_script"] = round(script_share, 3)
    at_s, text, *_ = min(read, key=lambda one: one[2])
    if script_share < LEAST_OF_SCRIPT:
        checked.found(
            "wrong_script",
            f"The captions are burnt in in another script ({script_of(text) or 'none'}) than "
            f"{languages()[language].english_name} has: at {clock(at_s)} one reads {text!r}.",
            at_s,
        )
    elif found_share < LEAST_FOUND:
        checked.found(
            "other_text",
            "The burnt-in captions do not read as the translation that was asked for: at "
            f"{clock(at_s)} one reads {text!r}.",
            at_s,
        )
    return checked


def share_found(wanted: str, text: str) -> float:
    """The share of the wanted letters that are in a text, in their order, two or more at a time."""
    wanted, letters = _letters(wanted), _letters(text)
    blocks = SequenceMatcher(None, wanted, letters, autojunk=False).get_matching_blocks()
    least = 2 if script_of(wanted) == "Latn" else 1
    return sum(block.size for block in blocks if block.size >= least) / max(len(wanted), 1)


def _letters(text: str) -> str:
    """Letters and digits without accents: a reader takes one for the other."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def _share_of(scripts: frozenset[str], text: str) -> float:
    counts = letters_by_script(text)
    total = sum(counts.values())
    return sum(counts[script] for script in scripts) / total if total else 1.0


def _part(picture: Luma, strokes: Mask) -> Luma:
    rows, columns = np.nonzero(strokes)
    top, left = max(0, rows.min() - MARGIN_PX), max(0, columns.min() - MARGIN_PX)
    return picture[top : rows.max() + MARGIN_PX, left : columns.max() + MARGIN_PX]
