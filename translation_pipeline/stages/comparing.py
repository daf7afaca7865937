"""Delivered translations against the captions that they were made from.

Each title and language is read again only when something of it changed: an output, its captions,
the glossary or the profile. What was found is kept in the inventory.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial

from translation_pipeline.captions.alignment import align
from translation_pipeline.captions.consistency import consistency
from translation_pipeline.captions.cue import Cue
from translation_pipeline.captions.findings import Finding, gravest_first, in_words
from translation_pipeline.captions.glossary import Glossary
from translation_pipeline.captions.srt import parse_srt
from translation_pipeline.captions.translation_quality import compare
from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.config import TitleRule
from translation_pipeline.catalog.listing import rule_of
from translation_pipeline.errors import CaptionsUnreadable, StorageAway, StorageError
from translation_pipeline.ledger.ledger import utc_now
from translation_pipeline.ledger.models import Captions, Compared, Job, Wanted
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.providers.requests import (
    TRANSLATION,
    TranslationRequest,
    request_from_json,
)
from translation_pipeline.stages.delivery import sidecar_of
from translation_pipeline.stages.glossaries import glossary_file, glossary_in, source_captions
from translation_pipeline.stages.review import FINDINGS_KEPT, Judging

READS_AT_ONCE = 8
EPISODES_TOGETHER = 500  # of a title are looked at for consistency; more would not fit in memory


@dataclass(frozen=True)
class Translation:
    """A delivered translation, where its captions lie, and by what it is compared."""

    wanted: Wanted
    rule: TitleRule
    source: ObjectAddress
    target: ObjectAddress
    glossary: Glossary
    glossary_version: str | None

    @property
    def version(self) -> list[str | None]:
        """What must be the same for a comparison to hold."""
        language = self.wanted.language
        return [
            self.wanted.video,
            self.wanted.job_id,
            self.source.to_oss(),
            self.target.to_oss(),
            str(self.wanted.delivered_at),
            self.rule.source_language,
            Judging(language, self.rule.caption_profile(language)).version,
            self.glossary_version,
        ]


@dataclass(frozen=True)
class Texts:
    """The cues of a translation and of its source; `problem` says why there are none."""

    source: Sequence[Cue] = ()
    target: Sequence[Cue] = ()
    problem: str | None = None


def compare_translations(
    pipeline: Pipeline, titles: Collection[str] | None = None
) -> list[Compared]:
    """Compare what was delivered or changed since the last time; returns the rows of all.

    Translations without captions of the source, or without an SRT beside them, are left out.
    """
    known = {
        (row.title, row.language, row.video): row for row in pipeline.inventory.compared(titles)
    }
    rows: list[Compared] = []
    for together in _groups(_delivered(pipeline, titles)):
        told = json.dumps([one.version for one in together])
        version = hashlib.sha256(told.encode()).hexdigest()
        before = [known.get(_key(one.wanted)) for one in together]
        kept = [row for row in before if row is not None and row.version == version]
        if len(kept) < len(together):
            kept = _compared(pipeline, together, version)
            pipeline.inventory.save(kept)
        rows += kept
    return rows


def _key(wanted: Wanted) -> tuple[str, str, str]:
    return wanted.title, wanted.language, wanted.video


def _delivered(pipeline: Pipeline, titles: Collection[str] | None) -> Iterator[Translation]:
    videos = {(video.title, video.video): video for video in pipeline.inventory.videos(titles)}
    rules = {
        name: rule
        for name, video in videos.items()
        if (rule := rule_of(pipeline.catalog, video)) is not None
    }
    captions = source_captions(pipeline, rules, titles)
    glossaries = pipeline.inventory.glossaries()
    for wanted, job in pipeline.inventory.wanted(titles):
        rule = rules.get((wanted.title, wanted.video))
        source = _source(pipeline, wanted, job, captions.get((wanted.title, wanted.video)))
        if rule is None or source is None or wanted.language not in rule.target_languages:
            continue
        file = glossary_file(pipeline, rule, wanted.title, glossaries)
        target = sidecar_of(ObjectAddress(wanted.output_bucket, wanted.output_key))
        version = file.version if file is not None else None
        yield Translation(wanted, rule, source, target, glossary_in(file, rule), version)


def _source(
    pipeline: Pipeline, wanted: Wanted, job: Job | None, captions: Captions | None
) -> ObjectAddress | None:
    """The source captions of a delivered translation, where they are known: those it was made
    from, or, where a person corrected the translation itself, those of the video."""
    has_srt = (wanted.facts or {}).get("cues") is not None
    if wanted.kind != TRANSLATION or wanted.delivered_at is None or job is None or not has_srt:
        return None
    request = request_from_json(job.request)
    if isinstance(request, TranslationRequest) and request.captions_are == "source":
        return request.captions
    if captions is None or captions.usable_key is None:
        return None
    return ObjectAddress(pipeline.catalog.output_bucket, captions.usable_key)


def _groups(translations: Iterator[Translation]) -> Iterator[list[Translation]]:
    """Translations of one title into one language, in the order of their videos."""
    cells: dict[tuple[str, str], list[Translation]] = defaultdict(list)
    for one in translations:
        cells[one.wanted.title, one.wanted.language].append(one)
    for found in cells.values():
        for at in range(0, len(found), EPISODES_TOGETHER):
            yield found[at : at + EPISODES_TOGETHER]


def _compared(pipeline: Pipeline, together: Sequence[Translation], version: str) -> list[Compared]:
    """Rows for the translations that OSS shows now."""
    with ThreadPoolExecutor(READS_AT_ONCE) as threads:
        read = list(threads.map(partial(_texts, pipeline), together))
    texts = {
        one.wanted.video: (one, found)
        for one, found in zip(together, read, strict=True)
        if found is not None
    }
    across = _across_episodes(texts)
    return [
        _row(one, found, across.get(video, []), version) for video, (one, found) in texts.items()
    ]


def _texts(pipeline: Pipeline, one: Translation) -> Texts | None:
    """What there is to compare; None while OSS does not answer."""
    try:
        source = parse_srt(pipeline.storage.get(one.source), one.rule.source_language)
        target = parse_srt(pipeline.storage.get(one.target), one.wanted.language)
    except StorageAway:
        return None
    except (StorageError, CaptionsUnreadable) as error:
        return Texts(problem=f"{one.target.to_oss()} cannot be compared: {error}")
    return Texts(source.cues, target.cues)


def _across_episodes(
    texts: Mapping[str, tuple[Translation, Texts]],
) -> dict[str, list[Finding]]:
    if len(texts) < 2:
        return {}
    (first, _), *_ = texts.values()
    pairs = {video: align(found.source, found.target) for video, (_, found) in texts.items()}
    return consistency(pairs, first.glossary, target_language=first.wanted.language)


def _row(one: Translation, texts: Texts, across: Sequence[Finding], version: str) -> Compared:
    wanted, language = one.wanted, one.wanted.language
    findings: list[Finding] = []
    if texts.problem is None:
        findings = compare(
            texts.source,
            texts.target,
            source_language=one.rule.source_language,
            target_language=language,
            glossary=one.glossary,
            profile=one.rule.caption_profile(language),
        )
    findings = gravest_first([*findings, *across])
    errors = [finding for finding in findings if finding.severity == "error"]
    return Compared(
        title=wanted.title,
        language=language,
        video=wanted.video,
        version=version,
        cue_count=len(texts.target),
        finding_count=len(findings),
        error_count=len(errors),
        findings=[asdict(finding) for finding in findings[:FINDINGS_KEPT]],
        problem=texts.problem or in_words(errors) or None,
        compared_at=utc_now(),
    )
