"""The books of the stand-in cloud: what was accepted, what it would have cost, what came twice.

Read from the jobs' database over a connection of its own, in other threads than the server's
loop: counting 50,000 jobs keeps no caller waiting.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from translation_pipeline.localcloud.jobs import JobKind, JobState

MAX_NAMED_DUPLICATES = 100
LINES_AT_ONCE = 1000

# What makes two jobs the same: the same input content, languages and parameters; the same output
# object; the same UserData (jobs without any are left out).
SAMENESS = {
    "content": "identity",
    "output": "output_bucket || '/' || output_key",
    "user_data": "NULLIF(user_data, '')",
}

_TOTALS = """
SELECT kind, COUNT(*) AS accepted, SUM(state = 'waiting') AS waiting,
    SUM(state = 'running') AS running, SUM(state = 'finished') AS finished,
    SUM(state = 'failed') AS failed, SUM(billed_minutes) AS billed_minutes,
    SUM(cost_units) AS cost_units
FROM jobs GROUP BY kind
"""

_LINES = """
SELECT json_object(
    'number', number, 'job_id', job_id, 'kind', kind, 'state', state, 'user_data', user_data,
    'output', 'oss://' || output_bucket || '/' || output_key, 'accepted_at', created_at,
    'finished_at', finished_at, 'error_code', error_code, 'cost_units', cost_units,
    'dubbing', json_extract(result, '$.dubbing'))
FROM jobs WHERE modified_at >= ? ORDER BY number
"""


class Books:
    """What the jobs of one database add up to. Safe in any thread; deleted jobs count too."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def account(self) -> dict[str, dict[str, Any]]:
        """Per kind of job: jobs accepted and in each state, minutes billed, cost units, and
        duplicates by content, by output and by user data with the ids of the first of them."""
        nothing = dict.fromkeys(
            ("accepted", *(state.value for state in JobState), "billed_minutes", "cost_units"), 0
        )
        account: dict[str, dict[str, Any]] = {kind.value: dict(nothing) for kind in JobKind}
        with closing(self._connect()) as rows:
            for row in rows.execute(_TOTALS):
                account[row["kind"]] |= {name: row[name] for name in row.keys()[1:]}
            for name, expression in SAMENESS.items():
                twice = _duplicates(rows, expression)
                for kind, totals in account.items():
                    job_ids = twice.get(kind, [])
                    totals[f"duplicates_by_{name}"] = len(job_ids)
                    totals[f"duplicate_job_ids_by_{name}"] = job_ids[:MAX_NAMED_DUPLICATES]
        return account

    def lines(self, since_s: float) -> Iterator[str]:
        """A JSON line for every job that was accepted or changed at `since_s` or later, in order
        of acceptance and in pieces of many lines. Times are unix seconds."""
        with closing(self._connect()) as rows:
            found = rows.execute(_LINES, (since_s,))
            while some := found.fetchmany(LINES_AT_ONCE):
                yield "".join(f"{row[0]}\n" for row in some)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._database, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        return connection


def _duplicates(rows: sqlite3.Connection, expression: str) -> dict[str, list[str]]:
    """Per kind the ids of jobs that were accepted although an earlier one was the same.

    A job that had failed before the next was accepted does not make that one a duplicate: it
    costs nothing, and submitting again is right.
    """
    found = rows.execute(
        f"WITH same AS (SELECT number, kind, job_id, state, created_at, finished_at,"  # noqa: S608
        f" {expression} AS mark FROM jobs)"
        " SELECT * FROM same WHERE (kind, mark) IN"
        " (SELECT kind, mark FROM same WHERE mark IS NOT NULL GROUP BY kind, mark"
        " HAVING COUNT(*) > 1) ORDER BY number"
    )
    alive_until: dict[tuple[str, str], float] = {}
    duplicates: dict[str, list[str]] = {}
    for row in found:
        mark = (row["kind"], row["mark"])
        if alive_until.get(mark, 0.0) > row["created_at"]:
            duplicates.setdefault(row["kind"], []).append(row["job_id"])
        ended = row["finished_at"] if row["state"] == JobState.FAILED.value else float("inf")
        alive_until[mark] = max(alive_until.get(mark, 0.0), ended)
    return duplicates
