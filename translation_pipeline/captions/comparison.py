"""What the parts of the comparison share: languages, what is told, expected lengths."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from translation_pipeline.captions.cue import visible_text
from translation_pipeline.captions.language_detection import main_code
from translation_pipeline.captions.languages import read_data


class Languages(NamedTuple):
    """The language codes of a source and its translation."""

    source: str
    target: str


class Told(NamedTuple):
    """A finding before its severity is known."""

    rule: str
    cue_number: int | None
    message: str


@lru_cache(maxsize=256)
def length_factor(language: str) -> float:
    """How many characters a language needs for what English says in one."""
    factors = read_data("comparison.yaml")["length_factors"]
    return float(factors.get(language) or factors.get(main_code(language)) or factors["default"])


def quoted(text: str) -> str:
    """The start of a text, on one line, for a message."""
    flat = " / ".join(visible_text(text).split("\n"))
    return repr(flat if len(flat) <= 60 else flat[:57] + "…")
