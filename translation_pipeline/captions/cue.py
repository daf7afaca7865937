"""The caption model: a cue, the text that a viewer sees of it, and how its times are written."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Cue(NamedTuple):
    """One caption: visible from `start_ms` until `end_ms` (milliseconds), lines joined by \\n.

    A tuple, since making a frozen dataclass takes three times as long, and catalogs have millions.
    """

    start_ms: int
    end_ms: int
    text: str


def format_timestamp(ms: int) -> str:
    """`HH:MM:SS,mmm` of a time in milliseconds; negative times are clamped to zero."""
    seconds, millis = divmod(max(ms, 0), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d},{millis:03d}"


# HTML-like tags of SRT and WebVTT, and the override blocks of ASS.
_MARKUP: Final = (
    r"</?(?:i|b|u|s|em|strong|font|c|v|ruby|rt|lang|span)\b[^>]{0,200}>|\{\\[^}]{0,500}\}"
)
MARKUP: Final = re.compile(_MARKUP, re.IGNORECASE)
_INVISIBLE: Final = (
    r"[\s\x00-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0]+"
)
_NOTHING_VISIBLE: Final = re.compile(rf"(?:{_MARKUP}|{_INVISIBLE})*", re.IGNORECASE)


def visible_text(text: str) -> str:
    """The text without formatting tags (`<i>`, `{\\an8}`)."""
    return MARKUP.sub("", text) if "<" in text or "{" in text else text


def has_visible_text(text: str) -> bool:
    """Whether a viewer would see anything: not only white space, formatting and empty marks."""
    if text[:1].isalnum():
        return True
    unseen = _NOTHING_VISIBLE.match(text)
    return unseen is None or unseen.end() < len(text)
