"""Runs that are asked to end in the middle."""

import dagster as dg

from translation_pipeline.ledger.runner import RunSummary
from translation_pipeline.stages.work import ASKED_TO_END


def require_uninterrupted(summary: RunSummary) -> None:
    """Raise what Dagster takes for an interruption when a run stopped because of a signal.

    It then calls the run canceled where a person terminated it, and else (a machine went away) has
    it tried again (run_retries in dagster.yaml). A `Failure` would be final.
    """
    if summary.stopped_by == ASKED_TO_END:
        raise dg.DagsterExecutionInterruptedError(ASKED_TO_END)
