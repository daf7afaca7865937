"""Captions out of SRT text: where cues start, which text is theirs, and what was odd about them.

A cue starts at its times; a number above belongs to it when it is the one that is due, or stands
apart. Everything up to the next cue is its text, blank lines included.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from translation_pipeline.captions.columns import SEPARATOR
from translation_pipeline.captions.cue import Cue, has_visible_text
from translation_pipeline.captions.findings import Finding, Severity
from translation_pipeline.captions.times import (
    TIME,
    Times,
    has_odd_arrow,
    looks_like_times,
    mend_times,
    times_of,
)

_TIMES_LINE: Final = re.compile(
    rf"^[ \t]*{TIME}[ \t]*-->[ \t]*{TIME}(?:[ \t]+(\S.*)|[ \t]*)$", re.MULTILINE
)
_AROUND_NUMBER: Final = r"[ \t#.:()\[\]\"'\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]*"
_NUMBER_ABOVE: Final = re.compile(
    rf"(?:\A|\n)({_AROUND_NUMBER}(\d{{1,18}}){_AROUND_NUMBER})\n([ \t]*\n)?\Z"
)
_POSITION: Final = re.compile(  # SubRip's coordinates and WebVTT's cue settings
    r"(?:(?:[XY][12]:[0-9]+|align:(?:start|middle|center|end|left|right)|vertical:(?:rl|lr)"
    r"|(?:line|position|size):[-0-9.]+%?(?:,[a-z-]+)?|region:\S+)(?:\s+|\Z))+",
    re.IGNORECASE,
)
_CUT_TIMES: Final = re.compile(r"[0-9]{1,2}:[0-9:]*[0-9.,]*[ \t]*-{0,2}>?[ \t]*[0-9:,.]*")
_QUOTED: Final = 200  # characters of what would be lost, in messages
_LONGEST_NUMBER: Final = 19  # digits
_LONGEST_NUMBER_LINES: Final = 64  # characters of a number line and a blank line below it


class _Header(NamedTuple):
    """Where a cue starts: the offsets of its times' line, and the times if they can be read."""

    line_start: int
    line_end: int
    times: Times | None


def read_cues(text: str) -> tuple[list[Cue], list[Finding]]:
    """The cues in `text` (LF line ends) in their order; none if no times can be read."""
    return read_strictly(text) or read_thoroughly(text)


def read_thoroughly(text: str) -> tuple[list[Cue], list[Finding]]:
    """The cues of a text in which anything may be odd."""
    headers = _headers(text)
    if not any(header.times for header in headers):
        return [], []
    reader = _Reader(text)
    reader.read(headers)
    return reader.cues, reader.findings


_LIKE_TIME: Final = re.compile("[0-9０-９][:：.．][0-9０-９]{2}")
# Times as SRT wants them. From the digits of a line, a product gives its two times.
_PATTERN: Final = np.frombuffer(b"00:00:00,000 --> 00:00:00,000", dtype=np.uint8)
_WIDTH: Final = len(_PATTERN)
_ZERO: Final = np.uint8(ord("0"))
_DIGITS_AT: Final = np.flatnonzero(_PATTERN == _ZERO)
_OTHERS_AT: Final = np.flatnonzero(_PATTERN != _ZERO)
_TENS_AT: Final = np.array([3, 6, 20, 23])  # of minutes and seconds
_MS_OF_DIGITS: Final = np.zeros((_WIDTH, 2))
_MS_OF_DIGITS[_DIGITS_AT[:9], 0] = _MS_OF_DIGITS[_DIGITS_AT[9:], 1] = [
    *(36_000_000, 3_600_000, 600_000, 60_000, 10_000, 1000, 100, 10, 1)
]
_NUMBERS: Final = list(map(str, range(1, 2001)))  # more than nearly all files have


def read_strictly(text: str) -> tuple[list[Cue], list[Finding]] | None:
    """The cues of a text in which everything is as SRT wants it; None where anything is not.

    This is the quick way for nearly all files; what it returns is what the other way returns.
    """
    blocks = [block.strip("\n").split("\n", 2) for block in text.strip("\n").split("\n\n")]
    if min(map(len, blocks)) < 2:
        return None
    numbers = [block[0] for block in blocks]
    times = [block[1] for block in blocks]
    expected = (
        _NUMBERS if len(blocks) <= len(_NUMBERS) else list(map(str, range(1, len(blocks) + 1)))
    )
    if (
        numbers != expected[: len(blocks)]
        or text.count("-->") != len(times)
        or text.endswith(times[-1])
    ):
        return None
    read = _strict_times(times)
    if read is None:
        return None
    texts = [block[2].strip("\n") if len(block) > 2 else "" for block in blocks]
    joined = SEPARATOR.join(texts)
    if _LIKE_TIME.search(joined) and has_odd_arrow(joined):
        return None
    if _CUT_TIMES.fullmatch(texts[-1].rpartition("\n")[2].strip()):
        return None
    if [body.strip() for body in texts] != texts:
        texts = list(map(_without_blank_ends, texts))
    findings = [
        _empty_cue(at + 1, text.count("\n", 0, text.index(times[at])) + 1)
        for at, body in enumerate(texts)
        if not body[:1].isalnum() and not has_visible_text(body)
    ]
    return list(map(Cue, *read, texts)), findings


