"""What Dagster's UI asks for the page of an asset, as the webserver's own JavaScript spells it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

TIMEOUT_S = 600.0

# The state of the asset: asked when the page opens, and again and again while it is open.
LIVE = """query($assetKeys: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $assetKeys, loadMaterializations: true) {
    id opNames repository { id } assetKey { path }
    assetMaterializations(limit: 1) { timestamp runId stepKey }
    assetObservations(limit: 1) { timestamp runId stepKey }
    assetChecksOrError { ... on AssetChecks { checks {
      name canExecuteIndividually
      executionForLatestMaterialization {
        id runId status timestamp stepKey evaluation { severity }
      }
    } } }
    partitionStats { numMaterialized numMaterializing numPartitions numFailed }
  }
  assetsLatestInfo(assetKeys: $assetKeys) {
    id assetKey { path } unstartedRunIds inProgressRunIds
    latestRun { status startTime endTime id }
  }
}"""

KEYS = """query($assetKey: AssetKeyInput!) {
  assetNodeOrError(assetKey: $assetKey) { ... on AssetNode {
    id partitionKeysByDimension { name type partitionKeys }
  } }
}"""

# The tab of partitions: all keys, and the state of every one as ranges.
PARTITIONS_TAB = """query($assetKey: AssetKeyInput!) {
  assetNodeOrError(assetKey: $assetKey) { ... on AssetNode {
    id partitionKeysByDimension { name type partitionKeys }
    assetPartitionStatuses {
      ... on DefaultPartitionStatuses {
        materializedPartitions materializingPartitions failedPartitions
      }
      ... on MultiPartitionStatuses {
        primaryDimensionName
        ranges {
          primaryDimStartKey primaryDimEndKey
          secondaryDim { ... on DefaultPartitionStatuses {
            materializedPartitions materializingPartitions failedPartitions
          } }
        }
      }
    }
  } }
}"""

LAUNCH = """mutation($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { id } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}"""


BACKFILL = """mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""


@dataclass(frozen=True)
class Answer:
    """The data of an answer, how long it took and how large it was."""

    data: dict[str, Any]
    took_s: float
    size_bytes: int


@dataclass(frozen=True)
class AssetPage:
    """One asset, as a webserver shows it; `location` is the name of its code location."""

    ui: str
    location: str
    asset: str

    def live(self) -> Answer:
        """The asset's state."""
        return self._ask(LIVE, assetKeys=[{"path": [self.asset]}])

    def keys(self) -> Answer:
        """The partition keys, dimension by dimension."""
        return self._ask(KEYS, assetKey={"path": [self.asset]})

    def partitions_tab(self) -> Answer:
        """The keys and what is materialized of them."""
        return self._ask(PARTITIONS_TAB, assetKey={"path": [self.asset]})

    def launch_range(self, first_key: str, last_key: str) -> Answer:
        """One run of the asset for the box between two cells; raises `RuntimeError` when it is
        refused."""
        tags = {"start": first_key, "end": last_key}
        job = {
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": [self.asset]}],
            "assetCheckSelection": None,
        }
        metadata = {
            "tags": [
                {"key": f"dagster/asset_partition_range_{end}", "value": key}
                for end, key in tags.items()
            ]
        }
        return self._launch(job, executionMetadata=metadata)

    def launch_job(self, job: str, config: dict[str, Any]) -> Answer:
        """One run of a job; raises `RuntimeError` when it is refused."""
        return self._launch({"pipelineName": job}, runConfigData=config)

    def _launch(self, job: dict[str, Any], **params: Any) -> Answer:
        location = {
            "repositoryLocationName": self.location,
            "repositoryName": "__repository__",
        }
        answer = self._ask(LAUNCH, params={"selector": {**location, **job}, **params})
        launched = answer.data["launchPipelineExecution"]
        if launched["__typename"] != "LaunchRunSuccess":
            raise RuntimeError(f"The run was refused: {launched}")
        return answer

    def backfill(self, keys: Sequence[str]) -> Answer:
        """The same for any cells, by the daemon; raises `RuntimeError` when it is refused."""
        params = {"assetSelection": [{"path": [self.asset]}], "partitionNames": list(keys)}
        answer = self._ask(BACKFILL, params=params)
        launched = answer.data["launchPartitionBackfill"]
        if launched["__typename"] != "LaunchBackfillSuccess":
            raise RuntimeError(f"The backfill was refused: {launched}")
        return answer

    def _ask(self, query: str, **variables: Any) -> Answer:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = Request(  # noqa: S310 - a server of this machine
            f"{self.ui}/graphql", body, {"Content-Type": "application/json"}
        )
        started = time.perf_counter()
        with urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
            data = response.read()
        took_s = time.perf_counter() - started
        answer = json.loads(data)
        if answer.get("errors"):
            raise RuntimeError(f"GraphQL: {answer['errors'][0]['message']}")
        return Answer(answer["data"], took_s, len(data))
