"""A paid service in memory whose every misbehaviour is scripted, for tests of the ledger."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from translation_pipeline.errors import CallRefused, CallThrottled, OutcomeUnknown
from translation_pipeline.providers.base import Lookup, RemoteJob, RemoteState, Submission
from translation_pipeline.providers.requests import TRANSLATION

# What may happen to one submit.
ACCEPT, THROTTLE, REFUSE, DROP_BEFORE, DROP_AFTER, ERROR_AFTER = (
    "accept",
    "throttle",
    "refuse",
    "drop before",
    "drop after",
    "error after",
)
MISHAPS = (ACCEPT, THROTTLE, REFUSE, DROP_BEFORE, DROP_AFTER, ERROR_AFTER)


@dataclass
class FakeCloud:
    """Accepts, loses and finishes jobs. `script` holds what happens to the next submits."""

    name: str = "ims"
    honours_tokens: bool = True
    script: list[str] = field(default_factory=list)
    states: list[RemoteState] = field(default_factory=list)
    """What the next reads say; finished when it is used up."""
    accepted: Counter[str] = field(default_factory=Counter)
    """Output key to how many jobs were started (and are billed) for it."""

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self._by_token: dict[str, str] = {}
        self._by_mark: dict[str, str] = {}

    async def submit(self, submission: Submission) -> str:
        """See `Provider.submit`."""
        mishap = self.script.pop(0) if self.script else ACCEPT
        if mishap == THROTTLE:
            raise CallThrottled("Throttling.User", "slow down")
        if mishap == REFUSE:
            raise CallRefused("InvalidParameter", "no")
        if mishap == DROP_BEFORE:
            raise OutcomeUnknown("ConnectionBroken", "before")
        remote_id = self._start(submission)
        if mishap == DROP_AFTER:
            raise OutcomeUnknown("ConnectionBroken", "after")
        if mishap == ERROR_AFTER:
            raise OutcomeUnknown("InternalError", "after")
        return remote_id

    def _start(self, submission: Submission) -> str:
        safe = self.honours_tokens and submission.request.kind == TRANSLATION
        if safe and submission.client_token in self._by_token:
            return self._by_token[submission.client_token]
        remote_id = f"r-{next(self._numbers)}"
        self._by_token[submission.client_token] = remote_id
        if submission.request.kind == TRANSLATION:
            self._by_mark[submission.user_data] = remote_id
        self.accepted[submission.request.output.key] += 1
        return remote_id

    async def poll_many(self, kind: str, remote_ids: Sequence[str]) -> dict[str, RemoteJob]:
        """See `Provider.poll_many`."""
        return {remote_id: self._read(remote_id) for remote_id in remote_ids}

    def _read(self, remote_id: str) -> RemoteJob:
        state = self.states.pop(0) if self.states else RemoteState.FINISHED
        return RemoteJob(remote_id, state, detail="word")

    async def find_lost(self, lookups: Sequence[Lookup]) -> dict[str, str]:
        """See `Provider.find_lost`."""
        return {
            lookup.job_id: self._by_mark[lookup.user_data]
            for lookup in lookups
            if lookup.user_data in self._by_mark
        }

    def polls_in_batches(self, kind: str) -> bool:
        """See `Provider.polls_in_batches`."""
        return True

    def replays_safely(self, kind: str) -> bool:
        """See `Provider.replays_safely`."""
        return kind == TRANSLATION
