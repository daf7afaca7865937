"""The ledger's tables come from migrations, and these lead to what the models say."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from translation_pipeline.ledger.database import Database
from translation_pipeline.ledger.migrations import REVISION, VERSION_TABLE, configuration
from translation_pipeline.ledger.models import Base


def test_the_migrations_lead_to_the_models(database: Database) -> None:
    with database.read() as session:
        connection = session.connection()
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, Base.metadata) == []
        assert connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")) == REVISION


def test_the_newest_script_is_the_revision_that_databases_are_brought_to(
    database: Database,
) -> None:
    with database.read() as session:
        scripts = ScriptDirectory.from_config(configuration(session.connection()))
        assert scripts.get_current_head() == REVISION


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_many_processes_may_open_an_empty_database_at_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = (
        f"sqlite:///{tmp_path / 'ledger.db'}"
        if kind == "sqlite"
        else request.getfixturevalue("empty_postgresql_url")
    )
    errors: list[BaseException] = []

    def open_it() -> None:
        try:
            Database(url).close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
