"""Whole runs without Dagster: the real SDKs, an instant stand-in cloud, both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.ledger import inventory
from translation_pipeline.ledger.runner import RunSummary
from translation_pipeline.ledger.states import JobState
from translation_pipeline.stages import review, work
from translation_pipeline.stages.cells import extraction_cells, review_cells, translation_cells
from translation_pipeline.stages.checks import captions_are_valid, over_all_titles, within_budget
from translation_pipeline.stages.coverage import coverage
from translation_pipeline.stages.planning import Plan
from translation_pipeline.stages.quote import quote
from translation_pipeline.stages.review import approved_address, collect_captions
from translation_pipeline.stages.sources import see_sources
from translation_pipeline.stages.work import Box
from translation_pipeline_tests.integration.product import (
    GOOD_SRT,
    OpenProduct,
    Product,
    tiny_video,
)

EVERYTHING = Box()


def translate(shop: Product, run_id: str = "run", **options: bool) -> tuple[Plan, RunSummary]:
    see_sources(shop.pipeline)
    return asyncio.run(work.translate(shop.pipeline, EVERYTHING, run_id, **options))


def extract(shop: Product, run_id: str = "run") -> tuple[Plan, RunSummary]:
    see_sources(shop.pipeline)
    return asyncio.run(work.extract(shop.pipeline, EVERYTHING, run_id))


def test_direct_translation_of_a_title(open_product: OpenProduct) -> None:
    shop = open_product(languages="pt, es")
    for number in range(3):
        shop.put(f"incoming/drama/ep{number}.mp4", tiny_video(number))
    _, summary = translate(shop)
    assert (summary.submitted, summary.verified, summary.failed) == (6, 6, 0)
    assert [(cell.language, cell.complete) for cell in translation_cells(shop.pipeline)] == [
        ("es", True),
        ("pt", True),
    ]
    assert {row.state for row in coverage(shop.pipeline)} == {"done"}
    for row in coverage(shop.pipeline):
        bucket, key = row.output.removeprefix("oss://").split("/", 1)
        assert shop.pipeline.storage.head(ObjectAddress(bucket, key)) is not None


def test_what_is_paid_for_is_not_sent_again(open_product: OpenProduct) -> None:
    shop = open_product()
    shop.put("incoming/drama/ep1.mp4", tiny_video(10))
    translate(shop)
    before = shop.accepted()
    _, again = translate(shop, "run-2")
    assert again.submitted == 0
    assert shop.accepted() == before
    assert quote(shop.pipeline).lines == []


def test_only_force_pays_again_and_then_stays_in_force(open_product: OpenProduct) -> None:
    shop = open_product()
    shop.put("incoming/drama/ep1.mp4", tiny_video(11))
    first, _ = translate(shop)
    forced, summary = translate(shop, "run-2", force=True)
    assert summary.submitted == 1
    assert forced.job_ids != first.job_ids
    later, summary = translate(shop, "run-3")
    assert summary.submitted == 0
    assert later.job_ids == forced.job_ids


def test_a_renamed_video_is_delivered_but_not_paid_again(open_product: OpenProduct) -> None:
    shop = open_product()
    shop.put("incoming/drama/ep1.mp4", tiny_video(12))
    translate(shop)
    shop.put("incoming/drama/ep1-final.mp4", tiny_video(12))
    before = shop.accepted()
    translate(shop, "run-2")
    assert shop.accepted() == before
    (cell,) = translation_cells(shop.pipeline)
    assert cell.complete
    assert len({row["output"] for row in cell.rows}) == 2
    for row in cell.rows:
        bucket, key = row["output"].removeprefix("oss://").split("/", 1)
        assert shop.pipeline.storage.head(ObjectAddress(bucket, key)) is not None


def test_a_paid_output_that_is_gone_is_told_and_stops_nobody_else(
    open_product: OpenProduct,
) -> None:
    shop = open_product()
    shop.put("incoming/drama/ep1.mp4", tiny_video(415))
    translate(shop)
    (done,) = (row.output for row in coverage(shop.pipeline))
    bucket, key = done.removeprefix("oss://").split("/", 1)
    shop.pipeline.storage.delete(ObjectAddress(bucket, key))
    shop.put("incoming/drama/ep1-again.mp4", tiny_video(415))  # its translation is paid for
    shop.put("incoming/other/ep1.mp4", tiny_video(416))

    _, summary = translate(shop, "run-2")

    assert summary.verified == 1
    rows = {(row.title, row.video): row for row in coverage(shop.pipeline)}
    assert rows["other", "ep1"].state == "done"
    told = rows["drama", "ep1-again"]
    assert told.state == "failed"
    assert told.reason.startswith("It is paid for, and its output cannot be had: ")
    assert key in told.reason
    assert "with force" in told.next_step

    force = asyncio.run(work.translate(shop.pipeline, Box(("drama",)), "run-3", force=True))
    assert force[1].submitted == 1
    assert {row.state for row in coverage(shop.pipeline)} == {"done"}


def test_a_catalog_is_planned_some_titles_at_a_time(
    open_product: OpenProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it would be all at once: the same video in two titles is one job, bad ones wait."""
    monkeypatch.setattr(inventory, "VIDEOS_AT_ONCE", 2)
    monkeypatch.setattr(review, "FOLDERS_MOST", 0)
    shop = open_product(captions="review", languages="pt, es")
    for number in range(5):
        shop.put(f"incoming/t{number}/ep.mp4", tiny_video(400 + number % 4))
        shop.put(f"review/t{number}/ep.srt", GOOD_SRT, results=True)
    shop.put("review/t3/ep.srt", b"no captions", results=True)
    see_sources(shop.pipeline)
    priced = quote(shop.pipeline)
    assert len(list(shop.pipeline.inventory.title_batches())) == 3

    plan = work.plan_everything(shop.pipeline, EVERYTHING, "run")

    assert plan.wanted == 5 * 3
    # Extractions of four contents; translations of three, since one review is unreadable.
    assert len(plan.new_job_ids) == len(priced.lines) == 4 + 3 * 2
    (blocked,) = {line["reason"] for line in priced.waiting}
    assert "review/t3/ep.srt" in blocked
    whole = captions_are_valid(shop.pipeline)
    assert over_all_titles(shop.pipeline, captions_are_valid) == whole
    assert [finding["title"] for finding in whole.findings] == ["t3"]


