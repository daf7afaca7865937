"""With a million jobs in the ledger, nothing that a run does again and again reads them all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Connection

from translation_pipeline.ledger.database import Database
from translation_pipeline.ledger.inventory import Inventory
from translation_pipeline.ledger.jobs import Change
from translation_pipeline.ledger.ledger import Ledger
from translation_pipeline.ledger.states import JobState
from translation_pipeline.ledger.throttle import Throttle

JOBS = 1_000_000
OPEN_EVERY = 2_000  # so that 500 jobs are open

FILL = f"""
INSERT INTO jobs (id, provider, account, kind, title, video, language, request, source_etag,
    duration_s, price_micros, currency, state, attempt, remote_id, created_at)
SELECT lpad(to_hex(n), 64, '0'), 'ims', 'default', 'translation', 'drama', 'ep', 'pt',
    '{{"level": "subtitle"}}', 'E', 60, 1000000, 'CNY',
    CASE WHEN n % {OPEN_EVERY} = 0 THEN 'running' ELSE 'verified' END, 1, 'r' || n, now()
FROM generate_series(1, {JOBS}) AS n
"""


@pytest.fixture(scope="module")
def full_ledger(postgresql_url: str) -> Iterator[Ledger]:
    plain = postgresql_url
    database = Database(plain if "+psycopg2" in plain else plain.replace("://", "+psycopg2://", 1))
    with database.write() as session:
        session.execute(text("DELETE FROM jobs"))
        session.execute(text(FILL))
    with database.write() as session:
        session.execute(text("ANALYZE jobs"))
    yield Ledger(database)
    with database.write() as session:
        session.execute(text("TRUNCATE jobs CASCADE"))
    database.close()


def test_no_step_of_a_round_scans_the_jobs(full_ledger: Ledger) -> None:
    statements: list[tuple[str, object]] = []

    def note(
        connection: Connection, cursor: object, statement: str, values: object, *_: object
    ) -> None:
        if "jobs" in statement and not statement.startswith("EXPLAIN"):
            statements.append((statement, values))

    engine = full_ledger.database._engine
    event.listen(engine, "before_cursor_execute", note)
    claimed = full_ledger.claim("me", limit=100)
    full_ledger.renew("me", [job.id for job in claimed])
    full_ledger.unsettled()
    changes = [Change(job.id, JobState.FINISHED, "done") for job in claimed[:50]]
    full_ledger.apply(changes, "run", owner="me")
    Inventory(full_ledger.database).wanted_by([claimed[0].id])
    throttle = Throttle(full_ledger.database, "ims", "default", calls_per_s=10, jobs_in_flight=1000)
    throttle.take(10)
    full_ledger.release("me")
    event.remove(engine, "before_cursor_execute", note)

    assert len(claimed) == 100
    assert len(statements) >= 6
    for statement, values in statements:
        found = _plan(full_ledger, statement, values)
        assert "Seq Scan on jobs" not in found, f"{statement}\n{found}"


def _plan(ledger: Ledger, statement: str, values: object) -> str:
    """How PostgreSQL would carry the statement out; of many sets of values the first."""
    with ledger.database._engine.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute(f"EXPLAIN {statement}", values[0] if isinstance(values, list) else values)
        return "\n".join(str(row[0]) for row in cursor.fetchall())
