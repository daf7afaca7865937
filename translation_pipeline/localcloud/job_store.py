"""Jobs as they were accepted and what came of them, in one SQLite file that survives a restart."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from translation_pipeline.localcloud.addresses import ObjectAddress
from translation_pipeline.localcloud.faults import (
    JobFault,
    ListDelay,
    job_fault,
    job_faults_from_json,
    job_faults_to_json,
)
from translation_pipeline.localcloud.jobs import Job, JobKind, JobOrder, JobState, ListedJob


class TokenReusedError(Exception):
    """The client token belongs to an earlier job with other parameters."""


SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    wire TEXT NOT NULL,
    work TEXT NOT NULL,
    inputs TEXT NOT NULL,
    output_bucket TEXT NOT NULL,
    output_key TEXT NOT NULL,
    user_data TEXT NOT NULL,
    identity TEXT NOT NULL,
    client_token TEXT,
    faults TEXT,
    listed_at REAL NOT NULL,
    due_at REAL,
    created_at REAL NOT NULL,
    modified_at REAL NOT NULL,
    finished_at REAL,
    worker_deaths INTEGER NOT NULL DEFAULT 0,
    result TEXT,
    error_code TEXT,
    error_message TEXT,
    billed_minutes INTEGER NOT NULL DEFAULT 0,
    cost_units REAL NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, client_token)
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, number);
CREATE INDEX IF NOT EXISTS jobs_by_kind ON jobs (kind, number);
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (due_at) WHERE due_at IS NOT NULL;
"""
# `listed_at`: from when on lists show the job. `due_at`: when a simulated job goes one step on,
# or its files appear; NULL for jobs that are really carried out.

BEYOND_ALL = 2**62  # greater than the number of any job

# What a minute of a job counts, by its level or kind. Not the prices of the service: weights that
# make runs comparable.
COST_UNITS_PER_MINUTE = {"caption_extraction": 1.0, "subtitle": 2.0, "speech": 10.0}


