"""People are told once, of all of it, in one message, and nobody learns the addresses."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from translation_pipeline.defs.resources import PipelineResource
from translation_pipeline.defs.sensors import build_sensors
from translation_pipeline.errors import ConfigurationError, MessageNotSent
from translation_pipeline.ledger.states import JobState
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import RunningServer, running_server
from translation_pipeline.messenger import send
from translation_pipeline.stages import work
from translation_pipeline.stages.review import approved_address, collect_captions
from translation_pipeline.stages.sources import see_sources
from translation_pipeline.stages.work import Box
from translation_pipeline_tests.integration.product import GOOD_SRT, Product, product, tiny_video

SECRET = "token-of-the-chat"
LATER_S = 120.0


class Receiver:
    """A webhook on this machine that keeps what it was sent."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.status == 200:
                    receiver.messages.append(json.loads(body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://127.0.0.1:{self.server.server_port}/{SECRET}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.fixture(scope="module")
def instant_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    config = LocalCloudConfig(data_dir=tmp_path_factory.mktemp("cloud"), instant=True)
    with running_server(config) as cloud:
        yield cloud


class Desk:
    """A product whose sensor tells the receiver; its clock runs ahead of what happened."""

    def __init__(self, shop: Product) -> None:
        self.shop = shop
        self.cursor: str | None = None
        self.ahead_s = LATER_S
        self._sensor = build_sensors(clock=self._clock)[-1]

    def _clock(self) -> float:
        return time.time() + self.ahead_s

    def tick(self) -> str:
        """What the sensor said."""
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(
                instance=instance,
                cursor=self.cursor,
                resources={"pipeline": PipelineResource()},
            )
            data = self._sensor.evaluate_tick(context)
        self.cursor = data.cursor
        # What follows happens after this tick, whose clock was ahead.
        self.ahead_s += LATER_S
        return str(data.skip_message)

    def translate(self) -> None:
        """A run of everything."""
        see_sources(self.shop.pipeline)
        work.plan_everything(self.shop.pipeline, Box(), "run")
        asyncio.run(work.work(self.shop.pipeline, "run"))


Open = Callable[..., Desk]


@pytest.fixture
def open_desk(instant_cloud: RunningServer, receiver: Receiver, tmp_path: Path) -> Iterator[Open]:
    with ExitStack() as stack:

        def open_it(notify: str = receiver.url, **options: str) -> Desk:
            name = f"t{uuid.uuid4().hex[:12]}"
            home = tmp_path / name
            shop = product(instant_cloud, home, name, notify=notify, **options)
            return Desk(stack.enter_context(shop))

        yield open_it


@contextmanager
def every_log_line(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    assert SECRET not in caplog.text


def test_without_an_address_nobody_is_told(open_desk: Open) -> None:
    assert "TRANSLATION_PIPELINE_NOTIFY is not set" in open_desk(notify="").tick()


def test_a_bad_night_is_one_message(open_desk: Open, receiver: Receiver) -> None:
    desk = open_desk()
    gone = [
        desk.shop.put(f"incoming/drama/ep{number}.mp4", tiny_video(number)) for number in range(5)
    ]
    see_sources(desk.shop.pipeline)
    work.plan_everything(desk.shop.pipeline, Box(), "run")
    for address in gone:
        desk.shop.pipeline.storage.delete(address)
    asyncio.run(work.work(desk.shop.pipeline, "run"))
    assert desk.tick() == "It was told: Translations: failed: 5."
    (message,) = receiver.messages
    assert message["title"] == "Translations: failed: 5"
    assert "drama" in message["message"]
    assert "was deleted after it was listed" in message["message"]
    assert desk.tick() == "There is nothing to tell."
    assert len(receiver.messages) == 1


def test_reviews_blocked_captions_and_unknown_jobs_are_told(
    open_desk: Open, receiver: Receiver
) -> None:
    desk = open_desk(captions="review")
    for number in range(3):
        desk.shop.put(f"incoming/drama/ep{number}.mp4", tiny_video(10 + number))
    desk.translate()
    desk.tick()
    assert receiver.messages[0]["title"] == "Translations: ready for review: 3"
    place = f"oss://{desk.shop.pipeline.catalog.output_bucket}/review/drama/"
    assert place in receiver.messages[0]["message"]

    address = approved_address(desk.shop.pipeline, "drama", "ep0")
    desk.shop.put(address.key, bytes(range(256)) * 4, results=True)
    good = approved_address(desk.shop.pipeline, "drama", "ep1")
    desk.shop.put(good.key, GOOD_SRT, results=True)
    # The sensor's clock is ahead of the wall clock: so is what happens now.
    ledger, inventory = desk.shop.pipeline.ledger, desk.shop.pipeline.inventory
    collect_captions(desk.shop.pipeline)
    found = work.plan_everything(desk.shop.pipeline, Box(), "run")
    ledger.begin_attempts(found.new_job_ids, "run")
    ledger.record(found.new_job_ids[0], JobState.UNKNOWN, "run", "lost", reason="no answer came")
    with inventory.database.write() as session:
        for row in inventory.captions():
            row.changed_at += timedelta(seconds=desk.ahead_s - LATER_S)
            session.merge(row)
    desk.tick()
    told = receiver.messages[1]
    assert told["title"] == ("Translations: unknown: 1, captions that cannot be paid for: 1")
    assert "no answer came" in told["message"]
    assert "binary data" in told["message"]
    assert len(receiver.messages) == 2


def test_a_budget_near_its_cap_is_told_when_it_gets_there(
    open_desk: Open, receiver: Receiver
) -> None:
    """0.80 CNY a video: two of three fit below 80 % of the cap, the next passes by, one too many
    is refused."""
    desk = open_desk(budget="budget: {per_title: 2.90, per_month: 1000, currency: CNY}")
    for number in range(2):
        desk.shop.put(f"incoming/rich/ep{number}.mp4", tiny_video(20 + number))
    desk.translate()
    assert desk.tick() == "There is nothing to tell."
    desk.shop.put("incoming/rich/ep2.mp4", tiny_video(22))
    desk.translate()
    desk.tick()
    assert "rich, budget.per_title: 2.40 CNY of 2.90 CNY" in receiver.messages[0]["message"]
    desk.shop.put("incoming/rich/ep3.mp4", tiny_video(23))
    desk.translate()
    desk.tick()
    assert "rich: a cap refused 1 jobs" in receiver.messages[1]["message"]
    assert desk.tick() == "There is nothing to tell."
    assert len(receiver.messages) == 2


def test_what_nobody_took_is_told_again_and_the_address_stays_secret(
    open_desk: Open, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    desk = open_desk(captions="review")
    desk.shop.put("incoming/drama/ep1.mp4", tiny_video(30))
    desk.translate()
    receiver.status = 500
    with every_log_line(caplog):
        with pytest.raises(MessageNotSent, match="None of the 1 receivers") as caught:
            desk.tick()
        assert SECRET not in str(caught.value)
        assert SECRET not in repr(desk.shop.pipeline.settings)
        receiver.status = 200
        desk.tick()
    assert [message["title"] for message in receiver.messages] == [
        "Translations: ready for review: 1"
    ]


def test_one_of_two_receivers_is_enough(receiver: Receiver) -> None:
    closed = f"json://127.0.0.1:1/{SECRET}"
    assert send([closed, receiver.url], "title", "body") == [1]
    assert len(receiver.messages) == 1


def test_an_address_that_means_nothing_is_named_by_its_number(receiver: Receiver) -> None:
    with pytest.raises(ConfigurationError, match="Address 2 in TRANSLATION_PIPELINE_NOTIFY") as e:
        send([receiver.url, f"carrier-pigeon://{SECRET}"], "title", "body")
    assert SECRET not in str(e.value)
    assert receiver.messages == []
