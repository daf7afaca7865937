"""Captions that a person put into OSS: see which are new or changed, however many there are."""

from __future__ import annotations

from dataclasses import dataclass, field

from translation_pipeline.catalog.listing import (
    Place,
    rule_of,
    sight_captions,
    srt_places,
)
from translation_pipeline.ledger.sightings import Sightings
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.stages.lookout import Lookout, Position, Stretch


@dataclass
class CaptionFilesSeen:
    """What a look brought: caption files that were listed, and those to be read, as address and
    etag."""

    listed: int = 0
    due: list[str] = field(default_factory=list)


def glance_at_captions(pipeline: Pipeline, position: Position) -> tuple[CaptionFilesSeen, Position]:
    """Look for reviewed and provided SRTs for the seconds of the settings; reads none."""
    places = srt_places(pipeline.catalog)
    if not places:
        return CaptionFilesSeen(), position
    watch = CaptionsWatch(pipeline)
    lookout = Lookout(pipeline.storage, watch.sightings, places, watch.take)
    look = lookout.look(position, pipeline.settings.listing_s)
    return watch.seen, look.position


class CaptionsWatch:
    """Compares listed SRTs with those that were read."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.sightings = Sightings(pipeline.ledger.database)
        self.seen = CaptionFilesSeen()

    def take(self, place: Place, stretch: Stretch) -> None:
        """One stretch of a place."""
        read = self.sightings.known_captions(stretch.span)
        changed = set()
        for listed in stretch.objects:
            if not listed.key.endswith(".srt"):
                continue
            self.seen.listed += 1
            if read.get(listed.key) != listed.etag and self._is_expected(place, listed.key):
                self.seen.due.append(f"oss://{place.bucket}/{listed.key} {listed.etag}")
                changed.add(place.folder_of(listed.key))
        if changed and place.has_folders:
            self.sightings.note_folders(place.bucket, changed, changed=True)

    def _is_expected(self, place: Place, key: str) -> bool:
        """Whether the catalog has a video that takes its captions from this key."""
        named = sight_captions(self._pipeline.catalog, place.bucket, key)
        video = named and self._pipeline.inventory.video(named.title, named.video)
        if named is None or video is None or video.gone_at is not None:
            return False
        rule = rule_of(self._pipeline.catalog, video)
        return rule is not None and named.captions in (None, rule.captions)
