"""The speech level through the real SDK: what is said, when, how loud, and what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import oss2
import pytest

from translation_pipeline.captions.srt import Cue, compose_srt, parse_srt
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.engine.recognise import SETTING
from translation_pipeline.localcloud.process import RunningServer, running_server
from translation_pipeline.media import probe
from translation_pipeline_tests.integration.engine_clips import ffmpeg
from translation_pipeline_tests.integration.ims_client import (
    KEY_ID,
    RESULTS,
    SECRET,
    SOURCE,
    Ims,
    editing,
    https,
    refused,
)
from translation_pipeline_tests.integration.speech_clips import (
    ENGLISH,
    PAUSES_MS,
    PORTUGUESE,
    decibels,
    part,
    share_understood,
    sound_of,
    speech_model,
    spoken_clip,
)

UNDERSTOOD = 0.7


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    spoken_clip(folder / "pt.mp4", PORTUGUESE, "pt")
    spoken_clip(folder / "en.mp4", ENGLISH, "en")
    ffmpeg("-i", folder / "en.mp4", "-an", "-c", "copy", folder / "silent.mp4")
    ffmpeg("-i", folder / "en.mp4", "-vn", folder / "en.wav")
    tiny = ("-f", "lavfi", "-i", "color=s=16x16:r=1/60:d=7260")
    ffmpeg(*tiny, "-c:v", "libx264", "-preset", "ultrafast", folder / "long.mp4")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, clips: Path) -> Iterator[RunningServer]:
    """A stand-in cloud that hears nothing."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(SETTING, raising=False)
        config = LocalCloudConfig(tmp_path_factory.mktemp("cloud"), workers=1)
        with running_server(config) as server:
            fill(server, clips)
            yield server


