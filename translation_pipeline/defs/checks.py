"""Asset checks: thin shells around the questions in `stages.checks`.

Each check is of the asset as a whole, with a table of the videos it found fault with: partitioned
checks are a preview feature that leaves rows planned for ever in range runs. Steps that cover
many partitions report the same evaluations themselves, see `evaluations`.
"""

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any

import dagster as dg

from translation_pipeline.defs.reports import TABLE_ROWS_MOST, image, table
from translation_pipeline.defs.resources import PipelineResource
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.stages import checks
from translation_pipeline.stages.audit import NO_LOST_JOBS, no_lost_jobs
from translation_pipeline.stages.cells import (
    EXTRACTED_CAPTIONS,
    REVIEWED_CAPTIONS,
    TRANSLATED_VIDEOS,
)
from translation_pipeline.stages.checks import CheckOutcome
from translation_pipeline.stages.coverage_report import COVERAGE

Question = Callable[[Pipeline], CheckOutcome]


def _by_title(question: Callable[[Pipeline, Collection[str]], CheckOutcome]) -> Question:
    return partial(checks.over_all_titles, question=question)


def _no_failed_jobs(asset: str) -> Question:
    return _by_title(lambda pipeline, titles: checks.no_failed_jobs(pipeline, asset, titles))


def _look_complete(asset: str) -> Question:
    return _by_title(
        lambda pipeline, titles: checks.captions_look_complete(pipeline, asset, titles)
    )


QUESTIONS: dict[tuple[str, str], Question] = {
    (EXTRACTED_CAPTIONS, checks.NO_FAILED_JOBS): _no_failed_jobs(EXTRACTED_CAPTIONS),
    (EXTRACTED_CAPTIONS, checks.CAPTIONS_LOOK_COMPLETE): _look_complete(EXTRACTED_CAPTIONS),
    (REVIEWED_CAPTIONS, checks.CAPTIONS_ARE_VALID): _by_title(checks.captions_are_valid),
    (REVIEWED_CAPTIONS, checks.CAPTIONS_LOOK_COMPLETE): _look_complete(REVIEWED_CAPTIONS),
    (TRANSLATED_VIDEOS, checks.NO_FAILED_JOBS): _no_failed_jobs(TRANSLATED_VIDEOS),
    (TRANSLATED_VIDEOS, checks.OUTPUTS_VERIFIED): _by_title(checks.outputs_verified),
    (TRANSLATED_VIDEOS, checks.TRANSLATION_QUALITY): _by_title(checks.translation_quality),
    (TRANSLATED_VIDEOS, checks.WITHIN_BUDGET): checks.within_budget,
    (COVERAGE, NO_LOST_JOBS): no_lost_jobs,
}

DESCRIPTIONS = {
    checks.NO_FAILED_JOBS: "No job failed, is unknown or was given up; no video was set aside.",
    checks.CAPTIONS_ARE_VALID: "No approved or provided SRT has a finding that blocks spending.",
    checks.CAPTIONS_LOOK_COMPLETE: (
        "No caption file shows the signs of misread pictures; the most doubtful come first."
    ),
    checks.TRANSLATION_QUALITY: (
        "No delivered captions have errors against their source captions and the glossary."
    ),
    checks.WITHIN_BUDGET: "No title waits because its work would pass a cap of its budget.",
    checks.OUTPUTS_VERIFIED: (
        "Every output is in the bucket, plays, is as long as its source (2 %), and looks and "
        "sounds as was asked for: old captions gone, new ones there, speech to be heard."
    ),
    NO_LOST_JOBS: (
        "The service lists no job of the last two days that the ledger does not know, or knows "
        "otherwise."
    ),
}


def build_checks() -> list[dg.AssetChecksDefinition]:
    """One definition per question. Validity blocks what comes after it in the same run."""
    return [_check(asset, name) for asset, name in QUESTIONS]


def evaluations(pipeline: Pipeline, assets: Collection[str]) -> Iterator[dg.AssetCheckEvaluation]:
    """The checks of these assets as events, for steps that cover many partitions."""
    for (asset, name), question in QUESTIONS.items():
        if asset in assets:
            outcome = question(pipeline)
            yield dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey(asset),
                check_name=name,
                passed=outcome.passed,
                severity=_severity(outcome),
                metadata=check_metadata(outcome),
            )


def _check(asset: str, name: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset,
        name=name,
        description=DESCRIPTIONS[name],
        blocking=name == checks.CAPTIONS_ARE_VALID,
    )
    def check(
        context: dg.AssetCheckExecutionContext, pipeline: PipelineResource
    ) -> dg.AssetCheckResult:
        outcome = QUESTIONS[asset, name](pipeline.open())
        return dg.AssetCheckResult(
            passed=outcome.passed, severity=_severity(outcome), metadata=check_metadata(outcome)
        )

    return check


def _severity(outcome: CheckOutcome) -> dg.AssetCheckSeverity:
    """Only an error blocks; one bad video of many is a warning, since the others go on. A doubt is
    a reason to look, no more."""
    goes_on = outcome.name == checks.CAPTIONS_ARE_VALID and not outcome.blocks
    if goes_on or outcome.name == checks.CAPTIONS_LOOK_COMPLETE:
        return dg.AssetCheckSeverity.WARN
    return dg.AssetCheckSeverity.ERROR


def check_metadata(outcome: CheckOutcome) -> dict[str, Any]:
    """What an evaluation shows: counts, a table of videos and one of cues, and how many more."""
    metadata: dict[str, Any] = {
        "checked": outcome.checked,
        "wrong": len(outcome.findings),
    }
    if outcome.findings:
        metadata["findings"] = table(outcome.findings)
        metadata["more_findings"] = max(0, len(outcome.findings) - TABLE_ROWS_MOST)
    if outcome.details:
        shown = outcome.details[:TABLE_ROWS_MOST]
        metadata["cues"] = table(shown)
        metadata["more_cues"] = max(0, outcome.detail_count - len(shown))
    if outcome.picture is not None:
        metadata["worst_frame"] = dg.MetadataValue.md(image("the worst frame", outcome.picture))
    return metadata
