"""The files of `deploy/` say the same as dagster.yaml, and only what their readers understand."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from celery import Celery  # type: ignore[import-untyped]
from dagster._config import validate_config
from dagster._core.instance.config import dagster_instance_config_schema

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"

# The values of Dagster's chart that ours may set: a mapping is closed, None is free below.
IMAGE = {"repository": None, "tag": None, "pullPolicy": None}
THREADS = {"useThreads": None, "numWorkers": None, "numSubmitWorkers": None}
TICKS = {"purgeAfterDays": {"skipped": None, "success": None, "failure": None, "started": None}}
CHART: dict[str, Any] = {
    "dagsterWebserver": {"image": IMAGE, "replicaCount": None, "envSecrets": None},
    "dagsterDaemon": {
        "enabled": None,
        "image": IMAGE,
        "runMonitoring": {
            "enabled": None,
            "startTimeoutSeconds": None,
            "cancelTimeoutSeconds": None,
            "maxResumeRunAttempts": None,
            "pollIntervalSeconds": None,
            "freeSlotsAfterRunEndSeconds": None,
        },
        "runRetries": {"enabled": None, "maxRetries": None},
        "sensors": THREADS,
        "schedules": THREADS,
    },
    "dagster-user-deployments": {
        "enabled": None,
        "enableSubchart": None,
        "deployments": {
            "name": None,
            "image": IMAGE,
            "dagsterApiGrpcArgs": None,
            "port": None,
            "includeConfigInLaunchedRuns": {"enabled": None},
            "env": {"name": None, "value": None},
            "envSecrets": {"name": None},
            "volumes": None,
            "volumeMounts": None,
            "resources": None,
        },
    },
    "runLauncher": {
        "type": None,
        "config": {
            "k8sRunLauncher": {"imagePullPolicy": None, "resources": None, "runK8sConfig": None}
        },
    },
    "postgresql": {
        "enabled": None,
        "postgresqlHost": None,
        "postgresqlUsername": None,
        "postgresqlDatabase": None,
        "postgresqlScheme": None,
        "service": {"port": None},
    },
    "generatePostgresqlPasswordSecret": None,
    "global": {"postgresqlSecretName": None},
    "retention": {"enabled": None, "sensor": TICKS, "schedule": TICKS},
    "telemetry": {"enabled": None},
    "concurrency": {
        "enabled": None,
        "runs": {"maxConcurrentRuns": None},
        "pools": {"granularity": None, "defaultLimit": None},
    },
}


def read(path: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / path).read_text("utf-8"))
    return found


def strangers(values: Any, known: Any, at: str = "") -> list[str]:
    """Paths of values that the chart does not have."""
    if known is None:
        return []
    if isinstance(values, list):
        return [path for value in values for path in strangers(value, known, at + "[]")]
    found = [f"{at}.{key}" for key in values if key not in known]
    for key in values.keys() & known.keys():
        found += strangers(values[key], known[key], f"{at}.{key}")
    return found


@pytest.mark.parametrize("path", ["dagster.yaml", "deploy/celery/dagster.yaml"])
def test_dagster_understands_the_configuration(path: str) -> None:
    assert validate_config(dagster_instance_config_schema(), read(path)).errors is None


def test_many_machines_differ_from_one_in_the_launcher_and_the_number_of_runs_only() -> None:
    one, many = read("dagster.yaml"), read("deploy/celery/dagster.yaml")
    for config in (one, many):
        del config["run_launcher"]
        del config["concurrency"]["runs"]["max_concurrent_runs"]

    assert one == many


def test_celery_understands_every_setting_of_the_workers() -> None:
    module: dict[str, Any] = {}
    exec((DEPLOY / "celery/dagster_celery_config.py").read_text("utf-8"), module)  # noqa: S102
    settings = {name: value for name, value in module.items() if not name.startswith("__")}
    assert settings.keys() <= set(Celery().conf.keys())
    longest_run_s = read("dagster.yaml")["run_monitoring"]["max_runtime_seconds"]
    assert settings["result_expires"] > longest_run_s


def test_the_worker_command_is_a_program() -> None:
    assert os.access(DEPLOY / "celery/worker.sh", os.X_OK)


def test_the_chart_has_every_value_that_is_set() -> None:
    assert strangers(read("deploy/helm/values.yaml"), CHART) == []


def test_kubernetes_keeps_the_rules_of_one_machine() -> None:
    values, one = read("deploy/helm/values.yaml"), read("dagster.yaml")
    concurrency, daemon = values["concurrency"], values["dagsterDaemon"]
    monitoring = one["run_monitoring"]

    assert (
        concurrency["runs"]["maxConcurrentRuns"]
        == (one["concurrency"]["runs"]["max_concurrent_runs"])
    )
    assert concurrency["pools"] == {
        "granularity": one["concurrency"]["pools"]["granularity"],
        "defaultLimit": one["concurrency"]["pools"]["default_limit"],
    }
    assert daemon["runRetries"]["maxRetries"] == one["run_retries"]["max_retries"]
    assert (
        daemon["runMonitoring"]["freeSlotsAfterRunEndSeconds"]
        == (monitoring["free_slots_after_run_end_seconds"])
    )
    run = values["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]
    assert run["jobSpecConfig"]["activeDeadlineSeconds"] == monitoring["max_runtime_seconds"]
    for kind in ("sensor", "schedule"):
        kept = values["retention"][kind]["purgeAfterDays"]
        assert one["retention"][kind]["purge_after_days"].items() <= kept.items()


def test_chart_and_image_are_of_the_versions_that_were_tested() -> None:
    pins = (ROOT / "constraints.txt").read_text("utf-8")
    dagster = re.search(r"^dagster==(\S+)$", pins, re.MULTILINE)
    assert dagster
    for path in ("deploy/helm/values.yaml", "docs/deploy.md"):
        assert f"--version {dagster[1]} " in (ROOT / path).read_text("utf-8"), path
    product = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert product
    values = read("deploy/helm/values.yaml")
    images = [values["dagsterWebserver"], values["dagsterDaemon"]]
    images += values["dagster-user-deployments"]["deployments"]
    assert {image["image"]["tag"] for image in images} == {product[1]}


def test_the_image_copies_what_there_is() -> None:
    lines = (DEPLOY / "docker/Dockerfile").read_text("utf-8").splitlines()
    ignored = (DEPLOY / "docker/Dockerfile.dockerignore").read_text("utf-8").splitlines()
    copied = set()
    for line in lines:
        words = [word for word in shlex.split(line) if not word.startswith("--")]
        if words[:1] == ["COPY"] and "--from" not in line:
            copied.update(words[1:-1])

    assert copied
    assert all((ROOT / name).exists() for name in copied)
    assert copied <= {line.removeprefix("!") for line in ignored if line.startswith("!")}
