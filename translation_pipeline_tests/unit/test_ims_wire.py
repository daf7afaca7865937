"""The exact words that IMS receives, for each decision of the catalog file."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import chain, combinations
from typing import Any, Literal

import pytest

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.decisions import CaptionsAre, TextSource
from translation_pipeline.providers.ims_wire import (
    CUSTOM_SRT_TYPES,
    extraction_fields,
    translation_fields,
)
from translation_pipeline.providers.requests import (
    ExtractionRequest,
    TranslationRequest,
    request_from_json,
    request_to_json,
)

REGION = "cn-shanghai"
EXTRACTION = ExtractionRequest(
    video=ObjectAddress("media-in", "cat/0001.mp4"),
    output=ObjectAddress("media-out", "captions/cat/0001.abcdefgh.srt"),
    source_language="zh",
    region=((0.75, 1.0), (0.0, 1.0)),
    fps=5,
)
TRANSLATION = TranslationRequest(
    video=ObjectAddress("media-in", "cat/0001.mp4"),
    output=ObjectAddress("media-out", "cat/0001.en.abcdefgh.mp4"),
    level="subtitle",
    source_language="zh",
    target_language="en",
    captions=ObjectAddress("media-out", "captions/cat/0001.srt"),
    captions_are="source",
    erase="auto",
    subtitle_style={"Type": "Text", "FontSize": 95},
    bilingual=False,
)


def editing(request: TranslationRequest) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(translation_fields(request, REGION)["EditingConfig"])
    return config


def test_extraction_of_reviewed_captions() -> None:
    assert extraction_fields(EXTRACTION, REGION) == {
        "Input": {"Type": "OSS", "Media": "oss://media-in/cat/0001.mp4"},
        "Output": {"Type": "OSS", "Media": "oss://media-out/captions/cat/0001.abcdefgh.srt"},
        "JobParams": '{"fps":5,"roi":[[0.75,1.0],[0.0,1.0]],"sep":false,"lang":"ch"}',
    }


def test_extraction_of_a_language_that_the_service_has_no_word_for_names_none() -> None:
    fields = extraction_fields(replace(EXTRACTION, source_language="ja"), REGION)
    assert "lang" not in json.loads(fields["JobParams"])


@pytest.mark.parametrize("key", ["a b.mp4", "剧/第1集.mp4", "100%.mp4", "a+b.mp4", "🎬.mp4"])
def test_odd_keys_travel_percent_encoded(key: str) -> None:
    request = replace(EXTRACTION, video=ObjectAddress("media-in", key))
    media = extraction_fields(request, REGION)["Input"]["Media"]
    assert media.startswith("https://media-in.oss-cn-shanghai.aliyuncs.com/")
    assert media.isascii()
    assert " " not in media


def test_scenario_2_subtitle_level() -> None:
    fields = translation_fields(TRANSLATION, REGION)
    assert json.loads(fields["InputConfig"]) == {
        "Type": "Video",
        "Video": "https://media-in.oss-cn-shanghai.aliyuncs.com/cat/0001.mp4",
        "Subtitle": "https://media-out.oss-cn-shanghai.aliyuncs.com/captions/cat/0001.srt",
    }
    assert json.loads(fields["OutputConfig"]) == {
        "MediaURL": "https://media-out.oss-cn-shanghai.aliyuncs.com/cat/0001.en.abcdefgh.mp4"
    }
    assert json.loads(fields["EditingConfig"]) == {
        "SourceLanguage": "zh",
        "TargetLanguage": "en",
        "NeedSpeechTranslate": False,
        "NeedFaceTranslate": False,
        "TextSource": "SubtitleFile",
        "CustomSrtType": "SourceSrt",
        "DetextArea": "Auto",
        "SubtitleTranslate": {"SubtitleConfig": {"Type": "Text", "FontSize": 95}},
    }


def test_scenario_1_reads_the_captions_itself() -> None:
    request = replace(TRANSLATION, captions=None, captions_are=None)
    assert editing(request)["TextSource"] == "OCR_ASR"
    assert "CustomSrtType" not in editing(request)
    assert "Subtitle" not in json.loads(translation_fields(request, REGION)["InputConfig"])


def test_boxes_to_erase_travel_as_text() -> None:
    request = replace(TRANSLATION, erase=((0.1, 0.8, 0.8, 0.15),))
    assert editing(request)["DetextArea"] == "[[0.1,0.8,0.8,0.15]]"


def test_nothing_is_erased_or_burnt_in_unless_a_person_said_so() -> None:
    config = editing(replace(TRANSLATION, erase=None, subtitle_style=None))
    assert "DetextArea" not in config
    assert config["SubtitleTranslate"] == {}


def test_speech_level_has_its_own_object_and_never_both() -> None:
    config = editing(replace(TRANSLATION, level="speech", captions_are="target"))
    assert config["NeedSpeechTranslate"] is True
    assert "SubtitleTranslate" not in config
    assert config["SpeechTranslate"]["CustomSrtType"] == "TargetSrt"
    assert "CustomSrtType" not in config


# Field of a request -> a decision, and where it must show up; an undecided one nowhere.
DECISIONS: dict[str, tuple[Any, tuple[str, ...], Any]] = {
    "erase": (((0.1, 0.8, 0.8, 0.15),), ("DetextArea",), "[[0.1,0.8,0.8,0.15]]"),
    "bilingual": (True, ("BilingualSubtitle",), True),
    "support_editing": (True, ("SupportEditing",), True),
    "ocr_area": ((0.0, 0.75, 1.0, 0.25), ("detail", "OcrArea"), [0.0, 0.75, 1.0, 0.25]),
    "subtitle_style": ({"FontSize": 60}, ("detail", "SubtitleConfig"), {"FontSize": 60}),
    "voice": ("zhiyan_emo", ("detail", "VoiceConfig"), {"Voice": "zhiyan_emo"}),
    "subtitle_time_force": (False, ("detail", "SubtitleTimeForce"), False),
    "skip_song": (True, ("detail", "SkipSong"), 1),
    "original_job": ("job-1", ("detail", "OriginalJobId"), "job-1"),
}
ALWAYS = {"SourceLanguage", "TargetLanguage", "NeedSpeechTranslate", "NeedFaceTranslate"}


@pytest.mark.parametrize("captions_are", [None, *CUSTOM_SRT_TYPES])
@pytest.mark.parametrize("level", ["subtitle", "speech"])
def test_no_undecided_field_is_ever_filled_in(
    level: Literal["subtitle", "speech"], captions_are: CaptionsAre | None
) -> None:
    """Every set of decisions, and nothing but them on the wire."""
    bare = replace(
        TRANSLATION,
        level=level,
        captions=TRANSLATION.captions if captions_are else None,
        captions_are=captions_are,
        erase=None,
        subtitle_style=None,
    )
    name = "SpeechTranslate" if level == "speech" else "SubtitleTranslate"
    for chosen in chain.from_iterable(
        combinations(DECISIONS, count) for count in range(len(DECISIONS) + 1)
    ):
        config = editing(replace(bare, **{field: DECISIONS[field][0] for field in chosen}))
        detail = config.pop(name)
        found = {(field,): value for field, value in config.items() if field not in ALWAYS}
        found |= {("detail", field): value for field, value in detail.items()}
        expected = {DECISIONS[field][1]: DECISIONS[field][2] for field in chosen}
        expected["TextSource",] = "SubtitleFile" if captions_are else "OCR_ASR"
        if captions_are:
            place = ("detail", "CustomSrtType") if level == "speech" else ("CustomSrtType",)
            expected[place] = CUSTOM_SRT_TYPES[captions_are]
        assert found == expected
        assert config["NeedFaceTranslate"] is False
        assert config["NeedSpeechTranslate"] is (level == "speech")


@pytest.mark.parametrize("source", ["ocr_asr", "ocr", "asr", "all"])
def test_the_text_source_travels_in_capitals(source: TextSource) -> None:
    request = replace(TRANSLATION, captions=None, captions_are=None, text_source=source)
    assert editing(request)["TextSource"] == source.upper()


def test_the_y_axis_is_turned_in_one_place() -> None:
    request = replace(TRANSLATION, subtitle_style={"FontSize": 60, "Y": 0.85})
    for edge, y in (("top", 0.85), ("bottom", 0.15)):
        fields = translation_fields(request, REGION, subtitle_y_from=edge)
        detail = json.loads(fields["EditingConfig"])["SubtitleTranslate"]
        assert detail["SubtitleConfig"] == {"FontSize": 60, "Y": y}


@pytest.mark.parametrize(
    "request_",
    [
        EXTRACTION,
        TRANSLATION,
        replace(TRANSLATION, erase=((0.1, 0.8, 0.8, 0.15),), ocr_area=(0, 0, 1, 1)),
    ],
)
def test_a_request_survives_the_database(
    request_: ExtractionRequest | TranslationRequest,
) -> None:
    stored = json.loads(json.dumps(request_to_json(request_)))
    assert request_from_json(stored) == request_
