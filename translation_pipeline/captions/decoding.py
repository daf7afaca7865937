"""Bytes of a caption file to text: byte order marks, UTF-8, UTF-16 and 32, and older encodings."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

from translation_pipeline.captions.findings import Finding
from translation_pipeline.captions.older_encodings import guess_encoding
from translation_pipeline.errors import CaptionsUnreadable

# UTF-32's mark starts with UTF-16's, so it comes first.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE: Final = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
# Encodings of seven bits, told by the escape that they start another alphabet with.
_ESCAPES: Final = (
    (re.compile(rb"\x1b\$\)C"), "iso2022_kr"),
    (re.compile(rb"\x1b\$[@B]"), "iso2022_jp"),
    # Braces with tildes also occur in plain text: between them must be whole characters, the first
    # a common one, which no word in small letters is.
    (re.compile(rb"~\{[!-W][!-~](?:[!-w][!-~])*~\}"), "hz"),
)
_SIGNATURES: Final = (
    (re.compile(rb".{4}ftyp", re.DOTALL), "an MP4 or MOV video"),
    (re.compile(rb"\x1a\x45\xdf\xa3"), "a Matroska or WebM video"),
    (re.compile(rb"PK\x03\x04"), "a ZIP archive"),
    (re.compile(rb"\x1f\x8b"), "a gzip archive"),
    (re.compile(rb"Rar!"), "a RAR archive"),
    (re.compile(rb"\x00\x00\x01\xba"), "a VobSub (picture) caption file"),
    (re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8"), "a picture"),
    (re.compile(rb"%PDF"), "a PDF"),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "a Word or Excel document"),
    (re.compile(rb"ID3|OggS|fLaC|RIFF"), "a sound or AVI file"),
    (re.compile(rb"7z\xbc\xaf"), "a 7-Zip archive"),
    (re.compile(rb"PG[\x00-\xff]{8}[\x14-\x16\x80]"), "a Blu-ray (picture) caption file"),
    (re.compile(rb"SP[\x00-\xff]{12}"), "a DVD (picture) caption file"),
    (re.compile(rb"\x47[\x00-\xff]{187}\x47"), "an MPEG transport stream"),
)
_DAMAGED_SHARE: Final = 0.25  # of the non-ASCII characters: above, the file is not UTF-8 at all
_MIN_LETTERS: Final = 2  # in lines of UTF-8, for a file in two encodings


@dataclass(frozen=True, slots=True)
class DecodedText:
    """The text with LF line ends, its encoding, how sure that is (0 to 1), and doubts."""

    text: str
    encoding: str
    confidence: float = 1.0
    findings: tuple[Finding, ...] = ()


def decode(data: bytes, language: str | None = None) -> DecodedText:
    """The text of a caption file. Raises `CaptionsUnreadable` when it is empty or no text.

    `language` helps to tell older encodings from each other.
    """
    if not data.strip(b" \t\r\n\0\x1a"):
        raise CaptionsUnreadable(
            f"The caption file is empty ({len(data)} bytes). Upload it again, or extract it anew."
        )
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            # A UTF-16 mark before bytes that are plainly not UTF-16 was added by mistake.
            if encoding not in _WIDE or b"\0" in data or b"-->" not in data:
                return _decoded(data[len(mark) :], encoding)
            return decode(data[len(mark) :], language)
    for encoding in _WIDE if b"\0" in data else ():
        arrow = "-->".encode(encoding)
        # In the other byte order the same bytes occur too, but between the characters.
        if arrow in data and data.index(arrow) % (len(arrow) // 3) == 0:
            return _decoded(data, encoding)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return (
            _with_split_letters(data)
            or _damaged_utf8(data)
            or _in_two_encodings(data, language)
            or _in_older_encoding(data, language)
        )
    # A letter in UTF-8 proves the encoding; only ASCII can be one of seven bits with escapes.
    if ("\x1b" in text or "~{" in text) and text.isascii():
        return _with_escapes(data) or DecodedText(_with_lf(text), "utf-8")
    return DecodedText(_with_lf(text), "utf-8")


def _decoded(data: bytes, encoding: str) -> DecodedText:
    data, cut_off = _without_cut_character(data, encoding)
    text = data.decode(encoding, "replace")
    findings = (cut_off,) if cut_off else ()
    lost = text.count("\ufffd") - data.decode(encoding, "ignore").count("\ufffd")
    text = _with_lf(text)
    if lost:
        line = text.count("\n", 0, text.index("\ufffd")) + 1
        message = (
            f"{lost} places of the file are no {encoding} text and show as \ufffd. Correct them, "
            "or save the file as UTF-8."
        )
        findings = (*findings, Finding("undecodable_bytes", "error", message, line=line))
    return DecodedText(text, encoding, findings=findings)


def _without_cut_character(data: bytes, encoding: str) -> tuple[bytes, Finding | None]:
    """The data without a character that its end cuts in two, and a finding if there was one."""
    if encoding in _WIDE:
        rest = len(data) % (4 if "32" in encoding else 2)
    else:
        incomplete = (
            codecs.getincrementaldecoder("utf-8")("replace") if encoding == "utf-8" else None
        )
        if incomplete is None:
            return data, None
        incomplete.decode(data[-4:])
        rest = len(incomplete.getstate()[0])
    if not rest:
        return data, None
    finding = Finding(
        "truncated",
        "error",
        "The file ends in the middle of a character: it was cut off. Upload it again.",
    )
    return data[:-rest], finding


_HALVES: Final = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]")


def _with_split_letters(data: bytes) -> DecodedText | None:
    """UTF-8 with emoji in two halves, as programs write that count in UTF-16."""
    if not _HALVES.search(data):
        return None
    try:
        text = (
            data.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16")
        )
    except UnicodeError:
        return None
    message = "Some letters were written in two halves; they were put together."
    return DecodedText(
        _with_lf(text), "utf-8", findings=(Finding("split_letters", "warning", message),)
    )


def _in_two_encodings(data: bytes, language: str | None) -> DecodedText | None:
    """Lines in UTF-8 and lines in an older encoding, as when files are pasted together."""
    lines = _with_lf_bytes(data).split(b"\n")
    texts = [_utf8_or_none(line) for line in lines]
    others = [line for line, text in zip(lines, texts, strict=True) if text is None]
    letters = sum(len(text) for text in texts if text is not None and not text.isascii())
    if b"-->" not in data or letters < _MIN_LETTERS:
        return None
    encoding, confidence = guess_encoding(b"\n".join(others), language)
    text = "\n".join(
        [
            line.decode(encoding, "replace") if text is None else text
            for line, text in zip(lines, texts, strict=True)
        ]
    )
    message = (
        f"{len(others)} lines of the file are {encoding} (confidence {confidence:.0%}), the others "
        "UTF-8. Check some of them, or save the file as UTF-8."
    )
    at = texts.index(None) + 1
    findings = (Finding("mixed_encodings", "warning", message, line=at),)
    return DecodedText(text, "utf-8", confidence, findings)


def _utf8_or_none(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


def _damaged_utf8(data: bytes) -> DecodedText | None:
    decoded = _decoded(data, "utf-8")
    beyond_ascii = len(decoded.text) - len(decoded.text.encode("ascii", "ignore"))
    if decoded.text.count("\ufffd") > beyond_ascii * _DAMAGED_SHARE:
        return None
    return decoded


def _with_escapes(data: bytes) -> DecodedText | None:
    for escape, encoding in _ESCAPES:
        if escape.search(data):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError:
                continue
            return DecodedText(_with_lf(text), encoding, findings=(_guessed(encoding, 1.0),))
    return None


def _in_older_encoding(data: bytes, language: str | None) -> DecodedText:
    # Every older encoding of captions keeps ASCII as it is.
    what = _what_it_is(data)
    if (b"-->" not in data and b"\0" in data) or what not in _TEXTS:
        raise CaptionsUnreadable(f"The file is {what}, not SRT captions.")
    # Numbers and times say nothing about the encoding, they only dilute what does.
    telling = b"\n".join(line for line in data.splitlines() if not line.isascii())
    encoding, confidence = guess_encoding(telling, language)
    decoded = _decoded(data, encoding)
    findings = (_guessed(encoding, confidence), *decoded.findings)
    return DecodedText(decoded.text, decoded.encoding, confidence, findings)


def _guessed(encoding: str, confidence: float) -> Finding:
    return Finding(
        "encoding_guessed",
        "warning",
        f"The file is not UTF-8; it was read as {encoding} (confidence {confidence:.0%}). Check "
        "some lines, or save it as UTF-8.",
    )


_TEXTS: Final = ("binary data", "text in an unknown encoding")


def _what_it_is(data: bytes) -> str:
    for signature, name in _SIGNATURES:
        if signature.match(data):
            return name
    return "binary data" if b"\0" in data else "text in an unknown encoding"


def _with_lf_bytes(data: bytes) -> bytes:
    return data.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _with_lf(text: str) -> str:
    if "\r" not in text:
        return text
    # \r\r\n is what CRLF becomes when it is written in text mode once more.
    return text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
