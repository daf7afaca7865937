"""Which language a text is in, by a detector whose model is part of its package (no download).

py3langid knows 139 languages in 4.6 MB; its licence (BSD) allows every use. Chinese dialects and
the two ways of writing Chinese are one language to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from translation_pipeline.captions.languages import languages

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier


@dataclass(frozen=True, slots=True)
class DetectedLanguage:
    """An ISO 639-1 code and how sure the detector is of it (0 to 1)."""

    code: str
    probability: float


@lru_cache(maxsize=4096)
def detect_language(text: str) -> DetectedLanguage:
    """The most likely language of `text`; 20 letters and more make it dependable."""
    code, probability = _identifier().classify(text)
    return DetectedLanguage(code, float(probability))


def detector_codes(language: str) -> frozenset[str]:
    """The codes that the detector has for a language of the services; empty if it knows none.

    Languages that it takes for each other in short texts count as one.
    """
    main = main_code(language)
    known = _SAME.get(main, frozenset((main,)))
    return known & frozenset(_identifier().labels)


def main_code(language: str) -> str:
    """The language of a dialect or region: `zh` for `zh-tw` and `sichuan`, `pt` for `pt-BR`."""
    known = languages().get(language)
    if known is not None and known.scripts == ("Hani",):
        return "zh"
    return language.split("-", 1)[0].lower()


_SAME = {
    **dict.fromkeys(("id", "ms"), frozenset(("id", "ms"))),
    **dict.fromkeys(("no", "nb", "nn", "da"), frozenset(("no", "nb", "nn", "da"))),
    **dict.fromkeys(("bs", "hbs", "hr", "sr"), frozenset(("bs", "hr", "sr", "sh"))),
    **dict.fromkeys(("hi", "mr", "ne"), frozenset(("hi", "mr", "ne"))),
    **dict.fromkeys(("zh", "yue"), frozenset(("zh", "yue"))),
}


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # late: it brings numpy

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
