"""What is known of videos and captions, what the catalog wants, and what was delivered.

Unlike the jobs, all of this can be found out again from OSS and the catalog file; it is kept so
that nothing is listed, probed or judged twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from translation_pipeline.ledger.database import Database, chunked, one_transaction
from translation_pipeline.ledger.ledger import utc_now
from translation_pipeline.ledger.models import (
    Base,
    Captions,
    Compared,
    GlossaryFile,
    Job,
    Materialized,
    Video,
    Wanted,
)
from translation_pipeline.ledger.states import JobState

VIDEOS_AT_ONCE = 200  # in memory, of a catalog of any size


class Inventory:
    """Rows of videos, captions and wishes. Each method is one transaction."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self.database = database
        self._now = clock

    @one_transaction
    def save(self, rows: Collection[Base]) -> None:
        """Insert or replace rows by their primary keys."""
        with self.database.write() as session:
            for row in rows:
                session.merge(row)

    def videos(self, titles: Collection[str] | None = None) -> list[Video]:
        """Videos of these titles (all, without an argument), by title and name, but for those
        that left the catalog."""
        videos: list[Video] = self._of_titles(Video, Video.title, titles, Video.title, Video.video)
        return [video for video in videos if video.gone_at is None]

    @one_transaction
    def video(self, title: str, video: str) -> Video | None:
        """One video, None when it was never seen."""
        with self.database.read() as session:
            return session.get(Video, (title, video))

    def captions(self, titles: Collection[str] | None = None) -> list[Captions]:
        """Caption files of these titles."""
        return self._of_titles(Captions, Captions.title, titles, Captions.title, Captions.video)

    @one_transaction
    def glossaries(self) -> dict[tuple[str, str], GlossaryFile]:
        """All glossaries that were ever read, by bucket and key."""
        with self.database.read() as session:
            return {(row.bucket, row.key): row for row in session.scalars(select(GlossaryFile))}

    def compared(self, titles: Collection[str] | None = None) -> list[Compared]:
        """Translations of these titles that were compared with their source."""
        return self._of_titles(
            Compared, Compared.title, titles, Compared.title, Compared.language, Compared.video
        )

    @one_transaction
    def wanted(
        self,
        titles: Collection[str] | None = None,
        *,
        kind: str | None = None,
        language: str | None = None,
    ) -> list[tuple[Wanted, Job | None]]:
        """Wishes of these titles, each with the job that answers it, but for those of videos that
        left the catalog; those of one kind or language only, if it is given."""
        query = (
            select(Wanted, Job)
            .outerjoin(Job, Job.id == Wanted.job_id)
            .outerjoin(Video, and_(Video.title == Wanted.title, Video.video == Wanted.video))
            .where(Video.gone_at.is_(None))
        )
        if titles is not None:
            query = query.where(Wanted.title.in_(titles))
        if kind is not None:
            query = query.where(Wanted.kind == kind)
        if language is not None:
            query = query.where(Wanted.language == language)
        query = query.order_by(Wanted.title, Wanted.video, Wanted.kind, Wanted.language)
        with self.database.read() as session:
            return [(wanted, job) for wanted, job in session.execute(query)]

    @one_transaction
    def titles(self) -> list[str]:
        """All titles that have videos in the catalog."""
        query = select(Video.title).where(Video.gone_at.is_(None)).distinct()
        with self.database.read() as session:
            return list(session.scalars(query.order_by(Video.title)))

    @one_transaction
    def video_counts(self, titles: Collection[str] | None = None) -> dict[str, int]:
        """How many videos each of these titles has in the catalog, by title."""
        query = select(Video.title, func.count()).where(Video.gone_at.is_(None))
        if titles is not None:
            query = query.where(Video.title.in_(titles))
        query = query.group_by(Video.title).order_by(Video.title)
        with self.database.read() as session:
            return {row[0]: row[1] for row in session.execute(query)}

    def title_batches(self, titles: Collection[str] | None = None) -> Iterator[list[str]]:
        """These titles (all, without an argument), some at a time, so that a catalog of any size
        fits into memory; a title of very many videos comes by itself."""
        some: list[str] = []
        videos = 0
        for title, count in self.video_counts(titles).items():
            if some and videos + count > VIDEOS_AT_ONCE:
                yield some
                some, videos = [], 0
            some.append(title)
            videos += count
        if some:
            yield some

    @one_transaction
    def undelivered(self, job_ids: Collection[str]) -> list[Job]:
        """The verified ones among these jobs whose outputs are wanted at a place where they were
        not brought yet."""
        waiting = select(Wanted.job_id).where(Wanted.delivered_at.is_(None)).distinct()
        found: list[Job] = []
        with self.database.read() as session:
            for chunk in chunked(job_ids):
                some = list(session.scalars(waiting.where(Wanted.job_id.in_(chunk))))
                jobs = session.scalars(select(Job).where(Job.id.in_(some))) if some else ()
                found += [job for job in jobs if job.state == JobState.VERIFIED.value]
        return found

    @one_transaction
    def not_delivered(self, reasons: Mapping[str, str]) -> None:
        """Why outputs of verified jobs could not be brought to their places, by job."""
        with self.database.write() as session:
            for job_id, reason in reasons.items():
                session.execute(
                    update(Wanted)
                    .where(Wanted.job_id == job_id, Wanted.delivered_at.is_(None))
                    .values(blocked=reason)
                )

    @one_transaction
    def want(self, wishes: Collection[Wanted]) -> None:
        """Enter wishes. One whose job changed is no longer delivered; others stay as they are."""
        with self.database.write() as session:
            known = {
                _key(row): row
                for titles in chunked({wish.title for wish in wishes})
                for row in session.scalars(select(Wanted).where(Wanted.title.in_(titles)))
            }
            for wish in wishes:
                present = known.get(_key(wish))
                if present is None:
                    session.add(wish)
                    continue
                if present.job_id != wish.job_id or present.output_key != wish.output_key:
                    present.delivered_at = present.facts = None
                present.job_id, present.blocked = wish.job_id, wish.blocked
                present.output_bucket, present.output_key = wish.output_bucket, wish.output_key

    @one_transaction
    def wanted_by(self, job_ids: Collection[str]) -> dict[str, list[Wanted]]:
        """Every video and language that these jobs are the answers for, by job."""
        found: dict[str, list[Wanted]] = {job_id: [] for job_id in job_ids}
        with self.database.read() as session:
            for chunk in chunked(job_ids):
                for row in session.scalars(select(Wanted).where(Wanted.job_id.in_(chunk))):
                    found[row.job_id or ""].append(row)
        return found

    @one_transaction
    def delivered(self, found: Collection[tuple[Wanted, Mapping[str, Any]]]) -> None:
        """The outputs are at their places and were checked, with what the check found of each;
        unless others took their places meanwhile."""
        with self.database.write() as session:
            for wish, facts in found:
                session.execute(
                    update(Wanted)
                    .where(
                        Wanted.title == wish.title,
                        Wanted.video == wish.video,
                        Wanted.kind == wish.kind,
                        Wanted.language == wish.language,
                        Wanted.job_id == wish.job_id,
                    )
                    .values(delivered_at=self._now(), facts=dict(facts))
                    .execution_options(synchronize_session=False)
                )

    @one_transaction
    def note_facts(self, found: Collection[tuple[Wanted, Mapping[str, Any]]]) -> None:
        """Add to what is known of delivered outputs, unless others took their places meanwhile."""
        with self.database.write() as session:
            for wish, facts in found:
                row = session.get(Wanted, (wish.title, wish.video, wish.kind, wish.language))
                if row is not None and row.job_id == wish.job_id and row.facts is not None:
                    row.facts = {**row.facts, **facts}

    @one_transaction
    def materialized(self, asset: str) -> dict[str, str]:
        """Partition key to the version that Dagster was last told of."""
        with self.database.read() as session:
            query = select(Materialized).where(Materialized.asset == asset)
            return {row.partition: row.version for row in session.scalars(query)}

    def record_materialized(self, asset: str, partition: str, version: str) -> None:
        """Dagster was told of this version of a partition."""
        self.save([Materialized(asset=asset, partition=partition, version=version, at=self._now())])

    @one_transaction
    def _of_titles(
        self,
        model: Any,
        column: InstrumentedAttribute[str],
        titles: Collection[str] | None,
        *order: InstrumentedAttribute[str],
    ) -> list[Any]:
        query = select(model).order_by(*order)
        if titles is not None:
            query = query.where(column.in_(titles))
        with self.database.read() as session:
            return list(session.scalars(query))


def _key(wish: Wanted) -> tuple[str, str, str, str]:
    return wish.title, wish.video, wish.kind, wish.language
