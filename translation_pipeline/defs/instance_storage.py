"""Dagster's own storage, chosen by the environment, since dagster.yaml knows no conditions."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any

from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError

from translation_pipeline.errors import ConfigurationError

DATABASE = "DAGSTER_POSTGRES_URL"
STATEMENT_TIMEOUT_MS = 300_000
CONNECTION_AGE_S = 3_600
EXTRA_CONNECTIONS = 20
PATIENCE_S = 50.0  # for a server that restarts, at each of the six attempts that Dagster makes
PAUSE_S = 1.0
RESTARTING = ("refused", "starting up", "shutting down", "not yet accepting")


class EnvironmentStorage(DagsterStorage, ConfigurableClass):
    """PostgreSQL where DAGSTER_POSTGRES_URL is set, else SQLite below DAGSTER_HOME."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """It has no configuration."""
        return {}

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """Part of Dagster's interface; the storages that are returned carry it themselves."""
        return None

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData | None, config_value: dict[str, Any]
    ) -> DagsterStorage:
        """The storage that the environment names."""
        url = os.environ.get(DATABASE)
        if url:
            return _postgres(url, inst_data)
        home = os.environ.get("DAGSTER_HOME")
        if not home:
            raise ConfigurationError("Set DAGSTER_HOME to the folder that holds dagster.yaml.")
        return DagsterSqliteStorage(base_dir=str(Path(home) / "storage"), inst_data=inst_data)


def _postgres(url: str, inst_data: ConfigurableClassData | None) -> DagsterStorage:
    from dagster_postgres import DagsterPostgresStorage

    # A bare postgresql:// would mean psycopg 3, which dagster-postgres does not bring.
    plain = url.replace("postgres://", "postgresql://", 1)
    storage = DagsterPostgresStorage(
        postgres_url=plain.replace("postgresql://", "postgresql+psycopg2://", 1),
        inst_data=inst_data,
    )
    # Without this every statement outside the webserver opens a connection of its own.
    parts: tuple[Any, ...] = (
        storage.event_log_storage,
        storage.run_storage,
        storage.schedule_storage,
    )
    for part in parts:
        part.optimize_for_webserver(
            statement_timeout=STATEMENT_TIMEOUT_MS,
            pool_recycle=CONNECTION_AGE_S,
            max_overflow=EXTRA_CONNECTIONS,
        )
        _ride_out_restarts(part._engine)
    return storage


def _ride_out_restarts(engine: Engine) -> None:
    """Let no statement meet a connection that a restart of the server broke.

    It would end the step of a run; and steps that failed are not retried (dagster.yaml).
    """
    driver: Any = engine.dialect.loaded_dbapi

    @event.listens_for(engine, "checkout")
    def replace_broken(connection: Any, _record: Any, _proxy: Any) -> None:
        try:
            engine.dialect.do_ping(connection)
        except driver.Error as broken:
            raise DisconnectionError from broken

    @event.listens_for(engine, "do_connect")
    def connect_patiently(dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            try:
                return dialect.connect(*arguments, **options)
            except driver.OperationalError as error:
                passes = any(words in str(error) for words in RESTARTING)
                if not passes or time.monotonic() >= give_up_at:
                    raise
                logging.getLogger(__name__).warning("Dagster's database: %s", error)
            time.sleep(PAUSE_S)