def test_a_changed_video_is_translated_anew(open_product: OpenProduct) -> None:
    shop = open_product()
    shop.put("incoming/drama/ep1.mp4", tiny_video(13))
    translate(shop)
    shop.put("incoming/drama/ep1.mp4", tiny_video(14))
    see_sources(shop.pipeline)
    (line,) = quote(shop.pipeline).lines
    assert "changed" in line.why
    _, summary = translate(shop, "run-2")
    assert summary.submitted == 1


def test_odd_names_travel_safely(open_product: OpenProduct) -> None:
    shop = open_product()
    shop.put("incoming/霸道总裁, Teil 1/第 1 集 100% + 🎬.mp4", tiny_video(15))
    _, summary = translate(shop)
    assert summary.verified == 1, coverage(shop.pipeline)


def test_review_waits_for_a_person(open_product: OpenProduct) -> None:
    shop = open_product(captions="review")
    for number in range(2):
        shop.put(f"incoming/drama/ep{number}.mp4", tiny_video(20 + number))
    _, summary = extract(shop)
    assert summary.verified == 2
    assert all(cell.complete for cell in extraction_cells(shop.pipeline))
    _, summary = translate(shop)
    assert summary.submitted == 0
    rows = [row for row in coverage(shop.pipeline) if row.stage == "translation"]
    assert {row.state for row in rows} == {"blocked"}
    assert all("approval" in row.reason for row in rows)

    address = approved_address(shop.pipeline, "drama", "ep0")
    shop.put(address.key, GOOD_SRT, results=True)
    assert [row.video for row in collect_captions(shop.pipeline)] == ["ep0"]
    _, summary = translate(shop, "run-2")
    assert (summary.submitted, summary.verified) == (1, 1)
    (cell,) = review_cells(shop.pipeline)
    assert not cell.complete


def test_broken_captions_stop_only_their_video(open_product: OpenProduct) -> None:
    shop = open_product(captions="review")
    for number in range(2):
        shop.put(f"incoming/drama/ep{number}.mp4", tiny_video(30 + number))
        address = approved_address(shop.pipeline, "drama", f"ep{number}")
        shop.put(address.key, GOOD_SRT if number else b"\x00\x01\x02 no captions", results=True)
    see_sources(shop.pipeline)
    work.plan_everything(shop.pipeline, EVERYTHING, "run")
    summary = asyncio.run(work.work(shop.pipeline, "run"))
    states = {
        row.video: (row.state, row.reason)
        for row in coverage(shop.pipeline)
        if row.stage == "translation"
    }
    assert states["ep1"][0] == "done"
    assert states["ep0"][0] == "blocked"
    assert "review/drama/ep0.srt" in states["ep0"][1]
    assert summary.failed == 0


