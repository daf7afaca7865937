"""Looking over a catalog in small steps: nothing is passed over, or believed too soon."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translation_pipeline.catalog.config import Catalog, load_catalog
from translation_pipeline.catalog.listing import (
    Place,
    sight,
    sight_captions,
    srt_places,
    title_places,
    video_places,
)
from translation_pipeline.ledger.sightings import Sightings, Span
from translation_pipeline.stages.lookout import Lookout, Position, Stretch
from translation_pipeline.storage import ListedObject, ListedPage, Storage

PAGE = 3  # keys
CALL_S = 1.0

CATALOG = """
bucket: videos
output_bucket: results
titles:
  - match: "in/{title}/{video}.mp4"
    level: subtitle
    captions: review
    caption_region: [[0.75, 1], [0, 1]]
    erase: none
    burn_in: none
    source_language: en
    target_languages: [pt]
  - match: "in/courses/{title}/{video}.mp4"
    level: subtitle
    captions: provided
    provided_srt: "srt/{title}/{video}.{language}.srt"
    provided_srt_is: target
    erase: none
    burn_in: none
    source_language: en
    target_languages: [pt]
  - match: "loose/{title}-{video}.mp4"
    level: subtitle
    captions: direct
    erase: none
    burn_in: none
    source_language: en
    target_languages: [pt]
"""


class Bucket:
    """A bucket in memory; each call takes a second of the clock."""

    def __init__(self, keys: Collection[str]) -> None:
        self.keys = set(keys)
        self.now_s = 0.0

    def pages(
        self, bucket: str, prefix: str = "", start_after: str = "", delimiter: str = ""
    ) -> Iterator[ListedPage]:
        """As the storage's."""
        found = sorted(
            {self._folded(key, prefix, delimiter) for key in self.keys if key.startswith(prefix)}
        )
        left = [key for key in found if key > start_after]
        while True:
            self.now_s += CALL_S
            shown, left = left[:PAGE], left[PAGE:]
            objects = [ListedObject(key, 1, "E", 0) for key in shown if key[-1:] != delimiter]
            folders = tuple(key for key in shown if delimiter and key.endswith(delimiter))
            last = shown[-1] if shown else ""
            yield ListedPage(tuple(objects), folders, last, not left)
            if not left:
                return

    @staticmethod
    def _folded(key: str, prefix: str, delimiter: str) -> str:
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        return key if end < 0 else key[: end + 1]


class Folders:
    """What the inventory knows of folders."""

    def __init__(self, known: Collection[str] = (), changing: Collection[str] = ()) -> None:
        self.known = {*known, *changing}
        self.changing = list(changing)

    def known_folders(self, span: Span) -> set[str]:
        return {folder for folder in self.known if span.after < folder <= span.up_to}

    def changing_folders(self, bucket: str, prefix: str, most: int) -> list[str]:
        return self.changing[:most]

    def note_folders(self, bucket: str, folders: Collection[str], *, changed: bool) -> None:
        self.known |= set(folders)


class Watch:
    """A lookout over a bucket in memory that remembers what it was handed."""

    def __init__(self, keys: Collection[str], folders: Folders, places: list[Place]) -> None:
        self.bucket = Bucket(keys)
        self.stretches: list[Stretch] = []
        self.lookout = Lookout(
            cast(Storage, self.bucket),
            cast(Sightings, folders),
            places,
            lambda place, stretch: self.stretches.append(stretch),
            clock=lambda: self.bucket.now_s,
        )

    def seen(self) -> set[str]:
        return {one.key for stretch in self.stretches for one in stretch.objects}


PLACES = [Place("videos", "in/", True), Place("videos", "other/", False)]
keys = st.sets(
    st.builds(
        "{}{}/{}".format, st.sampled_from(["in/", "other/", "in/x"]), st.integers(0, 5),
        st.integers(0, 12),
    ),
    max_size=60,
)  # fmt: skip


@given(keys, st.floats(0.5, 9))
@settings(max_examples=60, deadline=None)
def test_a_sweep_in_pieces_hands_over_every_key_once_and_leaves_no_gap(
    present: set[str], seconds: float
) -> None:
    watch = Watch(present, Folders(), PLACES)
    position, looks = Position(), 0
    while position.last_sweep_s is None:
        look = watch.lookout.look(position, seconds, first_sweep_s=seconds)
        position = Position.from_json(look.position.to_json())
        looks += 1
        assert looks <= len(present) + 3
    listed = [one.key for stretch in watch.stretches for one in stretch.objects]
    assert sorted(listed) == sorted(present)
    for before, after in zip(watch.stretches, watch.stretches[1:], strict=False):
        starts_anew = after.span.after in {place.prefix for place in PLACES}
        assert starts_anew or after.span.after == before.span.up_to


def test_what_is_missing_is_believed_only_after_something_was_listed() -> None:
    watch = Watch({"other/1", "other/2", "other/3", "other/4"}, Folders(), PLACES)
    watch.lookout.look_at_all()
    assert [(one.span.after, one.trusted) for one in watch.stretches] == [
        ("in/", False),
        ("other/", True),
        ("other/3", True),
    ]


