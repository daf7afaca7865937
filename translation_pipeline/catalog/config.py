"""The catalog file: what a person decided, as frozen objects that nobody has to check again.

Nothing that a person must be asked is inferred: such a field has no default. Every problem of a
file is reported at once, each with its field, line and remedy.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, product
from typing import Annotated, Any, Final, Literal, NamedTuple

import yaml
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from translation_pipeline.captions.profiles import Profile, profile_of
from translation_pipeline.catalog.areas import Region
from translation_pipeline.catalog.decisions import (
    ALL_LANGUAGES,
    Bucket,
    Budget,
    BurnInOrNone,
    CaptionProfiles,
    CaptionRegion,
    CaptionsAre,
    Erase,
    LanguageCode,
    NotEmpty,
    Part,
    PartitionBy,
    Pattern,
    Prefix,
    SourceLanguage,
    Speech,
    TargetLanguage,
    TextSource,
)
from translation_pipeline.catalog.patterns import KeyPattern
from translation_pipeline.catalog.problems import Problem, problem, problems_of, report
from translation_pipeline.catalog.yaml_source import read_yaml
from translation_pipeline.errors import CatalogInvalid

# Folders of the output bucket that reports are written to.
COVERAGE_PREFIX: Final = "coverage/"
MANIFESTS_PREFIX: Final = "manifests/"


class TitleRule(Part):
    """What was decided for all titles that `match` finds (design, section 4)."""

    match: Pattern = Field(
        description='Write where the videos are, such as "incoming/{title}/{video}.mp4".'
    )
    provider: Literal["ims", "vod", "akool"] = Field("ims", description="Choose ims, vod or akool.")
    level: Literal["subtitle", "speech"] = Field(
        description="Choose subtitle (captions are translated) or speech (the voices too)."
    )
    allow_languages: tuple[LanguageCode, ...] = Field(
        (), description="Write a list of codes that the service takes and this product not yet."
    )
    source_language: SourceLanguage = Field(
        description="Write the code of the language of the videos, such as zh."
    )
    target_languages: Annotated[tuple[TargetLanguage, ...], NotEmpty] = Field(
        description="Write the codes to translate into, such as [en, es]."
    )
    captions: Literal["direct", "review", "provided"] = Field(
        description="Choose direct (the service reads them and goes on), review (they are "
        "extracted and a person approves them first) or provided (SRT files are there)."
    )
    caption_region: CaptionRegion = Field(
        None,
        validate_default=True,
        description="Write where the captions are, [[top, bottom], [left, right]] as fractions; "
        "the bottom quarter of the picture is [[0.75, 1], [0, 1]].",
    )
    caption_fps: int = Field(
        5, ge=2, le=10, description="Write how many frames a second are read, from 2 to 10."
    )
    provided_srt: Pattern | None = Field(
        None,
        validate_default=True,
        description='Write where the SRT files are, such as "incoming/{title}/{video}.srt".',
    )
    provided_srt_is: CaptionsAre | None = Field(
        None,
        validate_default=True,
        description="Choose source, target, bilingual_source_first or bilingual_target_first: what "
        "the SRT files hold.",
    )
    text_source: TextSource | None = Field(
        None,
        description="Choose ocr_asr (captions in the picture, else speech), ocr, asr or all "
        "(speech, corrected by the captions; subtitle level only).",
    )
    speech: Speech | None = Field(None, description="Write a set such as {voice: zhiyan_emo}.")
    support_editing: bool = Field(
        False, description="Choose true (the service keeps what a correction needs) or false."
    )
    erase: Erase = Field(
        description="Choose none (the old captions stay), auto (they are found and erased) or "
        "boxes [[x, y, width, height], …] as fractions of the picture."
    )
    burn_in: BurnInOrNone = Field(
        description="Choose none (captions only as files beside the video) or a style such as "
        "{style: standard}."
    )
    bilingual: bool = Field(False, description="Choose true or false.")
    glossary: Pattern | None = Field(
        None, description='Write where the glossaries are, such as "glossaries/{title}.yaml".'
    )
    caption_profiles: CaptionProfiles = Field(
        default_factory=dict,
        description="Write changes by language, such as {en: {max_cps: 15}}, or for all languages.",
    )
    budget: Budget | None = Field(
        None, description="Write caps such as {per_run: 500, currency: CNY}."
    )
    output: Pattern | None = Field(
        None,
        description="Write a key that ends in .mp4 and has {title}, {video}, {language}, {id}.",
    )

    @property
    def output_pattern(self) -> KeyPattern:
        """Where translated videos go: as decided, else beside the source, in the same folder."""
        return self.output or _beside(self.match)

    def ocr_area(self) -> tuple[float, float, float, float] | None:
        """Where a direct translation looks for captions, as x, y, width, height."""
        if self.captions != "direct" or self.caption_region is None:
            return None
        return self.caption_region.as_box().as_tuple()

    def erase_areas(self) -> Literal["auto"] | tuple[tuple[float, float, float, float], ...] | None:
        """What to erase, as plain values: nothing, what the service finds, or x, y, w, h."""
        if isinstance(self.erase, tuple):
            return tuple(box.as_tuple() for box in self.erase)
        return self.erase

    def subtitle_style(self) -> dict[str, Any] | None:
        """The service's SubtitleConfig; None when nothing is burnt in (ims.md section 4.5)."""
        return self.burn_in.as_subtitle_config() if self.burn_in else None

    def caption_profile(self, language: str) -> Profile:
        """The limits for captions in a language: its own, with this rule's changes."""
        profile = profile_of(language)
        for code in dict.fromkeys((ALL_LANGUAGES, language.split("-")[0], language)):
            if code in self.caption_profiles:
                profile = self.caption_profiles[code].applied_to(profile)
        return profile

    @field_validator("match")
    @classmethod
    def _match_names_title_and_video(cls, match: KeyPattern) -> KeyPattern:
        return _with_fields(match, required={"title", "video"})

    @field_validator("output")
    @classmethod
    def _output_is_one_mp4_per_job(cls, output: KeyPattern | None) -> KeyPattern | None:
        if output is None:
            return None
        # The service demands the extension (ims.md section 4.3).
        if not output.text.endswith(".mp4"):
            raise problem(f"{output} does not end in .mp4", "Translated videos are mp4: end so.")
        return _with_fields(output, required={"title", "video", "language", "id"})

    @field_validator("glossary")
    @classmethod
    def _glossary_is_per_title(cls, glossary: KeyPattern | None) -> KeyPattern | None:
        return glossary and _with_fields(glossary, required=set(), allowed={"title"})

    @field_validator("target_languages")
    @classmethod
    def _languages_once(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        repeated = sorted({code for code in codes if codes.count(code) > 1})
        if repeated:
            raise problem(f"names {', '.join(repeated)} twice", "Name each language once.")
        return codes

    @field_validator("caption_region")
    @classmethod
    def _review_needs_a_region(cls, region: Region | None, info: ValidationInfo) -> Region | None:
        if region is None and info.data.get("captions") == "review":
            raise problem("is missing, and captions: review needs it")
        return region

    @field_validator("provided_srt")
    @classmethod
    def _provided_needs_a_pattern(
        cls, pattern: KeyPattern | None, info: ValidationInfo
    ) -> KeyPattern | None:
        captions = info.data.get("captions")
        if pattern is None:
            if captions == "provided":
                raise problem("is missing, and captions: provided needs it")
            return None
        if captions in ("direct", "review"):
            raise _only_for_provided(captions)
        if not pattern.text.endswith(".srt"):
            raise problem(f"{pattern} does not end in .srt", "Only SRT files are read: end so.")
        return _with_fields(pattern, required={"title", "video"}, allowed={"language"})

    @field_validator("provided_srt_is")
    @classmethod
    def _speech_must_know_the_language_of_the_srt(
        cls, is_in: str | None, info: ValidationInfo
    ) -> str | None:
        captions, pattern = info.data.get("captions"), info.data.get("provided_srt")
        if is_in is None:
            if captions == "provided" and info.data.get("level") == "speech":
                raise problem("is missing, and level: speech with captions: provided needs it")
            return None
        if captions in ("direct", "review"):
            raise _only_for_provided(captions)
        if is_in != "source" and pattern and "language" not in pattern.fields:
            raise problem(
                f"is {is_in}, but provided_srt names one file for all languages",
                "Put {language} into provided_srt.",
            )
        return is_in

    @field_validator("text_source")
    @classmethod
    def _text_source_is_for_direct(cls, text: str | None, info: ValidationInfo) -> str | None:
        captions = info.data.get("captions")
        if text is not None and captions in ("review", "provided"):
            raise problem(
                f"is not used with captions: {captions}", "Write captions: direct, or remove this."
            )
        if text == "all" and info.data.get("level") == "speech":
            raise problem("is all, which only level: subtitle knows", "Choose ocr_asr, ocr or asr.")
        return text

    @field_validator("speech")
    @classmethod
    def _speech_is_for_its_level(cls, speech: Speech | None, info: ValidationInfo) -> Speech | None:
        if speech is not None and info.data.get("level") == "subtitle":
            raise problem("is not used with level: subtitle", "Write level: speech, or remove it.")
        return speech


def _beside(match: KeyPattern) -> KeyPattern:
    folder = match.text.rpartition("/")[0]
    name = "{video}" if "{title}" in folder else "{title}.{video}"
    return KeyPattern(f"{folder}/{name}.{{language}}.{{id}}.mp4".lstrip("/"))


class RuleMatch(NamedTuple):
    """The rule that decides for a source video, and what its key says."""

    rule: TitleRule
    title: str
    video: str


class Catalog(Part):
    """The whole catalog file. Prefixes are folders in `output_bucket`."""

    bucket: Bucket = Field(description="Write the name of the bucket that the videos are in.")
    output_bucket: Bucket = Field(description="Write the name of the bucket for the results.")
    review_prefix: Prefix = Field("review/", description="Write a folder that ends in /.")
    captions_prefix: Prefix = Field("captions/", description="Write a folder that ends in /.")
    when_gone: Literal["retire", "keep"] = Field(
        "retire",
        description="Choose retire (a deleted video is no longer wanted) or keep (it stays "
        "wanted, and its title unfinished).",
    )
    partition_by: PartitionBy = Field(
        None,
        description="Choose title (a partition is a title), or write {shards: 64}: titles are "
        "hashed into so many partitions.",
    )
    allow_languages: tuple[LanguageCode, ...] = Field(
        (), description="Write a list of codes that the service takes and this product not yet."
    )
    titles: Annotated[tuple[TitleRule, ...], NotEmpty] = Field(
        description="Write a list of rules, each with match, level, captions and so on."
    )

    @field_validator("review_prefix", "captions_prefix")
    @classmethod
    def _reports_are_apart(cls, prefix: str) -> str:
        for taken in (COVERAGE_PREFIX, MANIFESTS_PREFIX):
            if prefix.startswith(taken):
                raise problem(
                    f"{prefix} lies in {taken}, where reports are written", "Name another folder."
                )
        return prefix

    @field_validator("captions_prefix")
    @classmethod
    def _prefixes_are_apart(cls, prefix: str, info: ValidationInfo) -> str:
        review = info.data.get("review_prefix")
        if review and (prefix.startswith(review) or review.startswith(prefix)):
            raise problem(
                f"{prefix} and review_prefix {review} lie inside one another",
                "A person's files and the extracted ones need separate folders.",
            )
        return prefix

    @property
    def languages(self) -> tuple[str, ...]:
        """All languages that any rule wants, sorted."""
        return tuple(sorted({code for rule in self.titles for code in rule.target_languages}))

    def rule_for(self, key: str) -> RuleMatch | None:
        """The rule whose pattern `key` matches, with title and video; None when there is none."""
        for rule in self.titles:
            fields = rule.match.match(key)
            if fields is not None:
                return RuleMatch(rule, fields["title"], fields["video"])
        return None


def _with_fields(
    pattern: KeyPattern, *, required: set[str], allowed: Iterable[str] = ()
) -> KeyPattern:
    absent = sorted(required - pattern.fields)
    if absent:
        names = ", ".join(f"{{{name}}}" for name in absent)
        raise problem(f"{pattern} lacks {names}", f"Put {names} where the key says it.")
    unknown = sorted(pattern.fields - required - set(allowed))
    if unknown:
        names = ", ".join(f"{{{name}}}" for name in unknown)
        known = ", ".join(f"{{{name}}}" for name in sorted(required | set(allowed)))
        raise problem(f"{pattern} has {names}, which means nothing here", f"Use only {known}.")
    return pattern


def _only_for_provided(captions: str) -> PydanticCustomError:
    return problem(
        f"is not used with captions: {captions}", "Write captions: provided, or remove this."
    )


def load_catalog(text: str, *, source: str) -> Catalog:
    """The catalog that `text` (YAML) describes; `source` names the file in errors.

    Raises `CatalogInvalid` with every problem: file, line, field, what is wrong, and the remedy.
    """
    try:
        document = read_yaml(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CatalogInvalid(f"{source} is no valid YAML: {error}") from None
    data = document.data
    if not isinstance(data, dict):
        raise CatalogInvalid(
            f"{source} is {'empty' if data is None else 'no list of fields'}. It needs bucket, "
            "output_bucket and titles."
        )
    problems = [
        Problem(path, "is written twice", "Keep one of the two.", line)
        for path, line in document.duplicates
    ]
    problems += _conflicts(data)
    try:
        catalog = Catalog.model_validate(data, context=_allowed_everywhere(data))
    except ValidationError as error:
        problems += problems_of(error, Catalog)
        raise CatalogInvalid(report(problems, source, document)) from None
    if problems:
        raise CatalogInvalid(report(problems, source, document))
    return catalog


def _allowed_everywhere(data: dict[str, Any]) -> dict[str, Any]:
    """The file's own additions to the language lists, for the rules' checks."""
    codes = data.get("allow_languages")
    return {"allow_languages": codes if isinstance(codes, list) else []}


def _conflicts(data: dict[str, Any]) -> list[Problem]:
    """What is wrong between fields of different parts, found also while other problems exist."""
    rules = data.get("titles")
    patterns = [
        (index, match, _pattern(rule.get("output")) or _beside(match))
        for index, rule in enumerate(rules if isinstance(rules, list) else [])
        if isinstance(rule, dict) and (match := _pattern(rule.get("match")))
    ]
    problems = []
    for (first, one, _), (second, other, _) in combinations(patterns, 2):
        common = one.common_key(other)
        if common is not None:
            wrong = f"overlaps titles[{first}].match: both match {common}"
            remedy = "Make the patterns differ, so that one rule decides for a video."
            problems.append(Problem(("titles", second, "match"), wrong, remedy))
    if data.get("bucket") != data.get("output_bucket"):
        return problems
    for (index, match, _), (_, _, output) in product(patterns, patterns):
        common = match.common_key(output)
        if common is not None:
            wrong = f"matches translated videos too, such as {common}: they would be translated"
            remedy = "Use another output_bucket, or name a folder that no rule matches in output."
            problems.append(Problem(("titles", index, "match"), wrong, remedy))
    return problems


def _pattern(text: Any) -> KeyPattern | None:
    try:
        return KeyPattern(text) if isinstance(text, str) else None
    except ValueError:
        return None
