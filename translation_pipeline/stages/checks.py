"""The questions that guard the next spend, answered from the ledger and from OSS."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.ledger.models import Job, Wanted
from translation_pipeline.ledger.states import JobState
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.providers.requests import EXTRACTION, TRANSLATION
from translation_pipeline.stages.cells import (
    EXTRACTED_CAPTIONS,
    REVIEWED_CAPTIONS,
    TRANSLATED_VIDEOS,
    review_cells,
)

NO_FAILED_JOBS = "no_failed_jobs"
CAPTIONS_ARE_VALID = "captions_are_valid"
OUTPUTS_VERIFIED = "outputs_verified"

_BAD = (JobState.FAILED.value, JobState.UNKNOWN.value, JobState.ABANDONED.value)


@dataclass(frozen=True)
class CheckOutcome:
    """An answer: `findings` is a table of what is wrong, one row per video.

    `blocks` says that nothing of what was asked about may go on.
    """

    asset: str
    name: str
    checked: int
    findings: tuple[dict[str, Any], ...]
    blocks: bool = False

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def no_failed_jobs(
    pipeline: Pipeline, asset: str, titles: Collection[str] | None = None
) -> CheckOutcome:
    """Jobs that failed, are unknown or were given up, and videos that cannot be used at all."""
    kind = {EXTRACTED_CAPTIONS: EXTRACTION, TRANSLATED_VIDEOS: TRANSLATION}[asset]
    findings: list[dict[str, Any]] = []
    checked = 0
    unusable = {
        (video.title, video.video): video.problem
        for video in pipeline.inventory.videos(titles)
        if video.problem is not None
    }
    for wanted, job in pipeline.inventory.wanted(titles):
        if wanted.kind != kind:
            continue
        checked += 1
        problem = unusable.get((wanted.title, wanted.video))
        if problem is not None or (job is not None and job.state in _BAD):
            findings.append(
                {
                    "title": wanted.title,
                    "video": wanted.video,
                    "language": wanted.language,
                    "state": "set aside" if problem or job is None else job.state,
                    "reason": problem or (job.reason if job else "") or "",
                    "job": (job.remote_id or "") if job else "",
                }
            )
    return CheckOutcome(asset, NO_FAILED_JOBS, checked, tuple(findings))


def captions_are_valid(pipeline: Pipeline, titles: Collection[str] | None = None) -> CheckOutcome:
    """Approved and provided captions with findings that block; absent ones are merely awaited.

    It blocks only when a title has no usable captions at all: otherwise the good videos go on
    and the bad ones wait by themselves.
    """
    rows = pipeline.inventory.captions(titles)
    findings = [
        {
            "title": row.title,
            "video": row.video,
            "language": row.language,
            "file": f"oss://{row.bucket}/{row.key}",
            "reason": row.problem,
        }
        for row in rows
        if row.problem is not None
    ]
    usable = any(
        row["state"] == "valid" for cell in review_cells(pipeline, titles) for row in cell.rows
    )
    return CheckOutcome(
        REVIEWED_CAPTIONS,
        CAPTIONS_ARE_VALID,
        len(rows),
        tuple(findings),
        blocks=bool(findings) and not usable,
    )


def outputs_verified(pipeline: Pipeline, titles: Collection[str] | None = None) -> CheckOutcome:
    """Outputs that were refused (missing, not playable, wrong length, without sound), and those
    that are gone or changed since they were checked."""
    findings = []
    checked = 0
    for wanted, job in pipeline.inventory.wanted(titles):
        if wanted.kind != TRANSLATION or job is None or job.finished_at is None:
            continue
        checked += 1
        reason = _output_fault(pipeline, wanted, job)
        if reason is not None:
            findings.append(
                {
                    "title": wanted.title,
                    "video": wanted.video,
                    "language": wanted.language,
                    "file": f"oss://{wanted.output_bucket}/{wanted.output_key}",
                    "reason": reason,
                }
            )
    return CheckOutcome(TRANSLATED_VIDEOS, OUTPUTS_VERIFIED, checked, tuple(findings))


def _output_fault(pipeline: Pipeline, wanted: Wanted, job: Job) -> str | None:
    if job.state == JobState.FAILED.value:
        return job.reason
    if wanted.delivered_at is None:
        return None
    head = pipeline.storage.head(ObjectAddress(wanted.output_bucket, wanted.output_key))
    size = (wanted.facts or {}).get("size")
    if head is None:
        return "The object was deleted. Translate it again with force, or restore it."
    if head.size != size:
        return f"The object has {head.size} bytes; {size} were checked."
    return None