def test_the_end_of_a_place_counts_as_listed_when_its_beginning_had_objects() -> None:
    """The last page of a sweep may be empty: what was behind it may be gone all the same."""
    watch = Watch({"other/1"}, Folders(), PLACES[1:])
    begun = watch.lookout.look(Position(), 0.5, first_sweep_s=0.5).position
    assert begun.last_sweep_s is not None
    middle = Position(places=begun.places, after="other/9", seen=5)
    watch.lookout.look(middle, 0.5, first_sweep_s=0.5)
    assert watch.stretches[-1].objects == ()
    assert watch.stretches[-1].trusted


def test_a_catalog_too_large_for_one_look_is_seen_where_it_changes() -> None:
    """A new folder and one at work show at once, however far away the sweep is."""
    quiet = {f"in/quiet{number:03d}/ep1.mp4" for number in range(60)}
    folders = Folders(known={key.rpartition("/")[0] + "/" for key in quiet}, changing=["in/zz/"])
    watch = Watch({*quiet, "in/zz/ep2.mp4", "in/new/ep1.mp4"}, folders, PLACES[:1])
    fingerprint = watch.lookout.look(Position(), 1).position.places
    position = Position(places=fingerprint, after="in/quiet010/ep1.mp4", seen=10, last_sweep_s=99)
    watch.stretches.clear()
    for _ in range(3):
        position = watch.lookout.look(position, 9).position
    assert {"in/zz/ep2.mp4", "in/new/ep1.mp4"} <= watch.seen()
    assert not quiet <= watch.seen()


def test_a_catalog_that_outgrows_one_look_is_watched_where_it_changes() -> None:
    crowd = {f"in/crowd{number:03d}/ep1.mp4" for number in range(60)}
    folders = Folders(known={key.rpartition("/")[0] + "/" for key in crowd})
    watch = Watch(crowd, folders, PLACES[:1])
    fingerprint = watch.lookout.look(Position(), 1).position.places
    position = watch.lookout.look(Position(places=fingerprint, last_sweep_s=1), 3).position
    assert position.after
    watch.bucket.keys.add("in/a/new.mp4")  # behind the sweep
    watch.stretches.clear()
    watch.lookout.look(position, 3)
    assert "in/a/new.mp4" in watch.seen()


def test_a_folder_in_which_nothing_is_wanted_is_looked_into_once() -> None:
    folders = Folders()
    watch = Watch({"in/notes/readme.txt"}, folders, PLACES[:1])
    fingerprint = watch.lookout.look(Position(), 1).position.places
    position = Position(places=fingerprint, last_sweep_s=99)
    for _ in range(3):
        position = watch.lookout.look(position, 9).position
    assert folders.known == {"in/notes/"}
    spans = [stretch.span.after for stretch in watch.stretches]
    assert spans.count("in/notes/") == 1


@pytest.mark.parametrize("cursor", [None, "", "no json", "[]", '{"place": 1, "what": 2}'])
def test_an_unreadable_cursor_begins_anew(cursor: str | None) -> None:
    assert Position.from_json(cursor) == Position()


def test_a_cursor_of_other_places_begins_anew() -> None:
    watch = Watch({"in/a/1.mp4"}, Folders(), PLACES)
    position = watch.lookout.look(Position(places="others", place=7, last_sweep_s=1), 5).position
    assert watch.seen() == {"in/a/1.mp4"}
    assert len(position.to_json()) < 500
    assert json.loads(position.to_json())["place"] == 0


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(CATALOG, source="catalog.yaml")


def test_places_are_the_outermost_prefixes(catalog: Catalog) -> None:
    assert video_places(catalog) == [
        Place("videos", "in/", has_folders=True),
        Place("videos", "loose/", has_folders=False),
    ]
    assert srt_places(catalog) == [
        Place("results", "review/", has_folders=True),
        Place("videos", "srt/", has_folders=True),
    ]
    assert title_places(catalog, "drama") == [
        Place("videos", "in/courses/drama/", has_folders=False),
        Place("videos", "in/drama/", has_folders=False),
        Place("videos", "loose/drama-", has_folders=False),
    ]
    assert title_places(catalog, "{odd}") == video_places(catalog)


def test_a_key_lies_in_its_outermost_folder(catalog: Catalog) -> None:
    place, loose = video_places(catalog)
    assert place.folder_of("in/drama/ep1.mp4") == "in/drama/"
    assert place.folder_of("in/courses/one/ep1.mp4") == "in/courses/"
    assert loose.folder_of("loose/drama-1.mp4") == "loose/"


def test_objects_are_told_apart_by_their_keys(catalog: Catalog) -> None:
    found = sight(catalog, ListedObject("in/drama/ep1.mp4", 5, "E", 7))
    assert found == ("drama", "ep1", "in/drama/ep1.mp4", 5, "E", 7)
    assert sight(catalog, ListedObject("in/drama/notes.txt", 5, "E", 7)) is None
    cases: dict[tuple[str, str], Any] = {
        ("results", "review/drama/ep1.srt"): ("drama", "ep1", "review"),
        ("results", "captions/drama/ep1.srt"): None,
        ("videos", "srt/one/ep1.pt.srt"): ("one", "ep1", "provided"),
        ("videos", "review/drama/ep1.srt"): None,
    }
    assert {case: sight_captions(catalog, *case) for case in cases} == cases
