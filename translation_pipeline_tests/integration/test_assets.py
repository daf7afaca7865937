"""Assets and the job in process, against a stand-in cloud: good cells are told to Dagster, bad
videos are named with their reason, and nothing is paid for that nobody asked for."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import dagster as dg
import imageio_ffmpeg
import pytest

from translation_pipeline import media
from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.partitions import title_to_partition_key
from translation_pipeline.defs.partitions import add_titles
from translation_pipeline.ledger.budget import MICROS
from translation_pipeline.localcloud.process import RunningServer
from translation_pipeline.sample_title import EPISODES
from translation_pipeline.stages.coverage import coverage
from translation_pipeline_tests.integration.product import (
    GOOD_SRT,
    tiny_video,
)
from translation_pipeline_tests.integration.workshop import Open, Workshop, evaluation, failure

CLIP_S = "4"


def test_a_title_goes_through_all_assets_and_nothing_is_paid_twice(open_workshop: Open) -> None:
    work = open_workshop(captions="review", languages="pt, es")
    work.put_video("信, 2", "ep 1", tiny_video(100))
    key = "信~2C 2"
    paid = work.shop.accepted()
    assert work.materialize("source_videos", key).success
    assert work.materialize("extracted_captions", key).success
    work.approve("信, 2", "ep 1", GOOD_SRT)
    assert work.materialize("reviewed_captions", key).success
    for language in ("pt", "es"):
        assert work.materialize("translated_videos", f"{language}|{key}").success
    assert work.shop.accepted() == paid + 3
    assert work.materialized("translated_videos") == {f"pt|{key}", f"es|{key}"}
    again = work.materialize("translated_videos", f"pt|{key}")
    assert again.success
    assert evaluation(again, "no_failed_jobs") == (True, [])
    assert work.shop.accepted() == paid + 3
    assert work.materialize("translated_videos", f"pt|{key}", force=True).success
    assert work.shop.accepted() == paid + 4


def told(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """The metadata of the one materialization of a run; tables as lists of rows."""
    (event,) = result.get_asset_materialization_events()
    values = {name: entry.value for name, entry in event.materialization.metadata.items()}
    values["videos"] = [dict(row.data) for row in values["videos"].records]
    return values


def test_a_cell_tells_what_it_cost_and_how_long_it_took(open_workshop: Open) -> None:
    work = open_workshop()
    for video, seed in (("ep 1", 105), ("ep 2", 105), ("ep 3", 106)):
        work.put_video("drama", video, tiny_video(seed))  # two are the same video: one job
    seen = told(work.materialize("source_videos", "drama"))
    assert (seen["video_minutes"], seen["set_aside"]) == (0.1, 0)
    found = told(work.materialize("translated_videos", "pt|drama"))
    jobs = work.shop.pipeline.ledger.jobs()
    price = jobs[0].price_micros / MICROS
    figures = {name: found[name] for name in ("jobs", "video_minutes", "paid_CNY", "failures")}
    assert figures == {"jobs": 2, "video_minutes": 0.07, "paid_CNY": 2 * price, "failures": 0}
    took_s = {job.video: (job.finished_at - job.submitted_at).total_seconds() for job in jobs}
    assert found["work_s"] == pytest.approx(sum(took_s.values()), abs=0.05)
    assert [row["cost"] for row in found["videos"]] == [f"{price:.2f} CNY"] * 3
    assert all(row["work_s"] > 0 for row in found["videos"])
    assert all(row["output"].startswith("oss://") for row in found["videos"])
    assert "translation-pipeline link" in found["open"]
    assert "ignature" not in str(found)


def test_one_run_covers_a_box_and_pays_only_for_its_cells(open_workshop: Open) -> None:
    work = open_workshop(languages="pt, es, de")
    for number, title in enumerate(["one", "two", "three"]):
        work.put_video(title, "ep", tiny_video(110 + number))
        work.materialize("source_videos", title)
    paid = work.shop.accepted()
    assert work.materialize_range("es|two", "pt|three").success
    box = {"es|two", "es|three", "pt|two", "pt|three"}
    assert work.materialized("translated_videos") == box
    assert work.shop.accepted() == paid + len(box)


def test_any_box_that_is_written_down_is_one_run(open_workshop: Open) -> None:
    work = open_workshop(languages="pt, es, de")
    titles = ["winter 1", "winter 2", "summer", "a*b"]
    for number, title in enumerate(titles):
        work.put_video(title, "ep", tiny_video(180 + number))
        work.materialize("source_videos", title_to_partition_key(title))
    paid = work.shop.accepted()

    assert work.translate_box(titles=["winter *", "a*b"], languages=["pt", "de"]).success

    box = {f"{language}|{title}" for language in ("pt", "de") for title in ("winter 1", "winter 2")}
    box |= {"pt|a~2Ab", "de|a~2Ab"}
    assert work.materialized("translated_videos") == box
    assert work.shop.accepted() == paid + len(box)
    assert work.translate_box(titles=["?inter 1"], languages=["pt"]).success
    assert work.shop.accepted() == paid + len(box)
    assert work.translate_box(titles=["winter 1"], languages=["pt"], force=True).success
    assert work.shop.accepted() == paid + len(box) + 1

    said = failure(work.translate_box(titles=["winter 3"]))
    assert "No video is known of 'winter 3'" in said
    said = failure(work.translate_box(titles=["*"], languages=["pt", "ja"]))
    assert "translates into ja; the languages are: de, es, pt." in said
    assert work.shop.accepted() == paid + len(box) + 1

    work.put_video("summer", "torn", b"")
    work.materialize("source_videos", "summer")
    result = work.translate_box(titles=["*"])
    assert "summer, de: 1 of 2 videos are not done" in failure(result)
    assert work.materialized("translated_videos") == box | {
        f"es|{title}" for title in ("winter 1", "winter 2", "a~2Ab")
    }


SECOND_RULE = """bilingual: false
  - match: "short/{title}/{video}.mp4"
    level: subtitle
    captions: direct
    erase: none
    burn_in: none
    source_language: en
    target_languages: [es]"""


def test_cells_that_no_rule_wants_stay_empty_and_are_no_errors(open_workshop: Open) -> None:
    work = open_workshop(languages="pt, es", decisions=SECOND_RULE)
    work.put_video("long", "ep", tiny_video(116))
    work.shop.put("short/brief/ep.mp4", tiny_video(117))
    add_titles(work.instance, work.shop.pipeline.catalog, ["brief"])
    for title in ("long", "brief"):
        assert work.materialize("source_videos", title).success
    paid = work.shop.accepted()
    assert work.materialize_range("es|long", "pt|brief").success
    assert work.materialized("translated_videos") == {"es|long", "pt|long", "es|brief"}
    assert work.shop.accepted() == paid + 3
    assert work.materialize("translated_videos", "pt|brief").success
    assert work.shop.accepted() == paid + 3


def test_a_title_without_videos_is_told_not_passed_over(open_workshop: Open) -> None:
    work = open_workshop()
    add_titles(work.instance, work.shop.pipeline.catalog, ["ghost"])
    assert "No video of 'ghost' is in bucket" in failure(work.materialize("source_videos", "ghost"))
    said = failure(work.materialize("translated_videos", "pt|ghost"))
    assert "No video is known of 'ghost'. Materialize source_videos first" in said


def test_the_job_reports_the_complete_cells_and_names_what_is_missing(open_workshop: Open) -> None:
    work = open_workshop()
    work.put_video("whole", "ep1", tiny_video(120))
    work.put_video("torn", "ep1", tiny_video(121))
    work.put_video("torn", "ep2", b"")
    result = work.translate_catalog()
    assert result.success
    assert work.materialized("source_videos") == {"whole", "torn"}
    assert work.materialized("translated_videos") == {"pt|whole"}
    passed, findings = evaluation(result, "no_failed_jobs")
    assert not passed
    assert [(row["title"], row["video"], row["state"]) for row in findings] == [
        ("torn", "ep2", "set aside")
    ]
    assert "is empty (0 bytes)" in str(findings[0]["reason"])
    assert evaluation(result, "outputs_verified") == (True, [])

    paid = work.shop.accepted()
    work.put_video("torn", "ep2", tiny_video(122))
    assert work.translate_catalog().success
    assert work.materialized("translated_videos") == {"pt|whole", "pt|torn"}
    assert work.shop.accepted() == paid + 1


def test_the_job_tells_dagster_of_a_cell_once_per_content(open_workshop: Open) -> None:
    work = open_workshop()
    work.put_video("drama", "ep1", tiny_video(130))
    told = []
    for _ in range(2):
        events = work.translate_catalog().get_asset_materialization_events()
        told.append({event.asset_key.path[0] for event in events if event.asset_key})
    everything = {
        "source_videos",
        "extracted_captions",
        "reviewed_captions",
        "translated_videos",
        "coverage",
    }
    assert told == [everything, set()]


def test_a_title_that_needs_no_captions_says_so_and_is_not_left_open(open_workshop: Open) -> None:
    work = open_workshop()
    work.put_video("drama", "ep1", tiny_video(150))
    result = work.translate_catalog()
    said = {
        event.asset_key.path[0]: event.materialization.metadata["videos"].value
        for event in result.get_asset_materialization_events()
        if event.asset_key and "captions" in event.asset_key.path[0]
    }
    assert said == {
        "extracted_captions": "No rule of this title asks for captions to be extracted for a "
        "review.",
        "reviewed_captions": "This title needs no captions of a person.",
    }
    for asset in said:
        assert work.materialize(asset, "drama").success


def test_a_title_is_reviewed_when_all_of_its_captions_are(open_workshop: Open) -> None:
    work = open_workshop(captions="review")
    for number, video in enumerate(("ep1", "ep2")):
        work.put_video("drama", video, tiny_video(160 + number))
    for asset in ("source_videos", "extracted_captions"):
        assert work.materialize(asset, "drama").success
    work.approve("drama", "ep1", GOOD_SRT)
    result = work.materialize("reviewed_captions", "drama")
    assert "drama: 1 of 2 videos are not done\n  ep2: not there yet" in failure(result)
    assert evaluation(result, "captions_are_valid", "reviewed_captions") == (True, [])
    assert work.materialized("reviewed_captions") == set()

    work.approve("drama", "ep2", GOOD_SRT)
    assert work.materialize("reviewed_captions", "drama").success


def test_bad_videos_and_bad_captions_stop_only_themselves(
    open_workshop: Open, localcloud: RunningServer, tmp_path: Path
) -> None:
    """With real media work: the good videos are delivered whole, the others named with reasons."""
    work = open_workshop(localcloud, captions="review")
    title = "bad days"
    spoken = cut(tmp_path / "spoken.mp4")
    silent = cut(tmp_path / "silent.mp4", "-an")
    for video, data in {
        "good": spoken,
        "silent": silent,
        "scrawled": spoken + b"\0\0\0\x08free",  # another content: identical ones are one job
        "plain": tiny_video(140),
        "empty": b"",
        "text": b"This is no video.\n" * 100,
    }.items():
        work.put_video(title, video, data)
    gone = work.put_video(title, "gone", tiny_video(141))

    assert work.materialize("source_videos", title).success
    work.shop.pipeline.storage.delete(gone)
    extracted = work.materialize("extracted_captions", title)
    said = failure(extracted)
    assert "bad days: 4 of 7 videos are not done" in said
    assert work.materialized("extracted_captions") == set()
    _, findings = evaluation(extracted, "no_failed_jobs", "extracted_captions")
    reasons = {str(row["video"]): str(row["reason"]) for row in findings}
    assert set(reasons) == {"empty", "gone", "plain", "text"}
    assert "is empty (0 bytes)" in reasons["empty"]
    assert "was deleted after it was listed" in reasons["gone"]
    assert "No text was read in plain.mp4 between 75% and 100% of its height" in reasons["plain"]
    assert "text.mp4 is not a video file" in reasons["text"]

    for video in ("good", "silent"):
        work.approve(title, video, GOOD_SRT)
    work.approve(title, "scrawled", bytes(range(256)) * 4)
    reviewed = work.materialize("reviewed_captions", title)
    _, findings = evaluation(reviewed, "captions_are_valid", "reviewed_captions")
    assert [row["video"] for row in findings] == ["scrawled"]
    assert "binary data" in str(findings[0]["reason"])

    result = work.materialize("translated_videos", f"pt|{title}")
    said = failure(result)
    assert "5 of 7 videos are not done" in said
    for video in ("empty", "gone", "plain", "scrawled", "text"):
        assert f"\n  {video}: " in said
    assert work.materialized("translated_videos") == set()
    passed, findings = evaluation(result, "no_failed_jobs")
    assert not passed
    assert {row["video"] for row in findings} >= {"empty", "text"}
    assert evaluation(result, "outputs_verified") == (True, [])
    assert delivered(work) == {"good": True, "silent": False}

    paid = work.shop.accepted()
    work.approve(title, "scrawled", GOOD_SRT)
    assert "4 of 7 videos are not done" in failure(
        work.materialize("translated_videos", f"pt|{title}")
    )
    assert work.shop.accepted() == paid + 1
    assert delivered(work) == {"good": True, "silent": False, "scrawled": True}
    states = {
        (row.video, row.state)
        for row in coverage(work.shop.pipeline, [title])
        if row.stage == "translation"
    }
    assert {video for video, state in states if state == "done"} == {"good", "silent", "scrawled"}


def delivered(work: Workshop) -> dict[str, bool]:
    """Videos in the output bucket, each with whether it has sound; all must play and be whole."""
    pipeline = work.shop.pipeline
    bucket = pipeline.catalog.output_bucket
    keys = [item.key for item in pipeline.storage.list(bucket)]
    kinds = {key.split("/")[0] for key in keys}
    assert kinds == {"captions", "incoming", "manifests", "review"}, (
        "something half-written was left"
    )
    sound = {}
    for key in keys:
        if key.endswith(".mp4"):
            assert key.removesuffix(".mp4") + ".srt" in keys
            facts = media.probe(pipeline.storage.signed_url(ObjectAddress(bucket, key)))
            assert facts.duration_s == pytest.approx(float(CLIP_S), rel=0.05)
            sound[key.rpartition("/")[2].partition(".")[0]] = facts.has_audio
    return sound


def cut(path: Path, *options: str) -> bytes:
    """The first seconds of a sample episode, with burnt-in captions."""
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run(
        [
            *(ffmpeg, "-v", "error", "-i", str(EPISODES[0].video)),
            *("-t", CLIP_S, "-c", "copy", *options, str(path)),
        ],
        check=True,
    )
    return path.read_bytes()
