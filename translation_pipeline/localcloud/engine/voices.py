"""Who speaks: the voice for a target language, behind one small interface (`fitting.Speaker`).

eSpeak NG speaks all languages of the speech level for which it has a voice. It sounds like a
machine; it is there to show that everything around the voice works.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from translation_pipeline.captions.cue import visible_text
from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine import espeak
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.fitting import Line
from translation_pipeline.localcloud.engine.sound import RATE_HZ, Samples, level, resampled

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


@dataclass(frozen=True)
class EspeakVoice:
    """A `Speaker`: one voice of eSpeak NG, always equally loud, without silence around it."""

    language: str
    name: str

    def __str__(self) -> str:
        return f"eSpeak NG {self.name}"

    def speak(self, text: str, tempo: float) -> Samples:
        """As `Speaker.speak`."""
        sound = _trimmed(resampled(*espeak.speak(text, self.name, tempo)))
        loudness = level(sound)
        return sound * np.float32(VOICE_LEVEL / loudness) if loudness else sound

    def require_speakable(self, lines: list[Line]) -> None:
        """Raises JobFailed `VoiceMissing` for what this voice would spell out, not speak."""
        if self.language != "ja":
            return
        for line in lines:
            if HAN.search(line.text):
                raise JobFailed(
                    "VoiceMissing",
                    "The Japanese voice of eSpeak NG reads kana only, and cue "
                    f"{line.number} has kanji: {line.text!r}. Write the captions in kana.",
                )


def voice_for(language: str) -> EspeakVoice:
    """The voice for a target language. Raises JobFailed `VoiceMissing`."""
    name = ESPEAK_VOICES.get(language)
    if name is None or not espeak.has_voice(name):
        raise JobFailed(
            "VoiceMissing",
            f"This stand-in has no voice for TargetLanguage {language!r}. It speaks: "
            f"{' '.join(ESPEAK_VOICES)}.",
        )
    return EspeakVoice(language, name)


def lines_to_speak(cues: list[Cue], language: str, *, skip_songs: bool) -> list[Line]:
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


def _trimmed(sound: Samples) -> Samples:
    """Without the silence around the words, which would take time from them."""
    loud = np.flatnonzero(np.abs(sound[0]) > QUIET)
    if not loud.size:
        return sound[:, :0]
    edge = round(EDGE_S * RATE_HZ)
    return sound[:, max(0, loud[0] - edge) : loud[-1] + edge]
