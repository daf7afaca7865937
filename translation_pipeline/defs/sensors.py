"""Sensors see what is new and see to it that `translate_catalog` runs; they never pay."""

import hashlib
import time
from collections.abc import Callable

import dagster as dg

from translation_pipeline.defs.jobs import translate_catalog
from translation_pipeline.defs.partitions import add_titles
from translation_pipeline.defs.resources import PipelineResource
from translation_pipeline.stages.review import changed_captions
from translation_pipeline.stages.sources import see_sources

# What a run left undone, such as a video that OSS would not show, is asked for again after this.
ASK_AGAIN_S = 3600.0

# Runs that will take the work up by themselves, or are just doing so.
ALIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def build_sensors(
    interval_s: int = 30, clock: Callable[[], float] = time.time
) -> list[dg.SensorDefinition]:
    """All sensors, each asked every `interval_s` seconds, on from the start."""

    @dg.sensor(
        job=translate_catalog,
        minimum_interval_seconds=interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="New or changed videos under the source prefixes.",
    )
    def new_videos(
        context: dg.SensorEvaluationContext, pipeline: PipelineResource
    ) -> dg.SensorResult | dg.SkipReason:
        parts = pipeline.open()
        seen = see_sources(parts)
        add_titles(context.instance, seen.titles)
        due = [
            f"{video.title}/{video.video}/{video.etag}"
            for video in parts.inventory.videos()
            if video.inspected_etag != video.etag
        ]
        nothing = f"{seen.count} videos are listed, none is new."
        return _request(context, due, nothing, clock())

    @dg.sensor(
        job=translate_catalog,
        minimum_interval_seconds=interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reviewed SRTs under the review prefix, and provided SRTs.",
    )
    def approved_captions(
        context: dg.SensorEvaluationContext, pipeline: PipelineResource
    ) -> dg.SensorResult | dg.SkipReason:
        parts = pipeline.open()
        due = [f"{place.address.to_oss()}/{etag}" for place, etag in changed_captions(parts)]
        return _request(context, due, "No caption file is new or changed.", clock())

    return [new_videos, approved_captions]


def _request(
    context: dg.SensorEvaluationContext, due: list[str], nothing: str, now_s: float
) -> dg.SensorResult | dg.SkipReason:
    """One run for all that is due; the same work asks for a second run only after an hour."""
    if not due:
        return dg.SkipReason(nothing)
    alive = context.instance.get_runs(
        dg.RunsFilter(job_name=translate_catalog.name, statuses=ALIVE), limit=1
    )
    if alive:
        return dg.SkipReason(f"{len(due)} are new; run {alive[0].run_id[:8]} takes them up.")
    digest = hashlib.sha256("\n".join(sorted(due)).encode()).hexdigest()
    run_key = f"{digest[:32]}-{int(now_s // ASK_AGAIN_S)}"
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=run_key)])
