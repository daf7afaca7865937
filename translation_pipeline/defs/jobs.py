"""`translate_catalog`: the run that machines start. Plan, submit, poll, record."""

import math
from collections.abc import Collection, Iterator
from dataclasses import asdict
from typing import Any

import dagster as dg

from translation_pipeline.defs.checks import evaluations
from translation_pipeline.defs.coverage import coverage_materialization
from translation_pipeline.defs.interrupts import require_uninterrupted
from translation_pipeline.defs.partitions import add_titles, key_of, remove_titles
from translation_pipeline.defs.reports import materialization, table, with_idle
from translation_pipeline.defs.resources import PipelineResource
from translation_pipeline.ledger.budget import format_money
from translation_pipeline.ledger.outlook import Outlook
from translation_pipeline.ledger.sightings import Sightings
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.stages import cells, work
from translation_pipeline.stages.cells import (
    EXTRACTED_CAPTIONS,
    REVIEWED_CAPTIONS,
    SOURCE_VIDEOS,
    TRANSLATED_VIDEOS,
    Cell,
)
from translation_pipeline.stages.coverage_report import COVERAGE, deliver_coverage, note_told
from translation_pipeline.stages.lookout import Position
from translation_pipeline.stages.sources import glance_at_sources, see_sources
from translation_pipeline.stages.work import Box

POOL = "translate_catalog"
EVERYTHING = Box()
ASSETS = (SOURCE_VIDEOS, EXTRACTED_CAPTIONS, REVIEWED_CAPTIONS, TRANSLATED_VIDEOS)

Report = dg.AssetMaterialization | dg.AssetCheckEvaluation | dg.Output[None]


@dg.op(pool=POOL, out=dg.Out(dg.Nothing), description="Lists, inspects, plans, reserves money.")
def plan_jobs(context: dg.OpExecutionContext, pipeline: PipelineResource) -> None:
    """Find all work that can be done now and set its money aside."""
    parts = pipeline.open()
    seen = see_sources(parts)
    add_titles(context.instance, parts.catalog, parts.inventory.titles())
    remove_titles(context.instance, Sightings(parts.ledger.database).gone_titles())
    plan = work.plan_everything(parts, EVERYTHING, context.run_id)
    metadata: dict[str, Any] = {
        "listed": str(seen),
        "wanted": plan.wanted,
        "new_jobs": len(plan.new_job_ids),
        "quote": _quoted(parts, plan.new_job_ids),
    }
    if plan.over_budget:
        refused = [{"title": title, "reason": why} for title, why in plan.over_budget.items()]
        metadata["over_budget"] = table(refused)
    context.add_output_metadata(metadata)


@dg.op(
    ins={"planned": dg.In(dg.Nothing)},
    out=dg.Out(dg.Nothing),
    pool=POOL,
    description="Sends every job that has its money.",
)
async def submit_jobs(context: dg.OpExecutionContext, pipeline: PipelineResource) -> None:
    """Submit, each after a durable intent."""
    summary = await work.work(pipeline.open(), context.run_id, submit_only=True)
    require_uninterrupted(summary)
    context.add_output_metadata({"submitted": summary.submitted})


@dg.op(
    ins={"submitted": dg.In(dg.Nothing)},
    out=dg.Out(dg.Nothing),
    pool=POOL,
    description="Waits for all jobs in one loop, verifies outputs, takes up new work meanwhile.",
)
async def poll_jobs(context: dg.OpExecutionContext, pipeline: PipelineResource) -> None:
    """Wait until no job is open and a fresh look finds no new work."""
    parts = pipeline.open()
    verified = failed = unknown = 0
    position = Position()
    while True:
        summary = await work.work(parts, context.run_id)
        verified += summary.verified
        failed += summary.failed
        unknown += summary.unknown
        require_uninterrupted(summary)
        if summary.stopped_by:
            raise dg.Failure(summary.stopped_by, allow_retries=False)
        _, position = glance_at_sources(parts, position)
        work.plan_everything(parts, EVERYTHING, context.run_id)
        if not parts.ledger.unsettled():
            break
    context.add_output_metadata({"verified": verified, "failed": failed, "unknown": unknown})


@dg.op(
    ins={"settled": dg.In(dg.Nothing)},
    out=dg.Out(dg.Nothing),
    pool=POOL,
    description="Reports every complete cell that changed, and the checks.",
)
def record_results(context: dg.OpExecutionContext, pipeline: PipelineResource) -> Iterator[Report]:
    """Tell Dagster what is new, once per content."""
    parts = pipeline.open()
    add_titles(context.instance, parts.catalog, parts.inventory.titles())
    for cell in _changed_cells(parts):
        yield materialization(parts, cell)
        parts.inventory.record_materialized(cell.asset, key_of(parts.catalog, cell), cell.version)
    report = deliver_coverage(parts)
    if report.is_new:
        yield coverage_materialization(report)
        note_told(parts, report)
    checked = [EXTRACTED_CAPTIONS, REVIEWED_CAPTIONS, TRANSLATED_VIDEOS, COVERAGE]
    yield from evaluations(parts, checked)
    reserved, paid, currency = Outlook(parts.ledger.database).money_of_run(context.run_id)
    metadata: dict[str, Any] = {
        "not_done": table([asdict(row) for row in report.summary.not_done]),
    }
    if reserved:
        metadata["reserved"] = format_money(reserved, currency)
        metadata["paid"] = format_money(paid, currency)
    yield dg.Output(None, metadata=metadata)


def _quoted(parts: Pipeline, job_ids: Collection[str]) -> str:
    """What the new jobs would cost if the caps let all of them through."""
    jobs = parts.ledger.jobs(job_ids)
    minutes = sum(max(1, math.ceil(job.duration_s / 60)) for job in jobs)
    total = sum(job.price_micros for job in jobs)
    return f"{len(jobs)} jobs, {minutes} min, {format_money(total, parts.prices.currency)}"


def _changed_cells(parts: Pipeline) -> Iterator[Cell]:
    """Every complete cell that Dagster was not told of as it is, partition by partition."""
    told = {asset: parts.inventory.materialized(asset) for asset in ASSETS}
    for titles in _by_partition(parts):
        found = [
            *cells.source_cells(parts, titles),
            *with_idle(EXTRACTED_CAPTIONS, cells.extraction_cells(parts, titles), titles),
            *with_idle(REVIEWED_CAPTIONS, cells.review_cells(parts, titles), titles),
            *cells.translation_cells(parts, titles),
        ]
        for cell in cells.in_partitions(parts.catalog, found):
            key = key_of(parts.catalog, cell)
            if not cell.missing and told[cell.asset].get(key) != cell.version:
                yield cell


def _by_partition(parts: Pipeline) -> Iterator[list[str]]:
    """All titles, some whole partitions at a time."""
    shards = parts.catalog.partition_by
    if shards is None:
        yield from parts.inventory.title_batches()
        return
    titles = parts.inventory.titles()
    for shard in shards.names:
        inside = shards.titles_in([shard], titles)
        if inside:
            yield inside


@dg.job(description="Takes all work that the sensors found and does it in one process.")
def translate_catalog() -> None:
    """plan -> submit -> poll -> record, each step resumable because the ledger is."""
    record_results(poll_jobs(submit_jobs(plan_jobs())))
