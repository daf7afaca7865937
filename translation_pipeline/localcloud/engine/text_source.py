"""Where the text of a translation comes from: pictures, speech, or a file (TextSource).

`OCR_ASR` reads the pictures and listens only where nothing is to be read; `ALL` listens and
corrects what it heard by what it read (ims.md section 4.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Protocol

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.subtitle_file import read_subtitle, split_bilingual
from translation_pipeline.localcloud.engine.translate import (
    TranslationSettings,
    Translator,
    translate_cues,
    translator_for,
)

SHARED_TIME = 0.5  # of the shorter of two cues: what was read may be what was heard
ALIKE = 0.5  # ratio of two texts: it is


@dataclass(frozen=True)
class Captions:
    """The cues in both languages, one for one; the source is empty where nobody knows it."""

    source: Sequence[Cue]
    target: Sequence[Cue]

    @property
    def bilingual(self) -> list[Cue]:
        """Both languages in each cue, the translation first."""
        return [
            Cue(target.start_ms, target.end_ms, f"{target.text}\n{source.text}")
            for source, target in zip(self.source, self.target, strict=True)
        ]


class Senses(Protocol):
    """Reads and hears one video. Both are long work, done when they are called."""

    def read(self) -> list[Cue]:
        """The captions in the pictures."""

    def hear(self) -> list[Cue]:
        """What is said."""

    def require_hearing(self) -> None:
        """Raises JobFailed when nobody can listen, or there is nothing to listen to."""

    def no_text(self, also: str) -> JobFailed:
        """The failure when no text was found; `also` is added to its message."""


@dataclass(frozen=True)
class TextSource:
    """Where the text of one job is to come from, and the languages that it is translated between.

    `name` is TextSource, `subtitle` and `subtitle_type` are InputConfig.Subtitle and
    CustomSrtType of the call.
    """

    name: str  # OCR_ASR, OCR, ASR, ALL, SubtitleFile
    source_language: str
    target_language: str
    senses: Senses
    subtitle: Path | None = None
    subtitle_type: str | None = None

    def captions(self) -> Captions:
        """The text in both languages. Raises JobFailed."""
        if self.name == "SubtitleFile":
            return self._captions_of_file()
        if self.name in ("ASR", "ALL"):
            self.senses.require_hearing()  # before the long work
        translator = self._translator()
        return self._translated(self._found(), translator)

    def _found(self) -> list[Cue]:
        match self.name:
            case "OCR":
                return self.senses.read() or self._refuse()
            case "ASR":
                return self.senses.hear() or self._refuse()
            case "ALL":
                return corrected(self.senses.hear(), self.senses.read()) or self._refuse()
            case "OCR_ASR":
                return self.senses.read() or self._heard_in_place_of_text() or self._refuse()
            case other:
                raise JobFailed("InvalidParameter", f"TextSource {other!r} is not known.")

    def _heard_in_place_of_text(self) -> list[Cue]:
        try:
            self.senses.require_hearing()
        except JobFailed as failure:
            raise self.senses.no_text(
                f" Nor can the speech be recognised: {failure.message}"
            ) from None
        return self.senses.hear()

    def _refuse(self) -> list[Cue]:
        raise self.senses.no_text("" if self.name == "OCR" else " Nor was any speech recognised.")

    def _captions_of_file(self) -> Captions:
        cues = read_subtitle(self.subtitle)
        match self.subtitle_type:
            case "SourceSrt":
                return self._translated(cues, self._translator())
            case "TargetSrt":
                return Captions(source=(), target=cues)
            case "BilingualSrtSrcFirst":
                return Captions(*split_bilingual(cues))
            case "BilingualSrtTgtFirst":
                target, source = split_bilingual(cues)
                return Captions(source, target)
            case other:
                raise JobFailed(
                    "InvalidParameter",
                    f"CustomSrtType is {other!r}; with TextSource SubtitleFile it has to be "
                    "SourceSrt, TargetSrt, BilingualSrtSrcFirst or BilingualSrtTgtFirst.",
                )

    def _translator(self) -> Translator:
        settings = TranslationSettings.from_environment()
        return translator_for(self.source_language, self.target_language, settings)

    def _translated(self, cues: Sequence[Cue], translator: Translator) -> Captions:
        translated = translate_cues(cues, translator, source_language=self.source_language)
        return Captions(cues, translated)


def corrected(heard: Sequence[Cue], read: Sequence[Cue]) -> list[Cue]:
    """What was heard, in the words of the picture where both are the same sentence."""
    return [_by_what_was_read(cue, read) for cue in heard]


def _by_what_was_read(cue: Cue, read: Sequence[Cue]) -> Cue:
    beside = [other for other in read if _shared_time(cue, other) >= SHARED_TIME]
    best = max(beside, key=lambda other: _likeness(cue, other), default=None)
    if best is None or _likeness(cue, best) < ALIKE:
        return cue
    return Cue(cue.start_ms, cue.end_ms, best.text)


def _shared_time(one: Cue, other: Cue) -> float:
    shared_ms = min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms)
    shorter_ms = min(one.end_ms - one.start_ms, other.end_ms - other.start_ms)
    return shared_ms / shorter_ms if shorter_ms > 0 else 0.0


def _likeness(one: Cue, other: Cue) -> float:
    return SequenceMatcher(None, _flat(one.text), _flat(other.text)).ratio()


def _flat(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
