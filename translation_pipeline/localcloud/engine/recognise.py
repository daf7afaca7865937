"""Speech into cues, with faster-whisper and a model that the user names.

Nothing is downloaded: `TRANSLATION_PIPELINE_SPEECH_MODEL` is a folder with a CTranslate2 Whisper
model, or the name of one that lies in the cache of huggingface_hub already.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.sound import channels_of, no_audio, sound_blocks
from translation_pipeline.localcloud.engine.translate import lay_out

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

SETTING = "TRANSLATION_PIPELINE_SPEECH_MODEL"
RATE_HZ = 16_000  # what the models listen to

LONGEST_CUE_S = 6.0
LONGEST_CUE_COLUMNS = 84  # two lines
SHORTEST_CUE_S = 0.4
PAUSE_S = 0.6  # between words: a new cue
# Whisper lets a word begin in the silence before it: only what is cut out cannot be said too early.
SILENCE_MS = 500  # is cut out
PAD_MS = 100  # of it is kept around speech
SENTENCE_ENDS = tuple(".!?。！？…")

# Codes of the service (ims.md section 4.7) that the models spell otherwise.
MODEL_LANGUAGES = {"zh-tw": "zh", "hbs": "sr"}


class Word(Protocol):
    """A word as faster-whisper tells it; times in seconds."""

    start: float
    end: float
    word: str


@dataclass(frozen=True)
class RecogniserSettings:
    """Which model listens: a folder, a name, or none."""

    model: str = ""

    @classmethod
    def from_environment(cls) -> RecogniserSettings:
        """TRANSLATION_PIPELINE_SPEECH_MODEL."""
        return cls(os.environ.get(SETTING, "").strip())


def require_recogniser(settings: RecogniserSettings, why: str) -> None:
    """Raises JobFailed `SpeechRecognitionUnavailable`; `why` says who needs to listen."""
    if not settings.model:
        raise JobFailed(
            "SpeechRecognitionUnavailable",
            f"{why}, and no speech recognition is set up here. Set {SETTING} to the folder of a "
            "Whisper model for faster-whisper (CTranslate2 format) and start the stand-in cloud "
            "again, or give captions (TextSource SubtitleFile).",
        )


def recognise(
    source: Path,
    language: str,
    settings: RecogniserSettings,
    *,
    duration_s: float,
    threads: int | None = None,
) -> list[Cue]:
    """What is said, as cues of readable length; empty where nobody speaks.

    Raises:
        JobFailed: `SpeechRecognitionUnavailable` without a usable model for the language,
            `NoAudioStream`, `UnreadableSound`.
    """
    require_recogniser(settings, "The text has to come from speech")
    if not channels_of(source):
        raise no_audio(source)
    model = _model(settings.model, threads or 0)
    code = MODEL_LANGUAGES.get(language, language)
    if code not in model.supported_languages:
        raise JobFailed(
            "SpeechRecognitionUnavailable",
            f"The model of {SETTING} ({settings.model}) does not understand {language!r}; "
            f"it knows: {' '.join(sorted(model.supported_languages))}.",
        )
    blocks = sound_blocks(source, channels=1, duration_s=duration_s, rate_hz=RATE_HZ)
    samples = np.concatenate([block[0] for block in blocks] or [np.zeros(0, np.float32)])
    segments, _ = model.transcribe(
        samples,
        language=code,
        word_timestamps=True,
        vad_filter=True,
        vad_parameters={"speech_pad_ms": PAD_MS, "min_silence_duration_ms": SILENCE_MS},
        condition_on_previous_text=False,  # one mistake would be repeated to the end
    )
    return cues_of_words(word for segment in segments for word in segment.words or ())


def cues_of_words(words: Iterable[Word]) -> list[Cue]:
    """Cues that end with a sentence or a pause and are never longer than two lines or 6 s."""
    cues: list[Cue] = []
    kept: list[Word] = []
    for word in words:
        if kept and _ends_before(kept, word):
            cues.append(_cue(kept))
            kept = []
        kept.append(word)
    return [*cues, _cue(kept)] if kept else cues


def _ends_before(kept: Sequence[Word], word: Word) -> bool:
    text = "".join(each.word for each in kept)
    return (
        text.rstrip().endswith(SENTENCE_ENDS)
        or word.start - kept[-1].end > PAUSE_S
        or word.end - kept[0].start > LONGEST_CUE_S
        or len(text + word.word) > LONGEST_CUE_COLUMNS
    )


def _cue(words: Sequence[Word]) -> Cue:
    start_s = words[0].start
    end_s = max(words[-1].end, start_s + SHORTEST_CUE_S)
    text = "".join(word.word for word in words).strip()
    return Cue(round(start_s * 1000), round(end_s * 1000), lay_out(text))


@lru_cache(maxsize=1)
def _model(name: str, threads: int) -> WhisperModel:
    from faster_whisper import WhisperModel

    try:
        return WhisperModel(
            name, device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
        )
    except Exception as error:  # the libraries below raise errors of many kinds
        raise JobFailed(
            "SpeechRecognitionUnavailable",
            f"{SETTING} is {name!r}, and no model can be loaded from there: {error}. Name a "
            "folder with model.bin, config.json, tokenizer.json and the vocabulary.",
        ) from error
