"""Where in OSS the catalog's videos and captions lie, and what a key there stands for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from translation_pipeline.catalog.config import Catalog, TitleRule
from translation_pipeline.catalog.patterns import KeyPattern

if TYPE_CHECKING:
    import pandas as pd

    from translation_pipeline.ledger.models import Video
    from translation_pipeline.storage import ListedObject

COLUMNS = (
    "title",
    "video",
    "key",
    "size",
    "etag",
    "crc64",
    "duration_s",
    "width",
    "height",
    "fps",
    "has_audio",
    "problem",
)

# Behind the review prefix.
_APPROVED = KeyPattern("{title}/{video}.srt")
_CORRECTED = KeyPattern("{title}/{language}/{video}.srt")


class Place(NamedTuple):
    """A prefix under which the catalog expects objects; `has_folders` when they lie in folders
    below it, such as one per title."""

    bucket: str
    prefix: str
    has_folders: bool

    def folder_of(self, key: str) -> str:
        """The outermost folder below the place that a key lies in; the place itself for none."""
        end = key.find("/", len(self.prefix)) if self.has_folders else -1
        return key[: end + 1] if end >= 0 else self.prefix


class Sighting(NamedTuple):
    """One source video in a listing; size in bytes, `last_modified` in unix seconds."""

    title: str
    video: str
    key: str
    size: int
    etag: str
    last_modified: int


class ExpectedCaptions(NamedTuple):
    """The video that the key of a caption file names; `captions` is the choice in the catalog
    file that it is for, None for corrections, which any rule takes."""

    title: str
    video: str
    captions: str | None


def video_places(catalog: Catalog) -> list[Place]:
    """Where source videos are: the prefixes of all rules, each object in one place only."""
    return _places(catalog.bucket, [rule.match for rule in catalog.titles])


def title_places(catalog: Catalog, title: str) -> list[Place]:
    """Where the source videos of one title can be: as few places and objects as possible."""
    patterns = [
        KeyPattern(rule.match.text.replace("{title}", title))
        for rule in catalog.titles
        if "{" not in title and "}" not in title
    ] or [rule.match for rule in catalog.titles]
    return _places(catalog.bucket, patterns)


def srt_places(catalog: Catalog) -> list[Place]:
    """Where people put captions: the review prefix, and the prefixes of provided SRTs."""
    places = [Place(catalog.output_bucket, catalog.review_prefix, has_folders=True)]
    provided = [rule.provided_srt for rule in catalog.titles if rule.provided_srt is not None]
    return places + _places(catalog.bucket, provided)


def sight(catalog: Catalog, listed: ListedObject) -> Sighting | None:
    """What an object in the source bucket is to the catalog; None for what no rule matches."""
    matched = catalog.rule_for(listed.key)
    if matched is None:
        return None
    return Sighting(matched.title, matched.video, *listed)


def sight_captions(catalog: Catalog, bucket: str, key: str) -> ExpectedCaptions | None:
    """The video whose captions a key holds, by the patterns alone; None for other objects."""
    if bucket == catalog.output_bucket and key.startswith(catalog.review_prefix):
        behind = key.removeprefix(catalog.review_prefix)
        for pattern, captions in ((_APPROVED, "review"), (_CORRECTED, None)):
            found = pattern.match(behind)
            if found is not None:
                return ExpectedCaptions(found["title"], found["video"], captions)
    if bucket == catalog.bucket:
        for rule in catalog.titles:
            found = rule.provided_srt.match(key) if rule.provided_srt is not None else None
            if found is not None:
                return ExpectedCaptions(found["title"], found["video"], "provided")
    return None


def rule_of(catalog: Catalog, video: Video) -> TitleRule | None:
    """The rule that decides about a video; None when the catalog file no longer has one."""
    matched = catalog.rule_for(video.key)
    return None if matched is None else matched[0]


def to_dataframe(videos: Iterable[Any]) -> pd.DataFrame:
    """One row per video with the columns of `COLUMNS`."""
    import pandas as pd

    rows = [{column: getattr(video, column) for column in COLUMNS} for video in videos]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _places(bucket: str, patterns: Iterable[KeyPattern]) -> list[Place]:
    """The outermost prefixes of the patterns: one that lies in another is listed with it."""
    found: list[Place] = []
    for pattern in sorted(patterns, key=lambda pattern: pattern.literal_prefix):
        if not found or not pattern.literal_prefix.startswith(found[-1].prefix):
            found.append(Place(bucket, pattern.literal_prefix, has_folders=False))
        place = found[-1]
        if "/" in pattern.text[len(place.prefix) :]:
            found[-1] = place._replace(has_folders=True)
    return found
