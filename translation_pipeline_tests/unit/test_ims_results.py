"""What a finished job says of its outputs, in every shape that is documented or was seen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from translation_pipeline.providers.ims_results import (
    NamedMedia,
    TranslationResult,
    read_translation_result,
)

ENGLISH = {
    "MediaURL": "https://b.oss-cn-shanghai.aliyuncs.com/en.mp4",
    "MediaId": "m-en",
    "SpeechTranslatedSubtitleURL": "https://b.oss-cn-shanghai.aliyuncs.com/en.srt",
    "SpeechTranslatedSubtitleURLForFix": "https://b.oss-cn-shanghai.aliyuncs.com/en-fix.srt",
    "SpeechTranslatedSubtitleMediaIdForFix": "m-fix",
}
FULL = TranslationResult(
    video=NamedMedia(ENGLISH["MediaURL"], "m-en"),
    captions=NamedMedia(ENGLISH["SpeechTranslatedSubtitleURL"]),
    captions_to_fix=NamedMedia(ENGLISH["SpeechTranslatedSubtitleURLForFix"], "m-fix"),
)


def told(ai_result: Any, **top: str) -> TranslationResult:
    text = ai_result if isinstance(ai_result, str) else json.dumps(ai_result)
    return read_translation_result({"AiResult": text, **top}, "en")


def test_one_language_at_the_top() -> None:
    assert told(ENGLISH) == FULL


def test_several_languages_in_a_map() -> None:
    assert told({"VideoTranslationAiResultMap": {"en": ENGLISH, "es": {}}}) == FULL


def test_a_map_that_travels_as_text() -> None:
    assert told({"VideoTranslationAiResultMap": json.dumps({"en": ENGLISH})}) == FULL


def test_a_language_that_is_missing() -> None:
    assert not told({"VideoTranslationAiResultMap": {"es": ENGLISH}}).has_language


@pytest.mark.parametrize("text", ["", "{}", "null", "no JSON", "[1]", '"text"', "{"])
def test_nothing_usable_is_no_error(text: str) -> None:
    assert told(text) == TranslationResult()


def test_fields_of_other_kinds_are_no_error() -> None:
    assert told({"MediaURL": 7, "MediaId": None, "SpeechTranslatedSubtitleURL": ["x"]}) == (
        TranslationResult()
    )


def test_only_a_media_id() -> None:
    assert told({"MediaId": "m-en"}).video == NamedMedia(None, "m-en")


def test_the_jobs_own_fields_stand_in() -> None:
    assert told("", MediaUrl="https://x/y.mp4", MediaId="m").video == NamedMedia(
        "https://x/y.mp4", "m"
    )
