"""Clips in which somebody speaks over music, and what can be heard in the result."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.encode import encode_sound
from translation_pipeline.localcloud.engine.recognise import RecogniserSettings, recognise
from translation_pipeline.localcloud.engine.sound import RATE_HZ, Samples, channels_of, sound_blocks
from translation_pipeline.localcloud.engine.voices import voice_for
from translation_pipeline.media import probe
from translation_pipeline_tests.integration.engine_clips import ffmpeg

DURATION_S = 12.0
PORTUGUESE = (
    Cue(800, 3600, "O inverno longo acabou."),
    Cue(4200, 7000, "Uma carta chegou para você ontem."),
    Cue(7600, 11000, "Eu dormi por três meses e estou com fome."),
)
ENGLISH = (
    Cue(800, 3600, "The long winter is over."),
    Cue(4200, 7000, "A letter came for you last night."),
    Cue(7600, 11000, "I slept for three months, and I am hungry."),
)
PAUSES_MS = ((0, 600), (7150, 7450), (11300, 12000))
MUSIC_HZ = (220.0, 277.2, 9000.0)

MODEL_SETTING = "TRANSLATION_PIPELINE_TEST_SPEECH_MODEL"


def speech_model() -> str:
    """The folder of weights for tests; without one the test is skipped, and says so."""
    folder = os.environ.get(MODEL_SETTING, "")
    if not folder:
        pytest.skip(f"{MODEL_SETTING} names no folder of Whisper weights: nobody listens")
    return folder


def music() -> Samples:
    """Two quiet notes left and right, and a high one in both."""
    time_s = np.arange(round(DURATION_S * RATE_HZ)) / RATE_HZ
    left, right, both = (0.03 * np.sin(2 * np.pi * hz * time_s) for hz in MUSIC_HZ)
    return np.stack([left + both, right + both]).astype(np.float32)


def spoken_clip(path: Path, cues: Sequence[Cue], language: str) -> Path:
    """A test picture, music, and the cues in the voice of the language, louder than the music."""
    sound = music()
    voice = voice_for(language)
    for cue in cues:
        said = voice.speak(cue.text, 1.0)
        start = cue.start_ms * RATE_HZ // 1000
        sound[:, start : start + said.shape[1]] += said
    track = path.with_suffix(".m4a")
    encode_sound([sound], 2, track)
    picture = ("-f", "lavfi", "-i", f"smptehdbars=s=320x180:r=25:d={DURATION_S}")
    codecs = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "copy")
    ffmpeg(*picture, "-i", track, *codecs, path)
    return path


def sound_of(video: Path) -> Samples:
    """The whole sound of a video, as long as its pictures."""
    blocks = sound_blocks(video, channels=channels_of(video), duration_s=probe(video).duration_s)
    return np.concatenate(list(blocks), axis=1)


def part(sound: Samples, start_ms: float, end_ms: float) -> Samples:
    """The sound between two times."""
    return sound[:, round(start_ms * RATE_HZ / 1000) : round(end_ms * RATE_HZ / 1000)]


def decibels(sound: Samples) -> float:
    """The level below full scale."""
    return 20 * float(np.log10(np.sqrt(np.mean(np.square(sound, dtype=np.float64))) + 1e-9))


def share_understood(video: Path, words_of: Sequence[Cue], language: str, model: str) -> float:
    """Which share of the words of the cues the recogniser hears in the video, in their order."""
    heard = recognise(
        video, language, RecogniserSettings(model), duration_s=probe(video).duration_s, threads=1
    )
    wanted, found = _words(words_of), _words(heard)
    return _longest_common(wanted, found) / len(wanted)


def _words(cues: Sequence[Cue]) -> list[str]:
    return re.findall(r"\w+", " ".join(cue.text for cue in cues).lower())


def _longest_common(one: list[str], other: list[str]) -> int:
    lengths = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for number, candidate in enumerate(other, start=1):
            kept = lengths[number]
            lengths[number] = before + 1 if word == candidate else max(kept, lengths[number - 1])
            before = kept
    return lengths[-1]
