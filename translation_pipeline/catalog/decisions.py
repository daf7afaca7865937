"""The single decisions of a catalog file: each a type that reads, checks and explains itself."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    field_validator,
    model_validator,
)

from translation_pipeline.captions.languages import languages, level_languages
from translation_pipeline.captions.profiles import Profile, profile_of
from translation_pipeline.catalog.addresses import bucket_problem
from translation_pipeline.catalog.areas import Box, Region, read_boxes, read_region
from translation_pipeline.catalog.partitions import Shards
from translation_pipeline.catalog.patterns import KeyPattern
from translation_pipeline.catalog.problems import problem
from translation_pipeline.errors import ConfigurationError

MOST_SHARDS: Final = 10_000  # times languages, Dagster has to show them all
LANGUAGE_CODE: Final = re.compile(r"[A-Za-z]{2,}(-[A-Za-z0-9]+)*")
ALL_LANGUAGES: Final = "all"  # among caption profiles
# What a caption file for a translation holds, and where the service takes the words from without
# one (ims.md section 4.4).
CaptionsAre = Literal["source", "target", "bilingual_source_first", "bilingual_target_first"]
TextSource = Literal["ocr_asr", "ocr", "asr", "all"]
# The guide calls the middle one standard (ims.md section 4.6).
FONT_SIZES: Final = {"small": 60, "medium": 95, "standard": 95, "large": 130}


def _bucket(name: str) -> str:
    wrong = bucket_problem(name)
    if wrong:
        raise problem(*wrong.split(". ", 1))
    return name


def _prefix(prefix: str) -> str:
    if not re.fullmatch(r"[^/\\].*/", prefix, re.DOTALL):
        raise problem(f"{prefix!r} is no folder")
    return prefix


def _listed(value: Any) -> Any:
    if isinstance(value, list | tuple) and not value:
        raise problem("is an empty list")
    return value


def _language_code(code: Any) -> Any:
    if isinstance(code, bool):
        raise problem(
            "is read by YAML as true or false, not as a language",
            'Put the code in quotes: "no" for Norwegian.',
        )
    if isinstance(code, str) and not LANGUAGE_CODE.fullmatch(code):
        raise problem(f"{code!r} is no language code", "Write a code such as en or zh-tw.")
    return code


def _key_pattern(text: Any) -> KeyPattern:
    if isinstance(text, KeyPattern):
        return text
    try:
        return KeyPattern(text if isinstance(text, str) else "")
    except ValueError as error:
        raise problem(f"{text!r} is no key pattern: {error}") from None


def _refuse_empty(value: Any) -> None:
    if value is None:
        raise problem("is empty, which decides nothing")


def _erase(value: Any) -> Literal["auto"] | tuple[Box, ...] | None:
    _refuse_empty(value)
    if value == "none":
        return None
    if value == "auto":
        return "auto"
    try:
        return read_boxes(value)
    except ValueError as error:
        raise problem(f"is not understood: {error}") from None


def _region(value: Any) -> Region | None:
    if value is None or isinstance(value, Region):
        return value
    try:
        return read_region(value)
    except ValueError as error:
        raise problem(f"is not understood: {error}") from None


def _burn_in(value: Any) -> Any:
    _refuse_empty(value)
    if value == "none":
        return None
    if isinstance(value, bool | str | list | int | float):
        raise problem(f"{value!r} is no style")
    return value


def _partition_by(value: Any) -> Shards | None:
    if value == "title":
        return None
    if not isinstance(value, dict) or list(value) != ["shards"]:
        raise problem("is not understood")
    count = value["shards"]
    if isinstance(count, bool) or not isinstance(count, int) or not 2 <= count <= MOST_SHARDS:
        raise problem(
            f"says shards: {count!r}, which is no number of them",
            f"Write a number from 2 to {MOST_SHARDS}.",
        )
    return Shards(count)


Bucket = Annotated[str, AfterValidator(_bucket)]
Prefix = Annotated[str, AfterValidator(_prefix)]
LanguageCode = Annotated[str, BeforeValidator(_language_code)]
Pattern = Annotated[KeyPattern, PlainValidator(_key_pattern), PlainSerializer(str)]
NotEmpty = BeforeValidator(_listed)
Fraction = Annotated[float, Field(ge=0, le=1)]
Cap = Annotated[Decimal, Field(gt=0)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Budget(Part):
    """Hard caps, in `currency`. A cap that is absent does not limit."""

    per_run: Cap | None = Field(None, description="Write an amount, the most that a run may cost.")
    per_title: Cap | None = Field(
        None, description="Write an amount, the most that a title may cost."
    )
    per_language: Cap | None = Field(
        None, description="Write an amount, the most that a language of a title may cost."
    )
    per_month: Cap | None = Field(
        None, description="Write an amount, the most that a calendar month may cost."
    )
    currency: str = Field(
        pattern=r"^[A-Z]{3}$",
        description="Write the currency of the amounts in three capital letters, such as CNY.",
    )

    @model_validator(mode="after")
    def _caps_something(self) -> Budget:
        caps = (self.per_run, self.per_title, self.per_language, self.per_month)
        if all(cap is None for cap in caps):
            raise problem(
                "limits nothing",
                "Write per_run, per_title, per_language or per_month, or leave out.",
            )
        return self


class BurnIn(Part):
    """How the translated captions look in the picture (ims.md section 4.6).

    `style` presets the font size, which `font_size` overrides. Positions are fractions of the
    picture with the origin at the top left; what is None is left to the service.
    """

    style: Literal["small", "medium", "standard", "large"] = Field(
        description="Choose small, medium (also called standard) or large."
    )
    font: str | None = Field(None, min_length=1, description="Write a font's name.")
    font_size: int | None = Field(None, ge=1, le=400, description="Write a size from 1 to 400.")
    font_color: str = Field(
        "#ffffff", pattern=r"^#[0-9a-fA-F]{6}$", description='Write a colour as "#rrggbb".'
    )
    font_color_opacity: Fraction = Field(1.0, description="Write a number from 0 to 1.")
    outline: int = Field(2, ge=0, le=20, description="Write a width from 0 to 20.")
    x: Fraction | None = Field(None, description="Write a fraction from 0 (left) to 1 (right).")
    y: Fraction = Field(0.85, description="Write a fraction from 0 (top) to 1 (bottom).")
    text_width: Fraction = Field(0.9, description="Write a fraction of the picture's width.")
    alignment: Literal["Left", "Center", "Right"] = Field(
        "Center", description="Choose Left, Center or Right."
    )

    def as_subtitle_config(self) -> dict[str, Any]:
        """The service's SubtitleConfig (ims.md section 4.6)."""
        config = {
            "Type": "Text",
            "FontSize": self.font_size or FONT_SIZES[self.style],
            "Font": self.font,
            "FontColor": self.font_color,
            "FontColorOpacity": self.font_color_opacity,
            "X": self.x,
            "Y": self.y,
            "TextWidth": self.text_width,
            "Alignment": self.alignment,
            "BorderStyle": 1,
            "Outline": self.outline,
            "AdaptMode": "AutoWrap",
        }
        return {name: value for name, value in config.items() if value is not None}


