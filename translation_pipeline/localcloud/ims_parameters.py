"""The JSON parameters of the IMS calls as typed, checked models (ims.md sections 4 and 7).

Only what can be judged from the text alone is judged here; whether an object exists, lies in the
right region, or holds valid captions is up to `ims_orders`.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_pascal
from typing_extensions import Self

from translation_pipeline.captions.languages import level_languages
from translation_pipeline.localcloud.engine.geometry import Box, Region
from translation_pipeline.localcloud.rpc import invalid, missing

SrtType = Literal["SourceSrt", "TargetSrt", "BilingualSrtSrcFirst", "BilingualSrtTgtFirst"]

# File extension of MediaURL per InputConfig.Type (ims.md section 4.3).
OUTPUT_EXTENSIONS = {"Video": ".mp4", "Audio": ".wav", "Subtitle": ".srt"}


def _json_if_text(value: Any) -> Any:
    """Areas are `Auto` or JSON inside a JSON string."""
    if not isinstance(value, str) or value == "Auto":
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError(f"{value!r} is neither Auto nor JSON") from None


def _box(value: Any) -> Box:
    """A box written as [x, y, width, height]."""
    numbers = isinstance(value, list) and all(type(edge) in (int, float) for edge in value)
    if not numbers or len(value) != 4:
        raise ValueError(f"{value!r} is no box; write [x, y, width, height], each from 0 to 1")
    return Box(*value)


def _detext_area(value: Any) -> Literal["Auto"] | tuple[Box, ...] | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError('write a string: "Auto", or the list of boxes as JSON inside the string')
    boxes = _json_if_text(value)
    if boxes == "Auto":
        return "Auto"
    if not isinstance(boxes, list) or not boxes:
        raise ValueError("write Auto or a list of boxes, [[x, y, width, height], …]")
    return tuple(_box(box) for box in boxes)


def _ocr_area(value: Any) -> Box | None:
    area = _json_if_text(value)
    return None if area in (None, "Auto") else _box(area)


def _region(value: Any) -> Region:
    try:
        (top, bottom), (left, right) = value
        return Region(top, bottom, left, right)
    except TypeError:
        raise ValueError(f"{value!r} is no region; write [[top, bottom], [left, right]]") from None


class WireModel(BaseModel):
    """JSON types count: "true" is no boolean. Unknown fields are ignored, as a service would."""

    model_config = ConfigDict(
        alias_generator=to_pascal, frozen=True, strict=True, arbitrary_types_allowed=True
    )


class InputConfig(WireModel):
    """ims.md section 4.2."""

    type: Literal["Video", "Audio", "Subtitle"]
    video: str | None = None
    audio: str | None = None
    subtitle: str | None = None

    @model_validator(mode="after")
    def _has_its_file(self) -> Self:
        if not getattr(self, self.type.lower()):
            raise ValueError(f"Type is {self.type}, but the field {self.type} is missing")
        return self


class OutputConfig(WireModel):
    """ims.md section 4.3."""

    output_target: Literal["OSS"] = "OSS"
    media_url: str = Field(alias="MediaURL", min_length=1)
    width: int | None = Field(None, gt=0)
    height: int | None = Field(None, gt=0)


class SubtitleTranslate(WireModel):
    """ims.md section 4.5; SubtitleConfig present = burnt in, checked by the engine."""

    ocr_area: Annotated[Any, BeforeValidator(_ocr_area)] = None
    subtitle_config: dict[str, Any] | None = None
    custom_srt_type: SrtType | None = None


class SpeechTranslate(SubtitleTranslate):
    """ims.md section 4.5."""

    voice_config: dict[str, Any] | None = None
    subtitle_time_force: bool = False
    original_job_id: str | None = None
    skip_song: Literal[0, 1] = 0


class EditingConfig(WireModel):
    """ims.md section 4.4, with the rules between its fields."""

    source_language: str
    target_language: str
    need_speech_translate: bool = False
    need_face_translate: bool = False
    subtitle_translate: SubtitleTranslate | None = None
    speech_translate: SpeechTranslate | None = None
    text_source: Literal["OCR_ASR", "OCR", "ASR", "ALL", "SubtitleFile"] = "OCR_ASR"
    custom_srt_type: SrtType | None = None
    detext_area: Annotated[Any, BeforeValidator(_detext_area)] = None
    bilingual_subtitle: bool = False
    support_editing: bool = False

    @property
    def level(self) -> Literal["subtitle", "speech"]:
        """What is translated; lip-sync is refused before anyone asks."""
        return "speech" if self.need_speech_translate else "subtitle"

    @property
    def target_languages(self) -> list[str]:
        """The target languages in the order in which they were written."""
        return self.target_language.split(",")

    @property
    def detail(self) -> SubtitleTranslate:
        """The detail object of the level."""
        detail = self.speech_translate if self.need_speech_translate else self.subtitle_translate
        return detail or SubtitleTranslate()

    @property
    def srt_type(self) -> SrtType | None:
        """CustomSrtType: inside SpeechTranslate at speech level, where all sources want it; at
        subtitle level, where they disagree, at the top or inside (ims.md section 4.4)."""
        top = None if self.need_speech_translate else self.custom_srt_type
        return top or self.detail.custom_srt_type

    @property
    def original_job_id(self) -> str | None:
        """The job that this one corrects."""
        return self.speech_translate.original_job_id if self.speech_translate else None

    @field_validator("need_face_translate")
    @classmethod
    def _no_face(cls, value: bool) -> bool:
        if value:
            raise ValueError("lip-sync (face level) is not offered here; send false")
        return value

    @model_validator(mode="after")
    def _has_the_detail_object_of_its_level(self) -> Self:
        if self.subtitle_translate and self.speech_translate:
            raise ValueError("SubtitleTranslate and SpeechTranslate exclude each other")
        wanted = "SpeechTranslate" if self.need_speech_translate else "SubtitleTranslate"
        if not (self.speech_translate if self.need_speech_translate else self.subtitle_translate):
            raise ValueError(
                f"NeedSpeechTranslate is {str(self.need_speech_translate).lower()}: "
                f"{wanted} is required"
            )
        return self

    @model_validator(mode="after")
    def _knows_its_languages(self) -> Self:
        known = level_languages("ims", self.level)
        if known is not None:
            self._require_known("SourceLanguage", [self.source_language], known.source)
            self._require_known("TargetLanguage", self.target_languages, known.target)
        if len(set(self.target_languages)) < len(self.target_languages):
            raise ValueError(f"TargetLanguage {self.target_language!r} names a language twice")
        return self

    def _require_known(self, field: str, codes: list[str], known: tuple[str, ...]) -> None:
        for code in codes:
            if code not in known:
                raise ValueError(
                    f"{field} {code!r} is not supported at {self.level} level; "
                    f"choose from {' '.join(known)}"
                )

    @model_validator(mode="after")
    def _text_source_fits(self) -> Self:
        if self.text_source == "SubtitleFile" and self.srt_type is None:
            place = " inside SpeechTranslate" if self.need_speech_translate else ""
            raise ValueError(f"TextSource is SubtitleFile: CustomSrtType is required{place}")
        if self.text_source == "ALL" and self.need_speech_translate:
            raise ValueError("TextSource ALL is for the subtitle level only")
        if self.original_job_id and self.text_source != "SubtitleFile":
            raise ValueError("OriginalJobId corrects captions: TextSource has to be SubtitleFile")
        nested = self.detail.custom_srt_type
        if self.custom_srt_type and nested and self.custom_srt_type != nested:
            raise ValueError("CustomSrtType is given twice, with two values")
        return self


class MediaReference(WireModel):
    """Input and Output of SubmitIProductionJob (ims.md section 7.1)."""

    type: Literal["OSS", "Media"]
    media: str = Field(min_length=1)


class ScheduleConfig(WireModel):
    """ims.md section 7.1. Accepted and checked; jobs are served in order of acceptance."""

    pipeline_id: str | None = None
    priority: int | None = Field(None, ge=1, le=10)


class CaptionParams(BaseModel):
    """JobParams of CaptionExtraction (ims.md section 7.2)."""

    model_config = ConfigDict(frozen=True, strict=True, arbitrary_types_allowed=True)

    fps: int = Field(5, ge=2, le=10)
    roi: Annotated[Any, BeforeValidator(_region)] = Region(0.75, 1, 0, 1)
    sep: bool = False
    formatter: str = ""
    lang: Literal["ch", "en", "ch_ml"] | None = None
    track: Literal["main"] | None = None


Model = TypeVar("Model", bound=BaseModel)


def parse_json(model: type[Model], name: str, parameters: dict[str, str]) -> Model:
    """The JSON parameter `name` as a model. Raises `RpcError` with every problem it has."""
    text = parameters.get(name)
    if not text:
        raise missing(name)
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise invalid(name, "; ".join(_problem(found) for found in error.errors())) from None


def _problem(found: Any) -> str:
    field = ".".join(str(part) for part in found["loc"])
    reason = found["msg"].removeprefix("Value error, ")
    return f"{field}: {reason}" if field else reason
