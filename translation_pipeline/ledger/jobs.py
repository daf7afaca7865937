"""What goes into the ledger and what comes out of it, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from translation_pipeline.errors import LedgerError
from translation_pipeline.ledger.states import JobState
from translation_pipeline.providers.requests import JobRequest


@dataclass(frozen=True)
class PlannedJob:
    """A job that would answer what the catalog wants; nothing is reserved or sent yet."""

    id: str
    provider: str
    account: str
    title: str
    video: str
    language: str
    request: JobRequest
    source_etag: str
    duration_s: float
    price_micros: int
    currency: str


@dataclass(frozen=True, slots=True)
class OpenJob:
    """What the runner keeps of each of its thousands of jobs; the rest stays in the database."""

    id: str
    provider: str
    account: str
    kind: str
    state: JobState
    remote_id: str | None
    duration_s: float
    level: str
    """`subtitle` or `speech`; the kind itself for other jobs."""
    sent_at: datetime | None
    """When it was submitted."""


@dataclass(frozen=True, slots=True)
class Change:
    """One step of one job, with its cause in words for the history.

    `reason` says why a job failed or is unknown; `result` and `remote_id` are kept when given.
    """

    job_id: str
    state: JobState
    cause: str
    reason: str | None = None
    result: dict[str, Any] | None = None
    remote_id: str | None = None


@dataclass(frozen=True)
class Applied:
    """What came of a batch of changes: jobs as they are now, and changes that were not legal."""

    jobs: list[OpenJob]
    refused: dict[str, LedgerError]
