"""One SQL database for the ledger: SQLite in WAL mode, or PostgreSQL in a schema of its own."""

from __future__ import annotations

import functools
import logging
import random
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from translation_pipeline.ledger.migrations import migrate

SCHEMA = "translation_pipeline"  # keeps the ledger apart from Dagster's tables
BUSY_TIMEOUT_MS = 30_000
TAKE_LOCK = text("SELECT pg_advisory_xact_lock(727021)")  # any number that is ours alone
CHUNK = 500  # values in one IN (…), well below every database's limit of parameters
PATIENCE_S = 300.0  # for a database that restarts
LONGEST_PAUSE_S = 5.0
# PostgreSQL's codes for a transaction that was broken off and may simply be made again:
# serialization failure, deadlock, administrator's and crash shutdown, starting up, full.
PASSING = {"40001", "40P01", "57P01", "57P02", "57P03", "53300"}

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """Short transactions on one database; safe to share between threads."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = _engine(url)
        self._writer = self._engine.execution_options(begin="BEGIN IMMEDIATE")
        with self._writer.begin() as connection:
            if connection.dialect.name == "postgresql":
                # Several processes may start at once on an empty database.
                connection.execute(TAKE_LOCK)
                connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
            migrate(connection)

    @property
    def is_postgresql(self) -> bool:
        """Whether row locks and SKIP LOCKED are to be had."""
        return self._engine.dialect.name == "postgresql"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads; never waits for a writer."""
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that writes: committed at the end, rolled back on an error."""
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def one_at_a_time(self, session: Session) -> None:
        """Let no other writer in until the transaction ends, so that sums stay true.

        SQLite has one writer at a time anyway.
        """
        if self.is_postgresql:
            session.execute(TAKE_LOCK)

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()


def one_transaction(method: Callable[P, T]) -> Callable[P, T]:
    """For methods that are one transaction: made again when the database broke it off.

    A deadlock, a restart or a lost connection is ridden out for `PATIENCE_S`; it blocks, so it
    belongs into a thread. A commit whose answer was lost is made a second time: the method must
    be harmless then.
    """

    @functools.wraps(method)
    def patiently(*arguments: P.args, **options: P.kwargs) -> T:
        give_up_at = time.monotonic() + PATIENCE_S
        pause_s = 0.05
        while True:
            try:
                return method(*arguments, **options)
            except DBAPIError as error:
                if not _passes(error) or time.monotonic() >= give_up_at:
                    raise
                logging.getLogger(__name__).warning("The ledger's database: %s", error.orig)
            time.sleep(pause_s * (0.5 + random.random()))  # noqa: S311 - only spreads the load
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    return patiently


def chunked(values: Collection[T]) -> Iterator[list[T]]:
    """The values in pieces that fit a statement."""
    ordered = list(values)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]


def _passes(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    code = getattr(error.orig, "pgcode", None)
    if code is not None:
        return code in PASSING
    if not isinstance(error, OperationalError):
        return False
    # psycopg2 has no code for a server that cannot be reached.
    from_postgresql = type(error.orig).__module__.startswith("psycopg2")
    return from_postgresql or "database is locked" in str(error.orig)


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return create_engine(
            parsed,
            pool_pre_ping=True,
            connect_args={"options": f"-csearch_path={SCHEMA}"},
        )
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # this module begins transactions, not the driver
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
