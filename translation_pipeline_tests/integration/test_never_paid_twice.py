"""No sequence of crashes, lost answers, throttling and odd words pays twice or loses a job."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from translation_pipeline.benchmarks.mortality import POINTS, Fate, Mortal
from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.errors import OutputRefused, StorageError
from translation_pipeline.ledger import throttle
from translation_pipeline.ledger.budget import MICROS, Caps
from translation_pipeline.ledger.database import Database
from translation_pipeline.ledger.jobs import PlannedJob
from translation_pipeline.ledger.ledger import LEASE_S, Ledger, utc_now
from translation_pipeline.ledger.models import Job
from translation_pipeline.ledger.runner import Runner
from translation_pipeline.ledger.states import LEGAL, SETTLED, JobState
from translation_pipeline.providers.base import RemoteState
from translation_pipeline.providers.requests import (
    EXTRACTION,
    ExtractionRequest,
    JobRequest,
    TranslationRequest,
)
from translation_pipeline.settings import Pace
from translation_pipeline_tests.integration.fake_cloud import MISHAPS, FakeCloud

PACE = Pace(poll_interval_s=0.01, submits_per_s=10_000, jobs_in_flight=100, reconcile_after_s=0.01)


class Crash(Exception):  # noqa: N818
    """The process is gone."""


class Clock:
    """Real time that can be moved ahead, past the leases of the dead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


class Shelf:
    """Outputs in memory: everything is there once the service says so."""

    def preflight(self, job: Job) -> None:
        """The sources are always there."""

    def output_exists(self, job: Job) -> bool:
        """No proof by output, so that extractions stay doubtful."""
        return False

    def deliver(self, jobs: Sequence[Job]) -> dict[str, OutputRefused | StorageError]:
        """Every output is good."""
        return {}


def jobs_to_do() -> list[PlannedJob]:
    video, language = ObjectAddress("videos", "a.mp4"), "pt"
    requests: list[JobRequest] = [
        TranslationRequest(
            video, ObjectAddress("results", f"t{number}.mp4"), "subtitle", "en", language,
            None, None, None, None, False,
        )
        for number in range(3)
    ]  # fmt: skip
    requests += [
        ExtractionRequest(
            video, ObjectAddress("results", f"e{number}.srt"), "en", ((0.75, 1.0), (0.0, 1.0)), 5
        )
        for number in range(2)
    ]
    return [
        PlannedJob(
            id=hashlib.sha256(bytes([number])).hexdigest(),
            provider="ims",
            account="default",
            title="drama",
            video=f"ep{number}",
            language=language,
            request=request,
            source_etag="E",
            duration_s=10.0,
            price_micros=MICROS,
            currency="CNY",
        )
        for number, request in enumerate(requests)
    ]


def run_once(ledger: Ledger, cloud: FakeCloud, fate: Fate) -> None:
    """A process that works until it is done or dead."""
    runner = Runner(
        Mortal("ledger", ledger, fate),  # type: ignore[arg-type]
        {"ims": Mortal("provider", cloud, fate)},  # type: ignore[dict-item]
        Mortal("delivery", Shelf(), fate),  # type: ignore[arg-type]
        run_id="run",
        pace=PACE,
    )
    try:
        asyncio.run(asyncio.wait_for(runner.run(), 20))
    except Crash:
        assert fate.dead


def die() -> None:
    raise Crash


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # Shrinking replays whole runs for minutes; the failing input is told without it.
    phases=(Phase.explicit, Phase.generate),
)
@given(
    script=st.lists(st.sampled_from(MISHAPS), max_size=14),
    states=st.lists(
        st.sampled_from([RemoteState.WAITING, RemoteState.RUNNING, RemoteState.UNRECOGNISED]),
        max_size=10,
    ),
    deaths=st.lists(st.tuples(st.sampled_from(POINTS), st.integers(1, 4)), max_size=4),
    honours_tokens=st.booleans(),
)
def test_crashes_and_mishaps(
    script: list[str],
    states: list[RemoteState],
    deaths: list[tuple[str, int]],
    honours_tokens: bool,
) -> None:
    cloud = FakeCloud(honours_tokens=honours_tokens, script=list(script), states=list(states))
    clock = Clock()
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(throttle, "FIRST_PAUSE_S", 0.001),
        patch.object(throttle, "LONGEST_PAUSE_S", 0.002),
        patch.object(throttle, "PROBE_S", 0.01),
    ):
        ledger = Ledger(Database(f"sqlite:///{Path(folder) / 'ledger.db'}"), clock)
        planned = jobs_to_do()
        ledger.plan(planned, "run")
        ledger.reserve([job.id for job in planned], Caps(), "run")
        for point, countdown in deaths:
            run_once(ledger, cloud, Fate(point, countdown, die))
            clock.ahead += timedelta(seconds=LEASE_S + 1)
        run_once(ledger, cloud, Fate(None, 0, die))

        for job in ledger.jobs():
            assert JobState(job.state) in SETTLED, "lost: nobody would go on with it"
            history = [event.to_state for event in ledger.events(job.id)]
            for before, after in pairwise(history):
                assert JobState(after) in LEGAL[JobState(before)]
            if job.kind == EXTRACTION and job.state == JobState.UNKNOWN.value:
                assert job.reason
        assert all(count == 1 for count in cloud.accepted.values()), "paid twice"
        ledger.database.close()
