"""Dagster's UI as its users know it: what it shows and what its buttons do, over GraphQL."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import requests

LOCATION = "translation_pipeline"
REPOSITORY = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}


@dataclass(frozen=True)
class DagsterUi:
    """A webserver; `ui` is its address."""

    ui: str

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of a GraphQL answer."""
        answer = requests.post(
            f"{self.ui}/graphql", json={"query": query, "variables": variables}, timeout=60
        ).json()
        assert "errors" not in answer, json.dumps(answer["errors"], indent=1)[:2000]
        data: dict[str, Any] = answer["data"]
        return data

    def runs(self, job: str | None = None) -> list[dict[str, Any]]:
        """Runs, newest first, with status, tags and when they ended."""
        query = """query($filter: RunsFilter) { runsOrError(filter: $filter) { ... on Runs {
          results { runId status jobName endTime tags { key value } } } } }"""
        found: list[dict[str, Any]] = self.ask(query, filter={"pipelineName": job} if job else {})[
            "runsOrError"
        ]["results"]
        for run in found:
            run["tags"] = {tag["key"]: tag["value"] for tag in run["tags"]}
        return found

    def failure(self, run_id: str) -> str:
        """What the failed steps of a run said."""
        query = """query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
          __typename ... on ExecutionStepFailureEvent { error { message } }
          ... on RunFailureEvent { message } } } } }"""
        events = self.ask(query, id=run_id)["logsForRun"]["events"]
        return "\n".join(
            (event.get("error") or event).get("message", "")
            for event in events
            if "Failure" in event["__typename"]
        )

    def materialized(self, asset: str) -> set[str]:
        """The partitions of an asset that are materialized."""
        query = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) {
          ... on AssetNode { assetMaterializations { partition } } } }"""
        node = self.ask(query, key={"path": [asset]})["assetNodeOrError"]
        return {event["partition"] for event in node["assetMaterializations"]}

    def failed_partitions(self, asset: str) -> int:
        """How many partitions of an asset the UI shows as failed."""
        query = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) {
          ... on AssetNode { partitionStats { numFailed } } } }"""
        node = self.ask(query, key={"path": [asset]})["assetNodeOrError"]
        return int(node["partitionStats"]["numFailed"])

    def out_of_date(self, asset: str, partition: str) -> list[str]:
        """Why the UI calls a partition unsynced; nothing where it does not."""
        query = """query($key: AssetKeyInput!, $partition: String!) {
          assetNodeOrError(assetKey: $key) { ... on AssetNode {
            staleCauses(partition: $partition) { reason } } } }"""
        node = self.ask(query, key={"path": [asset]}, partition=partition)["assetNodeOrError"]
        return [cause["reason"] for cause in node["staleCauses"]]

    def checks(self) -> dict[tuple[str, str], str]:
        """(asset, check) to the status that the UI shows, `PASSED` where it is fine."""
        query = """{ assetNodes { assetKey { path } assetChecksOrError { ... on AssetChecks {
          checks { name executionForLatestMaterialization { status evaluation { severity } } }
        } } } }"""
        return {
            (node["assetKey"]["path"][0], check["name"]): (
                (check["executionForLatestMaterialization"] or {}).get("status", "NEVER RUN")
            )
            for node in self.ask(query)["assetNodes"]
            for check in node["assetChecksOrError"]["checks"]
        }

    def launch(self, asset: str, first: str, last: str | None = None) -> str:
        """Materialize one partition, as the UI's button does, or in one run the box of all between
        two corners; returns the run's id."""
        query = """mutation($params: ExecutionParams!) {
          launchPipelineExecution(executionParams: $params) { __typename
            ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
            ... on RunConfigValidationInvalid { errors { message } } } }"""
        params = {
            "selector": {
                **REPOSITORY,
                "pipelineName": "__ASSET_JOB",
                "assetSelection": [{"path": [asset]}],
                "assetCheckSelection": None,
            },
            "executionMetadata": {"tags": _partition_tags(first, last)},
        }
        return _run_of(self.ask(query, params=params)["launchPipelineExecution"])

    def rerun(self, run_id: str) -> str:
        """Execute a run again from its failure, as the UI does; returns the new run's id."""
        query = """mutation($params: ReexecutionParams!) {
          launchRunReexecution(reexecutionParams: $params) { __typename
            ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
        params = {"parentRunId": run_id, "strategy": "FROM_FAILURE"}
        return _run_of(self.ask(query, params=params)["launchRunReexecution"])

    def terminate(self, run_id: str) -> None:
        """Ask a run to end, as the UI's "Terminate" does."""
        query = """mutation($id: String!) { terminateRun(runId: $id) { __typename
          ... on TerminateRunFailure { message } ... on PythonError { message } } }"""
        answer = self.ask(query, id=run_id)["terminateRun"]
        assert answer["__typename"] == "TerminateRunSuccess", answer

    def add_title(self, title: str) -> None:
        """Add a title partition by hand, as the UI's dialogue does."""
        query = """mutation($repository: RepositorySelector!, $key: String!) {
          addDynamicPartition(repositorySelector: $repository, partitionsDefName: "title",
            partitionKey: $key) { __typename } }"""
        answer = self.ask(query, repository=REPOSITORY, key=title)["addDynamicPartition"]
        assert answer["__typename"] == "AddDynamicPartitionSuccess", answer

    def backfill(self, asset: str, partitions: list[str]) -> str:
        """Materialize many partitions as the UI's dialogue does; returns the backfill's id."""
        query = """mutation($params: LaunchBackfillParams!) {
          launchPartitionBackfill(backfillParams: $params) { __typename
            ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
        params = {"assetSelection": [{"path": [asset]}], "partitionNames": partitions}
        answer = self.ask(query, params=params)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def reload(self) -> float:
        """Reload the code location, as the UI's button does; returns when that was (unix s)."""
        query = """mutation($location: String!) {
          reloadRepositoryLocation(repositoryLocationName: $location) { __typename
            ... on WorkspaceLocationEntry { updatedTimestamp
              locationOrLoadError { __typename ... on PythonError { message } } } } }"""
        answer = self.ask(query, location=LOCATION)["reloadRepositoryLocation"]
        assert answer["locationOrLoadError"]["__typename"] == "RepositoryLocation", answer
        return float(answer["updatedTimestamp"])

    def turn_sensors(self, on: Collection[str] = ()) -> None:
        """Turn the sensors of that name on and all others off, as the UI's switches do."""
        listing = """query($repository: RepositorySelector!) {
          sensorsOrError(repositorySelector: $repository) { ... on Sensors {
            results { name sensorState { id } } } } }"""
        found = self.ask(listing, repository=REPOSITORY)["sensorsOrError"]["results"]
        assert set(on) <= {sensor["name"] for sensor in found}
        start = "mutation($s: SensorSelector!) { startSensor(sensorSelector: $s) { __typename } }"
        stop = "mutation($id: String!) { stopSensor(id: $id) { __typename } }"
        for sensor in found:
            if sensor["name"] in on:
                selector = {**REPOSITORY, "sensorName": sensor["name"]}
                answer = self.ask(start, s=selector)["startSensor"]
                assert answer["__typename"] == "Sensor", answer
            else:
                answer = self.ask(stop, id=sensor["sensorState"]["id"])["stopSensor"]
                assert answer["__typename"] == "StopSensorMutationResult", answer

    def restart_schedule(self, name: str) -> None:
        """Turn a schedule off and on again, as the UI's switch does: its ticks count from now."""
        selector = {**REPOSITORY, "scheduleName": name}
        found = self.ask(
            """query($s: ScheduleSelector!) { scheduleOrError(scheduleSelector: $s) {
              ... on Schedule { scheduleState { id } } } }""",
            s=selector,
        )["scheduleOrError"]
        stop = "mutation($id: String!) { stopRunningSchedule(id: $id) { __typename } }"
        start = """mutation($s: ScheduleSelector!) {
          startSchedule(scheduleSelector: $s) { __typename } }"""
        answers = [
            self.ask(stop, id=found["scheduleState"]["id"])["stopRunningSchedule"],
            self.ask(start, s=selector)["startSchedule"],
        ]
        assert {answer["__typename"] for answer in answers} == {"ScheduleStateResult"}, answers


def _partition_tags(first: str, last: str | None) -> list[dict[str, str]]:
    """The tags of a run of one partition, or of all between two; `|` joins the dimensions in their
    alphabetical order."""
    if last is not None:
        tags = {
            "dagster/asset_partition_range_start": first,
            "dagster/asset_partition_range_end": last,
        }
    else:
        tags = {"dagster/partition": first}
        if "|" in first:
            language, title = first.split("|")
            tags |= {"dagster/partition/language": language, "dagster/partition/title": title}
    return [{"key": key, "value": value} for key, value in tags.items()]


def _run_of(answer: dict[str, Any]) -> str:
    """The run that was launched."""
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])
