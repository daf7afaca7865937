"""What the catalog file asks for, video by video, and the identity of the job that answers it.

Reads the rows of the inventory and the ledger, writes nothing, calls nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.config import Catalog, TitleRule
from translation_pipeline.catalog.decisions import TextSource
from translation_pipeline.catalog.listing import rule_of
from translation_pipeline.ledger.identity import JobIdentity, short_id
from translation_pipeline.ledger.models import Captions, GlossaryFile, Job, Video, Wanted
from translation_pipeline.ledger.states import JobState
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.providers.requests import (
    EXTRACTION,
    TRANSLATION,
    ExtractionRequest,
    JobRequest,
    TranslationRequest,
)
from translation_pipeline.settings import PREFIX, Settings
from translation_pipeline.stages.glossaries import (
    Files,
    counts_for,
    demanded,
    glossary_file,
    terms_are_known,
)

APPROVED, EXTRACTED, PROVIDED, CORRECTED = "approved", "extracted", "provided", "corrected"


@dataclass(frozen=True)
class WantedOutput:
    """One output that is wanted; `blocked` says why no job can be made for it yet.

    Without a block it has the identity of its job. `language` is that of the output.
    """

    video: Video
    rule: TitleRule
    kind: str
    language: str
    identity: JobIdentity | None = None
    blocked: str | None = None
    captions: Captions | None = None
    original_job: str | None = None
    """The service's id of the job that this one corrects, where it kept what that needs."""


Name = tuple[str, str, str, str]
"""Title, video, kind and language of an output."""


def name_of(wanted: Wanted) -> Name:
    """Which output a row is about."""
    return wanted.title, wanted.video, wanted.kind, wanted.language


def asked_for(catalog: Catalog, videos: Iterable[Video]) -> set[Name]:
    """The outputs of these videos that the catalog file asks for today: rows of languages that
    were taken out stay in the ledger."""
    found: set[Name] = set()
    for video in videos:
        rule = rule_of(catalog, video)
        if rule is None:
            continue
        name = (video.title, video.video)
        found |= {(*name, TRANSLATION, language) for language in rule.target_languages}
        if rule.captions == "review":
            found.add((*name, EXTRACTION, rule.source_language))
    return found


def wanted_extractions(
    pipeline: Pipeline, titles: Collection[str] | None = None
) -> list[WantedOutput]:
    """Caption extractions for the videos whose captions a person reviews."""
    wanted = []
    for video in pipeline.inventory.videos(titles):
        rule = rule_of(pipeline.catalog, video)
        if rule is not None and rule.captions == "review":
            wanted.append(_extraction(pipeline, video, rule))
    return wanted


def wanted_translations(
    pipeline: Pipeline,
    titles: Collection[str] | None = None,
    languages: Collection[str] | None = None,
) -> list[WantedOutput]:
    """Translations of the titles' videos into those of the languages that their rules name."""
    captions = {
        (row.title, row.video, row.origin, row.language): row
        for row in pipeline.inventory.captions(titles)
    }
    glossaries = pipeline.inventory.glossaries()
    wanted: list[WantedOutput] = []
    for video in pipeline.inventory.videos(titles):
        rule = rule_of(pipeline.catalog, video)
        if rule is None:
            continue
        wanted += [
            _translation(pipeline, video, rule, language, captions, glossaries)
            for language in rule.target_languages
            if languages is None or language in languages
        ]
    return wanted


def _extraction(pipeline: Pipeline, video: Video, rule: TitleRule) -> WantedOutput:
    blocked = _unusable(pipeline.settings, video, rule)
    wanted = WantedOutput(video, rule, EXTRACTION, rule.source_language, blocked=blocked)
    if wanted.blocked is not None:
        return wanted
    assert rule.caption_region is not None  # noqa: S101 - the catalog demands it for review
    return replace(
        wanted,
        identity=_identity(
            pipeline,
            wanted,
            captions=None,
            parameters={
                "region": rule.caption_region.as_roi(),
                "fps": rule.caption_fps,
                "source_language": rule.source_language,
            },
        ),
    )


def _translation(
    pipeline: Pipeline,
    video: Video,
    rule: TitleRule,
    language: str,
    captions: Mapping[tuple[str, str, str, str], Captions],
    glossaries: Files,
) -> WantedOutput:
    glossary = glossary_file(pipeline, rule, video.title, glossaries)
    blocked = _unusable(pipeline.settings, video, rule) or (glossary.problem if glossary else None)
    wanted = WantedOutput(video, rule, TRANSLATION, language, blocked=blocked)
    if wanted.blocked is not None:
        return wanted
    first = _first_translation(pipeline, wanted, captions, glossary)
    correction = captions.get((video.title, video.video, CORRECTED, language))
    return first if correction is None else _corrected(pipeline, wanted, first, correction)


