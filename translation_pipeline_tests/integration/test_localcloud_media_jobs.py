"""From a submit call to what the media engine is asked for, and back to files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from translation_pipeline.captions.srt import Cue, compose_srt
from translation_pipeline.localcloud import ims_orders, media_jobs
from translation_pipeline.localcloud.engine.dubbing import DubbingSpec
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.geometry import Box, Region
from translation_pipeline.localcloud.engine.subtitle_file import read_subtitle
from translation_pipeline.localcloud.engine.work import (
    CaptionExtractionSpec,
    ExtractionResult,
    TranslationResult,
    VideoTranslationSpec,
)
from translation_pipeline.localcloud.ims_orders import ImsOrders
from translation_pipeline.localcloud.jobs import JobOrder
from translation_pipeline.localcloud.media_assets import MediaAssets
from translation_pipeline.localcloud.objects import ObjectStore
from translation_pipeline.localcloud.rpc import RpcError
from translation_pipeline.sample_title import EPISODES

URL = "https://{}.oss-cn-shanghai.aliyuncs.com/{}"
CUES = [Cue(0, 1000, "Good morning."), Cue(1500, 2500, "Where is my letter?")]


@pytest.fixture
def orders(tmp_path: Path) -> Iterator[ImsOrders]:
    objects = ObjectStore(tmp_path / "objects")
    assets = MediaAssets(tmp_path / "jobs.sqlite", registration_s=0)
    for bucket in ("dramas-in", "dramas-out"):
        objects.create_bucket(bucket)
    objects.put_file("dramas-in", "a.mp4", EPISODES[0].video)
    objects.put_file("dramas-in", "b.mp4", EPISODES[0].video)
    objects.put_bytes("dramas-in", "a.srt", compose_srt(CUES).encode())
    yield ImsOrders(objects, assets, "cn-shanghai")
    assets.close()
    objects.close()


def translation(orders: ImsOrders, video: str = "a.mp4", **config: Any) -> JobOrder:
    editing = {"SourceLanguage": "en", "TargetLanguage": "pt", "SubtitleTranslate": {}, **config}
    source = {
        "Type": "Video",
        "Video": URL.format("dramas-in", video),
        "Subtitle": URL.format("dramas-in", "a.srt"),
    }
    parameters = {
        "InputConfig": json.dumps(source),
        "OutputConfig": json.dumps({"MediaURL": URL.format("dramas-out", "%7Blanguage_id%7D.mp4")}),
        "EditingConfig": json.dumps(editing),
    }
    return orders.video_translation(parameters, None)


def as_worker_sees(order: JobOrder, orders: ImsOrders, folder: Path) -> dict[str, Any]:
    inputs = {}
    for role, address in order.inputs.items():
        stored = orders.stored(address)
        assert stored is not None
        inputs[role] = str(stored.path)
    work = json.loads(json.dumps(order.work))
    return {"work": work, "inputs": inputs, "output_dir": str(folder / "output")}


class Engine:
    """Takes the place of the media engine and keeps what it was asked for."""

    def __init__(self, *, fails_for: tuple[str, ...] = ()) -> None:
        self.fails_for = fails_for
        self.specs: list[VideoTranslationSpec] = []

    def __call__(self, spec: VideoTranslationSpec) -> TranslationResult:
        self.specs.append(spec)
        if spec.target_language in self.fails_for:
            raise JobFailed("TranslationPairUnsupported", f"no {spec.target_language}")
        folder = spec.output_dir
        return TranslationResult(folder / "v.mp4", folder / "t.srt", None, folder / "b.srt")


def test_every_decision_reaches_the_engine(
    orders: ImsOrders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine()
    monkeypatch.setattr(media_jobs, "translate_video", engine)
    order = translation(
        orders,
        TextSource="SubtitleFile",
        CustomSrtType="BilingualSrtTgtFirst",
        DetextArea="[[0.1, 0.8, 0.7, 0.15]]",
        BilingualSubtitle=True,
        SubtitleTranslate={
            "OcrArea": [0.05, 0.7, 0.9, 0.25],
            "SubtitleConfig": {"FontSize": 95, "Y": 0.8, "Alignment": "Left"},
        },
    )
    answer = media_jobs.video_translation(as_worker_sees(order, orders, tmp_path))
    (spec,) = engine.specs
    assert (spec.source_language, spec.target_language) == ("en", "pt")
    assert (spec.text_source, spec.subtitle_type) == ("SubtitleFile", "BilingualSrtTgtFirst")
    assert spec.erase == (Box(0.1, 0.8, 0.7, 0.15),)
    assert spec.ocr_area == Box(0.05, 0.7, 0.9, 0.25)
    assert spec.bilingual is True
    assert spec.burn_in is not None
    assert (spec.burn_in.font_size, spec.burn_in.y, spec.burn_in.alignment) == (95, 0.8, "Left")
    assert spec.subtitle is not None
    assert read_subtitle(spec.subtitle) == CUES
    assert [file["role"] for file in answer["files"]] == ["target_srt", "bilingual_srt", "video"]
    assert answer["duration_s"] == pytest.approx(20.8, abs=0.1)


def test_every_decision_about_speech_reaches_the_engine(
    orders: ImsOrders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine()
    monkeypatch.setattr(media_jobs, "translate_video", engine)
    order = translation(
        orders,
        NeedSpeechTranslate=True,
        SubtitleTranslate=None,
        TextSource="SubtitleFile",
        SupportEditing=True,
        SpeechTranslate={
            "CustomSrtType": "TargetSrt",
            "SubtitleTimeForce": True,
            "SkipSong": 1,
            "VoiceConfig": {"Voice": "zhiyan_emo"},
            "OcrArea": [0.05, 0.7, 0.9, 0.25],
        },
    )
    answer = media_jobs.video_translation(as_worker_sees(order, orders, tmp_path))
    (spec,) = engine.specs
    assert spec.dubbing == DubbingSpec("zhiyan_emo", inside_captions=True, skip_songs=True)
    assert (spec.subtitle_type, spec.ocr_area) == ("TargetSrt", Box(0.05, 0.7, 0.9, 0.25))
    roles = [file["role"] for file in answer["files"]]
    assert roles == ["target_srt", "fix_srt", "bilingual_srt", "video"]


def test_a_file_that_is_too_large_is_refused(
    orders: ImsOrders, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = EPISODES[0].video.stat().st_size
    monkeypatch.setattr(ims_orders, "MAX_MEDIA_BYTES", size)
    translation(orders)
    monkeypatch.setattr(ims_orders, "MAX_MEDIA_BYTES", size - 1)
    with pytest.raises(RpcError, match=f"has {size} bytes; at most {size - 1}"):
        translation(orders)


def test_what_was_not_decided_stays_off(
    orders: ImsOrders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine()
    monkeypatch.setattr(media_jobs, "translate_video", engine)
    media_jobs.video_translation(as_worker_sees(translation(orders), orders, tmp_path))
    (spec,) = engine.specs
    assert (spec.erase, spec.burn_in, spec.ocr_area, spec.subtitle) == (None, None, None, None)
    assert (spec.bilingual, spec.dubbing) == (False, None)


def test_language_that_fails_is_absent_and_the_others_are_there(
    orders: ImsOrders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_jobs, "translate_video", Engine(fails_for=("ja",)))
    order = translation(orders, TargetLanguage="ja,pt")
    answer = media_jobs.video_translation(as_worker_sees(order, orders, tmp_path))
    assert {file["language"] for file in answer["files"]} == {"pt"}


def test_job_fails_when_every_language_fails(
    orders: ImsOrders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_jobs, "translate_video", Engine(fails_for=("ja", "pt")))
    order = translation(orders, TargetLanguage="ja,pt")
    with pytest.raises(JobFailed, match="no ja"):
        media_jobs.video_translation(as_worker_sees(order, orders, tmp_path))


def test_subtitle_file_alone_is_translated(orders: ImsOrders, tmp_path: Path) -> None:
    order = orders.video_translation(
        {
            "InputConfig": json.dumps(
                {"Type": "Subtitle", "Subtitle": URL.format("dramas-in", "a.srt")}
            ),
            "OutputConfig": json.dumps({"MediaURL": URL.format("dramas-out", "pt.srt")}),
            "EditingConfig": json.dumps(
                {"SourceLanguage": "en", "TargetLanguage": "pt", "SubtitleTranslate": {}}
            ),
        },
        None,
    )
    answer = media_jobs.video_translation(as_worker_sees(order, orders, tmp_path))
    (file,) = answer["files"]
    translated = read_subtitle(Path(file["path"]))
    assert [(cue.start_ms, cue.end_ms) for cue in translated] == [(0, 1000), (1500, 2500)]
    assert "carta" in translated[1].text
    assert answer["duration_s"] == 2.5


def test_caption_parameters_reach_the_engine(
    orders: ImsOrders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs: list[CaptionExtractionSpec] = []

    def extract(spec: CaptionExtractionSpec) -> ExtractionResult:
        specs.append(spec)
        return ExtractionResult({"zh": tmp_path / "zh.srt", "en": tmp_path / "en.srt"}, 2)

    monkeypatch.setattr(media_jobs, "extract_captions", extract)
    order = orders.caption_extraction(
        {
            "FunctionName": "CaptionExtraction",
            "Input": '{"Type":"OSS","Media":"oss://dramas-in/a.mp4"}',
            "Output": '{"Type":"OSS","Media":"oss://dramas-out/{resultType}.srt"}',
            "JobParams": '{"fps":2,"roi":[[0.6,0.9],[0.1,0.8]],"sep":true,"lang":"ch_ml",'
            '"formatter":"{\\\\an8}"}',
        }
    )
    answer = media_jobs.caption_extraction(as_worker_sees(order, orders, tmp_path))
    (spec,) = specs
    assert spec.region == Region(top=0.6, bottom=0.9, left=0.1, right=0.8)
    assert (spec.fps, spec.separate_languages, spec.language) == (2, True, "ch_ml")
    assert spec.formatter == "{\\an8}"
    assert [file["language"] for file in answer["files"]] == ["zh", "en"]


def test_identity_follows_content_and_parameters_alone(orders: ImsOrders) -> None:
    first = translation(orders).identity
    assert translation(orders, video="b.mp4").identity == first, "the same bytes under another key"
    assert translation(orders, TargetLanguage="ja").identity != first
    assert translation(orders, DetextArea="Auto").identity != first
    orders.objects.put_bytes("dramas-in", "b.mp4", b"other bytes")
    assert translation(orders, video="b.mp4").identity != first
