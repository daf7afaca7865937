"""The coverage as files: every row told, nothing that a file name can break, any size."""

from __future__ import annotations

import csv
import json
import tracemalloc
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.cli.commands import app
from translation_pipeline.definitions import build_definitions
from translation_pipeline.ledger.budget import MICROS
from translation_pipeline.ledger.ledger import utc_now
from translation_pipeline.ledger.models import Job, Video, Wanted
from translation_pipeline.ledger.states import JobState
from translation_pipeline.providers.requests import TRANSLATION
from translation_pipeline.stages.coverage import CoverageRow, coverage
from translation_pipeline.stages.coverage_report import (
    COLUMNS,
    CSV_KEY,
    HTML_KEY,
    NOT_DONE_MOST,
    CoverageFiles,
    coverage_rows,
    deliver_coverage,
)
from translation_pipeline.stages.review import approved_address
from translation_pipeline_tests.integration.product import (
    GOOD_SRT,
    OpenProduct,
    Product,
    tiny_video,
)

LANGUAGES = ("ar", "de", "es", "fr", "id", "ja", "ko", "ru", "pt", "th")
NASTY = "</script><script>alert('x')</script> & \"信\""


FIGURES = ("jobs", "video_minutes", "paid_CNY", "failures", "waiting_for_review")


def job(name: str, state: JobState) -> Job:
    """A job in a state, whatever it was asked."""
    return Job(
        id=name, provider="ims", account="a", kind=TRANSLATION, title="t", video=name,
        language="pt", request={}, source_etag="E", duration_s=30.0, price_micros=2 * MICROS,
        currency="CNY", state=state.value, created_at=utc_now(),
    )  # fmt: skip


def entered(shop: Product, titles: int, videos: int) -> int:
    """Enter a catalog of which nothing is planned; returns how many rows its coverage has."""
    catalog, now = shop.pipeline.catalog, utc_now()
    for title in range(titles):
        names = [f"ep{number:04d}" for number in range(videos)]
        video_rows = [
            Video(
                title=f"t{title:05d}", video=name, bucket=catalog.bucket,
                key=f"incoming/t{title:05d}/{name}.mp4", size=1, etag="E", inspected_etag="E",
                seen_at=now,
            )
            for name in names
        ]  # fmt: skip
        wishes = [
            Wanted(
                title=f"t{title:05d}", video=name, kind=TRANSLATION, language=language,
                output_bucket=catalog.output_bucket, output_key="k", blocked="Nothing is planned.",
            )
            for name in names
            for language in LANGUAGES
        ]  # fmt: skip
        with shop.pipeline.inventory.database.write() as session:
            session.add_all(video_rows + wishes)
    return titles * videos * len(LANGUAGES)


def page_rows(text: str) -> list[list[str]]:
    """The rows that the page's script reads."""
    _, _, rest = text.partition('id="rows">')
    rows: list[list[str]] = json.loads(rest.partition("</script>")[0])
    return rows


def csv_rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(data.decode("utf-8-sig").splitlines()))


def test_the_asset_puts_a_page_and_a_table_into_the_bucket(open_product: OpenProduct) -> None:
    shop = open_product(languages="pt, es")
    shop.put("incoming/drama/ep1.mp4", tiny_video(1))
    shop.put("incoming/drama/ep2.mp4", b"no video")
    defs = build_definitions(shop.pipeline.catalog)
    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_job_def("translate_catalog")
        told = [
            event.materialization
            for _ in range(2)
            for event in job.execute_in_process(
                instance=instance
            ).get_asset_materialization_events()
            if event.asset_key == dg.AssetKey("coverage")
        ]
        by_hand = defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey("coverage")]
        )
    (event,) = told  # the second run changed nothing
    metadata = {name: entry.value for name, entry in event.metadata.items()}
    assert {name: metadata[name] for name in ("done", "blocked", "failed")} == {
        "done": 2, "blocked": 2, "failed": 0,
    }  # fmt: skip
    assert metadata["dagster/row_count"] == 4
    paid = sum(job.price_micros for job in shop.pipeline.ledger.jobs()) / MICROS
    assert {name: metadata[name] for name in FIGURES} == {
        "jobs": 2, "video_minutes": 0.07, "paid_CNY": paid, "failures": 0, "waiting_for_review": 0,
    }  # fmt: skip
    left = {(row.data["video"], row.data["state"]) for row in metadata["not_done"].records}
    assert left == {("ep2", "blocked")}
    assert by_hand.success
    (check,) = by_hand.get_asset_check_evaluations()
    assert check.passed, check.metadata

    bucket = shop.pipeline.catalog.output_bucket
    assert metadata["html"] == f"oss://{bucket}/{HTML_KEY}"
    expected = [list(vars(row).values()) for row in coverage(shop.pipeline)]
    page = shop.pipeline.storage.get(ObjectAddress(bucket, HTML_KEY)).decode()
    table = shop.pipeline.storage.get(ObjectAddress(bucket, CSV_KEY))
    assert page_rows(page) == expected
    assert [list(row.values()) for row in csv_rows(table)] == expected


