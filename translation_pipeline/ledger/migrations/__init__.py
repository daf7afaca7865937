"""The history of the ledger's tables, as Alembic scripts in `versions`.

`database.Database` brings a database to `REVISION` whenever it is opened. A new script is made
with `alembic.command.revision(configuration(connection), "what changes", autogenerate=True)`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config

REVISION = "0003"
VERSION_TABLE = "ledger_version"


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for one open connection; there is no alembic.ini."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def migrate(connection: Connection) -> None:
    """Bring the tables up to date, inside the caller's transaction."""
    if inspect(connection).has_table(VERSION_TABLE):
        present = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
        if present == REVISION:
            return
    from alembic import command

    command.upgrade(configuration(connection), "head")
