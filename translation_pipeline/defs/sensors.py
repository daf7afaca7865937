"""Sensors see what is new and see to it that `translate_catalog` runs; they never pay.

Each keeps a few hundred bytes of JSON between its ticks, stops well before Dagster's limit of 60
seconds, and says what it did.
"""

import hashlib
import time
from collections.abc import Callable

import dagster as dg

from translation_pipeline.defs.jobs import translate_catalog
from translation_pipeline.defs.partitions import add_titles, remove_titles
from translation_pipeline.defs.resources import PipelineResource
from translation_pipeline.ledger.outlook import Outlook
from translation_pipeline.ledger.sightings import Sightings
from translation_pipeline.messenger import send
from translation_pipeline.settings import PREFIX
from translation_pipeline.stages.caption_files import glance_at_captions
from translation_pipeline.stages.lookout import Position
from translation_pipeline.stages.notify import Told, compose, notices
from translation_pipeline.stages.sources import glance_at_sources

# What a run left undone, such as a video that OSS would not show, is asked for again after this.
ASK_AGAIN_S = 3600.0

# A bad night is one message in so many seconds, not one per tick.
NOTIFY_EVERY_S = 300

TAG_LENGTH = 500  # characters

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
        description="New, changed and deleted videos under the source prefixes.",
    )
    def new_videos(
        context: dg.SensorEvaluationContext, pipeline: PipelineResource
    ) -> dg.SensorResult:
        parts = pipeline.open()
        sightings = Sightings(parts.ledger.database)
        seen, position = glance_at_sources(parts, Position.from_json(context.cursor))
        add_titles(context.instance, parts.catalog, seen.titles)
        said = f"{seen}."
        if seen.gone:
            removed = remove_titles(context.instance, sightings.gone_titles())
            said += f" {len(removed)} titles have no video left." if removed else ""
        due = sightings.due(parts.settings.settle_s)
        if due.settling:
            said += f" {due.settling} were written just now and are left alone for a while."
        said += "" if seen.swept else f" The next tick goes on behind {position.after!r}."
        work = f"{due.count}/{due.newest}" if due.count else ""
        return _request(context, work, said, position.to_json(), clock())

    @dg.sensor(
        job=translate_catalog,
        minimum_interval_seconds=interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reviewed SRTs under the review prefix, and provided SRTs.",
    )
    def approved_captions(
        context: dg.SensorEvaluationContext, pipeline: PipelineResource
    ) -> dg.SensorResult:
        seen, position = glance_at_captions(pipeline.open(), Position.from_json(context.cursor))
        said = f"{seen.listed} caption files were listed, {len(seen.due)} are new or changed."
        work = "\n".join(sorted(seen.due))
        return _request(context, work, said, position.to_json(), clock())

    @dg.sensor(
        job=translate_catalog,
        minimum_interval_seconds=interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Jobs in the ledger whose run died: another run goes on with them.",
    )
    def abandoned_work(
        context: dg.SensorEvaluationContext, pipeline: PipelineResource
    ) -> dg.SensorResult:
        """Jobs count as abandoned when two ticks in a row find the same ones without a process:
        a run that was just planned has not claimed its jobs yet."""
        idle = Outlook(pipeline.open().ledger.database).idle_jobs()
        digest = _digest("\n".join(idle)) if idle else ""
        said = f"{len(idle)} open jobs have no process that works on them."
        work = digest if digest == context.cursor else ""
        if idle and not work:
            said += " If that is still so at the next tick, a run is started."
        return _request(context, work, said, digest, clock())

    @dg.sensor(
        minimum_interval_seconds=max(interval_s, NOTIFY_EVERY_S),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people of failures, blocked captions, reviews that wait, and budgets.",
    )
    def notifications(
        context: dg.SensorEvaluationContext, pipeline: PipelineResource
    ) -> dg.SensorResult:
        """One message for all that happened since the last one. When nobody could be told, the
        tick fails, and the next one tells it again."""
        parts = pipeline.open()
        if not parts.settings.notify:
            return dg.SensorResult(skip_reason=f"{PREFIX}NOTIFY is not set: nobody is told.")
        found, told = notices(parts, Told.from_json(context.cursor), clock())
        if not found:
            return dg.SensorResult(skip_reason="There is nothing to tell.", cursor=told.to_json())
        message = compose(found)
        failed = send(parts.settings.notify, message.title, message.body)
        said = f"It was told: {message.title}."
        if failed:
            said += f" Receivers {', '.join(map(str, failed))} of {PREFIX}NOTIFY did not take it."
        return dg.SensorResult(skip_reason=said, cursor=told.to_json())

    return [new_videos, approved_captions, abandoned_work, notifications]


def _request(
    context: dg.SensorEvaluationContext, work: str, said: str, cursor: str, now_s: float
) -> dg.SensorResult:
    """One run for all the work; the same work asks for a second run only after an hour."""
    if not work:
        return dg.SensorResult(skip_reason=said, cursor=cursor)
    alive = context.instance.get_runs(
        dg.RunsFilter(job_name=translate_catalog.name, statuses=ALIVE), limit=1
    )
    if alive:
        said += f" Run {alive[0].run_id[:8]} is alive and takes the work up."
        return dg.SensorResult(skip_reason=said, cursor=cursor)
    context.log.info(said)
    run_key = f"{_digest(work)}-{int(now_s // ASK_AGAIN_S)}"
    because = {"translation_pipeline/because": said[:TAG_LENGTH]}
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=run_key, tags=because)], cursor=cursor
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