def _strict_times(lines: Sequence[str]) -> tuple[list[int], list[int]] | None:
    """Starts and ends in milliseconds; None where a line is not two times as SRT wants them."""
    joined = "".join(lines)
    if not joined.isascii() or any(len(line) != _WIDTH for line in lines):
        return None
    table = np.frombuffer(joined.encode(), dtype=np.uint8).reshape(-1, _WIDTH)
    digits = table - _ZERO  # what comes before 0 becomes large
    if (
        (table[:, _OTHERS_AT] != _PATTERN[_OTHERS_AT]).any()
        or (digits[:, _DIGITS_AT] > 9).any()
        or (digits[:, _TENS_AT] > 5).any()
    ):
        return None
    starts_ms, ends_ms = (digits @ _MS_OF_DIGITS).astype(np.int64).T.tolist()
    return starts_ms, ends_ms


def _empty_cue(number: int, line: int) -> Finding:
    return Finding("empty_cue", "warning", f"Cue {number} has times but no text.", number, line)


def _headers(text: str) -> list[_Header]:
    headers = [
        _Header(match.start(), match.end(), times)
        for match in _TIMES_LINE.finditer(text)
        if (times := _times(match.groups())) is not None
    ]
    if text.count("-->") > len(headers) or has_odd_arrow(text):
        headers += _odd_headers(text, {header.line_start for header in headers})
        headers.sort()
    return headers


def _times(parts: tuple[str | None, ...]) -> Times | None:
    sign, hours, minutes, seconds, fraction = parts[:5]
    end_sign, end_hours, end_minutes, end_seconds, end_fraction, beside = parts[5:]
    if beside is not None and "-->" in beside and looks_like_times(beside):
        return None  # two cues run together in one line
    return times_of(
        (sign, hours, minutes, seconds, fraction),
        (end_sign, end_hours, end_minutes, end_seconds, end_fraction),
        beside,
    )


def _odd_headers(text: str, known: set[int]) -> Iterator[_Header]:
    """Lines whose times SRT readers do not take: mended, or without times where that fails."""
    start = 0
    for line in text.split("\n"):
        if start not in known and ("-->" in line or has_odd_arrow(line)):
            times = mend_times(line)
            if times is not None or ("-->" in line and looks_like_times(line)):
                yield _Header(start, start + len(line), times)
        start += len(line) + 1


# What is odd in the same way all over a file is told once, with its first line.
_FILE_RULES: Final = {
    "numbering": "have a missing, repeated or unordered number; they are numbered anew",
    "milliseconds": "have not three digits after the second; they were read as its decimals",
    "overflow": "have more than 59 minutes or seconds; they were added up",
    "mended": "have times in a form that players refuse; they were read as what they look like",
    "position": "have a position beside their times, which is dropped",
    "text_beside_times": "have text beside their times, which was kept as their first line",
}


