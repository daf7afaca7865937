"""Which of the older encodings a caption file is in, by its letters and the language they make."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from translation_pipeline.captions.language_detection import detect_language, main_code
from translation_pipeline.captions.languages import languages, letters_by_script, read_data
from translation_pipeline.errors import CaptionsUnreadable

_TELLING_BYTES: Final = 8000
_MIN_SCRIPT_SHARE: Final = 0.5  # of the letters, in a guessed encoding of a known language


def guess_encoding(telling: bytes, language: str | None) -> tuple[str, float]:
    """The encoding of lines that are not UTF-8, and how sure that is (0 to 1).

    `language` is what they are to be in, if known. Raises `CaptionsUnreadable` when they are no
    text in any encoding.
    """
    import charset_normalizer  # late: it takes longer to load than most files to read

    tables = _encodings()
    telling = _beginning(telling)
    if language is not None:
        expected = tables.of_language(language)
        best = charset_normalizer.from_bytes(telling, cp_isolation=expected).best()
        if best is not None and _is_written_in(telling.decode(best.encoding, "replace"), language):
            return best.encoding, round(1 - best.chaos, 2)
    best = charset_normalizer.from_bytes(telling, cp_isolation=tables.all()).best()
    if best is None:
        raise CaptionsUnreadable(
            "The encoding of the caption file is not recognised. Save it as UTF-8."
        )
    confidence = round((1 - best.chaos) * (0.5 + best.coherence / 2), 2)
    if best.encoding not in tables.latin:
        return best.encoding, confidence
    return _latin_encoding(telling, tables.latin) or (best.encoding, confidence)


def _beginning(telling: bytes) -> bytes:
    """Whole lines, as many as say enough: more only take longer."""
    end = telling.find(b"\n", _TELLING_BYTES)
    return telling if end < 0 else telling[:end]


def _latin_encoding(
    telling: bytes, latin: Mapping[str, Collection[str]]
) -> tuple[str, float] | None:
    """The encoding in which the text reads most like a language that it was made for."""
    found = []
    for encoding, codes in latin.items():
        detected = detect_language(telling.decode(encoding, "replace"))
        if detected.code in codes:
            found.append((detected.probability, encoding))
    if not found:
        return None
    probability, encoding = max(found)
    return encoding, round(probability, 2)


def _is_written_in(text: str, language: str) -> bool:
    known = languages().get(language)
    letters = letters_by_script(text)
    if known is None or not letters:
        return False
    return sum(letters[script] for script in known.scripts) / letters.total() > _MIN_SCRIPT_SHARE


@dataclass(frozen=True, slots=True)
class _Encodings:
    scripts: Mapping[str, list[str]]
    latin: Mapping[str, list[str]]

    def all(self) -> list[str]:
        """Every encoding, so that what is not captions in any of them is not taken for one."""
        return [*(name for names in self.scripts.values() for name in names), *self.latin]

    def of_language(self, language: str) -> list[str]:
        """The encodings that captions in a language are likely in."""
        known = languages().get(language)
        scripts = known.scripts if known else ()
        names = [name for script in scripts for name in self.scripts.get(script, ())]
        names += [name for name, codes in self.latin.items() if main_code(language) in codes]
        if scripts == ("Hira", "Kana", "Hani"):
            names = self.scripts["Hira"]
        return names or self.all()


@lru_cache(maxsize=1)
def _encodings() -> _Encodings:
    return _Encodings(**read_data("encodings.yaml"))
