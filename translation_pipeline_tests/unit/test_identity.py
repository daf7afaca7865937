"""A job's identity follows from content and parameters alone."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace

import pytest

from translation_pipeline.ledger.identity import (
    ALPHABET,
    JobIdentity,
    client_token,
    short_id,
    user_data,
)

BASE = JobIdentity(
    provider="ims",
    account="default",
    kind="translation",
    source_crc64="1234567890",
    source_size=42,
    captions_sha256="ab" * 32,
    language="pt",
    level="subtitle",
    parameters={"erase": "auto", "style": {"FontSize": 95, "Y": 0.85}, "bilingual": False},
    glossary_version="g1",
)


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "vod"},
        {"account": "other"},
        {"kind": "extraction"},
        {"source_crc64": "1234567891"},
        {"source_size": 43},
        {"captions_sha256": "cd" * 32},
        {"captions_sha256": None},
        {"language": "es"},
        {"level": "speech"},
        {"parameters": {**BASE.parameters, "bilingual": True}},
        {"parameters": {**BASE.parameters, "style": {"FontSize": 96, "Y": 0.85}}},
        {"glossary_version": "g2"},
        {"force": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_changing_anything_changes_the_identity(change: dict[str, object]) -> None:
    assert replace(BASE, **change).id != BASE.id  # type: ignore[arg-type]


def test_the_order_of_parameters_does_not_matter() -> None:
    turned = dict(reversed(list(BASE.parameters.items())))
    assert replace(BASE, parameters=turned).id == BASE.id


def test_tuples_and_lists_are_the_same_parameters() -> None:
    """Parameters come as tuples from the catalog and as lists from the database."""
    boxes = replace(BASE, parameters={"erase": ((0.1, 0.2, 0.3, 0.4),)})
    assert replace(BASE, parameters={"erase": [[0.1, 0.2, 0.3, 0.4]]}).id == boxes.id


def test_another_process_finds_the_same_identity() -> None:
    """Nothing of the process (hash seed, time, machine) enters it."""
    program = (
        "from translation_pipeline.ledger.identity import JobIdentity\n"
        "import sys, json\n"
        "print(JobIdentity(**json.load(sys.stdin)).id)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(asdict(BASE)),
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7"},
    )
    assert found.stdout.strip() == BASE.id


def test_names_that_follow_fit_the_limits_of_the_services() -> None:
    token = client_token(BASE.id, 1)
    assert len(token) == 64
    assert token.isascii()
    assert len(user_data(BASE.id, 999).encode()) <= 256
    assert len(short_id(BASE.id)) == 8
    assert set(short_id(BASE.id)) <= set(ALPHABET)


def test_each_attempt_has_names_of_its_own() -> None:
    assert client_token(BASE.id, 1) != client_token(BASE.id, 2)
    assert user_data(BASE.id, 1) != user_data(BASE.id, 2)


def test_numbers_that_are_no_json_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        _ = replace(BASE, parameters={"Y": float("nan")}).id
