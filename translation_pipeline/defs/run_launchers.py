"""A launcher that notices when the process of a run died with its code server.

Dagster's own cannot tell: the run stays `STARTED` and keeps its place in the pool until
`max_runtime_seconds`. This one answers run monitoring (dagster.yaml), which fails such a run, so
that run retries start it again. What was paid for is in the ledger; the next run goes on with it.
"""

from __future__ import annotations

import json

from dagster import DagsterRun, DefaultRunLauncher
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import GetCurrentRunsResult
from dagster._serdes import deserialize_value


class WatchedRunLauncher(DefaultRunLauncher):
    """Runs are processes of the code server, as ever; but it is asked whether they still are."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring may ask."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Dead when the code server was started again since, or will not come back.

        One with a port that does not answer may be restarting or far away, and `dagster
        code-server` never answers this: then nobody knows, and only the maximum run time ends the
        run. A socket belongs to one server alone and goes with it.
        """
        address = json.loads(run.tags[GRPC_INFO_TAG])
        client = DagsterGrpcClient(
            host=address["host"],
            port=address.get("port"),
            socket=address.get("socket"),
            use_ssl=address.get("use_ssl", False),
        )
        try:
            answer = deserialize_value(client.get_current_runs(), GetCurrentRunsResult)
        except DagsterUserCodeUnreachableError:
            if "port" in address:
                return CheckRunHealthResult(WorkerStatus.RUNNING)
            return CheckRunHealthResult(WorkerStatus.FAILED, "Its code server is gone.")
        if run.run_id in answer.current_runs:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.FAILED, "Its code server was started again and knows nothing of it."
        )
