"""Jobs at the service that the ledger does not bear out are found, whatever made them so."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from translation_pipeline.cli.commands import app
from translation_pipeline.ledger.identity import client_token, marked_job, user_data
from translation_pipeline.ledger.models import Attempt, Event, Job, Reservation, Wanted
from translation_pipeline.ledger.runner import RunSummary
from translation_pipeline.ledger.states import JobState
from translation_pipeline.providers.base import Submission
from translation_pipeline.providers.requests import request_from_json
from translation_pipeline.stages.audit import Discrepancy, audit, no_lost_jobs
from translation_pipeline.stages.sources import see_sources
from translation_pipeline.stages.work import Box, plan_everything, work
from translation_pipeline_tests.integration.product import OpenProduct, Product, tiny_video


def translated(shop: Product, seed: int) -> Job:
    """A product with one video in one language, done; returns its job."""
    shop.put("incoming/drama/ep1.mp4", tiny_video(seed))
    see_sources(shop.pipeline)
    plan_everything(shop.pipeline, Box(), "run")
    summary: RunSummary = asyncio.run(work(shop.pipeline, "run"))
    assert summary.verified == 1
    (job,) = shop.pipeline.ledger.jobs()
    return job


def send(shop: Product, job: Job, mark: str, token: str) -> str:
    """Submit the work of a job once more, behind the ledger's back; returns the service's id."""
    request = request_from_json(job.request)
    submission = Submission(request, job.title, mark, token)
    return asyncio.run(shop.pipeline.providers["ims"].submit(submission))


def findings(shop: Product) -> tuple[Discrepancy, ...]:
    since = shop.pipeline.ledger.now() - timedelta(days=1)
    return asyncio.run(audit(shop.pipeline, since)).findings


def set_state(shop: Product, job: Job, state: JobState, **fields: object) -> None:
    """The ledger as a crash, a backup or a person's mistake may leave it."""
    with shop.pipeline.ledger.database.write() as session:
        row = session.get(Job, job.id)
        assert row is not None
        row.state = state.value
        for name, value in fields.items():
            setattr(row, name, value)


def test_a_ledger_that_knows_its_jobs_has_no_findings(open_product: OpenProduct) -> None:
    shop = open_product()
    translated(shop, 1)
    found = asyncio.run(audit(shop.pipeline, shop.pipeline.ledger.now() - timedelta(days=1)))
    assert (found.checked, found.findings) == (1, ())
    assert no_lost_jobs(shop.pipeline).passed


def test_a_job_behind_the_ledgers_back_is_found(open_product: OpenProduct) -> None:
    shop = open_product()
    job = translated(shop, 2)
    stranger = "f" * 64
    remote_id = send(shop, job, user_data(stranger, 1), client_token(stranger, 1))
    (found,) = findings(shop)
    assert found.remote_id == remote_id
    assert "does not know" in found.problem
    assert "backup" in found.next_step
    assert found.output.startswith(f"oss://{shop.pipeline.catalog.output_bucket}/")
    check = no_lost_jobs(shop.pipeline)
    assert not check.passed
    assert check.findings[0]["remote_id"] == remote_id


def test_a_second_job_of_one_attempt_is_found(open_product: OpenProduct) -> None:
    shop = open_product()
    job = translated(shop, 3)
    remote_id = send(shop, job, user_data(job.id, 1), "another token")
    (found,) = findings(shop)
    assert (found.remote_id, found.job, found.title) == (remote_id, job.id, "drama")
    assert "started twice" in found.problem
    assert str(job.remote_id) in found.problem


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        (JobState.RESERVED, "starts no second one"),
        (JobState.RUNNING, "abandoned_work"),
        (JobState.UNKNOWN, "jobs resolve"),
        (JobState.ABANDONED, "billed"),
        (JobState.FAILED, "billed"),
    ],
)
def test_a_state_that_the_service_does_not_bear_out_is_found(
    open_product: OpenProduct, state: JobState, advice: str
) -> None:
    shop = open_product()
    job = translated(shop, 20 + list(JobState).index(state))  # the same content is the same job
    set_state(shop, job, state, finished_at=None)
    (found,) = findings(shop)
    assert found.problem == f"The service has it as finished, the ledger as {state.value}."
    assert advice in found.next_step


def test_what_is_no_discrepancy_is_not_told(open_product: OpenProduct) -> None:
    shop = open_product()
    job = translated(shop, 5)
    # Its output was refused: the service did finish it.
    set_state(shop, job, JobState.FAILED)
    assert findings(shop) == ()
    # A living run is about to write down what the service says.
    later = shop.pipeline.ledger.now() + timedelta(minutes=1)
    set_state(shop, job, JobState.SUBMITTED, owner="run", owner_until=later)
    assert findings(shop) == ()


def test_jobs_of_others_are_left_alone(open_product: OpenProduct) -> None:
    ours, theirs = open_product(), open_product()
    translated(ours, 6)
    job = translated(theirs, 7)
    send(ours, job, "their own mark", "token of theirs")
    assert findings(ours) == ()
    # Without its ledger the other installation would miss its job; ours still does not.
    with theirs.pipeline.ledger.database.write() as session:
        for model in (Event, Attempt, Reservation, Wanted, Job):
            session.query(model).delete()
    assert len(findings(theirs)) == 1
    assert findings(ours) == ()


def test_the_command_prints_what_it_found(open_product: OpenProduct) -> None:
    shop = open_product()
    job = translated(shop, 8)
    clean = CliRunner().invoke(app, ["jobs", "audit", "--json"])
    assert clean.exit_code == 0, clean.output
    remote_id = send(shop, job, user_data("e" * 64, 1), client_token("e" * 64, 1))
    done = CliRunner().invoke(app, ["jobs", "audit", "--json"])
    assert done.exit_code == 1
    found = json.loads(done.stdout.splitlines()[0])
    assert [row["remote_id"] for row in found["findings"]] == [remote_id]
    plain = CliRunner().invoke(app, ["jobs", "audit", "--days", "1"])
    assert remote_id in plain.stdout


def test_a_service_that_does_not_answer_is_told_and_breaks_nothing(
    open_product: OpenProduct,
) -> None:
    shop = open_product()
    settings = replace(shop.pipeline.settings, ims_endpoint="127.0.0.1:9")
    provider = type(shop.pipeline.providers["ims"]).from_settings(settings)  # type: ignore[attr-defined]
    away = replace(shop.pipeline, providers={"ims": provider})
    check = no_lost_jobs(away)
    assert not check.passed
    assert "could not be asked" in check.findings[0]["problem"]


def test_marks_are_read_as_they_were_written() -> None:
    job_id = "0123456789abcdef" * 4
    assert marked_job(user_data(job_id, 12)) == (job_id[:32], 12)
    for other in ("", "{}", "null", '{"tp":"abc:1"}', user_data(job_id, 1) + " ", '{"tp": 1}'):
        assert marked_job(other) is None
