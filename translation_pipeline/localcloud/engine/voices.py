"""Who speaks: the voice for a target language, behind one small interface (`fitting.Speaker`).

eSpeak NG speaks all languages of the speech level for which it has a voice. It sounds like a
machine; it is there to show that everything around the voice works. Where Kokoro is set up
(`natural_voice`), it speaks the languages that it knows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from translation_pipeline.captions.cue import visible_text
from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine import espeak
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.fitting import Line, Speaker
from translation_pipeline.localcloud.engine.natural_voice import NaturalVoice, natural_voice
from translation_pipeline.localcloud.engine.sound import (
    RATE_HZ,
    Samples,
    level,
    resampled,
    stretched,
)

# Target languages of the speech level (ims.md section 4.7) -> voices of eSpeak NG. The dialects
# of Sichuan and Tianjin have none.
ESPEAK_VOICES = {
    "zh": "cmn",
    "zh-tw": "cmn",
    "en": "en-us",
    "ja": "ja",
    "ko": "ko",
    "yue": "yue",
    "de": "de",
    "fr": "fr",
    "es": "es",
    "ar": "ar",
    "tr": "tr",
    "ru": "ru",
    "pt": "pt-br",
    "vi": "vi",
    "ms": "ms",
    "th": "th",
    "id": "id",
}
HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
SONG = re.compile("[♪♫♬♩]")
WORDLESS_MARKS = re.compile(r"[♪♫♬♩]|\{[^{}]*\}|(?:^|\n)\s*[-–—]\s*")
JOINED_WITHOUT_SPACE = ("zh", "zh-tw", "yue", "ja", "th")

VOICE_LEVEL = 10 ** (-20 / 20)  # root mean square of the voice, of full scale
QUIET = 0.004  # of full scale: before the first word and behind the last one
EDGE_S = 0.03  # of it that is kept


class Voice(Speaker, Protocol):
    """A `Speaker`, always equally loud, without silence around what it says; `str` names it."""

    def require_speakable(self, lines: Sequence[Line]) -> None:
        """Raises JobFailed `VoiceMissing` for what this voice would spell out, not speak."""

    def answers_to(self, name: str | None) -> bool:
        """Whether this is the voice that was asked for by this name."""


@dataclass(frozen=True)
class EspeakVoice:
    """One voice of eSpeak NG."""

    language: str
    name: str

    def __str__(self) -> str:
        return f"eSpeak NG {self.name}"

    def speak(self, text: str, tempo: float) -> Samples:
        """As `Speaker.speak`."""
        return _levelled(resampled(*espeak.speak(text, self.name, tempo)))

    def require_speakable(self, lines: Sequence[Line]) -> None:
        """As `Voice.require_speakable`: the Japanese voice spells out kanji."""
        if self.language != "ja":
            return
        for line in lines:
            if HAN.search(line.text):
                raise JobFailed(
                    "VoiceMissing",
                    "The Japanese voice of eSpeak NG reads kana only, and cue "
                    f"{line.number} has kanji: {line.text!r}. Write the captions in kana.",
                )

    def answers_to(self, name: str | None) -> bool:
        """As `Voice.answers_to`: the service's voices have other names."""
        return False


@dataclass(frozen=True)
class KokoroVoice:
    """One voice of Kokoro. It speaks once, at its own pace; other paces are stretched from that."""

    voice: NaturalVoice

    def __str__(self) -> str:
        return str(self.voice)

    def speak(self, text: str, tempo: float) -> Samples:
        """As `Speaker.speak`."""
        return stretched(_spoken_once(self.voice, text), tempo)

    def require_speakable(self, lines: Sequence[Line]) -> None:
        """As `Voice.require_speakable`: it speaks whatever its languages are written in."""

    def answers_to(self, name: str | None) -> bool:
        """As `Voice.answers_to`."""
        return name == self.voice.name


def voice_for(language: str, wanted: str | None = None) -> Voice:
    """The voice for a target language, the one named `wanted` where it is known.

    Raises:
        JobFailed: `VoiceMissing`.
    """
    natural = natural_voice(language, wanted)
    if natural is not None:
        return KokoroVoice(natural)
    name = ESPEAK_VOICES.get(language)
    if name is None or not espeak.has_voice(name):
        raise JobFailed(
            "VoiceMissing",
            f"This stand-in has no voice for TargetLanguage {language!r}. It speaks: "
            f"{' '.join(ESPEAK_VOICES)}.",
        )
    return EspeakVoice(language, name)


@lru_cache(maxsize=4)  # a line is tried at several paces, one after another
def _spoken_once(voice: NaturalVoice, text: str) -> Samples:
    return _levelled(resampled(*voice.spoken(text)))


def lines_to_speak(cues: Sequence[Cue], language: str, *, skip_songs: bool) -> list[Line]:
    """What is to be said for each cue that has words, in order of time.

    `skip_songs` leaves out cues that are marked as sung (♪).
    """
    lines = []
    for number, cue in enumerate(cues, start=1):
        if skip_songs and SONG.search(cue.text):
            continue
        text = spoken_text(cue.text, language)
        if any(character.isalnum() for character in text):
            lines.append(Line(number, cue, text))
    return sorted(lines, key=lambda line: line.cue.start_ms)


def spoken_text(text: str, language: str) -> str:
    """The words of a caption on one line, without markup, notes and dialogue dashes."""
    plain = WORDLESS_MARKS.sub("\n", visible_text(text))
    joint = "" if language in JOINED_WITHOUT_SPACE else " "
    return joint.join(line.strip() for line in plain.splitlines() if line.strip())


def _levelled(sound: Samples) -> Samples:
    """Equally loud whatever is said, without silence around it."""
    trimmed = _trimmed(sound)
    loudness = level(trimmed)
    return trimmed * np.float32(VOICE_LEVEL / loudness) if loudness else trimmed


def _trimmed(sound: Samples) -> Samples:
    """Without the silence around the words, which would take time from them."""
    loud = np.flatnonzero(np.abs(sound[0]) > QUIET)
    if not loud.size:
        return sound[:, :0]
    edge = round(EDGE_S * RATE_HZ)
    return sound[:, max(0, loud[0] - edge) : loud[-1] + edge]
