"""The rules of repair: each has a name, a reason, and says which cues it would change.

A rule gets cues with their numbers before any repair and returns them changed; it returns the
same list when it changes nothing. `limit_ms` is how far it may move a time.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, NamedTuple

from translation_pipeline.captions.columns import Columns
from translation_pipeline.captions.cue import MARKUP, Cue, has_visible_text, visible_text
from translation_pipeline.captions.phrases import credit_in, credits_among
from translation_pipeline.captions.similarity import are_alike

REPAIRED_DURATION_MS: Final = 1000  # for a cue that ends before it starts
MAX_CLIPPED_OVERLAP_MS: Final = 500  # more is likely meant: two speakers, two places
MERGED_GAP_MS: Final = 50  # about a frame: nobody sees that a text was away
FLASH_MS: Final = 250  # a single character for so long is read by nobody
UNLIMITED_MS: Final = 10**12


class Numbered(NamedTuple):
    """A cue and its number before any repair."""

    number: int
    cue: Cue


@dataclass(frozen=True, slots=True)
class Situation:
    """What a rule may know: how far it may move a time, and how long the video is, if known."""

    limit_ms: int
    duration_ms: int | None = None


Cues = list[Numbered]
_Concern = Callable[[Columns, Situation], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """A named repair. One that is not automatic waits for a person's word.

    `concerns` says quickly whether a rule may have anything to do.
    """

    name: str
    why: str
    concerns: _Concern
    apply: Callable[[Cues, Situation], Cues]
    is_automatic: bool = True


def _if_odd(pattern: str) -> _Concern:
    """Concerned by texts in which `pattern` occurs, if the texts are not plain anyway."""
    compiled = re.compile(pattern)
    return lambda columns, _: not columns.are_plain and bool(compiled.search(columns.separated))


def _each_text(change: Callable[[str], str]) -> Callable[[Cues, Situation], Cues]:
    """Changes the text of each cue until nothing is left to change."""
    return lambda items, _: [
        _with_text(item, _until_stable(change, item.cue.text)) for item in items
    ]


def _until_stable(change: Callable[[str], str], text: str) -> str:
    """What is left when parts that were taken out leave nothing more to take out."""
    while (changed := change(text)) != text:
        text = changed
    return text


_CONTROL: Final = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufff9-\ufffc\ufffe\uffff]"
)
_LINE_ENDS: Final = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")


def _without_controls(text: str) -> str:
    return _CONTROL.sub("", _LINE_ENDS.sub("\n", text).replace("\t", " "))


_BREAK: Final = re.compile(r"[ \t]*(?:<br\s*/?>|\\N)[ \t]*", re.IGNORECASE)
_KEPT_MARKUP: Final = re.compile(r"</?[ibu]>", re.IGNORECASE)


def _without_markup(text: str) -> str:
    return MARKUP.sub(lambda tag: tag[0] if _KEPT_MARKUP.fullmatch(tag[0]) else "", text)


def _trimmed(text: str) -> str:
    return "\n".join([line.strip() for line in text.split("\n")])


def _without_blank_lines(text: str) -> str:
    return "\n".join([line for line in text.split("\n") if line.strip()])


def _drop_empty(items: Cues, _: Situation) -> Cues:
    return [item for item in items if has_visible_text(item.cue.text)]


def _sort(items: Cues, _: Situation) -> Cues:
    return sorted(items, key=lambda item: item.cue.start_ms)


def _start_at_zero(items: Cues, situation: Situation) -> Cues:
    return [
        item._replace(cue=item.cue._replace(start_ms=0))
        if -situation.limit_ms <= item.cue.start_ms < 0
        else item
        for item in items
    ]


def _fix_ends(items: Cues, situation: Situation) -> Cues:
    return _with_ends(items, _end_after_start, situation.limit_ms)


def _merge_duplicates(items: Cues, _: Situation) -> Cues:
    merged: Cues = []
    for item in items:
        last = merged[-1] if merged else None
        if last and last.cue.text == item.cue.text and _touch(last.cue, item.cue):
            merged[-1] = _with_end(last, max(last.cue.end_ms, item.cue.end_ms))
        else:
            merged.append(item)
    return merged


def _merge_near_duplicates(items: Cues, _: Situation) -> Cues:
    merged: Cues = []
    for item in items:
        last = merged[-1] if merged else None
        if last and _touch(last.cue, item.cue) and are_alike(last.cue.text, item.cue.text):
            longer = max(last.cue.text, item.cue.text, key=len)
            end_ms = max(last.cue.end_ms, item.cue.end_ms)
            merged[-1] = last._replace(cue=Cue(last.cue.start_ms, end_ms, longer))
        else:
            merged.append(item)
    return merged


def _clip_overlaps(items: Cues, situation: Situation) -> Cues:
    return _with_ends(items, _end_at_next, situation.limit_ms)


def _drop_credits(items: Cues, _: Situation) -> Cues:
    phrases = credits_among("\n".join([item.cue.text for item in items]))
    return [item for item in items if credit_in(item.cue.text, phrases) is None]


def _drop_flashes(items: Cues, _: Situation) -> Cues:
    return [item for item in items if not is_flash(item.cue)]


def _drop_beyond_video(items: Cues, situation: Situation) -> Cues:
    end_ms = situation.duration_ms
    return [item for item in items if end_ms is None or item.cue.start_ms < end_ms]


def _any_touch(columns: Columns, alike: Callable[[str, str], bool]) -> bool:
    akin = columns.akin_after_gap(MERGED_GAP_MS)
    return any(alike(columns.texts[at], columns.texts[at + 1]) for at in akin)


def _any_flash(columns: Columns, _: Situation) -> bool:
    shown_ms = columns.durations_ms
    return bool(((shown_ms > 0) & (shown_ms < FLASH_MS)).any())


def _any_beyond(columns: Columns, situation: Situation) -> bool:
    end_ms = situation.duration_ms
    return end_ms is not None and bool((columns.starts_ms >= end_ms).any())


def is_flash(cue: Cue) -> bool:
    """Whether a cue is one character, shown too shortly to be read."""
    shown_ms = cue.end_ms - cue.start_ms
    return 0 < shown_ms < FLASH_MS and len(visible_text(cue.text).strip()) == 1


_MISREAD_UTF8: Final = re.compile(
    r"[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
)


# The first bytes of UTF-8 letters as Windows-1252 shows them; looking for each is quick.
_FIRST_HALVES: Final = "ÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóô"


def _is_misread(text: str) -> bool:
    return any(half in text for half in _FIRST_HALVES) and bool(_MISREAD_UTF8.search(text))


def _read_as_utf8(text: str) -> str:
    """The text, if it is UTF-8 that somebody read as Windows-1252, as it was meant."""
    if not _is_misread(text):
        return text
    try:
        return text.encode("cp1252").decode()
    except UnicodeError:
        return text


# Rules take turns until none changes anything. Empty cues come first: they are the most frequent
# fault, and often the only one.
RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "drop_empty_cues",
        "A cue that shows nothing makes IMS refuse the whole file (ims.md section 12).",
        _if_odd(""),
        _drop_empty,
    ),
    Rule(
        "unescape_entities",
        "&amp; and the like are letters of web pages; in a lesson on HTML they may be meant.",
        _if_odd(r"&(?:[a-zA-Z]{2,8}|#[0-9]{1,5}|#x[0-9a-fA-F]{1,4});"),
        _each_text(html.unescape),
        is_automatic=False,
    ),
    Rule(
        "fix_misread_utf8",
        "The text is UTF-8 that was read in another encoding and saved again.",
        lambda columns, _: not columns.joined.isascii() and _is_misread(columns.joined),
        _each_text(_read_as_utf8),
        is_automatic=False,
    ),
    Rule(
        "remove_control_characters",
        "They show as boxes or nothing, and services refuse them.",
        _if_odd(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufff9-\ufffc\ufffe\uffff]"),
        _each_text(_without_controls),
    ),
    Rule(
        "break_lines",
        "<br> and \\N are line breaks of other formats.",
        _if_odd(r"(?i)<br|\\N"),
        _each_text(lambda text: _BREAK.sub("\n", text)),
    ),
    Rule(
        "strip_markup",
        "Tags other than <i>, <b>, <u>, and overrides of ASS, would be shown as words.",
        _if_odd(r"(?i)</?(?:[sc]|em|strong|font|v|ruby|rt|lang|span|[ibu]\s)\b|\{\\"),
        _each_text(_without_markup),
    ),
    Rule(
        "close_blank_lines",
        "In SRT a blank line ends the cue, and the rest would be lost.",
        _if_odd(r"\n[^\S\n]*(?:\n|\||\Z)|(?:\A|\|)[^\S\n]*\n"),
        _each_text(_without_blank_lines),
    ),
    Rule(
        "trim_lines",
        "White space around a line moves it out of the middle.",
        _if_odd(r"[^\S\n](?:\n|\||\Z)|(?:\A|\n|\|)[^\S\n]"),
        _each_text(_trimmed),
    ),
    Rule(
        "drop_credits",
        "Credits, web addresses and farewells that recognisers of speech invent are no speech.",
        lambda columns, _: bool(credits_among(columns.joined)),
        _drop_credits,
        is_automatic=False,
    ),
    Rule(
        "drop_beyond_video",
        "Cues that start after the end of the video belong to another one.",
        _any_beyond,
        _drop_beyond_video,
        is_automatic=False,
    ),
    Rule(
        "sort_by_start",
        "Players and services expect cues in the order of time.",
        lambda columns, _: not columns.are_sorted,
        _sort,
    ),
    Rule(
        "start_at_zero",
        "A video has no time before zero.",
        lambda columns, _: bool((columns.starts_ms < 0).any()),
        _start_at_zero,
    ),
    Rule(
        "fix_end_before_start",
        "A cue that ends before it starts is never shown: it gets a second, or until the next one.",
        lambda columns, _: bool((columns.durations_ms <= 0).any()),
        _fix_ends,
    ),
    Rule(
        "drop_flashes",
        "One character for less than a quarter of a second is texture read as text.",
        _any_flash,
        _drop_flashes,
        is_automatic=False,
    ),
    Rule(
        "merge_duplicates",
        "The same text in touching cues is one caption for the viewer, and would be paid twice.",
        lambda columns, _: _any_touch(columns, str.__eq__),
        _merge_duplicates,
    ),
    Rule(
        "merge_near_duplicates",
        "Reading captions from the picture gives a caption twice when one letter flickers.",
        lambda columns, _: _any_touch(columns, are_alike),
        _merge_near_duplicates,
        is_automatic=False,
    ),
    Rule(
        "clip_overlaps",
        "A cue ends when the next one starts.",
        lambda columns, _: bool((columns.gaps_ms < 0).any()),
        _clip_overlaps,
    ),
)


def _touch(cue: Cue, after: Cue) -> bool:
    return cue.start_ms < cue.end_ms and after.start_ms - cue.end_ms <= MERGED_GAP_MS


def _with_text(item: Numbered, text: str) -> Numbered:
    return item if text == item.cue.text else item._replace(cue=item.cue._replace(text=text))


def _with_end(item: Numbered, end_ms: int) -> Numbered:
    return (
        item if end_ms == item.cue.end_ms else item._replace(cue=item.cue._replace(end_ms=end_ms))
    )


def _with_ends(items: Cues, end_of: Callable[[Cue, int | None, int], int], limit_ms: int) -> Cues:
    next_starts = [item.cue.start_ms for item in items[1:]]
    return [
        _with_end(item, end_of(item.cue, next_start, limit_ms))
        for item, next_start in zip_longest(items, next_starts)
    ]


def _end_after_start(cue: Cue, next_start_ms: int | None, limit_ms: int) -> int:
    if cue.end_ms > cue.start_ms:
        return cue.end_ms
    end_ms = cue.start_ms + REPAIRED_DURATION_MS
    if next_start_ms is not None and next_start_ms > cue.start_ms:
        end_ms = min(end_ms, next_start_ms)
    return end_ms if end_ms - cue.end_ms <= limit_ms else cue.end_ms


def _end_at_next(cue: Cue, next_start_ms: int | None, limit_ms: int) -> int:
    if next_start_ms is None or next_start_ms <= cue.start_ms:
        return cue.end_ms
    limit_ms = limit_ms if limit_ms == UNLIMITED_MS else min(limit_ms, MAX_CLIPPED_OVERLAP_MS)
    return next_start_ms if 0 < cue.end_ms - next_start_ms <= limit_ms else cue.end_ms
