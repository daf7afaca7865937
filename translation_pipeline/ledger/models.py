"""The tables of the ledger. Times are aware UTC; money is in millionths of the currency unit."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, Integer, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from translation_pipeline.ledger.states import JobState


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time on every database (SQLite keeps no time zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC on the way in."""
        return None if value is None else value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC on the way out."""
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value


OBJECT_KEY = String().with_variant(String(collation="C"), "postgresql")
"""Keys are compared byte by byte, as OSS orders them; SQLite does so anyway."""


class Base(DeclarativeBase):
    """All tables of the ledger."""

    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON, str: String}  # noqa: RUF012


class Video(Base):
    """A source video as it was last seen in OSS."""

    __tablename__ = "videos"
    __table_args__ = (
        Index("videos_by_key", "bucket", "key"),
        # Of those to be inspected only (migration 0002): the condition cannot be said here without
        # loading both dialects, which takes Dagster's processes a tenth of their start.
        Index("videos_to_inspect", "seen_at"),
    )

    title: Mapped[str] = mapped_column(primary_key=True)
    video: Mapped[str] = mapped_column(primary_key=True)
    bucket: Mapped[str]
    key: Mapped[str] = mapped_column(OBJECT_KEY)
    size: Mapped[int] = mapped_column(BigInteger)
    etag: Mapped[str]
    crc64: Mapped[str | None]
    duration_s: Mapped[float | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    fps: Mapped[float | None]
    has_audio: Mapped[bool | None]
    problem: Mapped[str | None] = mapped_column(Text)
    """Why this video cannot be used, in words; None when it can."""
    inspected_etag: Mapped[str | None]
    """The etag that crc64, the media facts and `problem` belong to."""
    seen_at: Mapped[datetime]
    """When it was first seen as it is now."""
    modified_at: Mapped[datetime | None]
    """When it was last written, as OSS says."""
    gone_at: Mapped[datetime | None]
    """When it was found to have left the catalog; nothing is wanted of it any more."""


class Folder(Base):
    """A folder in which something was found that the catalog wants, and when it changed.

    What changed lately changes again soon: such folders are looked at more often.
    """

    __tablename__ = "folders"
    __table_args__ = (Index("folders_by_change", "bucket", "changed_at"),)

    bucket: Mapped[str] = mapped_column(primary_key=True)
    prefix: Mapped[str] = mapped_column(OBJECT_KEY, primary_key=True)
    changed_at: Mapped[datetime]


class Captions(Base):
    """One caption file of a video: extracted by a job, approved by a person, or provided."""

    __tablename__ = "captions"
    __table_args__ = (Index("captions_by_key", "bucket", "key"),)

    title: Mapped[str] = mapped_column(primary_key=True)
    video: Mapped[str] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(primary_key=True)
    """`extracted`, `approved` or `provided`."""
    language: Mapped[str] = mapped_column(primary_key=True)
    bucket: Mapped[str]
    key: Mapped[str] = mapped_column(OBJECT_KEY)
    """The object as a person or a service left it."""
    etag: Mapped[str]
    usable_key: Mapped[str | None]
    """The checked and repaired copy in the output bucket; None while a finding blocks it."""
    sha256: Mapped[str | None]
    """Content hash of the usable copy."""
    cue_count: Mapped[int] = mapped_column(Integer)
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """The gravest findings of judging it; `finding_count` says how many there are in all."""
    finding_count: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    problem: Mapped[str | None] = mapped_column(Text)
    """Why it cannot be used, in words; None when it can."""
    doubt: Mapped[dict[str, Any] | None]
    """Signs of misread captions, the density of cues and the doubtful cues."""
    judged_by: Mapped[str | None] = mapped_column(String(64))
    """Hash of the profile and of the video's facts that it was judged by."""
    glossary_version: Mapped[str | None] = mapped_column(String(64))
    """The version of the glossary whose terms were looked for in the usable copy."""
    glossary_terms: Mapped[dict[str, Any] | None]
    """The terms that were found, each with its cue numbers."""
    changed_at: Mapped[datetime]


class GlossaryFile(Base):
    """A glossary in the source bucket, as it was last read."""

    __tablename__ = "glossaries"

    bucket: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(OBJECT_KEY, primary_key=True)
    etag: Mapped[str | None]
    """None when the object is gone."""
    version: Mapped[str | None] = mapped_column(String(64))
    """Hash of what it demands; None when it cannot be used."""
    terms: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    problem: Mapped[str | None] = mapped_column(Text)
    """Why it cannot be used, in words; its titles wait meanwhile."""
    changed_at: Mapped[datetime]


