"""One run: plan, set money aside, work, and say what came of it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from translation_pipeline.ledger.runner import Runner, RunSummary
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.stages.delivery import OutputDelivery
from translation_pipeline.stages.glossaries import collect_glossaries
from translation_pipeline.stages.manifest import write_manifests
from translation_pipeline.stages.planning import Plan, plan, reserve
from translation_pipeline.stages.review import collect_captions
from translation_pipeline.stages.sources import inspect_sources
from translation_pipeline.stages.wanted import WantedOutput, wanted_extractions, wanted_translations

ASKED_TO_END = "the process was asked to end"


@dataclass(frozen=True)
class Box:
    """A box of titles and languages; None means all of them."""

    titles: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None


async def extract(
    pipeline: Pipeline,
    box: Box,
    run_id: str,
    *,
    force: bool = False,
) -> tuple[Plan, RunSummary]:
    """Have the captions of the box's titles extracted; failed ones are tried once more."""
    await asyncio.to_thread(inspect_sources, pipeline, box.titles)
    again = partial(pipeline.ledger.retry, pay_again=force)
    found = await asyncio.to_thread(
        _plan, pipeline, box, run_id, wanted_extractions, force=force, again=again
    )
    return found, await work(pipeline, run_id, found.job_ids)


async def translate(
    pipeline: Pipeline,
    box: Box,
    run_id: str,
    *,
    force: bool = False,
) -> tuple[Plan, RunSummary]:
    """Have the box's videos translated; failed ones are tried once more."""
    await asyncio.to_thread(inspect_sources, pipeline, box.titles)
    await asyncio.to_thread(collect_glossaries, pipeline, box.titles)
    wanted = partial(wanted_translations, languages=box.languages)
    again = partial(pipeline.ledger.retry, pay_again=force)
    found = await asyncio.to_thread(_plan, pipeline, box, run_id, wanted, force=force, again=again)
    return found, await work(pipeline, run_id, found.job_ids)


def plan_everything(pipeline: Pipeline, box: Box, run_id: str) -> Plan:
    """Plan all that can be planned now, set its money aside and hand out what is done already.

    Unlike a person's own run, this leaves failed jobs alone.
    """
    inspect_sources(pipeline, box.titles)
    collect_captions(pipeline, box.titles)
    collect_glossaries(pipeline, box.titles)

    def wanted(pipeline: Pipeline, titles: Collection[str]) -> list[WantedOutput]:
        return [
            *wanted_extractions(pipeline, titles),
            *wanted_translations(pipeline, titles, box.languages),
        ]

    return _plan(pipeline, box, run_id, wanted)


def _plan(
    pipeline: Pipeline,
    box: Box,
    run_id: str,
    wanted: Callable[[Pipeline, Collection[str]], list[WantedOutput]],
    *,
    force: bool = False,
    again: Callable[[Collection[str], str, str], object] | None = None,
) -> Plan:
    """Plan what is `wanted`, some titles at a time, and set its money aside. `again` takes up jobs
    that failed before."""
    delivery = OutputDelivery(pipeline)
    whole = Plan()
    for titles in pipeline.inventory.title_batches(box.titles):
        found = plan(pipeline, wanted(pipeline, titles), run_id, force=force)
        if again is not None:
            again(found.job_ids, run_id, "a person ran it again")
        delivery.catch_up(found.job_ids)
        reserve(pipeline, found, run_id)
        whole.wanted += found.wanted
        whole.job_ids += found.job_ids
        whole.new_job_ids += found.new_job_ids
        whole.over_budget |= found.over_budget
    whole.job_ids = list(dict.fromkeys(whole.job_ids))
    return whole


async def work(
    pipeline: Pipeline,
    run_id: str,
    job_ids: Collection[str] | None = None,
    *,
    submit_only: bool = False,
) -> RunSummary:
    """Run the loop over these jobs (all open ones without an argument) until they are settled.

    SIGINT and SIGTERM end it cleanly, with `stopped_by` ASKED_TO_END: what is in flight stays in
    flight and is picked up by the next run.
    """
    runner = Runner(
        pipeline.ledger,
        pipeline.providers,
        OutputDelivery(pipeline),
        run_id=run_id,
        pace=pipeline.settings.pace,
    )
    with _stopping_on_signals(runner):
        summary = await runner.run(job_ids, submit_only=submit_only)
    if not submit_only:
        jobs = await asyncio.to_thread(pipeline.ledger.jobs, job_ids) if job_ids else []
        titles = {job.title for job in jobs} if job_ids is not None else None
        await asyncio.to_thread(write_manifests, pipeline, titles)
    return summary


@contextmanager
def _stopping_on_signals(runner: Runner) -> Iterator[None]:
    """Ctrl-C, Dagster's "terminate" and SIGTERM stop the loop; then they mean what they meant."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            loop.add_signal_handler(number, runner.stop, ASKED_TO_END)
    except (ValueError, RuntimeError, NotImplementedError):
        yield  # not in the main thread: whoever runs the loop there stops it
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
