"""The asset `coverage`: where every video stands, as a table, a page and a CSV file."""

from dataclasses import asdict
from typing import Any

import dagster as dg

from translation_pipeline.defs.assets import GROUP
from translation_pipeline.defs.reports import HOW_TO_OPEN, figures, table
from translation_pipeline.defs.resources import PipelineResource
from translation_pipeline.stages.cells import TRANSLATED_VIDEOS
from translation_pipeline.stages.coverage_report import (
    COVERAGE,
    CoverageReport,
    deliver_coverage,
    note_told,
)


@dg.asset(
    name=COVERAGE,
    group_name=GROUP,
    deps=[TRANSLATED_VIDEOS],
    kinds={"oss", "csv"},
    description=(
        "Where every video, stage and language stands: state, reason, cost, next step. Written "
        "to the output bucket as coverage/coverage.html and coverage/coverage.csv."
    ),
)
def coverage(
    context: dg.AssetExecutionContext, pipeline: PipelineResource
) -> dg.MaterializeResult[Any]:
    """Writes the report anew, whether anything changed or not."""
    parts = pipeline.open()
    report = deliver_coverage(parts, again=True)
    note_told(parts, report)
    return dg.MaterializeResult(metadata=_metadata(report), data_version=_version(report))


def coverage_materialization(report: CoverageReport) -> dg.AssetMaterialization:
    """The event for a report that a run wrote beside its other work."""
    return dg.AssetMaterialization(
        asset_key=COVERAGE,
        metadata=_metadata(report),
        tags={"dagster/data_version": _version(report).value},
    )


def _metadata(report: CoverageReport) -> dict[str, Any]:
    """Figures, which Dagster draws over time, and the first rows of what is left to do."""
    summary = report.summary
    return {
        "dagster/row_count": summary.rows,
        **summary.by_state,
        **figures(report.totals),
        "waiting_for_review": report.waiting_for_review,
        "not_done": table([asdict(row) for row in summary.not_done]),
        "titles": table(summary.titles()),
        "open": HOW_TO_OPEN,
        "html": report.html.to_oss(),
        "csv": report.csv.to_oss(),
    }


def _version(report: CoverageReport) -> dg.DataVersion:
    return dg.DataVersion(report.summary.version[:32])
