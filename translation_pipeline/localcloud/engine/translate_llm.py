"""Translation by any endpoint that speaks the chat-completions protocol.

Lines travel as numbered JSON and have to come back under the same numbers. An answer that is not
exactly that is asked for once more and then fails the job: whatever a model or a proxy says
instead of a translation never reaches a caption.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.translate import TranslationSettings

BATCH_LINES = 40
TIMEOUT_S = 120.0  # for one batch
TRIES = 2
PAUSE_S = 1.0  # before the second try
MANY_ALIKE = 3  # so many different lines with one long answer: that is no translation
LONG_ANSWER = 12  # characters; short answers such as "Yes." may well repeat

INSTRUCTIONS = (
    "You translate the captions of a video from language {source!r} into language {target!r} "
    "(codes). The user sends one JSON object: keys are line numbers, values are lines, in the "
    "order they are spoken. Answer with one JSON object only: the same keys, each with the "
    "translation of its line as a string on one line. Keep markup such as <i> and placeholders "
    "such as {{name}} or %s as they are. Never leave a line out, join or comment lines."
)


class _Unusable(Exception):  # noqa: N818
    """The answer is no translation of the batch."""


@dataclass(frozen=True)
class EndpointTranslator:
    """A `Translator` on an OpenAI-compatible endpoint."""

    source: str
    target: str
    settings: TranslationSettings

    def __post_init__(self) -> None:
        if not self.settings.model:
            raise JobFailed(
                "InvalidParameter",
                "TRANSLATION_PIPELINE_LLM_ENDPOINT is set but TRANSLATION_PIPELINE_LLM_MODEL is "
                "not: name the model to use.",
            )

    def translate(self, lines: Sequence[str]) -> list[str]:
        """As `Translator.translate`."""
        key = self.settings.api_key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        with httpx.Client(timeout=TIMEOUT_S, headers=headers) as client:
            batches = range(0, len(lines), BATCH_LINES)
            return [
                answer
                for first in batches
                for answer in self._batch(client, lines[first : first + BATCH_LINES])
            ]

    def _batch(self, client: httpx.Client, lines: Sequence[str]) -> list[str]:
        reason = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSE_S)
            try:
                return _translations(lines, self._ask(client, lines))
            except (_Unusable, httpx.HTTPError) as error:
                reason = str(error) or type(error).__name__
        raise JobFailed(
            "TranslationFailed",
            f"{self.settings.endpoint} (model {self.settings.model}) gave no usable translation "
            f"in {TRIES} tries: {reason}",
        )

    def _ask(self, client: httpx.Client, lines: Sequence[str]) -> str:
        numbered = {str(number): line for number, line in enumerate(lines, start=1)}
        instructions = INSTRUCTIONS.format(source=self.source, target=self.target)
        response = client.post(
            f"{self.settings.endpoint.rstrip('/')}/chat/completions",
            json={
                "model": self.settings.model,
                "temperature": 0,
                "messages": [
                    {"role": "system", "content": instructions},
                    {"role": "user", "content": json.dumps(numbered, ensure_ascii=False)},
                ],
            },
        )
        if response.is_error:
            raise _Unusable(f"HTTP status {response.status_code}")
        try:
            return str(response.json()["choices"][0]["message"]["content"])
        except (ValueError, LookupError, TypeError) as error:
            raise _Unusable("the answer is no chat completion") from error


def _translations(lines: Sequence[str], content: str) -> list[str]:
    answers = _json_object(content)
    keys = [str(number) for number in range(1, len(lines) + 1)]
    if set(answers) != set(keys):
        raise _Unusable(f"{len(lines)} lines were sent, {len(answers)} came back or under new keys")
    texts = [answers[key] for key in keys]
    for line, text in zip(lines, texts, strict=True):
        if not isinstance(text, str) or not text.strip():
            raise _Unusable(f"line {line!r} came back without text")
    _refuse_one_answer_for_all(lines, texts)
    return [" ".join(text.split()) for text in texts]


def _json_object(content: str) -> dict[str, Any]:
    """The JSON object in the answer, which models like to wrap in a fence."""
    fenced = re.search(r"```(?:json)?\s*(\{.*\})\s*```", content, re.DOTALL)
    try:
        answers = json.loads(fenced[1] if fenced else content)
    except ValueError as error:
        raise _Unusable("the answer is no JSON") from error
    if not isinstance(answers, dict):
        raise _Unusable("the answer is no JSON object")
    return answers


def _refuse_one_answer_for_all(lines: Sequence[str], texts: Sequence[str]) -> None:
    pairs = {(line, text) for line, text in zip(lines, texts, strict=True)}
    for text, different_lines in Counter(text for _, text in pairs).items():
        if different_lines >= MANY_ALIKE and len(text) > LONG_ANSWER:
            raise _Unusable(f"{different_lines} different lines have the same answer, {text!r}")
