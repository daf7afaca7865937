"""Captions that may be paid for: approved, provided or corrected by a person, read and judged.

The file as the person left it is never touched. What is translated is a checked and repaired
copy under a key of its own that follows from its content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from translation_pipeline.captions.checking import CheckedCaptions, check_captions
from translation_pipeline.captions.cue import format_timestamp
from translation_pipeline.captions.findings import Finding, gravest_first, in_words
from translation_pipeline.captions.profiles import Profile
from translation_pipeline.captions.quality import DEFAULT_FPS
from translation_pipeline.captions.signatures import cues_per_minute
from translation_pipeline.captions.srt import compose_srt
from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.config import TitleRule
from translation_pipeline.catalog.listing import rule_of, srt_places
from translation_pipeline.errors import CaptionsUnreadable, StorageAway, StorageError
from translation_pipeline.ledger.ledger import utc_now
from translation_pipeline.ledger.models import Captions, Video
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.stages.wanted import APPROVED, CORRECTED, EXTRACTED, PROVIDED

FINDINGS_KEPT = 100  # of a file in the ledger, the gravest first
DOUBTFUL_CUES_KEPT = 20  # of a file
SIGN_CUES_KEPT = 50  # numbers of cues per sign
TEXT_KEPT = 80  # characters of a doubtful cue
FOLDERS_MOST = 50  # are listed one by one; for more titles all captions are listed


@dataclass(frozen=True)
class CaptionPlace:
    """Where a person's captions of one video are expected, and in which language."""

    video: Video
    origin: str
    language: str
    address: ObjectAddress
    rule: TitleRule

    @property
    def folder(self) -> str:
        """The folder to list for it: corrections lie below the approved captions of a title."""
        levels = 2 if self.origin == CORRECTED else 1
        return self.address.key.rsplit("/", levels)[0] + "/"

    @property
    def judged_by(self) -> Judging:
        """By what its captions are judged."""
        return Judging.of(self.video, self.rule, self.language)


@dataclass(frozen=True)
class Judging:
    """By what captions are judged: their language's profile and the facts of their video."""

    language: str
    profile: Profile | None = None
    duration_s: float | None = None
    fps: float | None = None

    @classmethod
    def of(cls, video: Video, rule: TitleRule, language: str) -> Judging:
        """For captions of a video, with the profiles of the catalog file."""
        return cls(language, rule.caption_profile(language), video.duration_s, video.fps)

    @property
    def version(self) -> str:
        """SHA-256 of it. Files are judged again when it changes."""
        profile = None
        if self.profile is not None:
            severities = dict(self.profile.severities)
            profile = asdict(replace(self.profile, severities=severities))
        told = [self.language, profile, self.duration_s, self.fps]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@dataclass
class JudgedCaptions:
    """What a caption file came to. `text` is the repaired SRT, None while something blocks it.

    `doubt` is JSON data: cues a minute, signs of misread captions, and the doubtful cues.
    """

    cue_count: int
    findings: list[Finding]
    text: str | None
    problem: str | None
    doubt: dict[str, Any] | None = None


def approved_address(pipeline: Pipeline, title: str, video: str) -> ObjectAddress:
    """Where the reviewed SRT of a video belongs: under the review prefix of the output bucket."""
    key = f"{pipeline.catalog.review_prefix}{title}/{video}.srt"
    return ObjectAddress(pipeline.catalog.output_bucket, key)


def correction_address(pipeline: Pipeline, title: str, video: str, language: str) -> ObjectAddress:
    """Where a corrected translation of captions belongs: per language under the review prefix."""
    key = f"{pipeline.catalog.review_prefix}{title}/{language}/{video}.srt"
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
            yield CaptionPlace(video, APPROVED, rule.source_language, address, rule)
        else:
            yield from _provided_places(pipeline, video, rule)


def correction_places(
    pipeline: Pipeline, titles: Collection[str] | None = None
) -> Iterator[CaptionPlace]:
    """Where a person may put corrected captions; nobody owes any."""
    for video in pipeline.inventory.videos(titles):
        rule = rule_of(pipeline.catalog, video)
        if rule is None:
            continue
        for language in rule.target_languages:
            address = correction_address(pipeline, video.title, video.video, language)
            yield CaptionPlace(video, CORRECTED, language, address, rule)


def all_places(pipeline: Pipeline, titles: Collection[str] | None = None) -> Iterator[CaptionPlace]:
    """Every caption file that a person owes or may put there."""
    yield from caption_places(pipeline, titles)
    yield from correction_places(pipeline, titles)


class CaptionFiles:
    """Which files of a person are there: for few titles folder by folder, for many at once."""

    def __init__(self, pipeline: Pipeline, titles: Collection[str] | None) -> None:
        self._storage = pipeline.storage
        self._etags: dict[tuple[str, str], str] = {}
        self._listed: set[tuple[str, str]] = set()
        self._is_whole = titles is None or len(titles) > FOLDERS_MOST
        if self._is_whole:
            for place in srt_places(pipeline.catalog):
                self._list(place.bucket, place.prefix)

    def etag(self, place: CaptionPlace) -> str | None:
        """The etag of the file at a place; None when there is none."""
        bucket, key = place.address.bucket, place.address.key
        if not self._is_whole and (bucket, place.folder) not in self._listed:
            self._list(bucket, place.folder)
        return self._etags.get((bucket, key))

    def _list(self, bucket: str, prefix: str) -> None:
        self._listed.add((bucket, prefix))
        for item in self._storage.list(bucket, prefix):
            if item.key.endswith(".srt"):
                self._etags[bucket, item.key] = item.etag


