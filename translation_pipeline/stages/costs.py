"""What the videos of a cell cost and how long the service worked on them, from the ledger's jobs.

Added when Dagster is told of a cell, and no part of its version: what was delivered is the same,
whatever it cost.
"""

from __future__ import annotations

from typing import Any

from translation_pipeline.ledger.models import Job
from translation_pipeline.ledger.totals import cost_of, work_s
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.providers.requests import EXTRACTION, TRANSLATION
from translation_pipeline.stages.cells import EXTRACTED_CAPTIONS, TRANSLATED_VIDEOS, Cell

KINDS = {EXTRACTED_CAPTIONS: EXTRACTION, TRANSLATED_VIDEOS: TRANSLATION}
LAST = ("output", "job")  # columns that are wide stay at the end


def with_costs(pipeline: Pipeline, cell: Cell) -> tuple[list[dict[str, Any]], list[Job]]:
    """The rows of a cell that jobs answer, each with what it cost and how long it took, and these
    jobs. One that serves two videos is shown with both, and is one of the jobs."""
    titles = {row.get("title", cell.title) for row in cell.rows}
    found = pipeline.inventory.wanted(titles, kind=KINDS[cell.asset], language=cell.language)
    jobs = {
        (wanted.title, wanted.video, wanted.language): job
        for wanted, job in found
        if job is not None
    }
    rows: list[dict[str, Any]] = []
    used: dict[str, Job] = {}
    for row in cell.rows:
        job = jobs.get((row.get("title", cell.title), row["video"], row["language"]))
        took_s = work_s(job) if job else None
        paid = {
            "cost": cost_of(job) if job else "",
            "work_s": None if took_s is None else round(took_s, 1),
        }
        rows.append(
            {name: value for name, value in row.items() if name not in LAST}
            | paid
            | {name: row[name] for name in LAST if name in row}
        )
        if job is not None:
            used[job.id] = job
    return rows, list(used.values())
