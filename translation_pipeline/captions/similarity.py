"""Whether two texts are the same caption, read twice with a letter or two different."""

from __future__ import annotations

from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final

MIN_ALIKE: Final = 0.75  # share of characters in common
MIN_LENGTH: Final = 4  # shorter texts differ by a letter and mean something else
MIN_FRAME: Final = 0.4  # share of characters that are the same from both ends


def are_alike(text: str, other: str) -> bool:
    """Whether two different texts have so much in common that one is a misreading of the other."""
    # A misreading keeps start or end (`Columns.akin_after_gap` asks the same of many texts).
    if text[:2] != other[:2] and text[-2:] != other[-2:]:
        return False
    return _are_alike(text, other)


@lru_cache(maxsize=4096)
def _are_alike(text: str, other: str) -> bool:
    longer, shorter = max(len(text), len(other)), min(len(text), len(other))
    if shorter < MIN_LENGTH or shorter < longer * MIN_ALIKE or text == other:
        return False
    start = _common(text, other, shorter)
    end = _common(text[::-1], other[::-1], shorter - start)
    if start + end < longer * MIN_FRAME or _digits(text) != _digits(other):
        return False
    if start + end >= longer * MIN_ALIKE:
        return True
    middle, other_middle = text[start : len(text) - end], other[start : len(other) - end]
    matcher = SequenceMatcher(None, middle, other_middle, autojunk=False)
    same = sum(block.size for block in matcher.get_matching_blocks())
    return start + end + same >= longer * MIN_ALIKE


def _common(text: str, other: str, most: int) -> int:
    """How many characters two texts have in common from the start, `most` at the most."""
    count = 0
    while count < most and text[count] == other[count]:
        count += 1
    return count


def _digits(text: str) -> str:
    """Counting aloud makes neighbours that differ only in their number, and are both meant."""
    return "".join([character for character in text if character.isdigit()])
