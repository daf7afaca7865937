"""The videos that are in OSS now, found by the patterns of the catalog file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.config import Catalog, TitleRule

if TYPE_CHECKING:
    import pandas as pd

    from translation_pipeline.ledger.models import Video
    from translation_pipeline.storage import Storage

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


@dataclass(frozen=True, slots=True)
class Sighting:
    """One source video in a listing; size in bytes."""

    title: str
    video: str
    address: ObjectAddress
    size: int
    etag: str


def list_videos(storage: Storage, catalog: Catalog) -> Iterator[Sighting]:
    """Every object that a title rule matches, each once.

    Prefixes that lie inside one another are listed once. An empty listing is no proof of
    anything: callers never delete because of it.
    """
    for prefix in _outermost(rule.match.literal_prefix for rule in catalog.titles):
        for found in storage.list(catalog.bucket, prefix):
            matched = catalog.rule_for(found.key)
            if matched is not None:
                _, title, video = matched
                address = ObjectAddress(catalog.bucket, found.key)
                yield Sighting(title, video, address, found.size, found.etag)


def rule_of(catalog: Catalog, video: Video) -> TitleRule | None:
    """The rule that decides about a video; None when the catalog file no longer has one."""
    matched = catalog.rule_for(video.key)
    return None if matched is None else matched[0]


def to_dataframe(videos: Iterable[Any]) -> pd.DataFrame:
    """One row per video with the columns of `COLUMNS`."""
    import pandas as pd

    rows = [{column: getattr(video, column) for column in COLUMNS} for video in videos]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _outermost(prefixes: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for prefix in sorted(set(prefixes)):
        if not kept or not prefix.startswith(kept[-1]):
            kept.append(prefix)
    return kept
