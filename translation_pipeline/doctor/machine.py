"""This machine and its database: room for work, and a ledger that can be opened."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from translation_pipeline.doctor.findings import Finding, misconfigured, well, wrong
from translation_pipeline.ledger.database import SCHEMA
from translation_pipeline.ledger.migrations import REVISION, VERSION_TABLE, configuration
from translation_pipeline.settings import PREFIX

GIGABYTE = 10**9
LEAST_FREE_BYTES = GIGABYTE
CONNECT_TIMEOUT_S = 10


def check_home(home: Path, free_bytes: Callable[[Path], int] | None = None) -> Finding:
    """Whether the home can be written, and has room."""
    folder = next(part for part in (home, *home.parents) if part.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return misconfigured(
            "disk",
            f"Nothing can be written to {folder}, where the home {home} belongs.",
            f"Let this user write there, or set {PREFIX}HOME to another folder.",
        )
    free = (free_bytes or _free_bytes)(folder)
    words = f"{free / GIGABYTE:.1f} GB are free for the home {home}."
    if free < LEAST_FREE_BYTES:
        return wrong("disk", words, f"Make room: {LEAST_FREE_BYTES / GIGABYTE:.0f} GB at least.")
    return well("disk", words)


def check_database(database_url: str) -> Finding:
    """Whether the ledger's database answers, and which version its tables have; changes nothing."""
    name, advice = "database", f"Check {PREFIX}DATABASE_URL (or DAGSTER_POSTGRES_URL)."
    try:
        url = make_url(database_url)
    except ArgumentError:  # its text may hold a password
        return misconfigured(name, "What is set is no database URL.", advice)
    look = {"postgresql": _postgresql, "sqlite": _sqlite}.get(url.get_backend_name())
    if look is None:
        words = f"{_shown(url)} is neither PostgreSQL nor SQLite."
        return misconfigured(name, words, advice)
    try:
        return look(name, url)
    except SQLAlchemyError as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        return wrong(name, f"{_shown(url)} cannot be opened: {reason}.", advice)


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _postgresql(name: str, url: URL) -> Finding:
    options = {"options": f"-csearch_path={SCHEMA}", "connect_timeout": CONNECT_TIMEOUT_S}
    engine = create_engine(url, connect_args=options)
    try:
        with engine.connect() as connection:
            return _version(name, f"PostgreSQL, {_shown(url)}", connection)
    finally:
        engine.dispose()


def _sqlite(name: str, url: URL) -> Finding:
    file = Path(url.database or "")
    if not file.exists():
        return well(name, f"SQLite, {file}: made at the first use.")
    engine = create_engine(f"sqlite:///file:{file}?mode=ro&uri=true")
    try:
        with engine.connect() as connection:
            return _version(name, f"SQLite, {file}", connection)
    finally:
        engine.dispose()


def _version(name: str, where: str, connection: Connection) -> Finding:
    if not inspect(connection).has_table(VERSION_TABLE):
        return well(name, f"{where}: it answers; its tables are made at the first use.")
    found = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
    if found == REVISION:
        return well(name, f"{where}: it answers; its tables have version {found}.")
    if _is_known(connection, str(found)):
        return well(
            name, f"{where}: its tables have version {found} and get {REVISION} at the next use."
        )
    return wrong(
        name,
        f"{where}: its tables have version {found}, which this version ({REVISION}) does not know.",
        "A newer version of this product made them: install that one.",
    )


def _is_known(connection: Connection, revision: str) -> bool:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(configuration(connection))
    return revision in {script.revision for script in scripts.walk_revisions()}


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)