class JobStore:
    """The jobs table. Used from the server's event loop only; every call takes well under 1 ms."""

    def __init__(self, database: Path) -> None:
        self._db = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # survives kill -9, not a power cut
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file. The store cannot be used after that."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Change many jobs at the price of one. Nothing else may use the store meanwhile."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def submit(
        self,
        order: JobOrder,
        faults: Sequence[JobFault] = (),
        *,
        due_in_s: float | None = None,
    ) -> str:
        """Accept a job and return its id; with a known client token, the first job's id again.

        `due_in_s`: after how long a simulated job is due for the first time.
        Raises `TokenReusedError` when the token came with other parameters before.
        """
        now = time.time()
        delay = job_fault(faults, ListDelay)
        job_id = uuid.uuid4().hex
        wire = json.dumps(order.wire, sort_keys=True, ensure_ascii=False)
        added = self._db.execute(
            "INSERT INTO jobs (job_id, kind, state, wire, work, inputs, output_bucket, output_key,"
            " user_data, identity, client_token, faults, listed_at, due_at, created_at,"
            " modified_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (kind, client_token) DO NOTHING",
            (
                job_id,
                order.kind.value,
                JobState.WAITING.value,
                wire,
                json.dumps(order.work),
                json.dumps({r: [a.bucket, a.key] for r, a in order.inputs.items()}),
                order.output.bucket,
                order.output.key,
                order.wire.get("UserData", ""),
                order.identity,
                order.client_token,
                job_faults_to_json(faults),
                now + (delay.delay_s if delay else 0.0),
                None if due_in_s is None else now + due_in_s,
                now,
                now,
            ),
        )
        if added.rowcount == 1:
            return job_id
        first = self.with_token(order.kind, order.client_token or "")
        if first is None or first.wire != order.wire:
            raise TokenReusedError(order.client_token)
        return first.job_id

    def with_token(self, kind: JobKind, client_token: str) -> Job | None:
        """The job that was accepted with this client token."""
        return self._one("kind = ? AND client_token = ?", (kind.value, client_token))

    def get(self, kind: JobKind, job_id: str) -> Job | None:
        """The job, unless it is unknown, of another kind, or deleted."""
        return self._one("kind = ? AND job_id = ? AND NOT deleted", (kind.value, job_id))

    def page(
        self,
        kind: JobKind,
        *,
        state: JobState | None,
        ascending: bool,
        limit: int,
        beyond: int | None = None,
        offset: int = 0,
    ) -> list[ListedJob]:
        """Listed jobs in order of acceptance, those beyond number `beyond` if it is given.

        With a negative `offset` the page begins as many jobs before that.
        """
        order = "ASC" if ascending else "DESC"
        conditions: list[str] = ["kind = ?", "NOT deleted", "listed_at <= ?"]
        values: list[Any] = [kind.value, time.time()]
        if state is not None:
            conditions[0] = "+kind = ?"  # the plus makes SQLite look the state up, the rarer mark
            conditions.append("state = ?")
            values.append(state.value)
        if beyond is not None:
            conditions.append("number > ?" if ascending else "number < ?")
            values.append(self._before(kind, beyond, -offset, ascending) if offset < 0 else beyond)
        rows = self._db.execute(
            f"SELECT * FROM jobs WHERE {' AND '.join(conditions)}"  # noqa: S608  (no user text)
            f" ORDER BY number {order} LIMIT ? OFFSET ?",
            [*values, limit, max(offset, 0)],
        )
        return [ListedJob(**_listed_fields(row)) for row in rows]

    def delete(self, kind: JobKind, job_ids: Sequence[str]) -> None:
        """Hide jobs that have ended from every read. Their cost stays counted."""
        self._db.executemany(
            "UPDATE jobs SET deleted = 1 WHERE kind = ? AND job_id = ?"
            " AND state IN ('finished', 'failed')",
            [(kind.value, job_id) for job_id in job_ids],
        )

    def claim_next(self) -> Job | None:
        """The job that has waited longest, now running; None when nothing waits."""
        row = self._db.execute(
            "UPDATE jobs SET state = 'running', modified_at = ? WHERE number ="
            " (SELECT MIN(number) FROM jobs WHERE state = 'waiting') RETURNING *",
            (time.time(),),
        ).fetchone()
        return _job(row) if row else None

    def requeue_running(self) -> int:
        """Let every job wait again that ran when the server stopped; returns how many."""
        return self._db.execute(
            "UPDATE jobs SET state = 'waiting' WHERE state = 'running'"
        ).rowcount

    def requeue_after_death(self, job: Job) -> None:
        """Let `job` wait again, and remember that a worker process died with it."""
        self._db.execute(
            "UPDATE jobs SET state = 'waiting', worker_deaths = worker_deaths + 1 WHERE number = ?",
            (job.number,),
        )

    def finish(self, job: Job, result: dict[str, Any], billed_minutes: int) -> None:
        """Record success. The job is not due any more."""
        now = time.time()
        cost_units = billed_minutes * COST_UNITS_PER_MINUTE[job.work.get("level", job.kind.value)]
        self._db.execute(
            "UPDATE jobs SET state = 'finished', result = ?, billed_minutes = ?, cost_units = ?,"
            " modified_at = ?, finished_at = ?, due_at = NULL WHERE number = ?",
            (
                json.dumps(result, ensure_ascii=False),
                billed_minutes,
                cost_units,
                now,
                now,
                job.number,
            ),
        )

    def fail(self, job: Job, code: str, message: str) -> None:
        """Record failure, with a code for programs and a message for people."""
        now = time.time()
        self._db.execute(
            "UPDATE jobs SET state = 'failed', error_code = ?, error_message = ?, modified_at = ?,"
            " finished_at = ?, due_at = NULL WHERE number = ?",
            (code, message, now, now, job.number),
        )

    # Simulated jobs

    def adopt(self) -> None:
        """Let unfinished jobs that are not simulated yet be due now."""
        self._db.execute(
            "UPDATE jobs SET due_at = ? WHERE due_at IS NULL AND state IN ('waiting', 'running')",
            (time.time(),),
        )

    def due(self, now: float, limit: int) -> list[Job]:
        """Jobs whose next step is due, those first that have waited longest."""
        rows = self._db.execute(
            "SELECT * FROM jobs WHERE due_at <= ? ORDER BY due_at LIMIT ?", (now, limit)
        )
        return [_job(row) for row in rows]

    def next_due_at(self) -> float | None:
        """When the next step of any job is due."""
        row = self._db.execute("SELECT MIN(due_at) FROM jobs WHERE due_at IS NOT NULL").fetchone()
        return None if row[0] is None else float(row[0])

    def begin(self, job: Job, due_at: float) -> None:
        """Let a simulated job run until it is due again; infinity for ever."""
        self._db.execute(
            "UPDATE jobs SET state = 'running', modified_at = ?, due_at = ? WHERE number = ?",
            (time.time(), due_at, job.number),
        )

    def postpone(self, job: Job, due_at: float | None) -> None:
        """Let a job be due again at another time, or, None, never."""
        self._db.execute("UPDATE jobs SET due_at = ? WHERE number = ?", (due_at, job.number))

    def _before(self, kind: JobKind, number: int, count: int, ascending: bool) -> int:
        """The number that stands `count` jobs before `number` in a list."""
        beyond, order = ("<=", "DESC") if ascending else (">=", "ASC")
        rows = self._db.execute(
            f"SELECT number FROM jobs WHERE kind = ? AND NOT deleted AND number {beyond} ?"  # noqa: S608
            f" ORDER BY number {order} LIMIT ?",
            (kind.value, number, count + 1),
        ).fetchall()
        if len(rows) > count:
            return int(rows[count][0])
        return 0 if ascending else BEYOND_ALL

    def _one(self, condition: str, values: tuple[str, ...]) -> Job | None:
        row = self._db.execute(
            f"SELECT * FROM jobs WHERE {condition}",  # noqa: S608  (no user text)
            values,
        ).fetchone()
        return _job(row) if row else None


def _job(row: sqlite3.Row) -> Job:
    inputs = json.loads(row["inputs"])
    return Job(
        **_listed_fields(row),
        kind=JobKind(row["kind"]),
        work=json.loads(row["work"]),
        inputs={role: ObjectAddress(bucket, key) for role, (bucket, key) in inputs.items()},
        identity=row["identity"],
        finished_at=row["finished_at"],
        worker_deaths=row["worker_deaths"],
        result=json.loads(row["result"]) if row["result"] else None,
        error_code=row["error_code"],
        error_message=row["error_message"],
        billed_minutes=row["billed_minutes"],
    )


def _listed_fields(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "number": row["number"],
        "job_id": row["job_id"],
        "state": JobState(row["state"]),
        "wire": json.loads(row["wire"]),
        "output": ObjectAddress(row["output_bucket"], row["output_key"]),
        "faults": job_faults_from_json(row["faults"]),
        "created_at": row["created_at"],
        "modified_at": row["modified_at"],
    }