def _first_translation(
    pipeline: Pipeline,
    wanted: WantedOutput,
    captions: Mapping[tuple[str, str, str, str], Captions],
    glossary: GlossaryFile | None,
) -> WantedOutput:
    """The translation as the catalog file asks for it, before anybody corrects it."""
    video, rule, language = wanted.video, wanted.rule, wanted.language
    found = None
    if rule.captions != "direct":
        found = _captions_for(video, rule, language, captions)
        if found is None or found.usable_key is None:
            return replace(wanted, blocked=_why_no_captions(video, rule, found))
    version = None
    if glossary is not None and found is not None and counts_for(rule):
        if not terms_are_known(glossary, found):
            return replace(wanted, blocked=_NOT_LOOKED_THROUGH)
        version = demanded(glossary, rule, found, language)
    return replace(
        wanted,
        captions=found,
        identity=_identity(
            pipeline,
            wanted,
            captions=found,
            parameters=_translation_parameters(rule),
            glossary_version=version,
        ),
    )


def _corrected(
    pipeline: Pipeline, wanted: WantedOutput, first: WantedOutput, correction: Captions
) -> WantedOutput:
    """The translation made again from captions that a person corrected in its own language."""
    if correction.usable_key is None:
        return replace(wanted, blocked=correction.problem or _FINDINGS)
    original = None
    if wanted.rule.level == "speech" and wanted.rule.support_editing and first.identity:
        original = _latest_job(pipeline, first.identity)
        if original is None or original.state != JobState.VERIFIED.value:
            return first  # the correction's turn comes when that is done
    parameters = _translation_parameters(wanted.rule)
    parameters |= {"captions": CORRECTED, "captions_are": "target", "text_source": None}
    return replace(
        wanted,
        captions=correction,
        original_job=original.remote_id if original else None,
        identity=_identity(pipeline, wanted, captions=correction, parameters=parameters),
    )


def _latest_job(pipeline: Pipeline, identity: JobIdentity) -> Job | None:
    """The job of an identity with the highest force counter that is in the ledger."""
    latest = None
    while jobs := pipeline.ledger.jobs([identity.id]):
        (latest,) = jobs
        identity = replace(identity, force=identity.force + 1)
    return latest


_FINDINGS = "Its captions have findings that block spending."
_NOT_LOOKED_THROUGH = (
    "Its captions were not looked through for the terms of the glossary yet; the next run does it."
)


def _unusable(settings: Settings, video: Video, rule: TitleRule) -> str | None:
    if video.problem is None and video.inspected_etag != video.etag:
        return "It is new or changed, and was not looked into yet."
    return problem_of(settings, video, rule)


def problem_of(settings: Settings, video: Video, rule: TitleRule) -> str | None:
    """Why a video cannot be done as its rule says, whatever its captions; None when it can."""
    return video.problem or _too_large(settings, video) or _without_sound(video, rule)


def _too_large(settings: Settings, video: Video) -> str | None:
    """Beyond what the service recommends, a job may fail after hours (ims.md section 4.8)."""
    size_gb, hours = video.size / 1e9, (video.duration_s or 0.0) / 3600
    if size_gb > settings.max_video_gb:
        return (
            f"It has {size_gb:.1f} GB; the service takes {settings.max_video_gb:g} GB. Make it "
            f"smaller, or raise {PREFIX}MAX_VIDEO_GB if your account may do more."
        )
    if hours > settings.max_video_hours:
        return (
            f"It is {hours:.1f} hours long; the service takes {settings.max_video_hours:g}. Cut "
            f"it, or raise {PREFIX}MAX_VIDEO_HOURS if your account may do more."
        )
    return None


def _without_sound(video: Video, rule: TitleRule) -> str | None:
    if rule.level == "speech" and video.has_audio is False:
        return (
            "It has no sound, and level: speech is to replace a voice. Give it its sound, or "
            "move it to a rule with level: subtitle."
        )
    return None


def _captions_for(
    video: Video,
    rule: TitleRule,
    language: str,
    captions: Mapping[tuple[str, str, str, str], Captions],
) -> Captions | None:
    if rule.captions == "review":
        return captions.get((video.title, video.video, APPROVED, rule.source_language))
    code = rule.source_language if rule.provided_srt_is in (None, "source") else language
    return captions.get((video.title, video.video, PROVIDED, code))


