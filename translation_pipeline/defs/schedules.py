"""The schedule: once a night everything is listed, quoted, and done inside the budgets."""

import dagster as dg

from translation_pipeline.defs.jobs import translate_catalog
from translation_pipeline.settings import Nightly


def build_schedules(nightly_at: Nightly | None) -> list[dg.ScheduleDefinition]:
    """The nightly run, on from the start; none when the settings turn it off."""
    if nightly_at is None:
        return []

    @dg.schedule(
        job=translate_catalog,
        cron_schedule=f"{nightly_at.minute} {nightly_at.hour} * * *",
        execution_timezone=nightly_at.time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Lists the whole catalog, quotes, does what is missing, and reports.",
    )
    def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        """One run a night, behind the one that may be at work: it takes what that one left."""
        night = context.scheduled_execution_time.date().isoformat()
        return dg.RunRequest(
            run_key=f"nightly-{night}", tags={"translation_pipeline/because": f"nightly {night}"}
        )

    return [nightly]