class _Reader:
    """Goes through the cues of one text in their order, and notes what is odd."""

    def __init__(self, text: str) -> None:
        self.cues: list[Cue] = []
        self.findings: list[Finding] = []
        self._text = text
        self._odd_at: dict[str, list[int]] = {rule: [] for rule in _FILE_RULES}
        self._line_starts: list[int] = []

    def read(self, headers: list[_Header]) -> None:
        """Fill `cues` and `findings`."""
        previous = headers[0]
        due, start = self._number(previous, 1, 0)
        self._before_first(self._text[:start])
        for header in headers[1:]:
            expected = due
            due, start = self._number(header, expected, previous.line_end)
            self._add(previous, start, {due - 1, expected})
            previous = header
        self._add(previous, len(self._text), {due})
        self._look_at_end(previous, due)
        self._tell_once()

    def _number(self, header: _Header, due: int, floor: int) -> tuple[int, int]:
        """The number that is due after this cue's, and the offset where the cue starts."""
        number, start = _number_above(self._text, header.line_start, due, floor)
        if number != due:
            self._odd_at["numbering"].append(header.line_start)
        return (due if number is None else number) + 1, start

    def _add(self, header: _Header, end: int, next_numbers: set[int]) -> None:
        body = _without_blank_ends(self._text[header.line_end + 1 : end])
        times = header.times
        if times is None:
            self._add_unreadable(header, body)
            return
        if times.oddities or times.beside:
            body = self._odd(header, times, body)
        # A number alone is the cue's text, as in a countdown; it is stray only behind a blank line.
        above, blank, stray = body.rpartition("\n\n")
        if (
            blank
            and stray.isdecimal()
            and len(stray) < _LONGEST_NUMBER
            and int(stray) in next_numbers
        ):
            body = _without_blank_ends(above)
            message = f"A number {stray} that stands alone, without a cue, was dropped."
            self._tell("stray_number", "warning", message, end)
        self.cues.append(Cue(times.start_ms, times.end_ms, body))
        if not has_visible_text(body):
            self.findings.append(_empty_cue(len(self.cues), self._line(header.line_start)))

    def _odd(self, header: _Header, times: Times, body: str) -> str:
        """The text of a cue whose line of times is odd."""
        for rule in times.oddities:
            self._odd_at[rule].append(header.line_start)
        if not times.beside:
            return body
        if _POSITION.fullmatch(times.beside):
            self._odd_at["position"].append(header.line_start)
            return body
        self._odd_at["text_beside_times"].append(header.line_start)
        return f"{times.beside}\n{body}" if body else times.beside

    def _add_unreadable(self, header: _Header, body: str) -> None:
        times = self._text[header.line_start : header.line_end].strip()
        message = (
            f"The times {times[:_QUOTED]!r} cannot be read, so the cue with the text "
            f"{body[:_QUOTED]!r} would be lost. Correct them."
        )
        self._tell("times_unreadable", "error", message, header.line_start)

    def _before_first(self, text: str) -> None:
        body = _without_blank_ends(text)
        if has_visible_text(body):
            message = f"Text before the first cue is not shown to anybody: {body[:_QUOTED]!r}."
            self._tell("text_before_first_cue", "warning", message, 0)

    def _look_at_end(self, last: _Header, due: int) -> None:
        """Tell when the file ends as if it was cut off, by a broken upload for example."""
        text = self._text
        if last.line_end == len(text):
            if last.times is not None and not last.times.beside:
                self._cut_off(text[last.line_start :])
            return
        ends = text[last.line_end :].rstrip().rpartition("\n")[2].strip()
        if not _CUT_TIMES.fullmatch(ends):
            return
        number, start = _number_above(text, text.rindex(ends), due, last.line_end)
        if number is not None:
            self._cut_off(ends)
            if last.times is not None:
                body = _without_blank_ends(text[last.line_end + 1 : start])
                self.cues[-1] = self.cues[-1]._replace(text=body)

    def _cut_off(self, ends: str) -> None:
        message = f"The file ends in the times {ends.strip()!r}: it was cut off. Upload it again."
        self._tell("truncated", "error", message, len(self._text.rstrip()) - 1)

    def _tell_once(self) -> None:
        for rule, offsets in self._odd_at.items():
            if offsets:
                message = f"{len(offsets)} of {len(self.cues)} cues {_FILE_RULES[rule]}."
                self._tell(rule, "warning", message, offsets[0])

    def _tell(self, rule: str, severity: Severity, message: str, at: int) -> None:
        self.findings.append(Finding(rule, severity, message, line=self._line(at)))

    def _line(self, at: int) -> int:
        """The number of the line at an offset, from 1."""
        if not self._line_starts:
            self._line_starts = [0, *(match.end() for match in re.finditer("\n", self._text))]
        return bisect_right(self._line_starts, at)


def _number_above(text: str, at: int, due: int, floor: int) -> tuple[int | None, int]:
    """The cue number above the line at offset `at`, and where it starts; else None and `at`.

    Digits that directly follow other text may be the last line of that text: they are a number
    only when they are the one that is due.
    """
    expected = f"\n{due}\n"
    if text.endswith(expected, floor, at):
        return due, at - len(expected) + 1
    window = max(floor, at - _LONGEST_NUMBER_LINES)
    match = _NUMBER_ABOVE.search(text, window, at)
    if match is None or (window > 0 and window == match.start() and window != floor):
        return None, at
    number, start = int(match[2]), match.start(1)
    is_apart = (
        match[3] is None and not text[floor:start].rpartition("\n")[0].rpartition("\n")[2].strip()
    )
    return (number, start) if number == due or is_apart else (None, at)


def _without_blank_ends(body: str) -> str:
    """The text without blank lines before and after it."""
    body = body.strip("\n")
    if not body or not (body[0].isspace() or body[-1].isspace()):
        return body
    lines = body.split("\n")
    first, last = 0, len(lines)
    while first < last and not lines[first].strip():
        first += 1
    while last > first and not lines[last - 1].strip():
        last -= 1
    return "\n".join(lines[first:last])
