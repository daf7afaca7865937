"""What a job is: the order for it, its states, and the row that it becomes.

States have one vocabulary here; each service's wire module translates it into its own words.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from translation_pipeline.localcloud.addresses import ObjectAddress
from translation_pipeline.localcloud.faults import J, JobFault, job_fault


class JobKind(str, Enum):
    """What a job does."""

    CAPTION_EXTRACTION = "caption_extraction"
    VIDEO_TRANSLATION = "video_translation"


class JobState(str, Enum):
    """Where a job is: waiting -> running -> finished or failed."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True)
class JobOrder:
    """A job as the wire module hands it in, with every parameter already checked."""

    kind: JobKind
    wire: dict[str, str]  # the caller's parameters, unchanged, for the answers to reads
    work: dict[str, Any]  # what the media work reads: see media_jobs
    inputs: dict[str, ObjectAddress]  # role ("video", "subtitle") -> object
    output: ObjectAddress
    identity: str  # hash of input content, languages and parameters: equal = paid twice
    client_token: str | None = None

    @property
    def duration_seed(self) -> str:
        """By which simulated durations are drawn: the same job takes as long in every run."""
        return f"{self.identity}/{self.output.key}"


@dataclass(frozen=True)
class ListedJob:
    """What lists tell of a job. Times are unix seconds."""

    number: int  # order of acceptance
    job_id: str
    state: JobState
    wire: dict[str, str]
    output: ObjectAddress
    faults: tuple[JobFault, ...]  # what shall go wrong with it
    created_at: float
    modified_at: float


@dataclass(frozen=True)
class Job(ListedJob):
    """A row of the jobs table."""

    kind: JobKind
    work: dict[str, Any]
    inputs: dict[str, ObjectAddress]
    identity: str
    finished_at: float | None
    worker_deaths: int
    result: dict[str, Any] | None  # {"outputs": [{role, language, bucket, key}], …}
    error_code: str | None
    error_message: str | None
    billed_minutes: int

    @property
    def duration_seed(self) -> str:
        """See `JobOrder`."""
        return f"{self.identity}/{self.output.key}"

    def fault(self, kind: type[J]) -> J | None:
        """The fault of that kind that the job was dealt."""
        return job_fault(self.faults, kind)
