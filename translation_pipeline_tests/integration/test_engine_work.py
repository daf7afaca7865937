"""Whole jobs, from files to files, and every way in which their input can be wrong."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import av
import pytest

from translation_pipeline.captions.srt import Cue, compose_srt, parse_srt
from translation_pipeline.localcloud.engine import work
from translation_pipeline.localcloud.engine.burn_in import SubtitleStyle
from translation_pipeline.localcloud.engine.caption_reader import CaptionReading, read_captions
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.geometry import Box, Region
from translation_pipeline.localcloud.engine.work import (
    CaptionExtractionSpec,
    VideoTranslationSpec,
    extract_captions,
    translate_video,
)
from translation_pipeline.media import probe
from translation_pipeline_tests.integration.engine_clips import (
    CUES,
    STILL,
    captioned,
    clean_clip,
    ffmpeg,
)

AREA = Region(0.6, 1, 0, 1)
PORTUGUESE = ("Onde está a antiga ponte?", "É atrás da casa, perto do rio.")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    clean_clip(folder / "clean.mp4", STILL)
    captioned(folder / "clean.mp4", folder / "captioned.mp4")
    ffmpeg("-i", folder / "captioned.mp4", "-an", "-c", "copy", folder / "silent.mp4")
    return folder


@pytest.fixture
def job(clips: Path, tmp_path: Path) -> VideoTranslationSpec:
    """English captions of the picture into Portuguese, nothing erased, nothing burnt in."""
    output = tmp_path / "output"
    output.mkdir()
    return VideoTranslationSpec(clips / "captioned.mp4", output, "en", "pt", "OCR_ASR")


def cues_of(path: Path | None) -> list[Cue]:
    assert path is not None
    return list(parse_srt(path.read_bytes()).cues)


def flat(cues: Sequence[Cue]) -> list[str]:
    return [" ".join(cue.text.split()) for cue in cues]


def srt(folder: Path, texts: Sequence[str]) -> Path:
    path = folder / "given.srt"
    cues = [Cue(cue.start_ms, cue.end_ms, text) for cue, text in zip(CUES, texts, strict=True)]
    path.write_text(compose_srt(cues), encoding="utf-8")
    return path


def video_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0)]


def test_captions_come_out_in_the_other_language(job: VideoTranslationSpec) -> None:
    result = translate_video(replace(job, erase="auto", burn_in=SubtitleStyle(font_size=75)))

    source, target = cues_of(result.source_srt), cues_of(result.target_srt)
    assert [cue.text for cue in source] == [cue.text for cue in CUES]
    assert flat(target) == list(PORTUGUESE)
    assert [(c.start_ms, c.end_ms) for c in target] == [(c.start_ms, c.end_ms) for c in source]
    for cue, true in zip(source, CUES, strict=True):
        assert abs(cue.start_ms - true.start_ms) <= 100
        assert abs(cue.end_ms - true.end_ms) <= 100
    assert result.bilingual_srt is None

    read_back = flat([reading.cue for reading in read_captions(result.video, AREA)])
    assert len(read_back) == len(PORTUGUESE)
    for read, wanted in zip(read_back, PORTUGUESE, strict=True):
        assert SequenceMatcher(None, read, wanted).ratio() > 0.9
    before, after = probe(job.video), probe(result.video)
    assert after.duration_s == pytest.approx(before.duration_s, rel=0.02)
    assert (after.width, after.height, after.fps) == (before.width, before.height, before.fps)
    assert after.audio_codec == "aac"


def test_with_nothing_to_change_the_pictures_are_copied(
    job: VideoTranslationSpec, tmp_path: Path
) -> None:
    given = srt(tmp_path, [cue.text for cue in CUES])
    spec = replace(job, text_source="SubtitleFile", subtitle=given, subtitle_type="SourceSrt")

    result = translate_video(replace(spec, burn_in=SubtitleStyle(font_size=0)))

    assert flat(cues_of(result.target_srt)) == list(PORTUGUESE)
    assert video_packets(result.video) == video_packets(job.video)


def test_a_given_translation_is_burnt_in_word_for_word(
    job: VideoTranslationSpec, tmp_path: Path, clips: Path
) -> None:
    given = srt(tmp_path, ["Palavra por palavra.", "Nada muda aqui."])
    spec = replace(job, video=clips / "silent.mp4", text_source="SubtitleFile", subtitle=given)

    result = translate_video(
        replace(spec, subtitle_type="TargetSrt", erase="auto", burn_in=SubtitleStyle(font_size=75))
    )

    assert cues_of(result.target_srt) == cues_of(given)
    assert result.source_srt is None
    assert not probe(result.video).has_audio
    read_back = [reading.cue.text for reading in read_captions(result.video, AREA)]
    assert read_back == ["Palavra por palavra.", "Nada muda aqui."]


@pytest.mark.parametrize("order", ["BilingualSrtSrcFirst", "BilingualSrtTgtFirst"])
def test_a_bilingual_file_is_taken_apart_and_shown_target_first(
    job: VideoTranslationSpec, tmp_path: Path, order: str
) -> None:
    pairs = [("One.", "Um."), ("Two.", "Dois.")]
    ordered = pairs if order == "BilingualSrtSrcFirst" else [pair[::-1] for pair in pairs]
    given = srt(tmp_path, ["\n".join(pair) for pair in ordered])
    spec = replace(job, text_source="SubtitleFile", subtitle=given, subtitle_type=order)

    result = translate_video(replace(spec, bilingual=True))

    assert [cue.text for cue in cues_of(result.source_srt)] == ["One.", "Two."]
    assert [cue.text for cue in cues_of(result.target_srt)] == ["Um.", "Dois."]
    assert [cue.text for cue in cues_of(result.bilingual_srt)] == ["Um.\nOne.", "Dois.\nTwo."]


def test_given_boxes_are_cleared_of_text(job: VideoTranslationSpec, tmp_path: Path) -> None:
    given = srt(tmp_path, ["Um.", "Dois."])
    spec = replace(job, text_source="SubtitleFile", subtitle=given, subtitle_type="TargetSrt")

    result = translate_video(replace(spec, erase=(Box(0, 0.6, 1, 0.4),)))

    assert read_captions(result.video, AREA) == []


def failing(clips: Path, folder: Path, kind: str) -> dict[str, Any]:
    """The fields of the job that make it fail in this way."""
    empty, garbage, text = (folder / name for name in ("empty.mp4", "garbage.mp4", "no.srt"))
    empty.touch()
    garbage.write_bytes(bytes(range(256)) * 40)
    text.write_text("no captions", encoding="utf-8")
    given = srt(folder, ["Um.", "Dois."])
    from_file = {"text_source": "SubtitleFile", "subtitle": given}
    fields: dict[str, dict[str, Any]] = {
        "empty video": {"video": empty},
        "garbage": {"video": garbage},
        "vanished": {"video": folder / "gone.mp4"},
        "no captions": {"video": clips / "clean.mp4"},
        "no captions in the area": {"ocr_area": Box(0, 0, 1, 0.3)},
        "speech": {"text_source": "ASR"},
        "bad subtitle": {**from_file, "subtitle": text, "subtitle_type": "SourceSrt"},
        "no subtitle": {"text_source": "SubtitleFile", "subtitle_type": "SourceSrt"},
        "subtitle of no type": from_file,
        "half a bilingual file": {**from_file, "subtitle_type": "BilingualSrtSrcFirst"},
        "no source for two": {**from_file, "subtitle_type": "TargetSrt", "bilingual": True},
        "no such pair": {"target_language": "th"},
    }
    return fields[kind]


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("empty video", "UnreadableVideo", "0 bytes"),
        ("garbage", "UnreadableVideo", "not a video"),
        ("vanished", "UnreadableVideo", "does not exist"),
        ("no captions", "NoCaptionsFound", "clean.mp4 between 60% and 100%"),
        ("no captions in the area", "NoCaptionsFound", "between 0% and 30%"),
        ("speech", "SpeechRecognitionUnavailable", "TextSource ASR"),
        ("bad subtitle", "InvalidSubtitle", "InputConfig.Subtitle"),
        ("no subtitle", "InvalidSubtitle", "there is none"),
        ("subtitle of no type", "InvalidParameter", "CustomSrtType is None"),
        ("half a bilingual file", "InvalidSubtitle", "Cue 1"),
        ("no source for two", "InvalidParameter", "BilingualSubtitle"),
        ("no such pair", "TranslationPairUnsupported", "'th'"),
    ],
)
def test_wrong_input_fails_with_a_code_and_leaves_nothing(
    job: VideoTranslationSpec, clips: Path, tmp_path: Path, kind: str, code: str, words: str
) -> None:
    with pytest.raises(JobFailed) as caught:
        translate_video(replace(job, **failing(clips, tmp_path, kind)))

    assert caught.value.code == code
    assert words in caught.value.message
    assert list(job.output_dir.iterdir()) == []


def test_a_text_without_a_font_fails_before_anything_is_encoded(
    job: VideoTranslationSpec, tmp_path: Path
) -> None:
    given = srt(tmp_path, ["Olá", "\U00010000"])
    spec = replace(job, text_source="SubtitleFile", subtitle=given, subtitle_type="TargetSrt")

    with pytest.raises(JobFailed) as caught:
        translate_video(replace(spec, burn_in=SubtitleStyle()))
    assert caught.value.code == "FontMissing"
    assert list(job.output_dir.iterdir()) == []


def test_extraction_writes_what_is_on_screen(clips: Path, tmp_path: Path) -> None:
    spec = CaptionExtractionSpec(
        clips / "captioned.mp4", tmp_path, region=AREA, formatter="{\\an8}", language="en"
    )

    result = extract_captions(spec)

    assert result.cue_count == len(CUES)
    assert list(result.files) == [""]
    assert [c.text for c in cues_of(result.files[""])] == [f"{{\\an8}}{c.text}" for c in CUES]


def test_languages_are_separated_by_script(
    monkeypatch: pytest.MonkeyPatch, clips: Path, tmp_path: Path
) -> None:
    cues = [Cue(0, 900, "你好\nHello"), Cue(1000, 1900, "只有中文"), Cue(2000, 2900, "OK")]
    readings = [CaptionReading(cue, (), 1.0) for cue in cues]
    monkeypatch.setattr(work, "read_captions", lambda *_, **__: readings)

    result = extract_captions(
        CaptionExtractionSpec(clips / "captioned.mp4", tmp_path, separate_languages=True)
    )

    assert cues_of(result.files["zh"]) == [Cue(0, 900, "你好"), Cue(1000, 1900, "只有中文")]
    assert cues_of(result.files["en"]) == [Cue(0, 900, "Hello"), Cue(2000, 2900, "OK")]
    assert result.cue_count == 3


def test_an_extraction_without_captions_is_no_success(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match=r"^NoCaptionsFound: No text was read in clean\.mp4"):
        extract_captions(CaptionExtractionSpec(clips / "clean.mp4", tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_job_leaves_no_temporary_files(
    job: VideoTranslationSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    given = srt(tmp_path, ["Um.", "Dois."])
    spec = replace(job, text_source="SubtitleFile", subtitle=given, subtitle_type="TargetSrt")

    result = translate_video(replace(spec, burn_in=SubtitleStyle()))

    assert sorted(path.name for path in job.output_dir.iterdir()) == ["pt.mp4", "pt.srt"]
    assert list(temporary.iterdir()) == []
    shutil.rmtree(result.video.parent)
