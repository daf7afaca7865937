"""The four assets: what is there, what was read, what was approved, what was translated."""

from collections.abc import AsyncIterator
from typing import Any

import dagster as dg

from translation_pipeline.catalog.config import Catalog
from translation_pipeline.catalog.listing import to_dataframe
from translation_pipeline.defs.boxes import PayAgain, not_done, translate_cells
from translation_pipeline.defs.checks import evaluations
from translation_pipeline.defs.interrupts import require_uninterrupted
from translation_pipeline.defs.partitions import (
    box_of,
    dimension,
    key_of,
    titles,
    titles_by_language,
)
from translation_pipeline.defs.reports import cell_metadata, idle_cell, with_idle
from translation_pipeline.defs.resources import PipelineResource
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.stages import cells, work
from translation_pipeline.stages.cells import (
    EXTRACTED_CAPTIONS,
    REVIEWED_CAPTIONS,
    SOURCE_VIDEOS,
    TRANSLATED_VIDEOS,
    Cell,
)
from translation_pipeline.stages.review import collect_captions
from translation_pipeline.stages.sources import inspect_sources, see_sources, see_title
from translation_pipeline.stages.work import Box

GROUP = "catalog"


def build_assets(catalog: Catalog) -> list[dg.AssetsDefinition]:
    """What flows into one another, over the partitions that the catalog file makes."""
    return [
        _source_videos(catalog),
        _extracted_captions(catalog),
        _reviewed_captions(catalog),
        _translated_videos(catalog),
    ]


def _source_videos(catalog: Catalog) -> dg.AssetsDefinition:
    @dg.asset(
        name=SOURCE_VIDEOS,
        partitions_def=titles(catalog),
        group_name=GROUP,
        kinds={"oss"},
        description="The videos of a title in OSS: size, checksum, duration, picture, sound.",
    )
    def source_videos(
        context: dg.AssetExecutionContext, pipeline: PipelineResource
    ) -> dg.Output[Any]:
        """Lists where the videos are and looks into every one, also into those that could not be
        used before."""
        parts = pipeline.open()
        box = _see(parts, context.partition_key)
        inspect_sources(parts, box.titles, again=True)
        videos = parts.inventory.videos(box.titles)
        if not videos and catalog.partition_by is None:
            raise dg.Failure(
                f"No video of {', '.join(box.titles or ())!r} is in bucket {catalog.bucket} under "
                "the patterns of the catalog file. Nothing was deleted.",
                allow_retries=False,
            )
        found = cells.source_cells(parts, box.titles)
        cell = _cell(parts, SOURCE_VIDEOS, context.partition_key, box, found)
        return dg.Output(to_dataframe(videos), metadata=_noted(parts, cell))

    return source_videos


def _extracted_captions(catalog: Catalog) -> dg.AssetsDefinition:
    @dg.asset(
        name=EXTRACTED_CAPTIONS,
        partitions_def=titles(catalog),
        group_name=GROUP,
        deps=[SOURCE_VIDEOS],
        kinds={"ims", "srt"},
        description="Captions read from the pictures, one SRT per video, for a person to review.",
    )
    async def extracted_captions(
        context: dg.AssetExecutionContext, config: PayAgain, pipeline: PipelineResource
    ) -> Any:  # Dagster would take an iterator for the type of the asset's value
        """Submits and awaits the extractions that are missing, changed or failed. Like a cell of
        `translated_videos`, the title is materialized when all of its videos are done."""
        parts = pipeline.open()
        box = box_of(parts, [context.partition_key])
        plan, summary = await work.extract(parts, box, context.run_id, force=config.force)
        require_uninterrupted(summary)
        found = cells.extraction_cells(parts, box.titles)
        cell = _cell(parts, EXTRACTED_CAPTIONS, context.partition_key, box, found)
        if cell.missing:
            for evaluation in evaluations(parts, [EXTRACTED_CAPTIONS]):
                yield evaluation
            raise dg.Failure(not_done([cell], plan, summary), allow_retries=False)
        yield dg.MaterializeResult(metadata=_noted(parts, cell))

    return extracted_captions


def _reviewed_captions(catalog: Catalog) -> dg.AssetsDefinition:
    @dg.asset(
        name=REVIEWED_CAPTIONS,
        partitions_def=titles(catalog),
        group_name=GROUP,
        deps=[EXTRACTED_CAPTIONS],
        kinds={"srt"},
        description="What a person approved or provided, repaired, valid: what may be paid for.",
    )
    def reviewed_captions(
        context: dg.AssetExecutionContext, pipeline: PipelineResource
    ) -> Any:  # Dagster would take an iterator for the type of the asset's value
        """Reads the files under the review prefix (or the provided ones) that changed. The title is
        materialized when all of its captions are usable."""
        parts = pipeline.open()
        box = box_of(parts, [context.partition_key])
        collect_captions(parts, box.titles)
        found = cells.review_cells(parts, box.titles)
        cell = _cell(parts, REVIEWED_CAPTIONS, context.partition_key, box, found)
        if cell.missing:
            yield from evaluations(parts, [REVIEWED_CAPTIONS])
            raise dg.Failure(not_done([cell]), allow_retries=False)
        yield dg.MaterializeResult(metadata=_noted(parts, cell))

    return reviewed_captions


def _translated_videos(catalog: Catalog) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=TRANSLATED_VIDEOS,
        specs=[
            dg.AssetSpec(
                TRANSLATED_VIDEOS,
                deps=[
                    dg.AssetDep(
                        REVIEWED_CAPTIONS,
                        partition_mapping=dg.MultiToSingleDimensionPartitionMapping(
                            dimension(catalog)
                        ),
                    )
                ],
                skippable=True,
                group_name=GROUP,
                kinds={"ims", "mp4"},
                description="Translated videos with their captions, verified, per language.",
            )
        ],
        partitions_def=titles_by_language(catalog),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    async def translated_videos(
        context: dg.AssetExecutionContext, config: PayAgain, pipeline: PipelineResource
    ) -> AsyncIterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
        """One run covers any box of cells in one async step."""
        parts = pipeline.open()
        box = box_of(parts, _multi_keys(context))
        asked = set(context.partition_keys)
        reports = translate_cells(parts, box, context.run_id, asked=asked, force=config.force)
        async for report in reports:
            yield report

    return translated_videos


def _multi_keys(context: dg.AssetExecutionContext) -> list[dg.MultiPartitionKey]:
    return [key for key in context.partition_keys if isinstance(key, dg.MultiPartitionKey)]


def _see(pipeline: Pipeline, partition: str) -> Box:
    """List what is in a partition: where a title's videos lie, or everything for a shard, since
    a new title of it may be anywhere."""
    if pipeline.catalog.partition_by is not None:
        see_sources(pipeline)
        return box_of(pipeline, [partition])
    box = box_of(pipeline, [partition])
    for title in box.titles or ():
        see_title(pipeline, title)
    return box


def _cell(pipeline: Pipeline, asset: str, partition: str, box: Box, found: list[Cell]) -> Cell:
    """The cell of one partition; without rows when there is nothing to do."""
    whole = cells.in_partitions(pipeline.catalog, with_idle(asset, found, box.titles or ()))
    return whole[0] if whole else idle_cell(asset, partition)


def _noted(pipeline: Pipeline, cell: Cell) -> dict[str, Any]:
    """The metadata of a cell that is about to be materialized."""
    pipeline.inventory.record_materialized(cell.asset, key_of(pipeline.catalog, cell), cell.version)
    return cell_metadata(pipeline, cell)
