"""What listings found, compared with what is known, a range of keys at a time.

Nothing here takes more memory or time than its range has objects, however large the catalog is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    TextClause,
    and_,
    bindparam,
    func,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from translation_pipeline.catalog.listing import Sighting
from translation_pipeline.ledger.database import Database, one_transaction
from translation_pipeline.ledger.ledger import utc_now
from translation_pipeline.ledger.models import Base, Captions, Folder, UtcDateTime, Video

CHUNK = 300  # rows whose keys go into one statement
DUE_MOST = 1000
BEHIND_ALL_KEYS = "\U0010fffd"  # sorts behind whatever follows a prefix
NEVER = datetime.fromtimestamp(0).astimezone()


def _enter(rows: str, field: str, time_of: str) -> TextClause:
    """Insert the sightings of a JSON text: binding each value by itself takes twice the time."""
    title, video, key, size, etag, modified = (field.format(number) for number in range(6))
    statement = (
        "INSERT INTO videos (title, video, bucket, key, size, etag, seen_at, modified_at) "  # noqa: S608 - no values in it
        f"SELECT {title}, {video}, :bucket, {key}, CAST({size} AS BIGINT), {etag}, :seen_at, "
        f"{time_of.format(modified)} FROM {rows} AS row WHERE true "
        "ON CONFLICT (title, video) DO NOTHING"
    )
    return text(statement).bindparams(bindparam("seen_at", type_=UtcDateTime()))


_ENTER = {
    "sqlite": _enter(
        "json_each(:rows)",
        "json_extract(row.value, '$[{}]')",
        "strftime('%Y-%m-%d %H:%M:%S.000000', {}, 'unixepoch')",
    ),
    "postgresql": _enter(
        "json_array_elements(CAST(:rows AS json))",
        "(row.value ->> {})",
        "to_timestamp(CAST({} AS bigint))",
    ),
}

VideoName = tuple[str, str]
"""Title and video."""


class Span(NamedTuple):
    """A range of keys of a bucket: behind `after`, up to and with `up_to`."""

    bucket: str
    after: str
    up_to: str


class Known(NamedTuple):
    """What the inventory has of one source video."""

    title: str
    video: str
    key: str
    etag: str
    gone_at: datetime | None


@dataclass(frozen=True)
class Due:
    """Videos that are new or changed and were not opened since, counted up to `DUE_MOST`.
    `settling` more are left alone because they were written only just now; `newest` is when the
    last one was found."""

    count: int
    settling: int
    newest: datetime | None


class Sightings:
    """Writes what listings find. Each method is one transaction."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self.database = database
        self._now = clock

    @one_transaction
    def known(self, span: Span) -> list[Known]:
        """The videos in a range of keys, also those that are gone."""
        query = select(Video.title, Video.video, Video.key, Video.etag, Video.gone_at)
        with self.database.read() as session:
            rows = session.execute(query.where(_inside(Video, span)))
            return [Known(*row) for row in rows]

    @one_transaction
    def named(self, names: Collection[VideoName]) -> list[tuple[VideoName, str, str]]:
        """Name, bucket and key of those of these videos that were ever seen."""
        query = select(Video.title, Video.video, Video.bucket, Video.key)
        found: list[tuple[VideoName, str, str]] = []
        with self.database.read() as session:
            for chunk in _chunks(names):
                rows = session.execute(query.where(tuple_(Video.title, Video.video).in_(chunk)))
                found += [((title, video), bucket, key) for title, video, bucket, key in rows]
        return found

    @one_transaction
    def count(self, span: Span) -> int:
        """How many videos are known in a range of keys."""
        query = select(func.count()).select_from(Video).where(_inside(Video, span))
        with self.database.read() as session:
            return session.scalar(query) or 0

    @one_transaction
    def enter(self, bucket: str, new: Sequence[Sighting], folders: Collection[str]) -> None:
        """Enter videos; one whose name is taken already is left out. `folders` changed now."""
        values = {"rows": json.dumps(new), "bucket": bucket, "seen_at": self._now()}
        with self.database.write() as session:
            session.execute(_ENTER[session.connection().dialect.name], values)
            self._touch(session, bucket, folders, self._now())

    @one_transaction
    def change(self, bucket: str, changed: Sequence[Sighting], folders: Collection[str]) -> None:
        """Note that videos are other than before, or back. `folders` changed now."""
        with self.database.write() as session:
            for found in changed:
                session.execute(
                    update(Video)
                    .where(Video.title == found.title, Video.video == found.video)
                    .values(
                        bucket=bucket,
                        key=found.key,
                        size=found.size,
                        etag=found.etag,
                        modified_at=datetime.fromtimestamp(found.last_modified, timezone.utc),
                        seen_at=self._now(),
                        gone_at=None,
                    )
                )
            self._touch(session, bucket, folders, self._now())

    @one_transaction
    def retire(self, names: Collection[VideoName]) -> None:
        """These videos left the catalog: nothing is wanted of them until they are seen again."""
        with self.database.write() as session:
            for chunk in _chunks(names):
                these = tuple_(Video.title, Video.video).in_(chunk)
                session.execute(update(Video).where(these).values(gone_at=self._now()))

    @one_transaction
    def retire_outside(self, bucket: str, prefixes: Sequence[str]) -> int:
        """Retire what lies under none of the prefixes that are listed; returns how many."""
        # As ranges between the prefixes, each found by the index: mostly nothing is there.
        ordered = sorted(prefixes)
        begins = ["", *(prefix + BEHIND_ALL_KEYS for prefix in ordered)]
        between = [
            and_(Video.bucket == bucket, Video.key >= begin, Video.key < end)
            for begin, end in zip(begins, [*ordered, BEHIND_ALL_KEYS], strict=True)
        ]
        outside = or_(Video.bucket < bucket, Video.bucket > bucket, *between)
        retired = update(Video).where(outside, Video.gone_at.is_(None))
        with self.database.write() as session:
            found: Any = session.execute(retired.values(gone_at=self._now()))
            return int(found.rowcount)

    @one_transaction
    def gone_titles(self) -> list[str]:
        """Titles of which videos were seen, but none is left."""
        gone = select(Video.title).where(Video.gone_at.is_not(None)).distinct()
        left = select(Video.title).where(Video.gone_at.is_(None))
        with self.database.read() as session:
            return sorted(set(session.scalars(gone)) - set(session.scalars(left.distinct())))

    @one_transaction
    def due(self, settle_s: float) -> Due:
        """What a run would look into now, without reading it all."""
        until = self._now() - timedelta(seconds=settle_s)
        query = select(Video.modified_at).where(_to_inspect())
        newest = select(Video.seen_at).where(_to_inspect()).order_by(Video.seen_at.desc()).limit(1)
        with self.database.read() as session:
            times = session.scalars(query.order_by(Video.seen_at).limit(DUE_MOST)).all()
            settling = sum(at is not None and at > until for at in times)
            return Due(len(times) - settling, settling, session.scalar(newest))

    def due_videos(
        self, settle_s: float, titles: Collection[str] | None = None, chunk: int = CHUNK
    ) -> Iterator[list[Video]]:
        """The videos to look into, the first found first, in pieces; each is given out once."""
        after = (NEVER, "", "")
        until = self._now() - timedelta(seconds=settle_s)
        order = tuple_(Video.seen_at, Video.title, Video.video)
        query = (
            select(Video)
            .where(_to_inspect(), or_(Video.modified_at.is_(None), Video.modified_at <= until))
            .order_by(Video.seen_at, Video.title, Video.video)
            .limit(chunk)
        )
        if titles is not None:
            query = query.where(Video.title.in_(titles))
        while True:
            videos = self._videos(query.where(order > after))
            if not videos:
                return
            after = (videos[-1].seen_at, videos[-1].title, videos[-1].video)
            yield videos

    @one_transaction
    def known_captions(self, span: Span) -> dict[str, str]:
        """Key to etag of the caption files that were read, in a range of keys."""
        query = select(Captions.key, Captions.etag).where(_inside(Captions, span))
        with self.database.read() as session:
            return {row.key: row.etag for row in session.execute(query)}

    @one_transaction
    def known_folders(self, span: Span) -> set[str]:
        """The folders in a range that were looked into before."""
        query = select(Folder.prefix).where(
            Folder.bucket == span.bucket, Folder.prefix > span.after, Folder.prefix <= span.up_to
        )
        with self.database.read() as session:
            return set(session.scalars(query))

    @one_transaction
    def changing_folders(self, bucket: str, prefix: str, most: int) -> list[str]:
        """The folders below a prefix that changed last, the latest first."""
        query = (
            select(Folder.prefix)
            .where(Folder.bucket == bucket, Folder.changed_at > NEVER)
            .where(Folder.prefix >= prefix, Folder.prefix < prefix + BEHIND_ALL_KEYS)
            .order_by(Folder.changed_at.desc())
            .limit(most)
        )
        with self.database.read() as session:
            return list(session.scalars(query))

    @one_transaction
    def note_folders(self, bucket: str, folders: Collection[str], *, changed: bool) -> None:
        """Remember folders that were looked into; `changed` ones are looked at again soon."""
        with self.database.write() as session:
            if changed:
                self._touch(session, bucket, folders, self._now())
            else:
                rows = [{"bucket": bucket, "prefix": p, "changed_at": NEVER} for p in folders]
                self._add(session, Folder, rows)

    @one_transaction
    def _videos(self, query: Select[Any]) -> list[Video]:
        with self.database.read() as session:
            return list(session.scalars(query))

    def _touch(self, session: Session, bucket: str, folders: Collection[str], at: datetime) -> None:
        rows = [{"bucket": bucket, "prefix": folder, "changed_at": at} for folder in folders]
        insert = self._insert(Folder).values(rows) if rows else None
        if insert is not None:
            session.execute(
                insert.on_conflict_do_update(
                    index_elements=["bucket", "prefix"],
                    set_={"changed_at": insert.excluded.changed_at},
                )
            )

    def _add(self, session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            session.connection().execute(self._insert(model).on_conflict_do_nothing(), rows)

    def _insert(self, model: type[Base]) -> Any:
        """INSERT that can say what to do with rows that are there already."""
        # Late: Dagster's processes load this without a database, and the dialects are large.
        from sqlalchemy.dialects import postgresql, sqlite

        dialect = postgresql if self.database.is_postgresql else sqlite
        return dialect.insert(model.__table__)


def _inside(model: type[Video] | type[Captions], span: Span) -> ColumnElement[bool]:
    return and_(model.bucket == span.bucket, model.key > span.after, model.key <= span.up_to)


def _to_inspect() -> ColumnElement[bool]:
    """As the index `videos_to_inspect` has it."""
    changed = or_(Video.inspected_etag.is_(None), Video.inspected_etag != Video.etag)
    return and_(changed, Video.gone_at.is_(None))


def _chunks(names: Collection[VideoName]) -> Iterator[list[VideoName]]:
    ordered = list(names)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]