def test_videos_wait_for_review_until_a_person_brings_captions(open_product: OpenProduct) -> None:
    shop = open_product(captions="review", languages="pt, es")
    for video in ("ep1", "ep2"):
        shop.put(f"incoming/drama/{video}.mp4", tiny_video(ord(video[-1])))
    defs = build_definitions(shop.pipeline.catalog)
    with dg.DagsterInstance.ephemeral() as instance:
        run = defs.resolve_job_def("translate_catalog").execute_in_process
        assert run(instance=instance).success
        assert deliver_coverage(shop.pipeline).waiting_for_review == 2
        address = approved_address(shop.pipeline, "drama", "ep1")
        shop.put(address.key, GOOD_SRT, results=True)
        assert run(instance=instance).success
    assert deliver_coverage(shop.pipeline).waiting_for_review == 1


def test_names_of_files_break_neither_page_nor_table(tmp_path: Path) -> None:
    rows = [
        CoverageRow(NASTY, "ep 1", TRANSLATION, "pt", "failed", NASTY, "1 CNY", "a\nb, c", ""),
        CoverageRow("=HYPERLINK(1)", "@ep", TRANSLATION, "pt", "done", "", "", "", "oss://b/k"),
    ]
    with CoverageFiles(tmp_path / "c.html", tmp_path / "c.csv") as files:
        for row in rows:
            files.add(row)
    page = (tmp_path / "c.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert page_rows(page) == [list(vars(row).values()) for row in rows]
    table = (tmp_path / "c.csv").read_text("utf-8-sig")
    first, second = csv.DictReader(table.splitlines(keepends=True))
    assert (first["title"], first["next_step"]) == (NASTY, "a\nb, c")
    assert (second["title"], second["video"]) == ("'=HYPERLINK(1)", "'@ep")
    assert files.summary.by_title == {NASTY: Counter(failed=1), "=HYPERLINK(1)": Counter(done=1)}


def test_the_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    with CoverageFiles(tmp_path / "c.html", None) as files:
        files.add(CoverageRow("t", "v", TRANSLATION, "pt", "done", "", "", "", ""))
    page = (tmp_path / "c.html").read_text("utf-8")
    assert not [mark for mark in ("http:", "https:", "src=", "<link", "@import") if mark in page]
    assert json.dumps(COLUMNS)[1:-1] in page  # the script names the columns in the same order


def test_memory_is_that_of_some_titles_not_of_the_catalog(
    open_product: OpenProduct, tmp_path: Path
) -> None:
    peaks = {}
    for titles in (10, 40):
        shop = open_product(languages=", ".join(LANGUAGES))
        expected = entered(shop, titles, 50)
        tracemalloc.start()
        with CoverageFiles(tmp_path / "c.html", tmp_path / "c.csv") as files:
            for row in coverage_rows(shop.pipeline):
                files.add(row)
        peaks[titles] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert files.summary.rows == files.summary.by_state["waiting"] == expected
        assert len(files.summary.not_done) == NOT_DONE_MOST
        assert len(page_rows((tmp_path / "c.html").read_text("utf-8"))) == expected
    assert peaks[40] < 1.3 * peaks[10]


def test_the_command_prints_and_writes_the_same_rows(
    open_product: OpenProduct, tmp_path: Path
) -> None:
    shop = open_product(languages=", ".join(LANGUAGES))
    expected = entered(shop, 2, 3)
    page, table = tmp_path / "c.html", tmp_path / "c.csv"
    done = CliRunner().invoke(app, ["status", "--json", f"--html={page}", f"--csv={table}"])
    assert done.exit_code == 0, done.exception
    printed = json.loads(done.stdout.splitlines()[0])["rows"]
    assert len(printed) == expected
    assert csv_rows(table.read_bytes()) == printed
    assert page_rows(page.read_text("utf-8")) == [list(row.values()) for row in printed]


def test_a_file_that_cannot_be_written_is_told_with_its_name(open_product: OpenProduct) -> None:
    open_product()
    done = CliRunner().invoke(app, ["status", "--csv=/nowhere/c.csv"])
    assert "/nowhere/c.csv" in str(done.exception)


@pytest.mark.parametrize("titles", [["t00001"], []])
def test_only_the_titles_asked_for_are_told(open_product: OpenProduct, titles: list[str]) -> None:
    shop = open_product(languages=", ".join(LANGUAGES))
    entered(shop, 3, 1)
    assert {row.title for row in coverage_rows(shop.pipeline, titles)} == set(titles)


def test_a_language_that_was_taken_out_is_told_only_where_it_was_delivered(
    open_product: OpenProduct,
) -> None:
    shop = open_product()
    entered(shop, titles=1, videos=1)
    with shop.pipeline.inventory.database.write() as session:
        done = session.get(Wanted, ("t00000", "ep0000", TRANSLATION, "ja"))
        assert done is not None
        done.delivered_at, done.blocked, done.facts = utc_now(), None, {}
        done.job_id = "paid"
        session.add(job("paid", JobState.VERIFIED))
    rows = {row.language: row.state for row in coverage(shop.pipeline)}
    assert rows == {"pt": "waiting", "ja": "done"}
