"""Lines with the times of a cue: as SRT wants them, and as files in the field have them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

# Sign, hours, minutes, seconds, decimals.
TIME: Final = r"(-?)(?:([0-9]{1,6}):)?([0-9]{1,3}):([0-9]{1,3})(?:[.,]([0-9]{0,9}))?"
_TIMES: Final = re.compile(rf"{TIME}[ \t]*-->[ \t]*{TIME}(?:[ \t]+(\S.*))?")
# Arrows that translators, editors and keyboards make of `-->`, and times without any.
_ODD_ARROW: Final = re.compile(
    r"(?<=[0-9\])>])[ \t]*(?:(?<!-)->|-{3,}>|-[ \t]+-?[ \t]*>|--[ \t]+>|[–—−－][–—−－-]*[ \t]*[>＞]"
    r"|-?[→⟶➔➜]|=+>|-*&gt;|>)[ \t]*(?=[-0-9\[(])|(?<=[0-9][.,][0-9]{3})[ \t]+(?=[0-9]+:[0-9]{2}:)"
)
_LONG_ARROW: Final = re.compile(r"-{3,}>")
_BROKEN_MARKS: Final = re.compile(r"[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_LOOSE_TIME: Final = (
    r"-?[ \t]*[0-9OolI|]{1,6}(?:[ \t]*[:;.][ \t]*[0-9OolI|]{1,3}){1,2}"
    r"(?:[ \t]*[,.;:'´`’][ \t]*[0-9OolI|]{1,9}|[ \t][0-9]{3}(?![0-9:]))?"
)
_LOOSE_TIMES: Final = re.compile(
    rf"(?:[0-9]{{1,9}}[ \t.):#-]*[ \t]+)?[\[(<]?({_LOOSE_TIME})[\])>]?[ \t]*-->[ \t]*[\[(<]?"
    rf"({_LOOSE_TIME})[\])>]?(?:[ \t]+(\S.*))?"
)
_LOOK_ALIKES: Final = str.maketrans("OolI|", "00111")


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a cue in milliseconds, what else stands on their line, and what was odd."""

    start_ms: int
    end_ms: int
    beside: str = ""
    oddities: tuple[str, ...] = ()


_Parts = Sequence[str | None]  # of one time: sign, hours, minutes, seconds, decimals


def times_of(start: _Parts, end: _Parts, beside: str | None) -> Times:
    """The times from the parts that `TIME` matches: sign, hours, minutes, seconds, decimals."""
    start_ms, start_is_odd = _milliseconds(*start)
    end_ms, end_is_odd = _milliseconds(*end)
    oddities: tuple[str, ...] = ("overflow",) if start_is_odd or end_is_odd else ()
    if len(start[4] or "") != 3 or len(end[4] or "") != 3:
        oddities = ("milliseconds", *oddities)
    return Times(start_ms, end_ms, beside or "", oddities)


def _milliseconds(
    sign: str | None,
    hours: str | None,
    minutes: str | None,
    seconds: str | None,
    decimals: str | None,
) -> tuple[int, bool]:
    """A time in milliseconds, and whether it has more than 59 minutes or seconds."""
    whole_minutes, whole_s = int(minutes or 0), int(seconds or 0)
    millis = (
        int(decimals)
        if decimals and len(decimals) == 3
        else int((decimals or "").ljust(3, "0")[:3])
    )
    ms = ((int(hours or 0) * 60 + whole_minutes) * 60 + whole_s) * 1000 + millis
    return -ms if sign else ms, whole_minutes > 59 or whole_s > 59


def has_odd_arrow(text: str) -> bool:
    """Whether any line may hold times around something else than `-->`."""
    return _ODD_ARROW.search(text) is not None


def mend_times(line: str) -> Times | None:
    """The times of a line that is not as SRT wants it; None when they cannot be known.

    Mended are full-width digits, marks of writing direction, other arrows, spaces inside times,
    other separators, letters that look like digits, and a cue number before the times.
    """
    text = _LONG_ARROW.sub("-->", _ascii_digits(_BROKEN_MARKS.sub("", line))).strip()
    arrow = _ODD_ARROW.search(text) if "-->" not in text else None
    if arrow:
        text = f"{text[: arrow.start()]} --> {text[arrow.end() :]}"
    match = _LOOSE_TIMES.fullmatch(text)
    if match is None:
        return None
    strict = _TIMES.fullmatch(f"{_straight(match[1])} --> {_straight(match[2])}")
    if strict is None or (match[3] and "-->" in match[3]):
        return None
    times = times_of(strict.groups()[:5], strict.groups()[5:10], match[3])
    return replace(times, oddities=("mended",))


def _straight(time: str) -> str:
    """`H:M:S,mmm` of one loosely written time; frames (`H:M:S:ff`) stay as they are."""
    sign = "-" if time.lstrip().startswith("-") else ""
    parts = re.findall(r"[0-9OolI|]+", time)
    if 2 * sum(character.isdigit() for character in time) < len("".join(parts)):
        return time  # a word, not digits that were misread
    digits = [part.translate(_LOOK_ALIKES) for part in parts]
    if len(digits) == 4 and (len(digits[3]) == 3 or not re.search(r":[ \t]*\S+$", time)):
        return f"{sign}{':'.join(digits[:3])},{digits[3]}"
    if len(digits) == 3:
        has_fraction = len(digits[2]) == 3 and re.search(r"[,.'´`’][ \t]*\S+$", time)
        return f"{sign}{':'.join(digits[:2])}{',' if has_fraction else ':'}{digits[2]}"
    return sign + ":".join(digits)


def _ascii_digits(text: str) -> str:
    """The text in plain digits and signs, whatever alphabet its digits are of."""
    if text.isascii():
        return text
    normal = unicodedata.normalize("NFKC", text)
    return "".join([str(unicodedata.digit(c)) if c.isdecimal() else c for c in normal])


def looks_like_times(text: str) -> bool:
    """Whether a line with `-->` is a broken pair of times and not words of a caption."""
    start, _, end = (side.strip() for side in _ascii_digits(text).partition("-->"))
    first_of_end = end.split(maxsplit=1)[0] if end else ""
    start_is_time = _looks_like_time(start)
    end_is_time = _looks_like_time(end) or _looks_like_time(first_of_end)
    return (start_is_time and (end_is_time or not end)) or (end_is_time and not start)


_ONLY_TIME_CHARACTERS: Final = re.compile(r"[\s0-9:.,;-]+")


def _looks_like_time(side: str) -> bool:
    is_one_word = not re.search(r"\s", side)
    return ":" in side and bool(
        re.search(r"[0-9]", side) and (is_one_word or _ONLY_TIME_CHARACTERS.fullmatch(side))
    )