def test_an_edited_approval_is_translated_anew_and_the_original_is_kept(
    open_product: OpenProduct,
) -> None:
    shop = open_product(captions="review")
    shop.put("incoming/drama/ep1.mp4", tiny_video(40))
    address = approved_address(shop.pipeline, "drama", "ep1")
    messy = (
        b"7\r\n00:00:00,200 --> 00:00:01,500\r\nGood morning.\r\n\r\n"
        b"9\r\n00:00:01,600 --> 00:00:01,900\r\n\r\n"
    )
    shop.put(address.key, messy, results=True)
    see_sources(shop.pipeline)
    collect_captions(shop.pipeline)
    translate(shop)
    assert shop.pipeline.storage.get(address) == messy
    (captions,) = shop.pipeline.inventory.captions()
    assert captions.usable_key is not None
    usable = ObjectAddress(address.bucket, captions.usable_key)
    assert shop.pipeline.storage.get(usable) == GOOD_SRT
    shop.put(address.key, GOOD_SRT.replace(b"Good", b"Nice"), results=True)
    collect_captions(shop.pipeline)
    _, summary = translate(shop, "run-2")
    assert summary.submitted == 1


def test_bad_videos_are_set_aside_with_their_reasons(open_product: OpenProduct) -> None:
    shop = open_product()
    shop.put("incoming/drama/good.mp4", tiny_video(50))
    shop.put("incoming/drama/empty.mp4", b"")
    shop.put("incoming/drama/text.mp4", b"this is no video" * 100)
    _, summary = translate(shop)
    assert summary.verified == 1
    reasons = {row.video: row.reason for row in coverage(shop.pipeline) if row.state != "done"}
    assert "0 bytes" in reasons["empty"]
    assert "not a video" in reasons["text"]


def test_a_video_that_vanishes_before_its_submit_costs_nothing(open_product: OpenProduct) -> None:
    shop = open_product()
    address = shop.put("incoming/drama/ep1.mp4", tiny_video(60))
    see_sources(shop.pipeline)
    found = work.plan_everything(shop.pipeline, EVERYTHING, "run")
    before = shop.accepted()
    shop.pipeline.storage.delete(address)
    summary = asyncio.run(work.work(shop.pipeline, "run"))
    assert (summary.submitted, summary.failed) == (0, 1)
    assert shop.accepted() == before
    (job,) = shop.pipeline.ledger.jobs(found.job_ids)
    assert "deleted after it was listed" in (job.reason or "")


def test_a_failed_job_is_tried_again_only_when_a_person_runs_it(open_product: OpenProduct) -> None:
    shop = open_product()
    address = shop.put("incoming/drama/ep1.mp4", tiny_video(61))
    see_sources(shop.pipeline)
    work.plan_everything(shop.pipeline, EVERYTHING, "run")
    shop.pipeline.storage.delete(address)
    asyncio.run(work.work(shop.pipeline, "run"))
    shop.put("incoming/drama/ep1.mp4", tiny_video(61))
    work.plan_everything(shop.pipeline, EVERYTHING, "run-2")
    assert asyncio.run(work.work(shop.pipeline, "run-2")).submitted == 0
    _, summary = translate(shop, "run-3")
    assert (summary.submitted, summary.verified) == (1, 1)


def test_over_budget_a_title_is_refused_whole(open_product: OpenProduct) -> None:
    shop = open_product(budget="budget: {per_title: 2, currency: CNY}")
    for number in range(3):
        shop.put(f"incoming/rich/ep{number}.mp4", tiny_video(70 + number))
    shop.put("incoming/poor/ep0.mp4", tiny_video(80))
    found, summary = translate(shop)
    assert set(found.over_budget) == {"rich"}
    assert "2.40 CNY" in found.over_budget["rich"]
    assert summary.submitted == 1
    (finding,) = within_budget(shop.pipeline).findings
    assert (finding["title"], finding["jobs"]) == ("rich", 3)
    assert "2.40 CNY" in finding["reason"]
    rows = coverage(shop.pipeline, ["rich"])
    assert {row.state for row in rows} == {"waiting"}
    assert {row.cost for row in rows} == {""}


