"""What listings write and ask, on both databases: ranges of keys, names, folders, what is due."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import select

from translation_pipeline.catalog.listing import Sighting
from translation_pipeline.ledger.database import Database
from translation_pipeline.ledger.models import Video
from translation_pipeline.ledger.sightings import Sightings, Span

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
ALL = Span("videos", "in/", "in/\U0010fffd")
# In the order of OSS: by bytes, which is not that of any language.
ORDERED = ["in/B/1.mp4", "in/a/1.mp4", "in/a/10.mp4", "in/a/2.mp4", "in/é/1.mp4", "in/爱/1.mp4",
           "in/🎬/1.mp4"]  # fmt: skip


def sighting(key: str, etag: str = "E", age_s: float = 3600) -> Sighting:
    _, title, name = key.split("/")
    modified = int((NOW - timedelta(seconds=age_s)).timestamp())
    return Sighting(title, name.removesuffix(".mp4"), key, 5_000_000_000, etag, modified)


@pytest.fixture
def sightings(database: Database) -> Sightings:
    return Sightings(database, clock=lambda: NOW)


def keys(sightings: Sightings, after: str, up_to: str) -> list[str]:
    return [row.key for row in sightings.known(Span("videos", after, up_to))]


def test_ranges_follow_the_order_of_oss_and_never_overlap(sightings: Sightings) -> None:
    sightings.enter("videos", [sighting(key) for key in ORDERED], {"in/a/"})
    for index, key in enumerate(ORDERED):
        before = sorted(keys(sightings, "in/", key))
        after = sorted(keys(sightings, key, ALL.up_to))
        assert before == sorted(ORDERED[: index + 1])
        assert after == sorted(ORDERED[index + 1 :])
        assert sightings.count(Span("videos", "in/", key)) == index + 1
    assert keys(sightings, "in/a/", "in/a/\U0010fffd") == ORDERED[1:4]
    assert sightings.known(Span("others", "in/", ALL.up_to)) == []


def test_what_is_entered_is_what_was_listed(sightings: Sightings) -> None:
    odd = 'in/"quoted", 100% \\ {it}/it\'s :one ?.mp4'
    sightings.enter("videos", [sighting(odd, "E'1\"", age_s=90)], set())
    with sightings.database.read() as session:
        (video,) = session.scalars(select(Video))
    assert (video.title, video.video) == ('"quoted", 100% \\ {it}', "it's :one ?")
    assert (video.bucket, video.key, video.etag, video.size) == (
        "videos",
        odd,
        "E'1\"",
        5_000_000_000,
    )
    assert video.modified_at == NOW - timedelta(seconds=90)
    assert video.seen_at == NOW


def test_a_name_that_is_taken_stays_with_its_holder(sightings: Sightings) -> None:
    sightings.enter("videos", [sighting("in/a/1.mp4")], set())
    rival = Sighting("a", "1", "in/other/1.mp4", 1, "F", 0)
    sightings.enter("videos", [rival, sighting("in/a/2.mp4")], set())
    assert keys(sightings, "in/", ALL.up_to) == ["in/a/1.mp4", "in/a/2.mp4"]
    assert sightings.named([("a", "1"), ("a", "9")]) == [(("a", "1"), "videos", "in/a/1.mp4")]
    sightings.change("videos", [rival], {"in/other/"})
    assert keys(sightings, "in/", ALL.up_to) == ["in/a/2.mp4", "in/other/1.mp4"]


def test_what_left_the_catalog_is_not_due_until_it_is_back(sightings: Sightings) -> None:
    one, two = sighting("in/a/1.mp4"), sighting("in/b/1.mp4")
    sightings.enter("videos", [one, two], set())
    assert sightings.gone_titles() == []
    sightings.retire([("a", "1")])
    assert sightings.gone_titles() == ["a"]
    assert sightings.due(0).count == 1
    assert [row.title for row in sightings.known(ALL) if row.gone_at is not None] == ["a"]
    sightings.change("videos", [one], set())
    assert sightings.due(0).count == 2
    assert sightings.retire_outside("videos", ["in/a/", "in/c/"]) == 1
    assert sightings.gone_titles() == ["b"]
    assert sightings.retire_outside("moved", ["in/"]) == 1
    assert sightings.due(0).count == 0


def test_what_is_due_is_given_out_in_pieces_and_settles_first(sightings: Sightings) -> None:
    old = [sighting(f"in/a/{number:02d}.mp4") for number in range(7)]
    fresh = [sighting(f"in/b/{number}.mp4", age_s=10) for number in range(2)]
    sightings.enter("videos", [*old, *fresh], set())
    due = sightings.due(60)
    assert (due.count, due.settling, due.newest) == (7, 2, NOW)
    pieces = list(sightings.due_videos(60, chunk=3))
    assert [[video.video for video in piece] for piece in pieces] == [
        ["00", "01", "02"],
        ["03", "04", "05"],
        ["06"],
    ]
    assert [len(piece) for piece in sightings.due_videos(0, ["b"])] == [2]
    with sightings.database.write() as session:
        for video in session.scalars(select(Video)):
            video.inspected_etag = video.etag
    assert sightings.due(0).count == 0
    sightings.change("videos", [sighting("in/a/03.mp4", "changed")], set())
    assert [video.video for piece in sightings.due_videos(0) for video in piece] == ["03"]


def test_folders_are_remembered_and_those_that_change_come_first(database: Database) -> None:
    now = NOW
    sightings = Sightings(database, clock=lambda: now)
    sightings.note_folders("videos", ["in/quiet/", "in/x/"], changed=False)
    for folder in ("in/b/", "in/a/", "in/x/"):
        now += timedelta(minutes=1)
        sightings.note_folders("videos", [folder], changed=True)
    sightings.note_folders("videos", ["in/a/"], changed=False)
    sightings.note_folders("videos", [], changed=True)
    assert sightings.changing_folders("videos", "in/", 2) == ["in/x/", "in/a/"]
    assert sightings.changing_folders("videos", "in/b", 9) == ["in/b/"]
    known = {"in/quiet/", "in/x/", "in/b/", "in/a/"}
    assert sightings.known_folders(ALL) == known
    assert sightings.known_folders(Span("videos", "in/a/", "in/b/")) == {"in/b/"}