def collect_captions(pipeline: Pipeline, titles: Collection[str] | None = None) -> list[Captions]:
    """Read every approved or provided file that is new or changed; returns the rows that changed.

    A file that cannot be used keeps its reason in `problem`; the others are not affected.
    """
    files = CaptionFiles(pipeline, titles)
    changed: list[Captions] = []
    for some in pipeline.inventory.title_batches(titles):
        places = _changed_captions(pipeline, some, files)
        found = [_collect(pipeline, place, etag) for place, etag in places]
        rows = [row for row in found if row is not None]
        pipeline.inventory.save([*rows, *_extracted_anew(pipeline, some)])
        changed += rows
    return changed


def collected_captions(pipeline: Pipeline, titles: Collection[str] | None = None) -> list[Captions]:
    """Captions of a person that were read and that the catalog file still asks for."""
    rows = {
        (row.title, row.video, row.origin, row.language): row
        for row in pipeline.inventory.captions(titles)
    }
    places = all_places(pipeline, titles)
    found = (
        rows.get((place.video.title, place.video.video, place.origin, place.language))
        for place in places
    )
    return [row for row in found if row is not None]


def _changed_captions(
    pipeline: Pipeline, titles: Collection[str], files: CaptionFiles
) -> Iterator[tuple[CaptionPlace, str]]:
    """Approved or provided files that are new, changed, or to be judged otherwise since they were
    read, with their etag."""
    known = {
        (row.title, row.video, row.origin, row.language): (row.etag, row.judged_by)
        for row in pipeline.inventory.captions(titles)
    }
    for place in all_places(pipeline, titles):
        etag = files.etag(place)
        key = (place.video.title, place.video.video, place.origin, place.language)
        if etag is not None and known.get(key) != (etag, place.judged_by.version):
            yield place, etag


def judge_captions(data: bytes, by: Judging) -> JudgedCaptions:
    """Read, repair and judge one file; an error among the findings blocks it."""
    try:
        checked = check_captions(
            data,
            language=by.language,
            duration_s=by.duration_s,
            profile=by.profile,
            fps=by.fps or DEFAULT_FPS,
        )
    except CaptionsUnreadable as error:
        refused = Finding("refused", "error", str(error))
        return JudgedCaptions(0, [refused], None, str(error))
    problem = in_words(checked.errors) or None
    return JudgedCaptions(
        len(checked.repaired.cues),
        list(checked.findings),
        None if problem else compose_srt(checked.repaired.cues),
        problem,
        _doubt(checked, by),
    )


def note_judgement(row: Captions, judged: JudgedCaptions, by: Judging) -> None:
    """Keep in a row what judging its file came to, but for the usable copy."""
    row.cue_count = judged.cue_count
    row.finding_count = len(judged.findings)
    row.findings = [asdict(item) for item in gravest_first(judged.findings)[:FINDINGS_KEPT]]
    row.doubt = judged.doubt
    row.judged_by = by.version


def _provided_places(pipeline: Pipeline, video: Video, rule: TitleRule) -> Iterator[CaptionPlace]:
    assert rule.provided_srt is not None  # noqa: S101 - the catalog demands it for provided
    of_target = rule.provided_srt_is not in (None, "source")
    for language in rule.target_languages if of_target else [rule.source_language]:
        key = rule.provided_srt.render(title=video.title, video=video.video, language=language)
        address = ObjectAddress(pipeline.catalog.bucket, key)
        yield CaptionPlace(video, PROVIDED, language, address, rule)


def _collect(pipeline: Pipeline, place: CaptionPlace, etag: str) -> Captions | None:
    """The row for one file; None while OSS does not answer, so that it is read another time."""
    video, by = place.video, place.judged_by
    try:
        judged = judge_captions(pipeline.storage.get(place.address), by)
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
        problem=judged.problem and f"{place.address.to_oss()}: {judged.problem}",
        glossary_version=None,
        glossary_terms=None,
        changed_at=utc_now(),
    )
    note_judgement(row, judged, by)
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


def _extracted_anew(pipeline: Pipeline, titles: Collection[str] | None) -> Iterator[Captions]:
    """Extracted captions that are to be judged otherwise than they were, judged so."""
    videos = {(video.title, video.video): video for video in pipeline.inventory.videos(titles)}
    for row in pipeline.inventory.captions(titles):
        video = videos.get((row.title, row.video))
        rule = rule_of(pipeline.catalog, video) if video is not None else None
        if row.origin != EXTRACTED or video is None or rule is None:
            continue
        by = Judging.of(video, rule, row.language)
        if row.judged_by == by.version:
            continue
        try:
            data = pipeline.storage.get(ObjectAddress(row.bucket, row.key))
        except StorageError:
            continue  # they are for looking at; another time will do
        note_judgement(row, judge_captions(data, by), by)
        yield row


def _doubt(checked: CheckedCaptions, by: Judging) -> dict[str, Any]:
    cues = checked.repaired.cues
    signs_of: dict[int, list[str]] = {}
    for sign in checked.doubt.signs:
        for number in sign.cue_numbers:
            signs_of.setdefault(number, []).append(sign.rule)
    # The cues with most signs, then those of the gravest sign.
    numbers = sorted(signs_of, key=lambda number: -len(signs_of[number]))
    return {
        "density": round(cues_per_minute(cues, by.duration_s), 3),
        "signs": [
            {**asdict(sign), "cue_numbers": list(sign.cue_numbers[:SIGN_CUES_KEPT])}
            for sign in checked.doubt.signs
        ],
        "cue_count": len(numbers),
        "cues": [
            {
                "cue": number,
                "at": format_timestamp(cues[number - 1].start_ms),
                "text": cues[number - 1].text[:TEXT_KEPT],
                "signs": ", ".join(signs_of[number]),
            }
            for number in numbers[:DOUBTFUL_CUES_KEPT]
        ],
    }
