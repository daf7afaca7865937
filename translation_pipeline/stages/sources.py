"""Source videos: see which are there, and find out what each one is."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from translation_pipeline import media
from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.listing import Sighting, list_videos
from translation_pipeline.errors import StorageError
from translation_pipeline.ledger.ledger import utc_now
from translation_pipeline.ledger.models import Video
from translation_pipeline.pipeline import Pipeline

INSPECTIONS_AT_ONCE = 8


@dataclass
class SourcesSeen:
    """What a listing brought. `changed` are (title, video, etag) that are new or other than
    before; `clashes` are keys that would be the same video as another key."""

    titles: set[str] = field(default_factory=set)
    changed: list[tuple[str, str, str]] = field(default_factory=list)
    clashes: list[str] = field(default_factory=list)
    count: int = 0


def see_sources(pipeline: Pipeline) -> SourcesSeen:
    """List the source prefixes and note every video that is new or changed; opens none."""
    known = {(video.title, video.video): video for video in pipeline.inventory.videos()}
    seen = SourcesSeen()
    keys: dict[tuple[str, str], str] = {}
    rows: list[Video] = []
    for sighting in list_videos(pipeline.storage, pipeline.catalog):
        name = (sighting.title, sighting.video)
        if name in keys:
            seen.clashes.append(f"{sighting.address.key} (clashes with {keys[name]})")
            continue
        keys[name] = sighting.address.key
        seen.count += 1
        seen.titles.add(sighting.title)
        before = known.get(name)
        if before is None or (before.etag, before.key) != (sighting.etag, sighting.address.key):
            rows.append(_row(sighting, before))
            seen.changed.append((*name, sighting.etag))
    pipeline.inventory.save(rows)
    return seen


def inspect_sources(
    pipeline: Pipeline, titles: Collection[str] | None = None, *, again: bool = False
) -> list[Video]:
    """Open every video that was not opened since it changed; returns all videos of the titles.

    A video that cannot be used keeps its reason in `problem`; `again` opens those once more.
    """
    videos = pipeline.inventory.videos(titles)
    due = [
        video
        for video in videos
        if video.inspected_etag != video.etag or (again and video.problem is not None)
    ]
    with ThreadPoolExecutor(INSPECTIONS_AT_ONCE) as threads:
        list(threads.map(lambda video: _inspect(pipeline, video), due))
    pipeline.inventory.save(due)
    return videos


def _row(sighting: Sighting, before: Video | None) -> Video:
    return Video(
        title=sighting.title,
        video=sighting.video,
        bucket=sighting.address.bucket,
        key=sighting.address.key,
        size=sighting.size,
        etag=sighting.etag,
        inspected_etag=before.inspected_etag if before else None,
        seen_at=utc_now(),
    )


def _inspect(pipeline: Pipeline, video: Video) -> None:
    address = ObjectAddress(video.bucket, video.key)
    video.crc64 = video.duration_s = video.width = video.height = None
    video.fps = video.has_audio = video.problem = None
    try:
        head = pipeline.storage.head(address)
    except StorageError as error:
        video.problem = str(error)
        return
    if head is None:
        video.problem = f"{video.key} is no longer in bucket {video.bucket}. Upload it again."
        return
    video.etag = video.inspected_etag = head.etag
    video.size, video.crc64 = head.size, head.crc64
    if head.size == 0:
        video.problem = f"{video.key} is empty (0 bytes). Upload it again."
        return
    try:
        facts = media.probe(pipeline.storage.signed_url(address))
    except media.UnreadableVideo as error:
        video.problem = str(error)
        return
    video.duration_s, video.fps, video.has_audio = facts.duration_s, facts.fps, facts.has_audio
    video.width, video.height = facts.width, facts.height
