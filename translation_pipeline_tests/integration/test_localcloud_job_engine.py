"""The job engine with real worker processes and media work that misbehaves on command."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from translation_pipeline.localcloud.addresses import ObjectAddress
from translation_pipeline.localcloud.job_engine import JobEngine
from translation_pipeline.localcloud.job_store import JobStore
from translation_pipeline.localcloud.jobs import Job, JobKind, JobOrder, JobState
from translation_pipeline.localcloud.media_assets import MediaAssets
from translation_pipeline.localcloud.objects import ObjectStore
from translation_pipeline.localcloud.worker_process import WorkerProcess
from translation_pipeline_tests.integration import fake_media_work

KIND = JobKind.VIDEO_TRANSLATION
PATIENCE_S = 20.0


class Workshop:
    """A data folder with one video, and engines that work on it one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.jobs = JobStore(folder / "jobs.sqlite")
        self.objects = ObjectStore(folder / "objects")
        self.assets = MediaAssets(folder / "jobs.sqlite", registration_s=0)
        self.objects.create_bucket("dramas-in")
        self.objects.create_bucket("dramas-out")
        self.objects.put_bytes("dramas-in", "視頻 1.mp4", b"moving pictures")

    def close(self) -> None:
        self.jobs.close()
        self.objects.close()
        self.assets.close()

    def submit(self, name: str = "job", *, video: str = "視頻 1.mp4") -> str:
        return self.jobs.submit(
            JobOrder(
                kind=KIND,
                wire={},
                work={
                    "target_keys": {"pt": f"{name}.mp4"},
                    "level": "subtitle",
                    "log": str(self.log),
                    "name": name,
                },
                inputs={"video": ObjectAddress("dramas-in", video)},
                output=ObjectAddress("dramas-out", f"{name}.mp4"),
                identity=name,
            )
        )

    @asynccontextmanager
    async def engine(self, function: str, workers: int = 1) -> AsyncIterator[JobEngine]:
        engine = JobEngine(
            self.jobs,
            self.objects,
            self.assets,
            self.folder / "work",
            runners=[WorkerProcess() for _ in range(workers)],
            functions={KIND: f"{fake_media_work.MODULE}:{function}"},
        )
        await engine.start()
        yield engine
        await engine.stop()

    async def ended(self, job_id: str) -> Job:
        await until(lambda: self.job(job_id).state in (JobState.FINISHED, JobState.FAILED))
        return self.job(job_id)

    def job(self, job_id: str) -> Job:
        job = self.jobs.get(KIND, job_id)
        assert job is not None
        return job

    def noted(self) -> list[str]:
        return self.log.read_text().split("\n")[:-1] if self.log.exists() else []


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    workshop = Workshop(tmp_path)
    yield workshop
    workshop.close()


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        await asyncio.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has waited for does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


async def test_jobs_run_in_order_and_results_are_stored(workshop: Workshop) -> None:
    ids = [workshop.submit(f"job {number}") for number in range(4)]
    async with workshop.engine("finish") as engine:
        first = await workshop.ended(ids[-1])
        late = workshop.submit("late")
        engine.wake()
        await workshop.ended(late)
    assert workshop.noted() == ["job 0", "job 1", "job 2", "job 3", "late"]
    assert first.billed_minutes == 1
    assert first.result is not None
    assert [output["key"] for output in first.result["outputs"]] == ["job 3.srt", "job 3.mp4"]
    stored = workshop.objects.head("dramas-out", "job 3.mp4")
    assert stored is not None
    assert stored.path.read_bytes() == b"moving pictures"
    assert not list((workshop.folder / "work").iterdir()), "nothing is left behind"


async def test_two_workers_share_the_jobs(workshop: Workshop) -> None:
    ids = [workshop.submit(f"job {number}") for number in range(6)]
    async with workshop.engine("finish_slowly", workers=2):
        for job_id in ids:
            assert (await workshop.ended(job_id)).state is JobState.FINISHED
    assert sorted(workshop.noted()) == [f"job {number}" for number in range(6)], "each job once"


async def test_failure_of_the_media_work_is_the_jobs_failure(workshop: Workshop) -> None:
    job_id = workshop.submit()
    async with workshop.engine("refuse"):
        job = await workshop.ended(job_id)
    assert (job.state, job.error_code) == (JobState.FAILED, "UnreadableVideo")
    assert workshop.objects.head("dramas-out", "job.mp4") is None