class Compared(Base):
    """A delivered translation as it was compared with its source captions."""

    __tablename__ = "compared"

    title: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    video: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(String(64))
    """Hash of all that was compared for this title and language, and by which rules."""
    cue_count: Mapped[int] = mapped_column(Integer)
    finding_count: Mapped[int] = mapped_column(Integer)
    error_count: Mapped[int] = mapped_column(Integer)
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """The gravest ones."""
    problem: Mapped[str | None] = mapped_column(Text)
    """Why it could not be compared, or the gravest errors, in words."""
    compared_at: Mapped[datetime]


class Job(Base):
    """One thing that is paid for once."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("jobs_by_state", "state", "owner_until"),
        Index("jobs_in_flight", "provider", "account", "state"),
        Index("jobs_by_owner", "owner"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    provider: Mapped[str]
    account: Mapped[str]
    kind: Mapped[str]
    title: Mapped[str]
    video: Mapped[str]
    language: Mapped[str]
    """The language of the output."""
    request: Mapped[dict[str, Any]]
    source_etag: Mapped[str]
    duration_s: Mapped[float]
    price_micros: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(String(16), default=JobState.PLANNED.value)
    attempt: Mapped[int] = mapped_column(Integer, default=1)
    remote_id: Mapped[str | None]
    reason: Mapped[str | None] = mapped_column(Text)
    """Why it failed, is unknown or was abandoned: code and words for a person."""
    result: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    owner: Mapped[str | None]
    owner_until: Mapped[datetime | None]


class Attempt(Base):
    """One submit of a job, successful or not; written before the call is made."""

    __tablename__ = "attempts"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    client_token: Mapped[str] = mapped_column(String(64))
    user_data: Mapped[str]
    intent_at: Mapped[datetime]
    remote_id: Mapped[str | None]
    outcome: Mapped[str | None] = mapped_column(Text)


class Reservation(Base):
    """Money set aside for a job: `held` until its end is known, then `settled` or `released`."""

    __tablename__ = "reservations"
    __table_args__ = (Index("reservations_by_title", "title", "language"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    amount_micros: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(8))
    title: Mapped[str]
    language: Mapped[str]
    run_id: Mapped[str]
    month: Mapped[str] = mapped_column(String(7))
    """`YYYY-MM` in UTC."""


class Account(Base):
    """How fast an account may be called now, shared by all processes; see `throttle`."""

    __tablename__ = "accounts"

    name: Mapped[str] = mapped_column(primary_key=True)
    """Provider and account, such as `ims:default`."""
    tokens: Mapped[float]
    refilled_at: Mapped[datetime]
    paused_until: Mapped[datetime | None]
    probing: Mapped[bool]
    """The pause is over and one call was let through; the others wait for its outcome."""
    failures: Mapped[int] = mapped_column(Integer)
    """Pauses, or unanswered calls, in a row."""


class Event(Base):
    """One change of a job: when, from where to where, in which run and why."""

    __tablename__ = "events"
    __table_args__ = (Index("events_by_job", "job_id", "id"),)

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    at: Mapped[datetime]
    from_state: Mapped[str | None] = mapped_column(String(16))
    to_state: Mapped[str] = mapped_column(String(16))
    run_id: Mapped[str]
    cause: Mapped[str] = mapped_column(Text)


class Wanted(Base):
    """What the catalog asks for one video and language, and the job that answers it.

    Two videos with the same content want the same job: it is paid once and delivered twice.
    """

    __tablename__ = "wanted"
    __table_args__ = (Index("wanted_by_job", "job_id"),)

    title: Mapped[str] = mapped_column(primary_key=True)
    video: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"))
    output_bucket: Mapped[str]
    output_key: Mapped[str]
    blocked: Mapped[str | None] = mapped_column(Text)
    """Why no job can be planned yet, in words; None when one is."""
    delivered_at: Mapped[datetime | None]
    facts: Mapped[dict[str, Any] | None]
    """What the check of the delivered output found (duration, cues, …)."""


class Materialized(Base):
    """Which content of a partition was last reported to Dagster."""

    __tablename__ = "materialized"

    asset: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
