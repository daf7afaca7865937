"""Source videos: see which are there, and find out what each one is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.listing import Place, Sighting, sight, title_places, video_places
from translation_pipeline.errors import StorageError
from translation_pipeline.ledger.models import Video
from translation_pipeline.ledger.sightings import Known, Sightings, VideoName
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.stages.lookout import Look, Lookout, Position, Stretch

CALLS_AT_ONCE = 8
CLASHES_TOLD_MOST = 100


@dataclass
class SourcesSeen:
    """What a look brought. `titles` are those with new videos; `clashes` are keys that would be
    the same video as another key."""

    videos: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    titles: set[str] = field(default_factory=set)
    clashes: list[str] = field(default_factory=list)
    swept: bool = False
    """Whether a sweep of the whole catalog ended with this look."""

    def __str__(self) -> str:
        text = f"{self.videos} videos were listed: {self.new} new, {self.changed} changed"
        text += f", {self.gone} gone" if self.gone else ""
        if self.clashes:
            text += f"; left out because another file has their name: {'; '.join(self.clashes)}"
        return text


def see_sources(pipeline: Pipeline) -> SourcesSeen:
    """List all source prefixes and note every video that is new, changed or gone; opens none."""
    watch = SourceWatch(pipeline)
    return watch.finished(watch.lookout(video_places(pipeline.catalog)).look_at_all())


def see_title(pipeline: Pipeline, title: str) -> SourcesSeen:
    """As `see_sources`, but only where videos of this title can be."""
    watch = SourceWatch(pipeline)
    places = title_places(pipeline.catalog, title)
    watch.lookout(places).look_at_all()
    return watch.seen


def glance_at_sources(pipeline: Pipeline, position: Position) -> tuple[SourcesSeen, Position]:
    """As `see_sources`, but only for the seconds of the settings, from a position on."""
    watch = SourceWatch(pipeline)
    lookout = watch.lookout(video_places(pipeline.catalog))
    look = lookout.look(position, pipeline.settings.listing_s)
    return watch.finished(look), look.position


def inspect_sources(
    pipeline: Pipeline, titles: Collection[str] | None = None, *, again: bool = False
) -> None:
    """Open every video that was not opened since it changed and is left alone by its uploader.

    A video that cannot be used keeps its reason in `problem`; `again` opens those once more.
    """
    sightings = Sightings(pipeline.ledger.database)
    with ThreadPoolExecutor(CALLS_AT_ONCE) as threads:

        def inspect(videos: Sequence[Video]) -> None:
            list(threads.map(lambda video: _inspect(pipeline, video), videos))
            pipeline.inventory.save(videos)

        if again:
            settled = [v for v in pipeline.inventory.videos(titles) if v.inspected_etag == v.etag]
            inspect([video for video in settled if video.problem is not None])
        for videos in sightings.due_videos(pipeline.settings.settle_s, titles):
            inspect(videos)


class SourceWatch:
    """Compares what is listed with the inventory, stretch by stretch, and enters what differs."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._sightings = Sightings(pipeline.ledger.database)
        self.seen = SourcesSeen()

    def lookout(self, places: Sequence[Place]) -> Lookout:
        """The lookout over places where source videos are."""
        return Lookout(self._pipeline.storage, self._sightings, places, self.take)

    def finished(self, look: Look) -> SourcesSeen:
        """What was seen in all; what lies outside of all places left the catalog."""
        catalog = self._pipeline.catalog
        if look.swept and look.listed and catalog.when_gone == "retire":
            prefixes = [place.prefix for place in video_places(catalog)]
            self.seen.gone += self._sightings.retire_outside(catalog.bucket, prefixes)
        self.seen.swept = look.swept
        return self.seen

    def take(self, place: Place, stretch: Stretch) -> None:
        """One stretch of a place."""
        catalog = self._pipeline.catalog
        sighted = [found for listed in stretch.objects if (found := sight(catalog, listed))]
        known = {
            (row.title, row.video, row.key): row for row in self._sightings.known(stretch.span)
        }
        self.seen.videos += len(sighted)
        new: list[Sighting] = []
        changed: list[Sighting] = []
        for found in sighted:
            before = known.get((found.title, found.video, found.key))
            if before is None:
                new.append(found)
            elif before.etag != found.etag or before.gone_at is not None:
                changed.append(found)
        if new:
            self._enter(place, stretch, new, len(known))
        if changed:
            self._change(place, changed)
        if catalog.when_gone == "retire" and len(known) + len(new) > len(sighted):
            self._retire(stretch, sighted, known.values())

    def _enter(self, place: Place, stretch: Stretch, new: Sequence[Sighting], known: int) -> None:
        """New videos, beside so many that are known in this stretch."""
        self._sightings.enter(place.bucket, new, _folders(place, new))
        self.seen.new += len(new)
        self.seen.titles |= {found.title for found in new}
        if self._sightings.count(stretch.span) < known + len(new):
            entered = {row.key for row in self._sightings.known(stretch.span)}
            left_out = [found for found in new if found.key not in entered]
            self.seen.new -= len(left_out)
            self._settle_names(place, left_out)

    def _change(self, place: Place, changed: Sequence[Sighting]) -> None:
        self._sightings.change(place.bucket, changed, _folders(place, changed))
        self.seen.changed += len(changed)
        self.seen.titles |= {found.title for found in changed}

    def _settle_names(self, place: Place, left_out: Sequence[Sighting]) -> None:
        """Videos whose name another key has: that one was moved here, or both are there."""
        names = [(found.title, found.video) for found in left_out]
        holders = {name: (bucket, key) for name, bucket, key in self._sightings.named(names)}
        moved: dict[VideoName, Sighting] = {}
        for found in left_out:
            name = (found.title, found.video)
            if name not in moved and not self._is_there(name, *holders[name]):
                moved[name] = found
            elif len(self.seen.clashes) < CLASHES_TOLD_MOST:
                held_by = moved[name].key if name in moved else holders[name][1]
                self.seen.clashes.append(f"{found.key} (clashes with {held_by})")
        if moved:
            self._change(place, list(moved.values()))

    def _is_there(self, name: VideoName, bucket: str, key: str) -> bool:
        """Whether a key is still in the catalog, and in OSS."""
        matched = self._pipeline.catalog.rule_for(key)
        if bucket != self._pipeline.catalog.bucket or matched is None or matched[1:] != name:
            return False
        return self._pipeline.storage.head(ObjectAddress(bucket, key)) is not None

    def _retire(
        self, stretch: Stretch, sighted: Collection[Sighting], known: Iterable[Known]
    ) -> None:
        """Videos that no rule names any more, and those that are deleted: not only are they
        missing in the listing, OSS says so when asked for each."""
        listed = {one.key for one in stretch.objects}
        names = {(found.title, found.video, found.key) for found in sighted}
        present = [row for row in known if row.gone_at is None]
        gone = [
            row
            for row in present
            if row.key in listed and (row.title, row.video, row.key) not in names
        ]
        missing = [row for row in present if row.key not in listed] if stretch.trusted else []
        with ThreadPoolExecutor(CALLS_AT_ONCE) as threads:
            absent = threads.map(lambda row: self._is_absent(stretch.span.bucket, row), missing)
            gone += [row for row, is_absent in zip(missing, absent, strict=True) if is_absent]
        if gone:
            self._sightings.retire([(row.title, row.video) for row in gone])
            self.seen.gone += len(gone)

    def _is_absent(self, bucket: str, row: Known) -> bool:
        try:
            return self._pipeline.storage.head(ObjectAddress(bucket, row.key)) is None
        except StorageError:
            return False  # no answer is no proof


def _folders(place: Place, found: Iterable[Sighting]) -> set[str]:
    return {place.folder_of(one.key) for one in found} if place.has_folders else set()


def _inspect(pipeline: Pipeline, video: Video) -> None:
    from translation_pipeline import media  # late: whoever only plans loads no media engine

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
