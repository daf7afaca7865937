"""What every paid service looks like to the rest of the product.

A provider knows wire calls and vocabulary only. It keeps nothing, decides nothing about money
and never repeats a submit by itself: that is the ledger's and the runner's work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.providers.requests import JobRequest


class RemoteState(str, Enum):
    """What the service says of a job, in one vocabulary for all services."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    UNRECOGNISED = "unrecognised"
    """A status word that nobody documented; it goes to a person within one poll."""


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """A job as the service reports it. `detail` holds the status word or the error's text."""

    remote_id: str
    state: RemoteState
    error_code: str | None = None
    detail: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RemoteOutputs:
    """Where a finished translation's files are, as addresses; None for what the service names not.

    `captions_to_fix` is the file that a correction starts from. `has_language` is False when the
    service finished without this language.
    """

    video: str | None = None
    captions: str | None = None
    captions_to_fix: str | None = None
    has_language: bool = True


@dataclass(frozen=True, slots=True)
class Submission:
    """One attempt to start a job: everything that the call needs."""

    request: JobRequest
    title: str
    user_data: str
    client_token: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """A job that may or may not have been started; `since` is unix time in seconds."""

    job_id: str
    request: JobRequest
    user_data: str
    since: float


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A job as the service's list shows it, whoever sent it.

    `output` is where it writes. The service may tell neither that nor `created_at` (unix seconds).
    """

    remote_id: str
    state: RemoteState
    user_data: str
    created_at: float | None
    output: ObjectAddress | None


class Provider(Protocol):
    """A paid service. All methods raise only the `ProviderError` family."""

    name: str

    async def submit(self, submission: Submission) -> str:
        """Start a job and return the service's id for it.

        Raises `CallRefused`, `CallThrottled` (both: certainly not started) or `OutcomeUnknown`.
        """

    async def poll_many(self, kind: str, remote_ids: Sequence[str]) -> dict[str, RemoteJob]:
        """The state of jobs of one kind, with as few calls as the service allows.

        An id that the service does not know is missing from the answer.
        """

    async def find_lost(self, lookups: Sequence[Lookup]) -> dict[str, str]:
        """Job id at the product to id at the service, for submits that went unanswered.

        One that the service does not show is missing: that alone proves nothing.
        """

    async def listed(self, since: float) -> list[ListedJob]:
        """Every job that the service lists, each once, back to `since` in unix seconds.

        Kinds of jobs that the service cannot list are missing.
        """

    async def outputs(self, remote_id: str, language: str) -> RemoteOutputs:
        """What the service says of the outputs of a finished translation into `language`."""

    def polls_in_batches(self, kind: str) -> bool:
        """Whether one call reads many jobs of this kind."""

    def replays_safely(self, kind: str) -> bool:
        """Whether repeating a submit with the same ClientToken can never start a second job."""
