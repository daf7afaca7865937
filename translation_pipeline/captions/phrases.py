"""Phrases that are not speech of the video: credits, inventions, and failures of translators."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from translation_pipeline.captions.cue import visible_text
from translation_pipeline.captions.languages import read_data

_FRAME: Final = re.compile(r"^[\s\"'«»“”‘’()\[\]<>*_~♪.-]+|[\s\"'«»“”‘’()\[\]<>*_~♪.!-]+$")


@dataclass(frozen=True, slots=True)
class _Phrases:
    credits: tuple[str, ...]
    credit_hints: tuple[str, ...]
    whole_failures: frozenset[str]
    failure_parts: tuple[str, ...]


@lru_cache(maxsize=1)
def _phrases() -> _Phrases:
    data = read_data("phrases.yaml")
    failures = data["failures"]
    return _Phrases(
        tuple(data["credits"]),
        tuple(data["credit_hints"]),
        frozenset(failures["whole"]),
        tuple(failures["part"]),
    )


def credit_in(text: str, among: Collection[str] | None = None) -> str | None:
    """A phrase of credits, advertising or invented farewells in `text`; None without one.

    `among` are the only phrases that may be there, where `credits_among` told them.
    """
    lowered, phrases = text.lower(), _phrases()
    if among is None:
        if not any(hint in lowered for hint in phrases.credit_hints):
            return None
        among = phrases.credits
    return next((phrase for phrase in among if phrase in lowered), None)


@lru_cache(maxsize=8)
def credits_among(joined_texts: str) -> tuple[str, ...]:
    """The phrases that any of many texts has; asked again and again for the same file."""
    if credit_in(joined_texts) is None:
        return ()
    lowered = joined_texts.lower()
    return tuple(phrase for phrase in _phrases().credits if phrase in lowered)


def failure_in(text: str) -> str | None:
    """What shows that `text` is an error or an apology instead of a translation, or None."""
    phrases = _phrases()
    lowered = visible_text(text).lower().replace("’", "'")
    whole = _FRAME.sub("", lowered).strip(":. ")
    if whole in phrases.whole_failures or f"[{whole}]" in phrases.whole_failures:
        return whole
    return next((phrase for phrase in phrases.failure_parts if phrase in lowered), None)