class Speech(Part):
    """How the new voices are made (ims.md section 4.5). What is absent is left to the service."""

    voice: str | None = Field(
        None, min_length=1, description="Write a voice's name, such as zhiyan_emo."
    )
    only_at_captions: bool | None = Field(
        None, description="Choose true (speech is translated only while captions show) or false."
    )
    skip_song: bool | None = Field(
        None, description="Choose true (singing without music is left alone) or false."
    )


class CaptionProfile(Part):
    """Changes to the limits that captions of a language are judged by (docs/captions.md)."""

    max_cps: float | None = Field(
        None, gt=0, description="Write the most characters a second, such as 15."
    )
    max_line_length: float | None = Field(
        None, gt=0, description="Write the most characters of a line, such as 42."
    )
    max_lines: int | None = Field(None, ge=1, description="Write the most lines of a cue.")
    min_duration_ms: int | None = Field(
        None, ge=0, description="Write the least milliseconds of a cue, such as 833."
    )
    max_duration_ms: int | None = Field(
        None, gt=0, description="Write the most milliseconds of a cue, such as 7000."
    )
    min_gap_frames: float | None = Field(
        None, ge=0, description="Write the least frames between cues, such as 2."
    )
    counts: Literal["graphemes", "widths"] | None = Field(
        None, description="Choose graphemes or widths: what a character is."
    )
    severities: dict[str, Literal["error", "warning", "off"]] = Field(
        default_factory=dict,
        description="Write rules with error, warning or off, such as {reading_speed: error}.",
    )

    @field_validator("severities", mode="before")
    @classmethod
    def _severities_of_known_rules(cls, severities: Any) -> Any:
        if not isinstance(severities, dict):
            return severities
        # YAML reads an unquoted off as false.
        words = {rule: "off" if word is False else word for rule, word in severities.items()}
        try:
            profile_of("en").overridden({"severities": words})
        except ConfigurationError as error:
            wrong = str(error).removeprefix("Caption profile: ").rstrip(".")
            raise problem(f"are not understood: {wrong}") from None
        return words

    def applied_to(self, profile: Profile) -> Profile:
        """The profile with these changes."""
        return profile.overridden(self.model_dump(exclude_none=True))


def _profile_codes(profiles: Any) -> Any:
    if not isinstance(profiles, dict):
        raise problem("is no set of languages")
    for code in profiles:
        _language_code(code)
        if code != ALL_LANGUAGES and str(code).split("-")[0] not in languages():
            raise problem(
                f"names {code!r}, which is no known language",
                f"Write a code such as en, or {ALL_LANGUAGES} for every language.",
            )
    return profiles


CaptionProfiles = Annotated[dict[str, CaptionProfile], BeforeValidator(_profile_codes)]


def _supported(code: str, info: ValidationInfo, side: Literal["source", "target"]) -> str:
    provider, level = info.data.get("provider"), info.data.get("level")
    codes = level_languages(provider, level) if provider and level else None
    extra = {
        *info.data.get("allow_languages", ()),
        *(info.context or {}).get("allow_languages", ()),
    }
    known = getattr(codes, side) if codes else (code,)
    if code not in known and code not in extra:
        verb = "from" if side == "source" else "into"
        raise problem(
            f"{provider} is not known to translate {verb} {code!r} at level {level}",
            f"Choose one of {', '.join(known)}; or, when the service takes it, add it to "
            "allow_languages.",
        )
    return code


def _supported_source(code: str, info: ValidationInfo) -> str:
    return _supported(code, info, "source")


def _supported_target(code: str, info: ValidationInfo) -> str:
    if code == info.data.get("source_language"):
        raise problem(f"{code!r} is the source language too", "Remove it here.")
    return _supported(code, info, "target")


SourceLanguage = Annotated[LanguageCode, AfterValidator(_supported_source)]
TargetLanguage = Annotated[LanguageCode, AfterValidator(_supported_target)]
CaptionRegion = Annotated[Region | None, BeforeValidator(_region)]
Erase = Annotated[Literal["auto"] | tuple[Box, ...] | None, BeforeValidator(_erase)]
PartitionBy = Annotated[Shards | None, PlainValidator(_partition_by)]
BurnInOrNone = Annotated[BurnIn | None, BeforeValidator(_burn_in)]
