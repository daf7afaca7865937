"""The asset graph as a person sees it, in a real browser.

With TRANSLATION_PIPELINE_SCREENSHOTS=docs the picture goes to docs/asset-graph.png, which the
README shows.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from translation_pipeline_tests.acceptance.conftest import DIRECT, LOCATION, DevSession

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
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
ASSETS = ("source_videos", "extracted_captions", "reviewed_captions", "translated_videos")
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


def test_the_asset_graph_shows_four_assets_that_are_filled_and_checked(
    uploaded: DevSession, second_run: dict[str, Any], page: Page, tmp_path: Path
) -> None:
    page.goto(f"{uploaded.ui}/locations/{LOCATION}/asset-groups/catalog/lineage")
    for asset in ASSETS:
        expect(page.get_by_text(asset, exact=True).first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("100% filled")).to_have_count(len(ASSETS), timeout=PATIENCE_MS)
    expect(page.get_by_text("Passed")).to_have_count(3, timeout=PATIENCE_MS)
    to_docs = os.environ.get("TRANSLATION_PIPELINE_SCREENSHOTS") == "docs"
    picture = (DOCS if to_docs else tmp_path) / "asset-graph.png"
    page.screenshot(path=picture)
    assert 10_000 < picture.stat().st_size < 300_000


def test_a_translated_title_shows_its_videos_and_a_frame_before_and_after(
    uploaded: DevSession, second_run: dict[str, Any], page: Page
) -> None:
    page.set_viewport_size({"width": 1600, "height": 1000})
    page.goto(f"{uploaded.ui}/assets/translated_videos?view=partitions&partition=pt|{DIRECT}")
    expect(page.get_by_text("episode 1").first).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_text("[Show Markdown]").click()
    for name in ("before", "after"):
        picture = page.get_by_role("img", name=name)
        expect(picture).to_be_visible(timeout=PATIENCE_MS)
        assert picture.evaluate("image => image.naturalWidth") == 480
