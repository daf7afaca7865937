"""The SRT format: bytes in, cues out, and back.

Parsing never raises on a single odd cue: what cannot be kept is reported as a `Finding` with its
line. Only input that holds no captions at all is refused, with `CaptionsUnreadable`.

The parser is our own: pysrt's drops a cue that it cannot read without a word, ends a cue at a
blank line inside its text, and reads `,5` as five milliseconds. pysrt stays the model that users
know: `to_pysrt` and `from_pysrt` convert, and pysrt reads what `compose_srt` writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import pysrt

from translation_pipeline.captions.cue import (
    Cue,
    format_timestamp,
    has_visible_text,
    visible_text,
)
from translation_pipeline.captions.decoding import decode
from translation_pipeline.captions.findings import Finding
from translation_pipeline.captions.formats import open_other_format, refuse

__all__ = [
    "Cue",
    "ParsedCaptions",
    "compose_srt",
    "format_timestamp",
    "from_pysrt",
    "has_visible_text",
    "parse_srt",
    "to_pysrt",
    "visible_text",
]


@dataclass(frozen=True, slots=True)
class ParsedCaptions:
    """What a caption file holds, in the order of the file, and what was odd about it.

    `encoding_confidence` is 1 where the encoding is certain; `format` is SRT, or what the file
    was converted from.
    """

    cues: tuple[Cue, ...]
    findings: tuple[Finding, ...]
    encoding: str
    encoding_confidence: float = 1.0
    format: str = "SRT"


def compose_srt(cues: Sequence[Cue]) -> str:
    """The cues as SRT text, numbered from 1, LF line ends (ims.md section 12)."""
    blocks = [
        f"{number}\n{format_timestamp(cue.start_ms)} --> {format_timestamp(cue.end_ms)}\n"
        f"{cue.text}\n"
        for number, cue in enumerate(cues, start=1)
    ]
    return "\n".join(blocks)


def parse_srt(data: bytes, language: str | None = None) -> ParsedCaptions:
    """The cues of an SRT file in any encoding, with findings for all that was odd.

    Kept in spite of the format: missing hours, `.` for `,`, short or missing milliseconds,
    missing or wrong numbers, blank lines inside a cue, cues without text, and times that
    `mend_times` understands. WebVTT, ASS and MicroDVD are converted. `language` helps to tell
    older encodings apart. Raises `CaptionsUnreadable`, saying what the file is, when there is no
    cue in it.
    """
    from translation_pipeline.captions.reader import read_cues  # late: it brings numpy

    decoded = decode(data, language)
    text, findings = _straightened(decoded.text)
    findings = [*decoded.findings, *findings]
    opened = open_other_format(text)
    if opened is None:
        cues, odd = read_cues(text)
    elif opened.srt_text is None:
        cues, odd = list(opened.cues), []
    else:
        cues, odd = read_cues(opened.srt_text)
        odd = [finding for finding in odd if finding.rule not in _NORMAL_IN_WEBVTT]
    if not cues:
        raise refuse(text)
    findings += [*(opened.findings if opened else ()), *odd]
    name = opened.name if opened else "SRT"
    return ParsedCaptions(tuple(cues), tuple(findings), decoded.encoding, decoded.confidence, name)


_NORMAL_IN_WEBVTT: Final = ("numbering", "position")


def to_pysrt(cues: Iterable[Cue]) -> pysrt.SubRipFile:
    """The cues as a pysrt file, numbered from 1."""
    return pysrt.SubRipFile(
        [
            pysrt.SubRipItem(number, start=cue.start_ms, end=cue.end_ms, text=cue.text)
            for number, cue in enumerate(cues, start=1)
        ]
    )


def from_pysrt(items: Iterable[pysrt.SubRipItem]) -> tuple[Cue, ...]:
    """The cues of a pysrt file, in its order."""
    return tuple(Cue(item.start.ordinal, item.end.ordinal, item.text) for item in items)


_FENCE: Final = re.compile(r"(?m)^[ \t]*`{3,}[a-z]{0,6}[ \t]*$")


def _straightened(text: str) -> tuple[str, list[Finding]]:
    """The text without what tools wrap around or mix into a whole file, line for line."""
    findings = []
    if "\0" in text:
        text = text.replace("\0", "")
        findings.append(Finding("null_bytes", "warning", "The file held null bytes; dropped."))
    if text.startswith("\x1a") or text.endswith("\x1a"):
        text = text.strip("\x1a")
    if "\ufeff" in text:
        text = text.replace("\ufeff", "")
        findings.append(
            Finding("inner_mark", "warning", "Byte order marks inside the file; dropped.")
        )
    if text[:1] == text.rstrip()[-1:] == '"' and text[1:2].isdigit():
        text = text.strip().strip('"')
        findings.append(Finding("quoted", "warning", "Quotes around the whole file; dropped."))
    if "\n" not in text and "\\n" in text and "-->" in text:
        text = text.replace("\\r", "").replace("\\n", "\n")
        message = "The file is one line with \\n in words; those were read as line ends."
        findings.append(Finding("escaped_lines", "warning", message))
    # A fence further down alone is what a caption says.
    if "```" in text and _FENCE.search(text.partition("-->")[0]):
        text = _FENCE.sub("", text)
        findings.append(
            Finding("code_fence", "warning", "Lines of ``` around the captions; dropped.")
        )
    return text, findings
