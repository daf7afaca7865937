"""From the checked parameters of a submit call to the order for a job.

Here everything is judged that takes a look at the stored objects: addresses, regions, existence,
subtitle files. Every refusal is an `RpcError` that names the parameter.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from translation_pipeline.localcloud.addresses import (
    AddressError,
    ObjectAddress,
    parse_address,
)
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.geometry import Box
from translation_pipeline.localcloud.engine.subtitle_file import read_subtitle
from translation_pipeline.localcloud.ims_parameters import (
    OUTPUT_EXTENSIONS,
    CaptionParams,
    EditingConfig,
    InputConfig,
    MediaReference,
    OutputConfig,
    ScheduleConfig,
    SpeechTranslate,
    parse_json,
)
from translation_pipeline.localcloud.jobs import JobKind, JobOrder
from translation_pipeline.localcloud.media_assets import MediaAssets
from translation_pipeline.localcloud.objects import ObjectStore, StoredObject
from translation_pipeline.localcloud.oss_errors import OssError
from translation_pipeline.localcloud.rpc import RpcError, invalid, missing

CAPTION_SCHEMES = ("oss", "https", "http")  # ims.md section 3
TRANSLATION_SCHEMES = ("https",)

CAPTION_FUNCTION = "CaptionExtraction"
# ims.md section 7.1: known to the service, not offered by this stand-in.
OTHER_FUNCTIONS = (
    "Cover",
    "VideoClip",
    "VideoDelogo",
    "VideoDetext",
    "VideoGreenScreenMatting",
    "FaceBeauty",
    "VideoH2V",
    "MusicSegmentDetect",
    "AudioBeatDetection",
    "AudioQualityAssessment",
    "SpeechDenoise",
    "AudioMixing",
    "MusicDemix",
)

# ims.md sections 4.1 and 7.1
MAX_NAME_CHARACTERS = 100
MAX_CAPTION_USER_DATA_CHARACTERS = 256
MAX_TRANSLATION_USER_DATA_BYTES = 512
MAX_CLIENT_TOKEN_CHARACTERS = 64

INVALID_SUBTITLE = "InputConfig.Subtitle is invalid"
MAX_SUBTITLE_BYTES = 10 * 2**20
MAX_MEDIA_BYTES = 2 * 2**30  # ims.md section 4.8; the length of time is looked at by the job

# Replaced by the language code in MediaURL when a job has several target languages
# (ims.md section 4.3, third-party).
LANGUAGE_PLACEHOLDER = "{language_id}"


@dataclass(frozen=True)
class ImsOrders:
    """Builds orders for one region out of the objects and media assets that exist."""

    objects: ObjectStore
    assets: MediaAssets
    region: str

    def caption_extraction(self, parameters: dict[str, str]) -> JobOrder:
        """SubmitIProductionJob (ims.md section 7). Raises `RpcError`."""
        _require_caption_function(parameters)
        _limit(parameters, "Name", MAX_NAME_CHARACTERS)
        _limit(parameters, "UserData", MAX_CAPTION_USER_DATA_CHARACTERS)
        if "ScheduleConfig" in parameters:
            parse_json(ScheduleConfig, "ScheduleConfig", parameters)
        source = parse_json(MediaReference, "Input", parameters)
        target = parse_json(MediaReference, "Output", parameters)
        params = CaptionParams()
        if parameters.get("JobParams"):
            params = parse_json(CaptionParams, "JobParams", parameters)
        if target.type != "OSS":
            raise invalid("Output.Type", f"{target.type!r} is not offered here; use OSS")
        video = self.source("Input.Media", source.media, CAPTION_SCHEMES)
        self._require_size("Input.Media", video)
        output = self._target("Output.Media", target.media, CAPTION_SCHEMES)
        if params.sep and not any(p in output.key for p in ("{resultType}", "{sequenceId}")):
            raise invalid(
                "Output.Media",
                f"{target.media!r}: sep is true, so two files are written; "
                "put {resultType} into the key to keep them apart",
            )
        region = params.roi
        work = {
            "fps": params.fps,
            "region": [region.top, region.bottom, region.left, region.right],
            "separate": params.sep,
            "formatter": params.formatter,
            "language": params.lang,
        }
        return JobOrder(
            kind=JobKind.CAPTION_EXTRACTION,
            wire=parameters,
            work={**work, "key": output.key, "source_key": video.key},
            inputs={"video": video},
            output=output,
            identity=self._identity({"video": video}, work),
        )

    def video_translation(self, parameters: dict[str, str], client_token: str | None) -> JobOrder:
        """SubmitVideoTranslationJob (ims.md section 4). Raises `RpcError`."""
        user_data = parameters.get("UserData", "")
        if len(user_data.encode()) > MAX_TRANSLATION_USER_DATA_BYTES:
            raise invalid(
                "UserData",
                f"{len(user_data.encode())} bytes; at most {MAX_TRANSLATION_USER_DATA_BYTES}",
            )
        source = parse_json(InputConfig, "InputConfig", parameters)
        target = parse_json(OutputConfig, "OutputConfig", parameters)
        editing = parse_json(EditingConfig, "EditingConfig", parameters)
        _require_type_of_level(source, editing)
        inputs = self._translation_inputs(source, editing)
        output = self._target("OutputConfig.MediaURL", target.media_url, TRANSLATION_SCHEMES)
        keys = _target_keys(output, editing.target_languages, OUTPUT_EXTENSIONS[source.type])
        work = _translation_work(editing)
        return JobOrder(
            kind=JobKind.VIDEO_TRANSLATION,
            wire=parameters,
            work={**work, "target_keys": keys},
            inputs=inputs,
            output=output,
            identity=self._identity(inputs, {**work, "languages": sorted(keys)}),
            client_token=client_token,
        )

    def _translation_inputs(
        self, source: InputConfig, editing: EditingConfig
    ) -> dict[str, ObjectAddress]:
        """Role -> object. The subtitle file is read only where it counts."""
        roles = [source.type]
        if editing.text_source == "SubtitleFile" and source.type != "Subtitle":
            roles.append("Subtitle")
        inputs = {}
        for role in roles:
            text = getattr(source, role.lower())
            name = f"InputConfig.{role}"
            if not text:
                raise invalid(name, f"TextSource is {editing.text_source}: {role} is required")
            inputs[role.lower()] = self.source(name, text, TRANSLATION_SCHEMES)
            self._require_size(name, inputs[role.lower()])
        if "subtitle" in inputs:
            self._require_valid_captions(inputs["subtitle"])
        return inputs

    def _require_size(self, name: str, address: ObjectAddress) -> None:
        stored = self.stored(address)
        if stored and stored.size > MAX_MEDIA_BYTES:
            raise invalid(
                name,
                f"{address} has {stored.size} bytes; at most {MAX_MEDIA_BYTES} (2 GB) are taken",
            )

    def source(self, name: str, text: str, schemes: tuple[str, ...]) -> ObjectAddress:
        """The existing object that a media id or an address names. Raises `RpcError`."""
        asset = self.assets.get(text)
        return asset.address if asset else self.existing(name, text, schemes)

    def existing(self, name: str, text: str, schemes: tuple[str, ...]) -> ObjectAddress:
        """The existing object that an address names. Raises `RpcError`."""
        address = self.address(name, text, schemes)
        if self.stored(address) is None:
            raise invalid(name, f"{address} does not exist")
        return address

    def stored(self, address: ObjectAddress) -> StoredObject | None:
        """The object as it is now; None when it or its bucket does not exist."""
        try:
            return self.objects.head(address.bucket, address.key)
        except OssError:
            return None

    def _target(self, name: str, text: str, schemes: tuple[str, ...]) -> ObjectAddress:
        address = self.address(name, text, schemes)
        if not self.objects.bucket_exists(address.bucket):
            raise invalid(name, f"bucket {address.bucket!r} does not exist")
        return address

    def address(self, name: str, text: str, schemes: tuple[str, ...]) -> ObjectAddress:
        """What an address names, existing or not. Raises `RpcError`."""
        try:
            return parse_address(text, region=self.region, schemes=schemes)
        except AddressError as refused:
            raise invalid(name, str(refused)) from None

    def _require_valid_captions(self, address: ObjectAddress) -> None:
        """ims.md sections 11 and 12: one cue without text makes the whole file invalid."""
        stored = self.stored(address)
        if stored and stored.size > MAX_SUBTITLE_BYTES:  # a video by mistake: do not read it whole
            raise RpcError(
                INVALID_SUBTITLE,
                f"{INVALID_SUBTITLE}: {address} has {stored.size} bytes; that is no caption file.",
            )
        try:
            read_subtitle(stored.path if stored else None)
        except JobFailed as failure:
            raise RpcError(INVALID_SUBTITLE, failure.message) from None

    def _identity(self, inputs: dict[str, ObjectAddress], work: dict[str, Any]) -> str:
        """Equal for jobs that do the same to the same content, wherever it lies."""
        content = {}
        for role, address in inputs.items():
            stored = self.stored(address)
            content[role] = stored and [stored.size, stored.crc64]
        text = json.dumps([content, work], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def client_token(parameters: dict[str, str]) -> str | None:
    """The idempotency token, at most 64 ASCII characters (ims.md section 4.1)."""
    token = parameters.get("ClientToken") or None
    if token and (not token.isascii() or len(token) > MAX_CLIENT_TOKEN_CHARACTERS):
        raise invalid(
            "ClientToken",
            f"{token!r} has to be at most {MAX_CLIENT_TOKEN_CHARACTERS} ASCII characters",
        )
    return token


def _require_caption_function(parameters: dict[str, str]) -> None:
    function = parameters.get("FunctionName")
    if not function:
        raise missing("FunctionName")
    if function in OTHER_FUNCTIONS:
        raise invalid("FunctionName", f"{function} is not offered here; {CAPTION_FUNCTION} is")
    if function != CAPTION_FUNCTION:
        known = ", ".join((CAPTION_FUNCTION, *OTHER_FUNCTIONS))
        raise invalid("FunctionName", f"{function!r} is none of {known}")


def _limit(parameters: dict[str, str], name: str, characters: int) -> None:
    length = len(parameters.get(name, ""))
    if length > characters:
        raise invalid(name, f"{length} characters; at most {characters}")


def _require_type_of_level(source: InputConfig, editing: EditingConfig) -> None:
    """ims.md section 4.2, last line."""
    allowed = ("Video", "Subtitle") if editing.level == "subtitle" else ("Video", "Audio")
    if source.type not in allowed:
        raise invalid(
            "InputConfig.Type",
            f"{source.type} cannot be translated at {editing.level} level; "
            f"use {' or '.join(allowed)}",
        )


def _target_keys(output: ObjectAddress, languages: list[str], extension: str) -> dict[str, str]:
    """Language -> key of its result."""
    if not output.key.lower().endswith(extension):
        raise invalid("OutputConfig.MediaURL", f"{output} has to end with {extension}")
    if len(languages) > 1 and LANGUAGE_PLACEHOLDER not in output.key:
        raise invalid(
            "OutputConfig.MediaURL",
            f"{output} would be written once for each of {len(languages)} languages; "
            f"put {LANGUAGE_PLACEHOLDER} into the key, or submit one job for each language",
        )
    return {lang: output.key.replace(LANGUAGE_PLACEHOLDER, lang) for lang in languages}


def _translation_work(editing: EditingConfig) -> dict[str, Any]:
    """What `media_jobs.video_translation` reads, without the keys of the results."""
    detail = editing.detail
    return {
        "level": editing.level,
        "source_language": editing.source_language,
        "text_source": editing.text_source,
        "subtitle_type": editing.srt_type,
        "ocr_area": None if detail.ocr_area is None else _edges(detail.ocr_area),
        "erase": _erase(editing),
        "burn_in": detail.subtitle_config,
        "bilingual": editing.bilingual_subtitle,
        "dubbing": _dubbing(editing.speech_translate),
        "for_fix": editing.need_speech_translate and editing.support_editing,
        "original_job": editing.original_job_id,
    }


def _dubbing(speech: SpeechTranslate | None) -> dict[str, Any] | None:
    """The fields of `dubbing.DubbingSpec`; None at subtitle level."""
    if speech is None:
        return None
    return {
        "voice": (speech.voice_config or {}).get("Voice"),
        "inside_captions": speech.subtitle_time_force,
        "skip_songs": bool(speech.skip_song),
    }


def _erase(editing: EditingConfig) -> str | list[list[float]] | None:
    area = editing.detext_area
    if area is None:
        return None
    return "auto" if area == "Auto" else [_edges(box) for box in area]


def _edges(box: Box) -> list[float]:
    return [box.x, box.y, box.width, box.height]