@pytest.fixture(scope="module")
def listener(tmp_path_factory: pytest.TempPathFactory, clips: Path) -> Iterator[RunningServer]:
    """A stand-in cloud with a recogniser; skips where no weights are configured."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(SETTING, speech_model())
        config = LocalCloudConfig(tmp_path_factory.mktemp("listening"), workers=1)
        with running_server(config) as server:
            fill(server, clips)
            yield server


def fill(server: RunningServer, clips: Path) -> None:
    auth = oss2.Auth(KEY_ID, SECRET)
    for name in (SOURCE, RESULTS):
        oss2.Bucket(auth, server.endpoint, name).create_bucket()
    bucket = oss2.Bucket(auth, server.endpoint, SOURCE, enable_crc=False)
    for clip in clips.iterdir():
        if clip.suffix in (".mp4", ".wav"):
            bucket.put_object_from_file(clip.name, str(clip))
    both = [
        Cue(a.start_ms, a.end_ms, f"{a.text}\n{b.text}")
        for a, b in zip(PORTUGUESE, ENGLISH, strict=True)
    ]
    crowded = [Cue(500, 1000, ENGLISH[2].text), Cue(1300, 4000, "♪ la la la ♪")]
    files = {"pt": PORTUGUESE, "en": ENGLISH, "pt-en": both, "crowded": crowded}
    for name, cues in files.items():
        bucket.put_object(f"{name}.srt", compose_srt(list(cues)))


def speech(clip: str, target: str, srt: str | None, srt_type: str | None, **more: Any) -> Any:
    """The arguments of a submit call at speech level."""
    detail = {"CustomSrtType": srt_type} if srt_type else {}
    source = {"Video": https(SOURCE, clip)} | ({"Subtitle": https(SOURCE, srt)} if srt else {})
    config = editing(
        SourceLanguage=more.pop("source", "pt"),
        TargetLanguage=target,
        NeedSpeechTranslate=True,
        SubtitleTranslate=...,
        TextSource=more.pop("text", "SubtitleFile" if srt else "ASR"),
        SpeechTranslate=detail | more.pop("detail", {}),
        **more,
    )
    return {"source": source, "config": config}


def translated(server: RunningServer, folder: Path, **arguments: Any) -> tuple[Path, list[Cue]]:
    """The video and the captions that a job leaves."""
    ims = Ims(server.port)
    job = ims.ended_smart_job(ims.translate(**arguments))
    assert job.state == "Finished", job.error_message
    results = oss2.Bucket(oss2.Auth(KEY_ID, SECRET), server.endpoint, RESULTS, enable_crc=False)
    results.get_object_to_file("out.mp4", str(folder / "out.mp4"))
    srt = results.get_object("out.srt").read()
    return folder / "out.mp4", list(parse_srt(srt).cues)


def dubbing_of_last_job(server: RunningServer, language: str) -> dict[str, Any]:
    *_, last = server.control.jobs()
    report: dict[str, Any] = last["dubbing"][language]
    return report


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0)]


def test_source_captions_are_translated_and_spoken_over_the_kept_music(
    server: RunningServer, clips: Path, tmp_path: Path
) -> None:
    video, cues = translated(server, tmp_path, **speech("pt.mp4", "en", "pt.srt", "SourceSrt"))

    assert [(c.start_ms, c.end_ms) for c in cues] == [(c.start_ms, c.end_ms) for c in PORTUGUESE]
    assert "letter" in cues[1].text
    assert probe(video).duration_s == pytest.approx(probe(clips / "pt.mp4").duration_s, abs=0.05)
    assert packets(video) == packets(clips / "pt.mp4"), "nothing was burnt in or erased"
    before, after = sound_of(clips / "pt.mp4"), sound_of(video)
    assert after.shape == before.shape
    assert float(np.abs(after).max()) < 0.99, "it clips"
    for start_ms, end_ms in PAUSES_MS:
        was, now = part(before, start_ms, end_ms), part(after, start_ms, end_ms)
        assert decibels(now) == pytest.approx(decibels(was), abs=0.5)
        assert np.corrcoef(was[0], now[0])[0, 1] > 0.98, "the music is the same, and in step"
    report = dubbing_of_last_job(server, "en")
    assert report["lines_that_do_not_fit"] == 0
    for cue, line in zip(cues, report["lines"], strict=True):
        assert cue.start_ms <= line["start_ms"] < line["end_ms"] <= cue.end_ms + 30
        assert -26 < decibels(part(after, line["start_ms"], line["end_ms"])) < -14


def test_the_dubbed_words_are_understood_and_the_old_ones_are_gone(
    server: RunningServer, clips: Path, tmp_path: Path
) -> None:
    """From Portuguese into English: heard by an independent recogniser."""
    model = speech_model()
    video, cues = translated(server, tmp_path, **speech("pt.mp4", "en", "pt.srt", "SourceSrt"))

    assert share_understood(video, cues, "en", model) >= UNDERSTOOD
    assert share_understood(clips / "pt.mp4", cues, "en", model) < 0.4, "it was not there before"


@pytest.mark.parametrize(
    ("srt", "srt_type"),
    [
        ("en.srt", "TargetSrt"),
        ("pt-en.srt", "BilingualSrtSrcFirst"),
        ("pt-en.srt", "BilingualSrtTgtFirst"),
    ],
)
def test_given_translations_are_spoken_as_they_are(
    server: RunningServer, tmp_path: Path, srt: str, srt_type: str
) -> None:
    first = srt_type == "BilingualSrtTgtFirst"  # the same file says the opposite then
    language, expected = ("pt", PORTUGUESE) if first else ("en", ENGLISH)
    clip = speech("en.mp4", language, srt, srt_type, source="en" if first else "pt")

    _, cues = translated(server, tmp_path, **clip)

    assert cues == list(expected)
    assert len(dubbing_of_last_job(server, language)["lines"]) == len(expected)


def test_what_does_not_fit_is_reported_songs_are_skipped_and_voices_recorded(
    server: RunningServer, tmp_path: Path
) -> None:
    decisions = {"SubtitleTimeForce": True, "SkipSong": 1, "VoiceConfig": {"Voice": "zhiyan_emo"}}
    translated(
        server,
        tmp_path,
        **speech("pt.mp4", "en", "crowded.srt", "TargetSrt", detail=decisions),
    )

    report = dubbing_of_last_job(server, "en")
    (line,) = report["lines"]
    assert report["lines_that_do_not_fit"] == 1
    assert line["overrun_ms"] > 500
    assert report["skipped_cues"] == [2]
    assert "zhiyan_emo" in report["not_honoured"][0]


def test_speech_is_recognised_translated_and_spoken(
    listener: RunningServer, tmp_path: Path
) -> None:
    """No captions at all: English speech in, Portuguese speech out."""
    translated_clip = speech("en.mp4", "pt", None, None, source="en", text="OCR_ASR")
    video, cues = translated(listener, tmp_path, **translated_clip)

    # A small model does not hear every word alike on every machine.
    said = " ".join(cue.text for cue in cues).lower()
    heard = [word for word in ("inverno", "carta", "noite", "meses", "fome") if word in said]
    assert len(heard) >= 2, said
    for true in ENGLISH:
        assert min(abs(cue.start_ms - true.start_ms) for cue in cues) < 500, cues
    assert len(dubbing_of_last_job(listener, "pt")["lines"]) == len(cues)
    assert share_understood(video, ENGLISH, "en", speech_model()) < 0.4, "the old speech is gone"


def test_an_english_model_says_that_it_knows_no_portuguese(listener: RunningServer) -> None:
    ims = Ims(listener.port)
    if not os.environ["TRANSLATION_PIPELINE_TEST_SPEECH_MODEL"].rstrip("/").endswith("model"):
        pytest.skip("the configured model is not the English one of the tests")
    job = ims.ended_smart_job(ims.translate(**speech("pt.mp4", "en", None, None)))
    assert job.error_code == "SpeechRecognitionUnavailable"
    assert "does not understand 'pt'" in job.error_message


def test_a_sound_file_is_dubbed_into_a_sound_file(server: RunningServer, tmp_path: Path) -> None:
    ims = Ims(server.port)
    call = speech("en.mp4", "pt", "en.srt", "SourceSrt", source="en")
    call["source"] |= {"Type": "Audio", "Audio": https(SOURCE, "en.wav")}
    job = ims.ended_smart_job(ims.translate(**call, target=https(RESULTS, "out.wav")))
    assert job.state == "Finished", job.error_message
    assert json.loads(job.job_result.ai_result)["MediaURL"] == https(RESULTS, "out.wav")
    results = oss2.Bucket(oss2.Auth(KEY_ID, SECRET), server.endpoint, RESULTS, enable_crc=False)
    results.get_object_to_file("out.wav", str(tmp_path / "out.wav"))
    with av.open(str(tmp_path / "out.wav")) as container:
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(12, abs=0.1)


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        (speech("pt.mp4", "en", None, None), "SpeechRecognitionUnavailable", SETTING),
        (speech("pt.mp4", "en", None, None, text="OCR_ASR"), "NoCaptionsFound", SETTING),
        (speech("silent.mp4", "en", None, None), "NoAudioStream", "has no audio stream"),
        (speech("silent.mp4", "en", None, None, text="OCR_ASR"), "NoCaptionsFound", "no audio"),
        (speech("pt.mp4", "sichuan", "pt.srt", "TargetSrt"), "VoiceMissing", "'sichuan'"),
        (speech("pt.mp4", "ko", "pt.srt", "SourceSrt"), "TranslationPairUnsupported", "'ko'"),
        (speech("long.mp4", "en", "en.srt", "TargetSrt"), "VideoTooLong", "2 hours"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_failed_speech_job_stays_failed(
    server: RunningServer, call: dict[str, Any], code: str, words: str
) -> None:
    """No file is left, and no other job takes its place: above all none at subtitle level."""
    ims = Ims(server.port)
    jobs_before = ims.account()["video_translation"]["accepted"]
    job_id = ims.translate(**call, target=https(RESULTS, "failed/out.mp4"))

    job = ims.ended_smart_job(job_id)

    assert (job.state, job.error_code) == ("Failed", code)
    assert words in job.error_message
    assert ims.account()["video_translation"]["accepted"] == jobs_before + 1
    results = oss2.Bucket(oss2.Auth(KEY_ID, SECRET), server.endpoint, RESULTS)
    assert list(oss2.ObjectIteratorV2(results, prefix="failed/")) == []
    assert ims.smart_job(job_id).state == "Failed"
    entry = next(e for e in ims.listed().smart_job_list if e.job_id == job_id)
    assert json.loads(entry.editing_config)["NeedSpeechTranslate"] is True


def test_captions_of_what_is_too_long_are_not_extracted(server: RunningServer) -> None:
    ims = Ims(server.port)
    job = ims.ended_caption_job(ims.extract(source=f"oss://{SOURCE}/long.mp4"))
    assert job.status == "Fail"
    assert json.loads(job.result)["Code"] == "VideoTooLong"


def test_a_silent_video_with_captions_is_given_a_voice(
    server: RunningServer, tmp_path: Path
) -> None:
    video, _ = translated(server, tmp_path, **speech("silent.mp4", "en", "en.srt", "TargetSrt"))
    sound = sound_of(video)
    assert decibels(part(sound, *PAUSES_MS[0])) < -60
    assert decibels(part(sound, 800, 2000)) > -26


def test_a_correction_names_the_job_that_it_corrects(server: RunningServer, tmp_path: Path) -> None:
    ims = Ims(server.port)
    first = ims.translate(**speech("pt.mp4", "en", "pt.srt", "SourceSrt", SupportEditing=True))
    told = json.loads(ims.ended_smart_job(first).job_result.ai_result)
    assert told["SpeechTranslationJobId"] == first
    assert told["SpeechTranslatedSubtitleURLForFix"] == https(RESULTS, "out.fix.srt")

    def correction(of: str) -> Any:
        detail = {"OriginalJobId": of}
        return speech("pt.mp4", "en", "en.srt", "TargetSrt", detail=detail, SupportEditing=True)

    _, cues = translated(server, tmp_path, **correction(first))
    assert cues == list(ENGLISH)
    refused(lambda: ims.translate(**correction("no-such-job")), "InvalidParameter", "OriginalJob")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"CustomSrtType": "SourceSrt", "SpeechTranslate": {}}, "required inside SpeechTranslate"),
        ({"SpeechTranslate": {}}, "CustomSrtType is required"),
        ({"SubtitleTranslate": {}}, "exclude each other"),
        ({"TextSource": "ALL"}, "subtitle level only"),
        ({"TargetLanguage": "nl"}, "not supported at speech level"),
        ({"SourceLanguage": "th"}, "not supported at speech level"),
        ({"NeedFaceTranslate": True}, "lip-sync"),
        ({"NeedSpeechTranslate": False}, "SubtitleTranslate is required"),
    ],
)
def test_a_wrong_request_is_refused_before_it_is_a_job(
    server: RunningServer, changes: dict[str, Any], words: str
) -> None:
    call = speech("pt.mp4", "en", "pt.srt", "SourceSrt")
    call["config"] |= changes
    refused(lambda: Ims(server.port).translate(**call), "InvalidParameter", words)


@pytest.mark.parametrize(
    ("video", "words"),
    [
        ("oss://dramas-in/pt.mp4", "https://<bucket>"),
        ("https://dramas-in.oss-cn-beijing.aliyuncs.com/pt.mp4", "cn-beijing"),
        ("https://dramas-in.oss-cn-shanghai.aliyuncs.com/gone.mp4", "does not exist"),
    ],
)
def test_a_wrong_address_is_refused(server: RunningServer, video: str, words: str) -> None:
    call = speech("pt.mp4", "en", "pt.srt", "SourceSrt")
    call["source"]["Video"] = video
    refused(lambda: Ims(server.port).translate(**call), "InvalidParameter", words)
