"""The states of a job and the only ways between them."""

from __future__ import annotations

from enum import Enum


class JobState(str, Enum):
    """Where a job stands; `docs/ledger.md` has the picture."""

    PLANNED = "planned"
    """Wanted, nothing reserved, nothing sent."""
    RESERVED = "reserved"
    """Its price is set aside."""
    INTENT = "intent"
    """About to be sent, or sent with the answer lost: must be reconciled before any repeat."""
    SUBMITTED = "submitted"
    """The service has it and told us its id."""
    RUNNING = "running"
    """The service works on it."""
    FINISHED = "finished"
    """The service says it is done; the output is not checked yet."""
    VERIFIED = "verified"
    """The output is there and is what was asked for."""
    FAILED = "failed"
    """It ended without a usable output; the reason says why."""
    UNKNOWN = "unknown"
    """Perhaps sent, perhaps running: waits for proof or for a person, never for a guess."""
    ABANDONED = "abandoned"
    """A person decided not to go on."""


S = JobState

LEGAL: dict[JobState, frozenset[JobState]] = {
    S.PLANNED: frozenset({S.RESERVED, S.FAILED, S.ABANDONED}),
    S.RESERVED: frozenset({S.INTENT, S.PLANNED, S.FAILED, S.ABANDONED}),
    # Back to reserved: the service certainly did not take it (throttled, refused connection).
    S.INTENT: frozenset({S.SUBMITTED, S.RESERVED, S.FAILED, S.UNKNOWN}),
    S.SUBMITTED: frozenset({S.RUNNING, S.FINISHED, S.FAILED, S.UNKNOWN}),
    S.RUNNING: frozenset({S.FINISHED, S.FAILED, S.UNKNOWN}),
    S.FINISHED: frozenset({S.VERIFIED, S.FAILED}),
    S.UNKNOWN: frozenset({S.SUBMITTED, S.RUNNING, S.FINISHED, S.RESERVED, S.FAILED, S.ABANDONED}),
    # Back to finished: its output was refused, and is to be looked at once more.
    S.FAILED: frozenset({S.PLANNED, S.FINISHED, S.ABANDONED}),
    S.VERIFIED: frozenset(),
    S.ABANDONED: frozenset({S.PLANNED}),
}

# Jobs that the runner still has something to do for.
OPEN = frozenset({S.PLANNED, S.RESERVED, S.INTENT, S.SUBMITTED, S.RUNNING, S.FINISHED})
# Jobs that the service may be working on.
IN_FLIGHT = frozenset({S.INTENT, S.SUBMITTED, S.RUNNING})
# Jobs that nothing moves on by itself.
SETTLED = frozenset({S.VERIFIED, S.FAILED, S.UNKNOWN, S.ABANDONED})
