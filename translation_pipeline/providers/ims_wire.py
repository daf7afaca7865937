"""The product's requests in the words of IMS (ims.md sections 3, 4 and 7)."""

from __future__ import annotations

import json
import re
from typing import Any

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.decisions import CaptionsAre
from translation_pipeline.providers.base import RemoteState
from translation_pipeline.providers.requests import ExtractionRequest, TranslationRequest

# `JobParams.lang` has words of its own (ims.md 7.2); other languages leave it to the service.
EXTRACTION_LANGUAGES = {"zh": "ch", "zh-tw": "ch", "en": "en"}

# Whether IMS percent-decodes oss:// addresses is not documented (oss.md section 6), so keys with
# any other character travel in the https form, whose encoding is unambiguous.
PLAIN_KEY = re.compile(r"[A-Za-z0-9._/-]+")

CUSTOM_SRT_TYPES: dict[CaptionsAre, str] = {
    "source": "SourceSrt",
    "target": "TargetSrt",
    "bilingual_source_first": "BilingualSrtSrcFirst",
    "bilingual_target_first": "BilingualSrtTgtFirst",
}

TRANSLATION_STATES = {
    "Created": RemoteState.WAITING,
    "Executing": RemoteState.RUNNING,
    "Finished": RemoteState.FINISHED,
    "Failed": RemoteState.FAILED,
}
# Four pages spell these differently (ims.md 7.3); all spellings are accepted.
EXTRACTION_STATES = {
    "Init": RemoteState.WAITING,
    "Queuing": RemoteState.WAITING,
    "Analyzing": RemoteState.RUNNING,
    "Analysing": RemoteState.RUNNING,
    "Processing": RemoteState.RUNNING,
    "Success": RemoteState.FINISHED,
    "Fail": RemoteState.FAILED,
    "Failed": RemoteState.FAILED,
    "Cancelled": RemoteState.FAILED,
    "Canceled": RemoteState.FAILED,
}


def compact(value: Any) -> str:
    """Strict JSON without spaces, as all JSON parameters travel."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def media_address(address: ObjectAddress, region: str) -> str:
    """The form that SubmitIProductionJob wants: oss://, or https for keys with odd characters."""
    if PLAIN_KEY.fullmatch(address.key):
        return address.to_oss()
    return address.to_https(region)


def extraction_fields(request: ExtractionRequest, region: str) -> dict[str, Any]:
    """Input, Output and JobParams of a CaptionExtraction job."""
    params: dict[str, Any] = {
        "fps": request.fps,
        "roi": [list(pair) for pair in request.region],
        "sep": False,
    }
    if request.source_language in EXTRACTION_LANGUAGES:
        params["lang"] = EXTRACTION_LANGUAGES[request.source_language]
    return {
        "Input": {"Type": "OSS", "Media": media_address(request.video, region)},
        "Output": {"Type": "OSS", "Media": media_address(request.output, region)},
        "JobParams": compact(params),
    }


def translation_fields(
    request: TranslationRequest, region: str, *, subtitle_y_from: str = "top"
) -> dict[str, str]:
    """InputConfig, OutputConfig and EditingConfig of a translation job, as JSON text.

    Nothing that nobody decided is filled in. `subtitle_y_from` is the edge from which the service
    counts Y: its sources contradict each other (ims.md section 4.6).
    """
    is_speech = request.level == "speech"
    inputs: dict[str, Any] = {"Type": "Video", "Video": request.video.to_https(region)}
    editing: dict[str, Any] = {
        "SourceLanguage": request.source_language,
        "TargetLanguage": request.target_language,
        "NeedSpeechTranslate": is_speech,
        "NeedFaceTranslate": False,
        "TextSource": request.text_source.upper(),
    }
    detail = _detail(request, subtitle_y_from)
    if request.captions is not None:
        inputs["Subtitle"] = request.captions.to_https(region)
        editing["TextSource"] = "SubtitleFile"
        srt_type = CUSTOM_SRT_TYPES[request.captions_are or "source"]
        # Top level for subtitle translation, inside the detail object for speech (ims.md 4.4).
        (detail if is_speech else editing)["CustomSrtType"] = srt_type
    if request.erase == "auto":
        editing["DetextArea"] = "Auto"
    elif request.erase is not None:
        editing["DetextArea"] = compact([list(box) for box in request.erase])
    if request.bilingual:
        editing["BilingualSubtitle"] = True
    if request.support_editing:
        editing["SupportEditing"] = True
    editing["SpeechTranslate" if is_speech else "SubtitleTranslate"] = detail
    return {
        "InputConfig": compact(inputs),
        "OutputConfig": compact({"MediaURL": request.output.to_https(region)}),
        "EditingConfig": compact(editing),
    }


def _detail(request: TranslationRequest, subtitle_y_from: str) -> dict[str, Any]:
    """SubtitleTranslate or SpeechTranslate, with the fields that were decided (ims.md 4.5)."""
    detail: dict[str, Any] = {}
    if request.ocr_area is not None:
        detail["OcrArea"] = list(request.ocr_area)
    if request.subtitle_style is not None:
        detail["SubtitleConfig"] = _counted_from(subtitle_y_from, request.subtitle_style)
    if request.voice is not None:
        detail["VoiceConfig"] = {"Voice": request.voice}
    if request.subtitle_time_force is not None:
        detail["SubtitleTimeForce"] = request.subtitle_time_force
    if request.skip_song is not None:
        detail["SkipSong"] = int(request.skip_song)
    if request.original_job is not None:
        detail["OriginalJobId"] = request.original_job
    return detail


def _counted_from(edge: str, style: dict[str, Any]) -> dict[str, Any]:
    if edge == "top" or "Y" not in style:
        return style
    return {**style, "Y": round(1 - style["Y"], 6)}