def _why_no_captions(video: Video, rule: TitleRule, found: Captions | None) -> str:
    if found is not None:
        return found.problem or _FINDINGS
    if rule.captions == "review":
        return (
            "Its captions wait for approval: no reviewed SRT is under the review prefix yet. "
            "The stage extraction tells whether there is something to review."
        )
    assert rule.provided_srt is not None  # noqa: S101 - the catalog demands it for provided
    return f"No SRT was provided for it (the catalog expects {rule.provided_srt.text})."


def _translation_parameters(rule: TitleRule) -> dict[str, Any]:
    return {
        "captions": rule.captions,
        "captions_are": _captions_are(rule),
        "source_language": rule.source_language,
        "erase": rule.erase_areas(),
        "style": rule.subtitle_style(),
        "bilingual": rule.bilingual,
        "text_source": _text_source(rule),
        "ocr_area": rule.ocr_area(),
        "speech": rule.speech.model_dump() if rule.speech else None,
        "support_editing": rule.support_editing,
    }


def _text_source(rule: TitleRule) -> TextSource | None:
    """Where a direct translation takes its words from: OCR_ASR unless decided (scenario 1)."""
    return (rule.text_source or "ocr_asr") if rule.captions == "direct" else None


def _captions_are(rule: TitleRule) -> Any:
    if rule.captions == "direct":
        return None
    return rule.provided_srt_is or "source"


def _identity(
    pipeline: Pipeline,
    wanted: WantedOutput,
    *,
    captions: Captions | None,
    parameters: dict[str, Any],
    glossary_version: str | None = None,
) -> JobIdentity:
    return JobIdentity(
        provider=wanted.rule.provider,
        account=pipeline.settings.account,
        kind=wanted.kind,
        # Objects from before OSS kept checksums have none; their etag is the next best proof.
        source_crc64=wanted.video.crc64 or f"etag:{wanted.video.etag}",
        source_size=wanted.video.size,
        captions_sha256=captions.sha256 if captions else None,
        language=wanted.language,
        level=wanted.rule.level if wanted.kind == TRANSLATION else None,
        parameters=parameters,
        glossary_version=glossary_version,
    )


def request_of(pipeline: Pipeline, wanted: WantedOutput, identity: JobIdentity) -> JobRequest:
    """What the provider is asked for; `identity` may carry a force counter."""
    rule, video = wanted.rule, wanted.video
    source = ObjectAddress(video.bucket, video.key)
    output = output_of(pipeline, wanted, identity.id)
    if wanted.kind == EXTRACTION:
        assert rule.caption_region is not None  # noqa: S101 - the catalog demands it for review
        return ExtractionRequest(
            video=source,
            output=output,
            source_language=rule.source_language,
            region=rule.caption_region.as_roi(),
            fps=rule.caption_fps,
        )
    captions = wanted.captions
    is_correction = captions is not None and captions.origin == CORRECTED
    return TranslationRequest(
        video=source,
        output=output,
        level=rule.level,
        source_language=rule.source_language,
        target_language=wanted.language,
        captions=(
            ObjectAddress(pipeline.catalog.output_bucket, captions.usable_key)
            if captions and captions.usable_key
            else None
        ),
        captions_are="target" if is_correction else _captions_are(rule),
        erase=rule.erase_areas(),
        subtitle_style=rule.subtitle_style(),
        bilingual=rule.bilingual,
        text_source=_text_source(rule) or "ocr_asr",
        ocr_area=rule.ocr_area(),
        voice=rule.speech.voice if rule.speech else None,
        subtitle_time_force=rule.speech.only_at_captions if rule.speech else None,
        skip_song=rule.speech.skip_song if rule.speech else None,
        support_editing=rule.support_editing,
        original_job=wanted.original_job,
    )


def output_of(pipeline: Pipeline, wanted: WantedOutput, job_id: str | None) -> ObjectAddress:
    """Where the output belongs; without a job its id stays a placeholder."""
    video, rule = wanted.video, wanted.rule
    short = short_id(job_id) if job_id else "{id}"
    if wanted.kind == EXTRACTION:
        key = f"{pipeline.catalog.captions_prefix}{video.title}/{video.video}.{short}.srt"
    else:
        key = rule.output_pattern.render(
            title=video.title, video=video.video, language=wanted.language, id=short
        )
    return ObjectAddress(pipeline.catalog.output_bucket, key)
