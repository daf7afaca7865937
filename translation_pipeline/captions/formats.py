"""Files that are named SRT and are something else: opened where that is safe, or named.

WebVTT is rewritten line by line, so that findings keep its line numbers. ASS and SSA, and
MicroDVD that states its frame rate, are opened by pysubs2.
"""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from translation_pipeline.captions.cue import Cue, format_timestamp
from translation_pipeline.captions.findings import Finding
from translation_pipeline.errors import CaptionsUnreadable

_WEBVTT: Final = re.compile(r"\s*WEBVTT(?=[\s]|$)")
_ASS: Final = re.compile(
    r"\s*(?:;[^\n]*\n\s*)*\[(?:Script Info|V4\+? Styles|Events)\]", re.IGNORECASE
)
_MICRODVD: Final = re.compile(r"\s*\{[0-9]+\}\{[0-9]*\}")
_MICRODVD_RATE: Final = re.compile(r"\s*\{[01]\}\{[01]\}([0-9]{2}(?:\.[0-9]{1,6})?)\s*\n")
_NAMES: Final = (
    (_WEBVTT, "WebVTT without any captions"),
    (_MICRODVD, "MicroDVD without its frame rate"),
    (re.compile(r"\s*<SAMI>", re.IGNORECASE), "SAMI"),
    (re.compile(r"\s*(?:<\?xml[^>]*>\s*)?<(?:\w+:)?tt[\s>]", re.IGNORECASE), "TTML"),
    (re.compile(r"\s*<!DOCTYPE html|\s*<html", re.IGNORECASE), "an HTML page"),
    (re.compile(r"\s*<\?xml[^>]*>\s*<Error>"), "an error message of a storage service"),
    (re.compile(r"\s*<[?!a-zA-Z][^>\n]*>"), "XML or HTML"),
    (re.compile(r"\s*\[[0-9]+\]\[[0-9]*\]"), "MPL2"),
    (re.compile(r"\s*(?:\[\s*[\[{\"0-9]|\{\s*[\"}])"), "JSON"),
    (re.compile(r"\s*\{\\rtf"), "an RTF document"),
    (re.compile(r"\s*\[(?:[a-z]{2,6}:[^\]\n]*|[0-9]{1,3}:[0-9]{2}[.:][0-9]{2,3})\]"), "LRC"),
    (
        re.compile(r"\s*(?:\[INFORMATION\]|[0-9:.]+,[0-9:]+\.[0-9]+[ \t]*\n)", re.IGNORECASE),
        "SubViewer or SBV",
    ),
    (re.compile(r"\s*Scenarist_SCC"), "Scenarist closed captions (SCC)"),
    (re.compile(r"\s*# VobSub index"), "the index of a VobSub (picture) caption file"),
    (re.compile(r"\s*#EXTM3U"), "a playlist of caption segments (M3U8)"),
    (re.compile(r"\s*[0-9]{1,2}:[0-9]{2}:[0-9]{2}\s*:"), "TMPlayer"),
    (re.compile(r"\s*version https://git-lfs"), "a pointer to a file in Git LFS"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OpenedFormat:
    """What another format became: SRT text with the same lines, or its cues."""

    name: str
    srt_text: str | None = None
    cues: tuple[Cue, ...] = ()
    findings: tuple[Finding, ...] = ()


def open_other_format(text: str) -> OpenedFormat | None:
    """What a file that is not SRT became; None for SRT, or what looks most like it."""
    if _WEBVTT.match(text):
        return _open_webvtt(text)
    if _ASS.match(text):
        return _open_ass(text)
    rate = _MICRODVD_RATE.match(text)
    if rate:
        return _opened_by_pysubs2(text, "MicroDVD", "microdvd")
    return None


def refuse(text: str) -> CaptionsUnreadable:
    """The refusal of a text without any caption time, saying what it is."""
    for pattern, name in _NAMES:
        if pattern.match(text):
            return CaptionsUnreadable(f"The file is {name}, not SRT. Convert it to SRT first.")
    return CaptionsUnreadable(
        "The file has no caption time such as 00:00:01,000 --> 00:00:02,500. It starts with "
        f"{text.strip()[:60]!r}. Upload an SRT file."
    )


def compose_webvtt(cues: Sequence[Cue]) -> str:
    """The cues as WebVTT text, LF line ends; `&`, and `<` outside of tags, are escaped.

    Blank lines inside a text are left out: in WebVTT they would end the cue.
    """
    blocks = ["WEBVTT\n"]
    for cue in cues:
        times = f"{format_timestamp(cue.start_ms)} --> {format_timestamp(cue.end_ms)}"
        lines = [line for line in _escaped(cue.text).split("\n") if line.strip()]
        blocks.append("\n".join([times.replace(",", "."), *lines, ""]))
    return "\n".join(blocks)


_KEPT_TAG: Final = re.compile(r"</?[ibu]>")


def _escaped(text: str) -> str:
    parts: list[str] = []
    end = 0
    for tag in _KEPT_TAG.finditer(text):
        parts += (html.escape(text[end : tag.start()], quote=False), tag[0])
        end = tag.end()
    return "".join([*parts, html.escape(text[end:], quote=False)])


# Blocks that hold no captions; they end at a blank line.
_WEBVTT_BLOCK: Final = re.compile(r"(?:WEBVTT|NOTE|STYLE|REGION)(?:[ \t].*)?")
_WEBVTT_TAG: Final = re.compile(
    r"</?(?:c|v|lang)(?:[.\s][^>\n]*)?>|<(?:[0-9]+:)?[0-9]{2}:[0-9]{2}\.[0-9]{3}>"
)
_WEBVTT_TIMES: Final = re.compile(r"\s*(?:[0-9]+:)?[0-9]+:[0-9]+[.,][0-9]*[ \t]*-->")


def _open_webvtt(text: str) -> OpenedFormat:
    lines = text.split("\n")
    written: list[str] = []
    in_block = was_blank = True
    for index, line in enumerate(lines):
        if not line.strip():
            in_block, was_blank = False, True
            written.append("")
            continue
        has_times = _WEBVTT_TIMES.match(line) is not None
        if was_blank and not has_times and _WEBVTT_BLOCK.fullmatch(line.strip()):
            in_block = True
        is_name = was_blank and index + 1 < len(lines) and _WEBVTT_TIMES.match(lines[index + 1])
        if (in_block and not has_times) or is_name:
            written.append("")
        else:
            in_block = False
            written.append(line if has_times else html.unescape(_WEBVTT_TAG.sub("", line)))
        was_blank = bool(is_name)
    findings = [_converted("WebVTT")]
    if "X-TIMESTAMP-MAP" in text:
        message = "The file is a segment of a stream (X-TIMESTAMP-MAP): its times may be shifted."
        findings.append(Finding("shifted_times", "warning", message, line=1))
    return OpenedFormat("WebVTT", srt_text="\n".join(written), findings=tuple(findings))


_DIALOGUE: Final = re.compile(r"(?m)^Dialogue:.*\n?")
_READABLE_DIALOGUE: Final = re.compile(
    r"Dialogue:[^,]*(?:,[ \t]*[0-9]+:[0-9]+:[0-9]+[.:,][0-9]+){2},"
)


def _open_ass(text: str) -> OpenedFormat:
    broken = [line for line in _DIALOGUE.finditer(text) if not _READABLE_DIALOGUE.match(line[0])]
    for line in reversed(broken):
        text = text[: line.start()] + text[line.end() :]
    opened = _opened_by_pysubs2(text, "ASS", "ass")
    if not broken:
        return opened
    at = text.count("\n", 0, broken[0].start()) + 1
    message = (
        f"{len(broken)} lines of the ASS file have no times that can be read, so they would be "
        f"lost: {broken[0][0].strip()[:80]!r}. Correct them."
    )
    lost = Finding("times_unreadable", "error", message, line=at)
    return replace(opened, findings=(*opened.findings, lost))


def _opened_by_pysubs2(text: str, name: str, format_id: str) -> OpenedFormat:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of margins, layers and styles
            import pysubs2  # late: Dagster's processes load this without reading a caption

            events = pysubs2.SSAFile.from_string(text.lstrip(), format_=format_id).events
    except Exception as error:  # whatever the file does to the parser
        raise CaptionsUnreadable(
            f"The file is {name} and cannot be read ({error}). Convert it to SRT first."
        ) from error
    cues = tuple(
        [
            Cue(event.start, event.end, event.plaintext.strip())
            for event in events
            if not event.is_comment and not event.is_drawing
        ]
    )
    if not cues:
        raise CaptionsUnreadable(f"The file is {name} and holds no captions.")
    return OpenedFormat(name, cues=cues, findings=(_converted(name),))


def _converted(name: str) -> Finding:
    message = f"The file is {name} in spite of its name; it was converted. Styles are dropped."
    return Finding("converted", "warning", message, line=1)
