"""Looking over a catalog of any size, a little at every tick, with a few hundred bytes kept.

OSS cannot be asked what is new (oss.md section 3): whoever wants to know has to list everything.
So a lookout does three things at every tick, each for its share of the time:

1. it lists the folders that changed last, where more is likely to change;
2. it lists the names of folders, a thousand per call, and looks into those that are new;
3. it goes on with the sweep, which lists every object, and begins anew when it is through.

What is new in a new folder or in one that is at work shows within a tick or two; what is new
anywhere else shows when the sweep comes by. A catalog that one tick can sweep is swept whole.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import islice

from translation_pipeline.catalog.listing import Place
from translation_pipeline.ledger.sightings import BEHIND_ALL_KEYS, Sightings, Span
from translation_pipeline.storage import ListedObject, ListedPage, Storage

FIRST_SWEEP_S = 40.0  # for a tick while the catalog was never swept whole; Dagster allows 60
CHANGING_MOST = 50  # folders that changed last
FOLDER_PAGES_MOST = 5  # of one folder; a larger one is left to the sweep
AT_ONCE = 8


@dataclass(frozen=True)
class Stretch:
    """All objects of a range of keys. `trusted` says whether one that is known and not among
    them may be gone: an empty listing proves nothing."""

    span: Span
    objects: Sequence[ListedObject]
    trusted: bool


@dataclass(frozen=True)
class Position:
    """Where a lookout stands between two looks: its cursor."""

    places: str = ""
    """Which places it is about: others begin anew."""
    place: int = 0
    after: str = ""
    seen: int = 0
    """Objects that this sweep saw in this place so far."""
    sweep_s: float = 0.0
    """Seconds that this sweep took so far."""
    last_sweep_s: float | None = None
    """Seconds that the last whole sweep took; None while none came to its end."""
    names_place: int = 0
    names_after: str = ""

    @classmethod
    def from_json(cls, text: str | None) -> Position:
        """The position that `to_json` wrote; the beginning for anything else."""
        try:
            return cls(**json.loads(text or "{}"))
        except (ValueError, TypeError):
            return cls()

    def to_json(self) -> str:
        """A few hundred bytes."""
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass
class Look:
    """What one look did: objects and folder names that were listed, and whether the sweep came
    to its end with it."""

    position: Position
    listed: int = 0
    folders: int = 0
    swept: bool = False


@dataclass
class Lookout:
    """Lists places and hands every stretch of them to `take`."""

    storage: Storage
    sightings: Sightings
    places: Sequence[Place]
    take: Callable[[Place, Stretch], None]
    clock: Callable[[], float] = time.monotonic
    _look: Look = field(init=False)

    def look(
        self, position: Position, seconds: float, first_sweep_s: float = FIRST_SWEEP_S
    ) -> Look:
        """One look from a position on. It takes about so many seconds at the most, and as many
        as `first_sweep_s` while the places were never swept whole."""
        fingerprint = _fingerprint(self.places)
        if position.places != fingerprint:
            position = Position(fingerprint)
        self._look = Look(position)
        begun = self.clock()
        if position.last_sweep_s is None:
            seconds = first_sweep_s
        elif position.sweep_s > 0 or position.last_sweep_s > seconds:  # more than one look sweeps
            self._look_at_changing(until=begun + seconds / 3)
            self._look_at_names(until=begun + seconds * 2 / 3)
        self._sweep(until=begun + seconds)
        return self._look

    def look_at_all(self) -> Look:
        """One whole sweep, however long it takes."""
        self._look = Look(Position(_fingerprint(self.places)))
        self._sweep(until=float("inf"))
        return self._look

    def _look_at_changing(self, until: float) -> None:
        for place in self.places:
            if place.has_folders and self.clock() < until:
                folders = self.sightings.changing_folders(place.bucket, place.prefix, CHANGING_MOST)
                self._look_into(place, folders, until)

    def _look_at_names(self, until: float) -> None:
        index, after = self._look.position.names_place, self._look.position.names_after
        while index < len(self.places):
            place = self.places[index]
            if place.has_folders:
                after, through = self._look_at_names_in(place, after, until)
                if not through:
                    break
            index, after = index + 1, ""
        self._move(names_place=index % len(self.places), names_after=after)

    def _look_at_names_in(self, place: Place, after: str, until: float) -> tuple[str, bool]:
        """Where to go on in this place, and whether its end was reached."""
        for page in self.storage.pages(place.bucket, place.prefix, after, delimiter="/"):
            self._look.folders += len(page.folders)
            span = Span(place.bucket, after or place.prefix, page.last)
            known = {after, *self.sightings.known_folders(span)}
            new = [folder for folder in page.folders if folder not in known]
            looked_into = self._look_into(place, new, until)
            # Those in which nothing was found are not looked into a second time.
            self.sightings.note_folders(place.bucket, new[:looked_into], changed=False)
            if looked_into < len(new):
                return new[looked_into - 1], False
            after = max(after, page.last)
            if self.clock() >= until and not page.is_last:
                return after, False
        return "", True

    def _look_into(self, place: Place, folders: Sequence[str], until: float) -> int:
        """List folders, several at once, while there is time; returns how many."""

        def first_pages(folder: str) -> list[ListedPage]:
            return list(islice(self.storage.pages(place.bucket, folder), FOLDER_PAGES_MOST))

        done = 0
        with ThreadPoolExecutor(AT_ONCE) as threads:
            while done < len(folders) and (done == 0 or self.clock() < until):
                batch = folders[done : done + AT_ONCE]
                for folder, pages in zip(batch, threads.map(first_pages, batch), strict=True):
                    self._take_pages(place, folder, pages)
                done += len(batch)
        return done

    def _take_pages(self, place: Place, folder: str, pages: Collection[ListedPage]) -> None:
        after, seen = folder, 0
        for page in pages:
            seen += len(page.objects)
            after = self._take_page(place, folder, page, after, seen)

    def _sweep(self, until: float) -> None:
        begun = self.clock() - self._look.position.sweep_s
        while self._look.position.place < len(self.places):
            place = self.places[self._look.position.place]
            after = self._look.position.after
            for page in self.storage.pages(place.bucket, place.prefix, after):
                seen = self._look.position.seen + len(page.objects)
                after = self._take_page(place, place.prefix, page, after or place.prefix, seen)
                self._move(after=after, seen=seen)
                if self.clock() >= until and not page.is_last:
                    self._move(sweep_s=self.clock() - begun)
                    return
            self._move(place=self._look.position.place + 1, after="", seen=0)
        self._look.swept = True
        self._move(place=0, sweep_s=0.0, last_sweep_s=self.clock() - begun)

    def _take_page(self, place: Place, prefix: str, page: ListedPage, after: str, seen: int) -> str:
        """Hand a page over; returns the key behind which the next one begins."""
        up_to = prefix + BEHIND_ALL_KEYS if page.is_last else page.last
        self._look.listed += len(page.objects)
        self.take(place, Stretch(Span(place.bucket, after, up_to), page.objects, seen > 0))
        return page.last

    def _move(self, **changes: str | float) -> None:
        self._look.position = replace(self._look.position, **changes)  # type: ignore[arg-type]


def _fingerprint(places: Sequence[Place]) -> str:
    return hashlib.sha256(repr(list(places)).encode()).hexdigest()[:12]
