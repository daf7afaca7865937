"""Links: they open without keys, for as long as is set, and are told on standard output alone."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import ProxyHandler, build_opener

import pytest
from typer.testing import CliRunner, Result

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.cli.commands import app
from translation_pipeline.errors import AddressInvalid, ConfigurationError, ObjectMissing
from translation_pipeline.stages import work
from translation_pipeline.stages.links import links_of_title
from translation_pipeline.stages.review import approved_address, correction_address
from translation_pipeline.stages.sources import see_sources
from translation_pipeline.stages.work import Box
from translation_pipeline.storage import Storage
from translation_pipeline_tests.integration.product import (
    GOOD_SRT,
    OpenProduct,
    Product,
    tiny_video,
)

VIDEO = tiny_video(300)
HTTP = build_opener(ProxyHandler({}))  # no keys, no SDK, and no proxy to this machine


@pytest.fixture
def shop(open_product: OpenProduct) -> Product:
    """A title of two videos with an approval and a correction; ep 2 is not translated."""
    shop = open_product(captions="review", languages="pt, es")
    shop.put("incoming/剧 +/ep 1.mp4", VIDEO)
    shop.put("incoming/剧 +/ep 2.mp4", tiny_video(301))
    run(shop)
    for address in (
        approved_address(shop.pipeline, "剧 +", "ep 1"),
        correction_address(shop.pipeline, "剧 +", "ep 1", "es"),
    ):
        shop.put(address.key, GOOD_SRT, results=True)
    run(shop)
    return shop


def run(shop: Product) -> None:
    see_sources(shop.pipeline)
    work.plan_everything(shop.pipeline, Box(), "run")
    asyncio.run(work.work(shop.pipeline, "run"))


def link(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, ["link", *arguments], env=environment)


def links(*arguments: str) -> list[dict[str, Any]]:
    done = link(*arguments, "--json")
    assert done.exit_code == 0, done.exception
    found: list[dict[str, Any]] = json.loads(done.stdout)["links"]
    return found


def fetched(url: str) -> bytes:
    with HTTP.open(url, timeout=30) as answer:
        body: bytes = answer.read()
        return body


def signature(url: str) -> str:
    (found,) = parse_qs(urlsplit(url).query)["x-oss-signature"]
    return found


def things(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(row["video"], row["what"], row["language"]) for row in found]


def test_links_to_all_that_is_there_of_a_title_open_without_keys(
    shop: Product, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    found = links("剧 +")
    of_es = [("ep 1", "corrected captions", "es")]
    assert things(found) == [
        ("ep 1", "source", ""),
        ("ep 1", "approved captions", "en"),
        ("ep 1", "captions to review", "en"),
        *of_es,
        *(("ep 1", f"output{kind}", "es") for kind in ("", " .srt", " .vtt")),
        *(("ep 1", f"output{kind}", "pt") for kind in ("", " .srt", " .vtt")),
        ("ep 2", "source", ""),
        ("ep 2", "captions to review", "en"),
    ]
    bodies = {name: fetched(row["link"]) for name, row in zip(things(found), found, strict=True)}
    assert bodies["ep 1", "source", ""] == VIDEO
    assert bodies["ep 1", "approved captions", "en"] == GOOD_SRT
    assert bodies["ep 1", "output .vtt", "pt"].startswith(b"WEBVTT")
    assert b" --> " in bodies["ep 2", "captions to review", "en"]

    narrowed = links("剧 +", "--video=ep 1", "--language=pt")
    assert things(narrowed) == [
        ("ep 1", "source", ""),
        *(("ep 1", f"output{kind}", "pt") for kind in ("", " .srt", " .vtt")),
    ]
    assert links(narrowed[1]["object"])[0]["object"] == narrowed[1]["object"]
    assert not [row for row in found if signature(row["link"]) in caplog.text]
    assert "ignature" not in repr(list(links_of_title(shop.pipeline, "剧 +")))


def test_a_link_ends_when_the_setting_says(open_product: OpenProduct) -> None:
    address = open_product().put("incoming/drama/ep.mp4", VIDEO)
    done = link(address.to_oss(), "--json", TRANSLATION_PIPELINE_SIGNED_URL_S="2")
    said = json.loads(done.stdout)
    (row,) = said["links"]
    assert said["valid_s"] == 2
    assert parse_qs(urlsplit(row["link"]).query)["x-oss-expires"] == ["2"]
    assert row["link"] not in done.stderr
    assert fetched(links(address.to_oss())[0]["link"]) == VIDEO
    give_up_at = time.monotonic() + 60
    while time.monotonic() < give_up_at:
        try:
            fetched(row["link"])
        except HTTPError as refused:
            assert refused.code == 403
            return
        time.sleep(0.2)
    pytest.fail("the link still works after a minute")


def test_a_pipe_gets_a_line_per_object(open_product: OpenProduct) -> None:
    address = open_product().put("incoming/drama/ep.mp4", VIDEO)
    head, line = link(address.to_oss()).stdout.splitlines()
    values = dict(zip(head.split("\t"), line.split("\t"), strict=True))
    assert values["object"] == address.to_oss()
    assert fetched(values["link"]) == VIDEO


def test_what_is_not_there_is_told_in_words(shop: Product) -> None:
    bucket = shop.pipeline.catalog.bucket
    for arguments, error, words in (
        (("nobody",), ConfigurationError, "Nothing is known of title 'nobody'"),
        (("剧 +", "--video=ep 9"), ConfigurationError, "video 'ep 9' of '剧 +'"),
        (("剧 +", "--language=de"), ConfigurationError, "language 'de' of '剧 +'"),
        ((f"oss://{bucket}/x.mp4",), ObjectMissing, f"no object oss://{bucket}/x.mp4"),
        ((f"oss://{bucket}/x.mp4", "--video=x"), ConfigurationError, "not an address"),
        (("oss://No_Bucket/x.mp4",), AddressInvalid, "is no bucket name"),
    ):
        told = link(*arguments).exception
        assert isinstance(told, error)
        assert words in str(told)


def test_links_for_people_name_the_public_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
    inside = Storage("https://oss-cn-shanghai-internal.aliyuncs.com", "cn-shanghai")
    url = inside.public().signed_url(ObjectAddress("videos", "a b.mp4"))
    assert url.startswith("https://videos.oss-cn-shanghai.aliyuncs.com/a%20b.mp4?")
