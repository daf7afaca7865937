"""What is said of a caption, and cues out of recognised words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from translation_pipeline.captions.languages import level_languages
from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.fitting import Line
from translation_pipeline.localcloud.engine.recognise import (
    LONGEST_CUE_COLUMNS,
    LONGEST_CUE_S,
    RecogniserSettings,
    cues_of_words,
    recognise,
)
from translation_pipeline.localcloud.engine.sound import level
from translation_pipeline.localcloud.engine.text_source import corrected
from translation_pipeline.localcloud.engine.voices import (
    ESPEAK_VOICES,
    EspeakVoice,
    lines_to_speak,
    spoken_text,
    voice_for,
)

PAIRS = level_languages("ims", "speech")
assert PAIRS is not None
TARGETS = PAIRS.target
VOICELESS = {"sichuan", "tianjin"}
SENTENCES = {
    "zh": "早上好",
    "zh-tw": "早安",
    "yue": "早晨",
    "ja": "おはよう",
    "ko": "안녕하세요",
} | {
    "ru": "Доброе утро",
    "ar": "صباح الخير",
    "th": "สวัสดี",
}


@pytest.mark.parametrize(
    ("caption", "language", "said"),
    [
        ("I slept long,\nand I am hungry.", "en", "I slept long, and I am hungry."),
        ("<i>Good</i> {\\an8}morning", "en", "Good morning"),
        ("- Who is there?\n- Nobody.", "en", "Who is there? Nobody."),
        ("♪ Happy birthday ♪", "en", "Happy birthday"),
        ("早上\n好", "zh", "早上好"),
        ("well-known", "en", "well-known"),
    ],
)
def test_only_words_are_said(caption: str, language: str, said: str) -> None:
    assert spoken_text(caption, language) == said


def test_songs_are_left_out_when_asked_and_wordless_cues_always() -> None:
    cues = [Cue(0, 1, "♪ la la ♪"), Cue(4, 5, "Hello"), Cue(2, 3, "…")]
    assert [line.number for line in lines_to_speak(cues, "en", skip_songs=True)] == [2]
    assert [line.text for line in lines_to_speak(cues, "en", skip_songs=False)] == [
        "la la",
        "Hello",
    ]


@pytest.mark.parametrize("language", TARGETS)
def test_every_target_language_is_spoken_or_refused(language: str) -> None:
    if language in VOICELESS:
        with pytest.raises(JobFailed, match=f"VoiceMissing: .*'{language}'"):
            voice_for(language)
        return
    sound = voice_for(language).speak(SENTENCES.get(language, "Bom dia"), 1.0)
    assert sound.shape[1] > 0.25 * 48_000
    assert set(ESPEAK_VOICES) == set(TARGETS) - VOICELESS


def test_a_voice_speaks_faster_when_told_and_equally_loud() -> None:
    voice = voice_for("en")
    text = "Under the old tree, someone woke up."
    normal, fast = voice.speak(text, 1.0), voice.speak(text, 1.5)
    assert fast.shape[1] < normal.shape[1] * 0.75
    assert level(fast) == pytest.approx(level(normal), rel=0.01)


def test_kanji_are_refused_rather_than_spelt_out() -> None:
    voice = EspeakVoice("ja", "ja")
    kana = Line(1, Cue(0, 1, ""), "てがみがきました")
    voice.require_speakable([kana])
    with pytest.raises(JobFailed, match="cue 2 has kanji"):
        voice.require_speakable([kana, Line(2, Cue(0, 1, ""), "手紙が来ました")])


@dataclass
class Spoken:
    start: float
    end: float
    word: str


def test_cues_end_with_sentences_and_pauses() -> None:
    words = [
        *(Spoken(0.0, 0.4, " Good"), Spoken(0.4, 0.9, " morning.")),
        *(Spoken(1.0, 1.3, " A"), Spoken(1.3, 1.7, " letter")),
        Spoken(2.6, 3.0, " came"),
    ]
    assert cues_of_words(words) == [
        Cue(0, 900, "Good morning."),
        Cue(1000, 1700, "A letter"),
        Cue(2600, 3000, "came"),
    ]


def test_cues_of_an_endless_speaker_stay_readable() -> None:
    words = [Spoken(n * 0.3, n * 0.3 + 0.3, " word") for n in range(200)]
    cues = cues_of_words(words)
    assert "".join(cue.text for cue in cues).count("word") == 200
    for cue in cues:
        assert cue.end_ms - cue.start_ms <= LONGEST_CUE_S * 1000 + 1
        assert len(cue.text) <= LONGEST_CUE_COLUMNS


def test_nobody_spoke() -> None:
    assert cues_of_words([]) == []


def test_what_was_read_corrects_what_was_heard() -> None:
    heard = [Cue(0, 1000, "a better came for you"), Cue(2000, 3000, "who wrote it")]
    read = [Cue(100, 1100, "A letter came for you."), Cue(2000, 3000, "THE END")]
    assert corrected(heard, read) == [Cue(0, 1000, "A letter came for you."), heard[1]]


def test_a_missing_recogniser_names_its_setting() -> None:
    with pytest.raises(JobFailed, match="TRANSLATION_PIPELINE_SPEECH_MODEL") as caught:
        recognise(Path("any.mp4"), "en", RecogniserSettings(), duration_s=1)
    assert caught.value.code == "SpeechRecognitionUnavailable"