async def test_defect_fails_the_job_and_the_worker_goes_on(workshop: Workshop) -> None:
    ids = [workshop.submit("one"), workshop.submit("two")]
    async with workshop.engine("crash"):
        jobs = [await workshop.ended(job_id) for job_id in ids]
    assert [job.error_code for job in jobs] == ["InternalError", "InternalError"]
    assert "ZeroDivisionError: by zero" in (jobs[1].error_message or "")


async def test_killed_worker_is_replaced_and_its_job_tried_again(workshop: Workshop) -> None:
    job_id = workshop.submit()
    async with workshop.engine("die_once"):
        job = await workshop.ended(job_id)
    assert job.state is JobState.FINISHED
    assert workshop.noted() == ["died", "job"]


async def test_job_that_kills_its_worker_twice_fails_alone(workshop: Workshop) -> None:
    ids = [workshop.submit("one"), workshop.submit("two")]
    async with workshop.engine("die"):
        jobs = [await workshop.ended(job_id) for job_id in ids]
    assert workshop.noted() == ["died"] * 4, "two tries for each of two jobs"
    assert {job.error_code for job in jobs} == {"InternalError"}
    assert "died twice" in (jobs[0].error_message or "")


@pytest.mark.parametrize("key", ["..", "a/..", "深" * 300 + ".mp4", "100% +.mp4", "folder/"])
async def test_any_key_can_be_a_source(workshop: Workshop, key: str) -> None:
    workshop.objects.put_bytes("dramas-in", key, b"x")
    job_id = workshop.submit(video=key)
    async with workshop.engine("finish"):
        assert (await workshop.ended(job_id)).state is JobState.FINISHED


async def test_message_names_the_video(workshop: Workshop) -> None:
    job_id = workshop.submit()
    async with workshop.engine("refuse"):
        job = await workshop.ended(job_id)
    assert job.error_message == "視頻 1.mp4 is empty."


async def test_source_deleted_before_the_job_began(workshop: Workshop) -> None:
    job_id = workshop.submit(video="gone.mp4")
    async with workshop.engine("finish"):
        job = await workshop.ended(job_id)
    assert job.error_code == "InputFileNotFound"
    assert "oss://dramas-in/gone.mp4" in (job.error_message or "")


async def test_output_bucket_deleted_meanwhile_leaves_nothing_half_written(
    workshop: Workshop,
) -> None:
    job_id = workshop.submit()
    workshop.objects.delete_bucket("dramas-out")
    async with workshop.engine("finish"):
        job = await workshop.ended(job_id)
    assert job.state is JobState.FAILED
    assert "could not be completed" in (job.error_message or "")


async def test_stop_ends_the_worker_and_what_it_started_and_the_job_runs_again(
    workshop: Workshop,
) -> None:
    job_id = workshop.submit()
    async with workshop.engine("encode_for_ever"):
        await until(lambda: bool(workshop.noted()))
        pids = [int(pid) for pid in workshop.noted()[0].split()]
        assert all(is_alive(pid) for pid in pids)
    await until(lambda: not any(is_alive(pid) for pid in pids))
    assert workshop.job(job_id).state is JobState.RUNNING
    async with workshop.engine("finish"):
        assert (await workshop.ended(job_id)).state is JobState.FINISHED


async def test_killing_a_worker_also_ends_its_encoder(workshop: Workshop) -> None:
    workshop.submit()
    async with workshop.engine("encode_for_ever"):
        await until(lambda: bool(workshop.noted()))
        worker, encoder = (int(pid) for pid in workshop.noted()[0].split())
        os.kill(worker, signal.SIGKILL)
        await until(lambda: not is_alive(encoder))
        await until(lambda: len(workshop.noted()) == 2)


SERVER = """
import asyncio, sys
from pathlib import Path
from translation_pipeline_tests.integration.test_localcloud_job_engine import Workshop

async def main():
    workshop = Workshop(Path(sys.argv[1]))
    workshop.submit()
    async with workshop.engine("encode_for_ever"):
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_no_process_survives_a_killed_server_and_its_job_runs_at_the_next_start(
    tmp_path: Path,
) -> None:
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, str(tmp_path))
    log = tmp_path / "log"
    await until(lambda: log.exists() and log.read_text().endswith("\n"))
    pids = [int(pid) for pid in log.read_text().split()]
    server.kill()
    await server.wait()
    await until(lambda: not any(is_alive(pid) for pid in pids))
    workshop = Workshop(tmp_path)
    (job,) = workshop.jobs.page(KIND, state=None, ascending=True, limit=9)
    assert job.state is JobState.RUNNING
    async with workshop.engine("finish"):
        assert (await workshop.ended(job.job_id)).state is JobState.FINISHED
    workshop.close()
