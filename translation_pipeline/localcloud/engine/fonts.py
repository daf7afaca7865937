"""Fonts for burnt-in captions: which font draws which characters.

Decided by the characters of the text, never by a language code: the fonts that ship with the
product first (Latin, Cyrillic, Greek, Vietnamese; Arabic; Thai; Devanagari), then the file named
by TRANSLATION_PIPELINE_CJK_FONT, then what is installed on the machine. A text that no font
covers fails the job: a caption of empty boxes would be worse than none.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import fontpkg
from fontTools.ttLib import (  # type: ignore[import-untyped]
    TTCollection,
    TTFont,
    TTLibError,
)

from translation_pipeline.localcloud.engine.errors import JobFailed

CJK_FONT_VARIABLE = "TRANSLATION_PIPELINE_CJK_FONT"
BUNDLED_FAMILIES = ("noto-sans", "noto-sans-arabic", "noto-sans-thai", "noto-sans-devanagari")
FONT_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")

# Parts of file names of fonts with Chinese, Japanese and Korean characters: these are read first.
CJK_FILE_NAMES = (
    "notosanscjk", "notosanssc", "sourcehansans", "pingfang", "hiragino", "stheiti", "msyh",
    "wqy", "droidsansfallback", "notoserifcjk", "arialunicode", "simhei",
)  # fmt: skip

# Invisible characters that shaping needs; all other format characters are left out.
JOINERS = frozenset("\u200c\u200d\u200e\u200f")


@dataclass(frozen=True)
class Font:
    """One face of a font file."""

    family: str
    path: Path
    covered: frozenset[int]  # code points
    line_height_em: float  # ascent plus descent, which libass takes for the font size

    def covers(self, character: str) -> bool:
        """Whether the font has a picture of the character."""
        return ord(character) in self.covered


@dataclass(frozen=True)
class Run:
    """Neighbouring characters of one line that are drawn with one font."""

    text: str
    font: Font


def runs_of(line: str, *, preferred_family: str = "") -> list[Run]:
    """The line as runs, each with a font that covers it, in the order of the text.

    Symbols such as notes and emoji are left out when no font has them; they stay in the SRT.

    Raises:
        JobFailed: `FontMissing`, a letter, digit or punctuation mark has no font.
    """
    main = _main_font(line, preferred_family)
    runs: list[Run] = []
    for character in line:
        current = runs[-1].font if runs else main
        font = _font_for(character, [main, current])
        if font is None:
            continue
        if runs and font is current:
            runs[-1] = Run(runs[-1].text + character, font)
        else:
            runs.append(Run(character, font))
    return runs


def _main_font(line: str, preferred_family: str) -> Font:
    """The bundled font that covers most of the line, the preferred family winning a draw."""

    def rank(font: Font) -> tuple[int, bool]:
        return sum(map(font.covers, line)), font.family == preferred_family

    return max(bundled_fonts(), key=rank)


def _font_for(character: str, first: Iterable[Font]) -> Font | None:
    category = unicodedata.category(character)
    if category in ("Cf", "Cc", "Cn", "Cs", "Co"):
        return next(iter(first)) if character in JOINERS else None
    for font in first:
        if font.covers(character):
            return font
    other = _font_with(character)
    if other is None and category[0] not in ("S", "Z") and not _is_variation_selector(character):
        raise JobFailed("FontMissing", _missing_font_message(character))
    return other


def _is_variation_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f"


def _missing_font_message(character: str) -> str:
    name = unicodedata.name(character, "unnamed")
    return (
        f"No font draws {character!r} (U+{ord(character):04X}, {name}). Install a font that does, "
        "for Chinese, Japanese and Korean for example Noto Sans CJK (package fonts-noto-cjk on "
        f"Debian and Ubuntu), or set {CJK_FONT_VARIABLE} to the path of a font file."
    )


@lru_cache(maxsize=4096)
def _font_with(character: str) -> Font | None:
    for font in bundled_fonts():
        if font.covers(character):
            return font
    configured = os.environ.get(CJK_FONT_VARIABLE, "")
    if configured:
        configured_font = _configured_font(Path(configured).expanduser())
        if configured_font.covers(character):
            return configured_font
    for path in _installed_font_files():
        installed = _read_font(path)
        if installed is not None and installed.covers(character):
            return installed
    return None


@lru_cache(maxsize=1)
def bundled_fonts() -> tuple[Font, ...]:
    """The fonts that come as packages with the product."""
    fonts = (_read_font(fontpkg.path(name)) for name in BUNDLED_FAMILIES)
    return tuple(font for font in fonts if font is not None)


def _configured_font(path: Path) -> Font:
    font = _read_font(path)
    if font is None:
        raise JobFailed("FontMissing", f"{CJK_FONT_VARIABLE} names {path}, which is no font file.")
    return font


@lru_cache(maxsize=512)
def _read_font(path: Path) -> Font | None:
    """The font in the file, or None where it cannot be read.

    Of a collection the face for simplified Chinese is taken, else the first one.
    """
    try:
        if path.suffix.lower() in (".ttc", ".otc"):
            faces = TTCollection(str(path), lazy=True).fonts
            faces.sort(key=lambda face: not _family(face).endswith(" SC"))
            return _font(path, faces[0])
        return _font(path, TTFont(str(path), lazy=True))
    except (OSError, TTLibError, LookupError, AttributeError, AssertionError, ValueError):
        return None


def _font(path: Path, face: TTFont) -> Font:
    metrics = face["OS/2"]
    height = (metrics.usWinAscent + metrics.usWinDescent) / face["head"].unitsPerEm
    return Font(_family(face), path, frozenset(face.getBestCmap() or {}), height)


def _family(face: TTFont) -> str:
    return str(face["name"].getBestFamilyName())


def _font_folders() -> list[Path]:
    home = Path.home()
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    data_home = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    return [
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        data_home / "fonts",
        home / ".fonts",
    ]


@lru_cache(maxsize=1)
def _installed_font_files() -> tuple[Path, ...]:
    found = [path for folder in _font_folders() for path in _font_files(folder)]
    return tuple(sorted(found, key=_search_rank))


def _font_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix.lower() in FONT_SUFFIXES)


def _search_rank(path: Path) -> tuple[int, bool, str]:
    stem = path.stem.lower().replace("-", "").replace(" ", "").replace("_", "")
    matches = (rank for rank, name in enumerate(CJK_FILE_NAMES) if name in stem)
    is_plain = "regular" in stem or "-" not in path.stem
    return next(matches, len(CJK_FILE_NAMES)), not is_plain, path.name