def test_jobs_of_a_dead_run_are_taken_over_not_sent_again(open_product: OpenProduct) -> None:
    """The first run sends and dies before it waits; the second one only waits."""
    shop = open_product()
    for number in range(5):
        shop.put(f"incoming/drama/ep{number}.mp4", tiny_video(90 + number))
    see_sources(shop.pipeline)
    work.plan_everything(shop.pipeline, EVERYTHING, "run")
    before = shop.accepted()
    sent = asyncio.run(work.work(shop.pipeline, "run", submit_only=True))
    assert sent.submitted == 5
    summary = asyncio.run(work.work(shop.pipeline, "run-2"))
    assert (summary.submitted, summary.verified) == (0, 5)
    assert shop.accepted() == before + 5


def test_an_intent_without_an_answer_is_found_again(open_product: OpenProduct) -> None:
    """Died between the call and the record: the job is looked up, not sent again."""
    shop = open_product()
    shop.put("incoming/drama/ep1.mp4", tiny_video(100))
    see_sources(shop.pipeline)
    found = work.plan_everything(shop.pipeline, EVERYTHING, "run")
    ledger = shop.pipeline.ledger
    attempt = ledger.begin_attempts(found.job_ids, "run")[found.job_ids[0]]
    asyncio.run(_send(shop, found.job_ids[0], attempt.user_data, attempt.client_token))
    before = shop.accepted()
    summary = asyncio.run(work.work(shop.pipeline, "run-2"))
    assert (summary.submitted, summary.verified) == (0, 1)
    assert shop.accepted() == before
    causes = [event.cause for event in ledger.events(found.job_ids[0])]
    assert "found again" in causes


def test_an_intent_that_never_left_is_sent(open_product: OpenProduct) -> None:
    """Died between the intent and the call: the list shows nothing, the token makes it safe."""
    shop = open_product()
    shop.put("incoming/drama/ep1.mp4", tiny_video(101))
    see_sources(shop.pipeline)
    found = work.plan_everything(shop.pipeline, EVERYTHING, "run")
    shop.pipeline.ledger.begin_attempts(found.job_ids, "run")
    summary = asyncio.run(work.work(shop.pipeline, "run-2"))
    assert (summary.submitted, summary.verified) == (1, 1)


def test_an_approval_that_oss_would_not_show_is_read_another_time(
    open_product: OpenProduct,
) -> None:
    shop = open_product(captions="review")
    shop.put("incoming/drama/ep1.mp4", tiny_video(41))
    see_sources(shop.pipeline)
    address = approved_address(shop.pipeline, "drama", "ep1")
    shop.put(address.key, GOOD_SRT, results=True)
    faults = [{"kind": "drop", "actions": ["OSS.GET"], "skip": 1}]  # the listing is let through
    shop.cloud.control.put_faults({"faults": faults})
    try:
        assert collect_captions(shop.pipeline) == []
    finally:
        shop.cloud.control.put_faults({"faults": []})
    assert [row.problem for row in collect_captions(shop.pipeline)] == [None]


def test_an_extraction_without_an_answer_waits_for_a_person(open_product: OpenProduct) -> None:
    shop = open_product(captions="review")
    shop.put("incoming/drama/ep1.mp4", tiny_video(102))
    see_sources(shop.pipeline)
    found = work.plan_everything(shop.pipeline, EVERYTHING, "run")
    ledger = shop.pipeline.ledger
    ledger.begin_attempts(found.job_ids, "run")
    before = shop.accepted()
    summary = asyncio.run(work.work(shop.pipeline, "run-2"))
    assert (summary.submitted, summary.unknown) == (0, 1)
    assert shop.accepted() == before
    (job,) = ledger.jobs(found.job_ids)
    assert job.state == JobState.UNKNOWN.value
    # A rerun does not send it either; its output, once it appears, is taken.
    _, summary = extract(shop, "run-3")
    assert summary.submitted == 0
    output = job.request["output"]
    shop.put(output["key"], GOOD_SRT, results=True)
    _, summary = extract(shop, "run-4")
    assert (summary.submitted, summary.verified) == (0, 1)


