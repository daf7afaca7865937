"""What a person sees in Dagster's UI and on the coverage page, in a real browser.

With TRANSLATION_PIPELINE_SCREENSHOTS=docs the pictures go to docs/, whose pages show them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from translation_pipeline_tests.acceptance.conftest import DIRECT, JOB, REVIEW, DevSession
from translation_pipeline_tests.acceptance.dagster_ui import LOCATION

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
PNGQUANT = shutil.which("pngquant")  # makes pictures for docs two thirds smaller
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000
DRAWN_MS = 1000  # a chart moves while it is drawn
TROUBLED = "the storm"
PARTITIONED = ("source_videos", "extracted_captions", "reviewed_captions", "translated_videos")
CHECKED = ("extracted_captions", "reviewed_captions", "translated_videos", "coverage")
CHECKS = ("no_failed_jobs", "outputs_verified", "translation_quality", "within_budget")
DOCS = Path(__file__).parents[2] / "docs"

pytestmark = [
    pytest.mark.timeout(420),
    pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed"),
]


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1320, "height": 420}, device_scale_factor=2)
        opened.set_default_timeout(PATIENCE_MS)
        yield opened
        browser.close()


def take(page: Page, name: str, folder: Path) -> None:
    """A picture of the page as it is, in docs where that is asked for."""
    to_docs = os.environ.get("TRANSLATION_PIPELINE_SCREENSHOTS") == "docs"
    picture = (DOCS if to_docs else folder) / f"{name}.png"
    page.screenshot(path=picture)
    if to_docs and PNGQUANT:
        subprocess.run([PNGQUANT, "--force", "--ext=.png", str(picture)], check=True)
    assert 10_000 < picture.stat().st_size < 500_000


def test_the_asset_graph_shows_assets_that_are_filled_and_checked(
    uploaded: DevSession, second_run: dict[str, Any], page: Page, tmp_path: Path
) -> None:
    page.set_viewport_size({"width": 1600, "height": 420})
    page.goto(f"{uploaded.ui}/locations/{LOCATION}/asset-groups/catalog/lineage")
    for asset in {*PARTITIONED, *CHECKED}:
        expect(page.get_by_text(asset, exact=True).first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("100% filled")).to_have_count(len(PARTITIONED), timeout=PATIENCE_MS)
    expect(page.get_by_text("Passed")).to_have_count(len(CHECKED), timeout=PATIENCE_MS)
    take(page, "asset-graph", tmp_path)


@pytest.fixture(scope="module")
def troubled(uploaded: DevSession, second_run: dict[str, Any]) -> DevSession:
    """One more title, with two files that are no videos, was taken up by a third run."""
    bucket = uploaded.bucket("videos")
    bucket.put_object(f"direct/{TROUBLED}/episode 1.mp4", b"")
    bucket.put_object(f"direct/{TROUBLED}/episode 2.mp4", b"This is no video.")
    run = uploaded.until(lambda: uploaded.runs(JOB)[:-2], "the upload starts a run")[-1]
    uploaded.settled(run["runId"])
    return uploaded


def test_the_partitions_page_shows_the_videos_of_a_cell_their_cost_and_two_frames(
    troubled: DevSession, page: Page, tmp_path: Path
) -> None:
    page.set_viewport_size({"width": 1600, "height": 940})
    page.goto(f"{troubled.ui}/assets/translated_videos?view=partitions&partition=pt|{DIRECT}")
    for words in ("pt", REVIEW, TROUBLED, "episode 1", "work_s", "paid_CNY"):
        expect(page.get_by_text(words, exact=True).first).to_be_visible(timeout=PATIENCE_MS)
    take(page, "partitions", tmp_path)
    page.get_by_text("[Show Markdown]").click()
    for name in ("before", "after"):
        picture = page.get_by_role("img", name=name)
        expect(picture).to_be_visible(timeout=PATIENCE_MS)
        assert picture.evaluate("image => image.naturalWidth") == 480


def test_the_checks_page_shows_each_check_and_what_it_found(
    troubled: DevSession, page: Page, tmp_path: Path
) -> None:
    page.set_viewport_size({"width": 1320, "height": 760})
    page.goto(f"{troubled.ui}/assets/translated_videos?view=checks&checkDetail={CHECKS[0]}")
    for check in CHECKS:
        expect(page.get_by_text(check).first).to_be_visible(timeout=PATIENCE_MS)
    for words in ("is empty (0 bytes)", "is not a video file"):
        expect(page.get_by_text(words).first).to_be_visible(timeout=PATIENCE_MS)
    take(page, "checks", tmp_path)


def test_the_page_of_coverage_draws_figures_over_time_and_shows_labels(
    troubled: DevSession, page: Page, tmp_path: Path
) -> None:
    page.set_viewport_size({"width": 1500, "height": 790})
    page.goto(f"{troubled.ui}/assets/coverage")
    for label in ("translation_pipeline/step: report", "localization"):
        expect(page.get_by_text(label).first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator('a[href*="/defs/coverage.py:"]')).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_text("Plots", exact=True).first.click()
    for figure in ("jobs", "video_minutes", "paid_CNY", "failures", "waiting_for_review"):
        expect(page.get_by_text(figure, exact=True).first).to_be_attached(timeout=PATIENCE_MS)
    page.get_by_text("failures", exact=True).first.evaluate("it => it.scrollIntoView()")
    page.wait_for_timeout(DRAWN_MS)
    take(page, "plots", tmp_path)


def test_the_coverage_page_shows_filters_and_sorts_every_row(
    troubled: DevSession, page: Page, tmp_path: Path
) -> None:
    saved = tmp_path / "coverage.html"
    troubled.bucket("translated").get_object_to_file("coverage/coverage.html", str(saved))
    page.set_viewport_size({"width": 1320, "height": 800})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(saved.as_uri())
    rows = page.locator("#shown tr")
    expect(rows).to_have_count(5)  # an extraction and four translations
    take(page, "coverage", tmp_path)
    page.select_option("#stage", "extraction")
    expect(rows).to_have_count(1)
    page.select_option("#stage", "")
    page.fill("#words", "nothing that is there")
    expect(rows).to_have_count(0)
    page.fill("#words", "")
    page.locator(f'button[data-title="{DIRECT}"]').click()
    expect(rows).to_have_count(1)
    page.select_option("#title", "")
    page.locator("#columns th", has_text="title").click()
    first = rows.first.locator("td").first.inner_text()
    page.locator("#columns th", has_text="title").click()
    assert rows.first.locator("td").first.inner_text() != first
    assert wrong == []
