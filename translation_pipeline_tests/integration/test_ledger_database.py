"""What a database server does to its clients: deadlocks, broken connections, restarts."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import event, text

from translation_pipeline.ledger.database import Database
from translation_pipeline.ledger.jobs import Change
from translation_pipeline.ledger.ledger import Ledger
from translation_pipeline.ledger.states import JobState
from translation_pipeline_tests.integration.test_ledger import planned, reserved

RUN = "run-1"
OWNER = "me"
JOBS = 200


@pytest.fixture
def postgresql(empty_postgresql_url: str) -> Iterator[Database]:
    database = Database(empty_postgresql_url)
    yield database
    database.close()


def _in_threads(*works: Callable[[], object]) -> list[BaseException]:
    """Run all at once; what they raised."""
    raised: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_no_two_steps_of_a_run_wait_for_each_other(
    postgresql: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """The heartbeat, the poll and the submit loop write the same rows in threads of their own."""
    ledger = Ledger(postgresql)
    ids = reserved(ledger, *(planned(number) for number in range(1, JOBS + 1)))
    ledger.claim(OWNER)
    ledger.begin_attempts(ids, RUN, OWNER)
    # Later versions of a row lie elsewhere in the table: its order is not that of the ids.
    shuffled = random.Random(1).sample(ids, JOBS)
    for job_id in shuffled:
        ledger.renew(OWNER, [job_id])

    def step(job_ids: list[str]) -> None:
        for _ in range(20):
            changes = [Change(job_id, JobState.RESERVED, "throttled") for job_id in job_ids]
            ledger.apply(random.sample(changes, len(changes)), RUN, OWNER)
            ledger.begin_attempts(random.sample(job_ids, len(job_ids)), RUN, OWNER)

    def beat() -> None:
        for _ in range(40):
            ledger.renew(OWNER, shuffled)

    raised = _in_threads(
        lambda: step(shuffled[::2]),
        lambda: step(shuffled[1::2]),
        beat,
        lambda: [ledger.release("nobody", shuffled) for _ in range(40)],
        beat,
    )
    assert raised == []
    assert "deadlock" not in caplog.text
    assert {job.state for job in ledger.jobs()} == {JobState.INTENT.value}


def test_a_broken_connection_is_no_end(postgresql: Database) -> None:
    ledger = Ledger(postgresql)
    (job_id,) = reserved(ledger, planned())
    left = 3

    def kill(connection: object, cursor: object, statement: str, *_: object) -> None:
        nonlocal left
        if left and "UPDATE jobs" in statement:
            left -= 1
            pid = cursor.connection.info.backend_pid  # type: ignore[attr-defined]
            with postgresql.read() as session:
                session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})

    event.listen(postgresql._engine, "before_cursor_execute", kill)
    attempt = ledger.begin_attempts([job_id], RUN)[job_id]
    assert left == 0
    assert ledger.attempt(job_id).client_token == attempt.client_token
    assert [item.to_state for item in ledger.events(job_id)] == ["planned", "reserved", "intent"]


def test_a_fault_of_ours_is_raised_at_once(database: Database) -> None:
    with database.write() as session:
        session.execute(text("DROP TABLE events"))
    with pytest.raises(Exception, match="events"):
        Ledger(database).events("x")


def test_a_begun_job_is_not_begun_again(database: Database) -> None:
    ledger = Ledger(database)
    (job_id,) = reserved(ledger, planned())
    assert list(ledger.begin_attempts([job_id], RUN)) == [job_id]
    assert ledger.begin_attempts([job_id], RUN) == {}
