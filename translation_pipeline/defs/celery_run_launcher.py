"""Runs on Celery workers of many machines; needs the extra `celery`."""

from __future__ import annotations

from dagster import DagsterRun
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

ANSWER_S = 5.0
ASKED = 2  # times: a worker that is only busy answers sooner or later


class WatchedCeleryRunLauncher(CeleryRunLauncher):
    """Dagster's launcher, which also asks the worker itself whether it still works on a run.

    Celery's result backend says `STARTED` for ever when a worker was killed.
    """

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Dead when its worker does not answer, or answers that it knows nothing of the run."""
        told = super().check_run_worker_health(run)
        if told.status is not WorkerStatus.RUNNING:
            return told
        task_id = run.tags[DAGSTER_CELERY_TASK_ID_TAG]
        worker = self.celery.AsyncResult(task_id).info["hostname"]
        for _ in range(ASKED):
            inspect = self.celery.control.inspect(destination=[worker], timeout=ANSWER_S)
            answer = inspect.query_task(task_id)
            if answer:
                if task_id in answer[worker]:
                    return told
                reason = f"The Celery worker {worker} was started again since."
                return CheckRunHealthResult(WorkerStatus.FAILED, reason)
        reason = f"The Celery worker {worker} does not answer."
        return CheckRunHealthResult(WorkerStatus.FAILED, reason)

    def terminate(self, run_id: str) -> bool:
        """Cancel a run for good: one that is only interrupted would be retried."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return super().terminate(run_id)
