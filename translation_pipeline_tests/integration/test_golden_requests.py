"""What the real SDK sends for each scenario of the service's guide and each decision.

A file of `data/golden_requests` holds a rule of a catalog file and the calls that follow from it,
each parameter as it travels, JSON texts opened. What follows from content stands as {id}, or is
left out: ClientToken and UserData.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.ledger.states import JobState
from translation_pipeline.localcloud.process import RunningServer
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.settings import PREFIX, Settings
from translation_pipeline.stages import work
from translation_pipeline.stages.sources import see_sources
from translation_pipeline.stages.work import Box
from translation_pipeline_tests.integration.product import GOOD_SRT, tiny_video

GOLDEN = Path(__file__).parents[1] / "data" / "golden_requests"
SOURCE, RESULTS = "media-in", "media-out"
JSON_PARAMETERS = {"InputConfig", "OutputConfig", "EditingConfig", "Input", "Output", "JobParams"}
TRANSPORT = {"Timestamp", "SignatureNonce"}
SHORT_ID = re.compile(r"(ep1(?:\.en)?[.-])[a-z2-9]{8}(\.(?:mp4|srt))")
VIDEO = tiny_video(7, sound=True)

Calls = list[dict[str, Any]]


class Recorder(BaseHTTPRequestHandler):
    """Takes every submit and keeps its parameters."""

    calls: Calls

    def do_POST(self) -> None:
        parameters = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        self.calls.append({"Action": self.headers["x-acs-action"], **parameters})
        job = {"JobId": f"job-{len(self.calls)}"}
        body = json.dumps({"RequestId": "r", "Success": True, "Data": job, **job}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


@pytest.fixture
def calls() -> Iterator[tuple[str, Calls]]:
    """An address that answers like IMS, and what was sent there."""
    recorded: Calls = []
    handler = type("OneRecorder", (Recorder,), {"calls": recorded})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", recorded
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_calls_of_a_scenario(
    path: Path, instant_cloud: RunningServer, calls: tuple[str, Calls], tmp_path: Path
) -> None:
    golden = yaml.safe_load(path.read_text("utf-8"))
    sent = _sent(golden, instant_cloud, calls, tmp_path)
    assert sent == golden["calls"]


def test_every_scenario_of_the_guide_has_its_calls() -> None:
    names = {path.stem for path in GOLDEN.glob("*.yaml")}
    for scenario in ("1_subtitle", "1_speech", "2_subtitle", "2_speech", "3_subtitle", "4_speech"):
        assert any(name.startswith(f"scenario_{scenario}") for name in names), scenario


def _sent(
    golden: dict[str, Any], cloud: RunningServer, calls: tuple[str, Calls], home: Path
) -> Calls:
    rule = {
        "match": "shows/{title}/{video}.mp4",
        "source_language": "zh",
        "target_languages": ["en"],
        "erase": "none",
        "burn_in": "none",
        **golden["rule"],
    }
    catalog = {"bucket": SOURCE, "output_bucket": RESULTS, "titles": [rule]}
    (home / "catalog.yaml").write_text(yaml.safe_dump(catalog), "utf-8")
    endpoint, recorded = calls
    environment = {
        **cloud.environment,
        PREFIX + "IMS_ENDPOINT": endpoint,
        PREFIX + "HOME": str(home),
        PREFIX + "CATALOG": str(home / "catalog.yaml"),
        PREFIX + "SETTLE_S": "0",
        PREFIX + "POLL_INTERVAL_S": "0.05",
    }
    with patch.dict(os.environ, environment):
        pipeline = Pipeline.from_settings(Settings.from_environment())
        for bucket in (SOURCE, RESULTS):
            pipeline.storage.create_bucket(bucket)
        pipeline.storage.put(ObjectAddress(SOURCE, "shows/drama/ep1.mp4"), VIDEO)
        _run(pipeline, {})
        for step in golden.get("steps", []):
            _run(pipeline, step)
        pipeline.close()
    return [_readable(call) for call in recorded]


def _run(pipeline: Pipeline, step: dict[str, str]) -> None:
    """Finish what was sent before, bring the step's file, and send what can be sent then."""
    ledger = pipeline.ledger
    for job in ledger.jobs_in([JobState.SUBMITTED]):
        output = ObjectAddress(**job.request["output"])
        pipeline.storage.put(output, VIDEO if output.key.endswith(".mp4") else GOOD_SRT)
        for state in (JobState.FINISHED, JobState.VERIFIED):
            ledger.record(job.id, state, "test", "as if done")
    for bucket, key in step.items():
        pipeline.storage.put(ObjectAddress(bucket, key), GOOD_SRT)
    see_sources(pipeline)
    work.plan_everything(pipeline, Box(), "run")
    asyncio.run(work.work(pipeline, "run", submit_only=True))
    for step_bucket, key in step.items():
        pipeline.storage.delete(ObjectAddress(step_bucket, key))


def _readable(call: dict[str, Any]) -> dict[str, Any]:
    opened = {
        name: json.loads(value) if name in JSON_PARAMETERS else value
        for name, value in call.items()
        if name not in TRANSPORT
    }
    assert opened.pop("UserData")
    if call["Action"] == "SubmitVideoTranslationJob":
        assert re.fullmatch("[0-9a-f]{64}", opened.pop("ClientToken"))
    text = json.dumps(opened, ensure_ascii=False)
    readable: dict[str, Any] = json.loads(SHORT_ID.sub(r"\1{id}\2", text))
    return readable
