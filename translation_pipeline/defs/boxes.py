"""A box of titles and languages in one run: the partitions of a run of `translated_videos`, or any
box that a person writes down for the job `translate_box`."""

import re
from collections.abc import AsyncIterator, Collection, Sequence

import dagster as dg
from pydantic import Field

from translation_pipeline.catalog.config import Catalog
from translation_pipeline.defs.checks import evaluations
from translation_pipeline.defs.interrupts import require_uninterrupted
from translation_pipeline.defs.partitions import key_of
from translation_pipeline.defs.reports import materialization
from translation_pipeline.defs.resources import PipelineResource
from translation_pipeline.ledger.runner import RunSummary
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.stages import cells, work
from translation_pipeline.stages.cells import SOURCE_VIDEOS, TRANSLATED_VIDEOS, Cell
from translation_pipeline.stages.planning import Plan
from translation_pipeline.stages.review import collect_captions
from translation_pipeline.stages.work import Box

REASONS_MOST = 20  # of a cell, in words

Report = dg.AssetMaterialization | dg.AssetCheckEvaluation


class PayAgain(dg.Config):
    """Run configuration of what spends money."""

    force: bool = False
    """Pay again for work that is done already. Nothing else ever does."""


class BoxConfig(PayAgain):
    """A box of titles and languages."""

    titles: list[str]
    """Titles, or patterns of them with * and ?, such as ["Winter*"] or ["*"]."""
    languages: list[str] = Field(default_factory=list)
    """Target languages; none means all of the catalog file."""


async def translate_cells(
    pipeline: Pipeline, box: Box, run_id: str, *, asked: Collection[str] | None, force: bool
) -> AsyncIterator[Report]:
    """Submits and awaits what is missing, changed or failed in the box, then reports each complete
    cell by itself (of partitions that were `asked` for, if given), and the checks.

    Raises `dagster.Failure` when a video is not done: its cell stays as it was.
    """
    require_videos(pipeline, box)
    collect_captions(pipeline, box.titles)
    plan, summary = await work.translate(pipeline, box, run_id, force=force)
    require_uninterrupted(summary)
    incomplete: list[Cell] = []
    for cell in cells.in_partitions(
        pipeline.catalog, cells.translation_cells(pipeline, box.titles)
    ):
        key = key_of(pipeline.catalog, cell)
        if not (key in asked if asked is not None else _is_in(box, cell)):
            continue
        if cell.complete:
            yield materialization(pipeline, cell)
            pipeline.inventory.record_materialized(cell.asset, key, cell.version)
        else:
            incomplete.append(cell)
    for evaluation in evaluations(pipeline, [TRANSLATED_VIDEOS]):
        yield evaluation
    if incomplete:
        raise dg.Failure(not_done(incomplete, plan, summary), allow_retries=False)


@dg.op(
    out=dg.Out(dg.Nothing),
    description="Translates a box of titles and languages, and reports each complete cell.",
)
async def translate_the_box(
    context: dg.OpExecutionContext, config: BoxConfig, pipeline: PipelineResource
) -> AsyncIterator[Report | dg.Output[None]]:
    """As materializing the partitions of the box does, for any box in one run."""
    parts = pipeline.open()
    box = Box(
        tuple(_matching(config.titles, parts.inventory.titles())),
        _known(config.languages, parts.catalog),
    )
    cells_of_box = translate_cells(parts, box, context.run_id, asked=None, force=config.force)
    async for report in cells_of_box:
        yield report
    yield dg.Output(None)


@dg.job(description="Any titles x languages in one run; write them into the run configuration.")
def translate_box() -> None:
    """For boxes that a backfill would cut into many runs."""
    translate_the_box()


def require_videos(pipeline: Pipeline, box: Box) -> None:
    """Fail for titles of which no video was ever seen, where silence would look like success."""
    unseen = sorted(set(box.titles or ()) - set(pipeline.inventory.titles()))
    if unseen:
        raise dg.Failure(
            f"No video is known of {', '.join(map(repr, unseen))}. Materialize {SOURCE_VIDEOS} "
            "first, and look whether the catalog file has a rule for them.",
            allow_retries=False,
        )


def not_done(
    incomplete: Sequence[Cell], plan: Plan | None = None, summary: RunSummary | None = None
) -> str:
    """Which videos of these cells are not done, and why, in words."""
    lines = [summary.stopped_by] if summary and summary.stopped_by else []
    lines += plan.over_budget.values() if plan else []
    for cell in incomplete:
        name = cell.title if cell.language is None else f"{cell.title}, {cell.language}"
        lines.append(f"{name}: {len(cell.missing)} of {len(cell.rows)} videos are not done")
        lines += [f"  {reason}" for reason in cell.missing[:REASONS_MOST]]
    return "\n".join(lines)


def _is_in(box: Box, cell: Cell) -> bool:
    return box.languages is None or cell.language in box.languages


def _matching(patterns: Sequence[str], titles: Sequence[str]) -> list[str]:
    """The titles that these names or patterns mean. One that means none is taken for a title, so
    that it is told."""
    found: set[str] = set()
    for pattern in patterns:
        regex = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
        matching = {title for title in titles if re.fullmatch(regex, title, re.DOTALL)}
        found |= {pattern} if pattern in titles else matching or {pattern}
    return sorted(found)


def _known(languages: Sequence[str], catalog: Catalog) -> tuple[str, ...] | None:
    unknown = sorted(set(languages) - set(catalog.languages))
    if unknown:
        raise dg.Failure(
            f"No rule of the catalog file translates into {', '.join(unknown)}; the languages "
            f"are: {', '.join(catalog.languages)}.",
            allow_retries=False,
        )
    return tuple(languages) or None