@pytest.mark.parametrize(
    ("policy", "submitted", "state"),
    [("ask", 0, "unknown"), ("fail", 0, "failed"), ("send-again", 1, "verified")],
)
def test_a_policy_may_decide_about_jobs_that_stay_unproven(
    open_product: OpenProduct, policy: str, submitted: int, state: str
) -> None:
    shop = open_product(captions="review", when_unknown=policy)
    shop.put("incoming/drama/ep1.mp4", tiny_video(103))
    see_sources(shop.pipeline)
    found = work.plan_everything(shop.pipeline, EVERYTHING, "run")
    ledger = shop.pipeline.ledger
    ledger.begin_attempts(found.job_ids, "run")
    asyncio.run(work.work(shop.pipeline, "run-2"))
    assert [job.state for job in ledger.jobs(found.job_ids)] == ["unknown"]
    asyncio.run(work.work(shop.pipeline, "run-3"))
    assert [job.state for job in ledger.jobs(found.job_ids)] == ["unknown"]
    clock = ledger.now
    ledger.now = lambda: clock() + timedelta(hours=2)  # past the deadline
    summary = asyncio.run(work.work(shop.pipeline, "run-4"))
    assert summary.submitted == submitted
    assert [job.state for job in ledger.jobs(found.job_ids)] == [state]


def test_a_bucket_that_denies_access_stops_the_run_and_no_job_is_lost(
    open_product: OpenProduct,
) -> None:
    shop = open_product()
    for number in range(3):
        shop.put(f"incoming/drama/ep{number}.mp4", tiny_video(110 + number))
    see_sources(shop.pipeline)
    found = work.plan_everything(shop.pipeline, EVERYTHING, "run")
    shop.cloud.control.put_faults({"faults": [{"kind": "refusal", "actions": ["oss:GetObject"]}]})
    try:
        summary = asyncio.run(work.work(shop.pipeline, "run-2"))
    finally:
        shop.cloud.control.put_faults({"faults": []})
    assert summary.stopped_by is not None
    assert "refuses access" in summary.stopped_by
    assert {job.state for job in shop.pipeline.ledger.jobs(found.job_ids)} == {"reserved"}
    assert asyncio.run(work.work(shop.pipeline, "run-3")).verified == 3


@pytest.mark.parametrize(("refusals", "verified"), [(1, 1), (5, 0)])
def test_a_full_quota_is_asked_once_more(
    open_product: OpenProduct, monkeypatch: pytest.MonkeyPatch, refusals: int, verified: int
) -> None:
    monkeypatch.setattr("translation_pipeline.ledger.submitting.QUOTA_PAUSE_S", 0.5)
    shop = open_product()
    shop.put("incoming/drama/ep1.mp4", tiny_video(120 + refusals))
    see_sources(shop.pipeline)
    found = work.plan_everything(shop.pipeline, EVERYTHING, "run")
    fault = {
        "kind": "refusal",
        "code": "QuotaExceeded",
        "actions": ["ice:SubmitVideoTranslationJob"],
        "times": refusals,
    }
    shop.cloud.control.put_faults({"faults": [fault]})
    try:
        summary = asyncio.run(work.work(shop.pipeline, "run-2"))
    finally:
        shop.cloud.control.put_faults({"faults": []})
    assert summary.verified == verified
    assert bool(summary.stopped_by) is not bool(verified)
    state = "verified" if verified else "reserved"
    assert [job.state for job in shop.pipeline.ledger.jobs(found.job_ids)] == [state]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"max_video_gb": "0.000001"}, "raise TRANSLATION_PIPELINE_MAX_VIDEO_GB"),
        ({"max_video_hours": "0.0001"}, "raise TRANSLATION_PIPELINE_MAX_VIDEO_HOURS"),
        ({"level": "speech"}, "has no sound, and level: speech"),
    ],
)
def test_what_the_service_would_refuse_is_not_sent(
    open_product: OpenProduct, options: dict[str, str], reason: str
) -> None:
    shop = open_product(**options)
    shop.put("incoming/drama/ep1.mp4", tiny_video(130))
    paid = shop.accepted()
    translate(shop)
    assert shop.accepted() == paid
    (row,) = [row for row in coverage(shop.pipeline) if row.language == "pt"]
    assert reason in row.reason


async def _send(shop: Product, job_id: str, user_data: str, token: str) -> None:
    from translation_pipeline.providers.base import Submission
    from translation_pipeline.providers.requests import request_from_json

    (job,) = shop.pipeline.ledger.jobs([job_id])
    await shop.pipeline.providers["ims"].submit(
        Submission(request_from_json(job.request), "t", user_data, token)
    )
