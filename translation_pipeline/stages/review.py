"""Captions that may be paid for: those a person approved or provided, read, repaired and judged.

The file as the person left it is never touched. What is translated is a checked and repaired
copy under a key of its own that follows from its content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass

from translation_pipeline.captions.findings import Finding
from translation_pipeline.captions.quality import judge
from translation_pipeline.captions.repair import repair
from translation_pipeline.captions.srt import compose_srt, parse_srt
from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.config import TitleRule
from translation_pipeline.catalog.listing import rule_of
from translation_pipeline.errors import CaptionsUnreadable, StorageAway, StorageError
from translation_pipeline.ledger.ledger import utc_now
from translation_pipeline.ledger.models import Captions, Video
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.stages.wanted import APPROVED, PROVIDED


@dataclass(frozen=True)
class CaptionPlace:
    """Where a person's captions of one video are expected, and in which language."""

    video: Video
    origin: str
    language: str
    address: ObjectAddress


@dataclass
class JudgedCaptions:
    """What a caption file came to. `text` is the repaired SRT, None while something blocks it."""

    cue_count: int
    findings: list[Finding]
    text: str | None
    problem: str | None


def approved_address(pipeline: Pipeline, title: str, video: str) -> ObjectAddress:
    """Where the reviewed SRT of a video belongs: under the review prefix of the output bucket."""
    key = f"{pipeline.catalog.review_prefix}{title}/{video}.srt"
    return ObjectAddress(pipeline.catalog.output_bucket, key)


def caption_places(
    pipeline: Pipeline, titles: Collection[str] | None = None
) -> Iterator[CaptionPlace]:
    """Every caption file that a person owes to these titles."""
    for video in pipeline.inventory.videos(titles):
        rule = rule_of(pipeline.catalog, video)
        if rule is None or rule.captions == "direct":
            continue
        if rule.captions == "review":
            address = approved_address(pipeline, video.title, video.video)
            yield CaptionPlace(video, APPROVED, rule.source_language, address)
        else:
            yield from _provided_places(pipeline, video, rule)


def collect_captions(pipeline: Pipeline, titles: Collection[str] | None = None) -> list[Captions]:
    """Read every approved or provided file that is new or changed; returns the rows that changed.

    A file that cannot be used keeps its reason in `problem`; the others are not affected.
    """
    found = [_collect(pipeline, place, etag) for place, etag in changed_captions(pipeline, titles)]
    rows = [row for row in found if row is not None]
    pipeline.inventory.save(rows)
    return rows


def changed_captions(
    pipeline: Pipeline, titles: Collection[str] | None = None
) -> Iterator[tuple[CaptionPlace, str]]:
    """Approved or provided files that are new or changed since they were read, with their etag."""
    known = {
        (row.title, row.video, row.origin, row.language): row.etag
        for row in pipeline.inventory.captions(titles)
    }
    for place, etag in _present(pipeline, caption_places(pipeline, titles)):
        key = (place.video.title, place.video.video, place.origin, place.language)
        if known.get(key) != etag:
            yield place, etag


def judge_captions(data: bytes, language: str, duration_s: float | None) -> JudgedCaptions:
    """Read, repair and judge one file; an error among the findings blocks it."""
    try:
        parsed = parse_srt(data)
    except CaptionsUnreadable as error:
        return JudgedCaptions(0, [], None, str(error))
    repaired = repair(parsed.cues)
    findings = [*parsed.findings, *judge(repaired.cues, language=language, duration_s=duration_s)]
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        problem = "; ".join(finding.message for finding in errors[:3])
        return JudgedCaptions(len(repaired.cues), findings, None, problem)
    return JudgedCaptions(len(repaired.cues), findings, compose_srt(repaired.cues), None)


def _provided_places(pipeline: Pipeline, video: Video, rule: TitleRule) -> Iterator[CaptionPlace]:
    assert rule.provided_srt is not None  # noqa: S101 - the catalog demands it for provided
    of_target = rule.provided_srt_is == "target"
    for language in rule.target_languages if of_target else [rule.source_language]:
        key = rule.provided_srt.render(title=video.title, video=video.video, language=language)
        address = ObjectAddress(pipeline.catalog.bucket, key)
        yield CaptionPlace(video, PROVIDED, language, address)


def _present(
    pipeline: Pipeline, places: Iterator[CaptionPlace]
) -> Iterator[tuple[CaptionPlace, str]]:
    """The places where a file is, with its etag, by one listing per folder."""
    folders: dict[tuple[str, str], dict[str, str]] = {}
    for place in places:
        folder = place.address.key.rpartition("/")[0] + "/"
        at = (place.address.bucket, folder)
        if at not in folders:
            folders[at] = {item.key: item.etag for item in pipeline.storage.list(*at)}
        etag = folders[at].get(place.address.key)
        if etag is not None:
            yield place, etag


def _collect(pipeline: Pipeline, place: CaptionPlace, etag: str) -> Captions | None:
    """The row for one file; None while OSS does not answer, so that it is read another time."""
    video = place.video
    try:
        judged = judge_captions(
            pipeline.storage.get(place.address), place.language, video.duration_s
        )
    except StorageAway:
        return None
    except StorageError as error:
        judged = JudgedCaptions(0, [], None, str(error))
    row = Captions(
        title=video.title,
        video=video.video,
        origin=place.origin,
        language=place.language,
        bucket=place.address.bucket,
        key=place.address.key,
        etag=etag,
        usable_key=None,
        sha256=None,
        cue_count=judged.cue_count,
        findings=[asdict(finding) for finding in judged.findings],
        problem=judged.problem and f"{place.address.to_oss()}: {judged.problem}",
        changed_at=utc_now(),
    )
    if judged.text is not None:
        data = judged.text.encode()
        row.sha256 = hashlib.sha256(data).hexdigest()
        row.usable_key = (
            f"{pipeline.catalog.captions_prefix}{video.title}/"
            f"{video.video}.{place.origin}.{place.language}.{row.sha256[:12]}.srt"
        )
        usable = ObjectAddress(pipeline.catalog.output_bucket, row.usable_key)
        pipeline.storage.put_if_absent(usable, data)
    return row
