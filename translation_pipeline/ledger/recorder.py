"""Many coroutines, one transaction: changes that arrive together are committed together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from translation_pipeline.errors import LedgerError
from translation_pipeline.ledger.jobs import Applied, Change, OpenJob

MOST_AT_ONCE = 500  # changes in one transaction


class Recorder:
    """Awaits durability of single changes at the price of batches."""

    def __init__(self, apply: Callable[[list[Change]], Applied]) -> None:
        self._apply = apply
        self._waiting: list[tuple[Change, asyncio.Future[OpenJob]]] = []
        self._flushing: asyncio.Task[None] | None = None

    async def record(self, change: Change) -> OpenJob:
        """The job as it is once the change is committed; raises `LedgerError` if refused."""
        done: asyncio.Future[OpenJob] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, done))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        return await asyncio.shield(done)

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = _first_of_each_job(self._waiting)
            try:
                applied = await asyncio.to_thread(self._apply, [change for change, _ in batch])
            except Exception as error:
                for _, done in batch:
                    done.set_exception(error)
                continue
            jobs = {job.id: job for job in applied.jobs}
            for change, done in batch:
                if change.job_id in jobs:
                    done.set_result(jobs[change.job_id])
                else:
                    done.set_exception(applied.refused.get(change.job_id) or _lost(change))


def _first_of_each_job(
    waiting: list[tuple[Change, asyncio.Future[OpenJob]]],
) -> tuple[
    list[tuple[Change, asyncio.Future[OpenJob]]], list[tuple[Change, asyncio.Future[OpenJob]]]
]:
    """A batch holds one step of a job at the most; its next step waits for the next batch."""
    batch: list[tuple[Change, asyncio.Future[OpenJob]]] = []
    rest: list[tuple[Change, asyncio.Future[OpenJob]]] = []
    seen: set[str] = set()
    for item in waiting:
        if item[0].job_id in seen or len(batch) >= MOST_AT_ONCE:
            rest.append(item)
        else:
            seen.add(item[0].job_id)
            batch.append(item)
    return batch, rest


def _lost(change: Change) -> LedgerError:
    return LedgerError(f"The change of job {change.job_id} to {change.state.value} was lost.")
