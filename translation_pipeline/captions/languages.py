"""Languages as data: names, scripts, and the codes that each service takes per level."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

import yaml


@dataclass(frozen=True, slots=True)
class Language:
    """A language by the code that the services use; `scripts` are ISO 15924 codes."""

    code: str
    english_name: str
    scripts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LevelLanguages:
    """The codes that a service takes at one level, in the order of its own list."""

    source: tuple[str, ...]
    target: tuple[str, ...]


def read_data(name: str) -> Any:
    """The content of one of the package's data files."""
    text = (resources.files("translation_pipeline.captions") / "data" / name).read_text("utf-8")
    return yaml.safe_load(text)


@lru_cache(maxsize=1)
def languages() -> Mapping[str, Language]:
    """All known languages by code."""
    entries = read_data("languages.yaml")["languages"].items()
    return MappingProxyType(
        {code: Language(code, entry["name"], tuple(entry["scripts"])) for code, entry in entries}
    )


@lru_cache(maxsize=1)
def _level_languages() -> Mapping[tuple[str, str], LevelLanguages]:
    return {
        (provider, level): LevelLanguages(tuple(codes["source"]), tuple(codes["target"]))
        for provider, levels in read_data("languages.yaml")["providers"].items()
        for level, codes in levels.items()
    }


def level_languages(provider: str, level: str) -> LevelLanguages | None:
    """The codes for a provider and level (ims.md section 4.7); None when its list is open."""
    return _level_languages().get((provider, level))


# The first word of a character's Unicode name, where it names a script.
_SCRIPT_OF_NAME: Final = {
    "ARABIC": "Arab",
    "ARMENIAN": "Armn",
    "BENGALI": "Beng",
    "CJK": "Hani",
    "CYRILLIC": "Cyrl",
    "DEVANAGARI": "Deva",
    "ETHIOPIC": "Ethi",
    "GEORGIAN": "Geor",
    "GREEK": "Grek",
    "GUJARATI": "Gujr",
    "GURMUKHI": "Guru",
    "HANGUL": "Hang",
    "HEBREW": "Hebr",
    "HIRAGANA": "Hira",
    "KANNADA": "Knda",
    "KATAKANA": "Kana",
    "KHMER": "Khmr",
    "LAO": "Laoo",
    "LATIN": "Latn",
    "MALAYALAM": "Mlym",
    "MONGOLIAN": "Mong",
    "MYANMAR": "Mymr",
    "SINHALA": "Sinh",
    "TAMIL": "Taml",
    "TELUGU": "Telu",
    "THAI": "Thai",
    "TIBETAN": "Tibt",
}


def script_of(text: str) -> str | None:
    """The script (ISO 15924) that most letters of `text` are in; None without any letter."""
    counts = letters_by_script(text)
    return counts.most_common(1)[0][0] if counts else None


def letters_by_script(text: str) -> Counter[str]:
    """How many letters of `text` are in each script; letters of rare scripts count as `Zyyy`."""
    counts: Counter[str] = Counter()
    for character, count in Counter(text).items():
        script = _script_of_character(character)
        if script is not None:
            counts[script] += count
    return counts


# Where the letters of a script are, but for rare ones.
_BLOCKS_OF_SCRIPT: Final = {
    "Grek": "\u0370-\u03ff",
    "Cyrl": "\u0400-\u052f",
    "Armn": "\u0531-\u058f",
    "Hebr": "\u05d0-\u05ff",
    "Arab": "\u0620-\u064a\u066e-\u06d3\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc",
    "Deva": "\u0904-\u0939\u0958-\u0961",
    "Beng": "\u0980-\u09ff",
    "Guru": "\u0a00-\u0a7f",
    "Gujr": "\u0a80-\u0aff",
    "Taml": "\u0b80-\u0bff",
    "Telu": "\u0c00-\u0c7f",
    "Knda": "\u0c80-\u0cff",
    "Mlym": "\u0d00-\u0d7f",
    "Sinh": "\u0d80-\u0dff",
    "Thai": "\u0e01-\u0e7f",
    "Laoo": "\u0e80-\u0eff",
    "Tibt": "\u0f00-\u0fff",
    "Mymr": "\u1000-\u109f",
    "Geor": "\u10a0-\u10ff",
    "Ethi": "\u1200-\u137f",
    "Khmr": "\u1780-\u17ff",
    "Mong": "\u1820-\u18af",
    "Hira": "\u3041-\u309f",
    "Kana": "\u30a1-\u30fa\uff66-\uff9d",
    "Hang": "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3",
    "Hani": "\u3400-\u9fff",
}


@lru_cache(maxsize=64)
def letters_outside(scripts: frozenset[str]) -> re.Pattern[str]:
    """A pattern that finds a letter of any known script but these, and Latin."""
    blocks = [block for script, block in _BLOCKS_OF_SCRIPT.items() if script not in scripts]
    return re.compile(f"[{''.join(blocks)}]")


def scripts_of(text: str) -> frozenset[str]:
    """The scripts of the letters in `text`."""
    scripts = {_script_of_character(character) for character in set(text)}
    return frozenset([script for script in scripts if script is not None])


@lru_cache(maxsize=20_000)
def _script_of_character(character: str) -> str | None:
    if not character.isalpha():
        return None
    words = unicodedata.name(character, "").replace("FULLWIDTH ", "").replace("HALFWIDTH ", "")
    return _SCRIPT_OF_NAME.get(words.split(" ", 1)[0], "Zyyy")
