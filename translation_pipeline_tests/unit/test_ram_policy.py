"""The RAM policy in the docs grants what the code calls, and nothing else."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_ice20201109.client import Client

from translation_pipeline.doctor.buckets import PROBE
from translation_pipeline.providers.ims_rights import PAID_ACTIONS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "translation_pipeline"

OSS_BUCKET = re.compile(r"self\._bucket\([\w.]+\)")

# RAM's names for what oss2 does (oss.md section 10). Buckets are made for the stand-in cloud only.
RIGHTS_OF_OSS2 = {
    "copy_object": {"oss:GetObject", "oss:PutObject"},
    "create_bucket": set(),
    "delete_object": {"oss:DeleteObject"},
    "get_bucket_info": {"oss:GetBucketInfo"},
    "get_object": {"oss:GetObject"},
    "get_object_to_file": {"oss:GetObject"},
    "head_object": {"oss:GetObject"},
    "list_objects_v2": {"oss:ListObjects"},
    "put_object": {"oss:PutObject"},
    "resumable_upload": {"oss:PutObject", "oss:ListParts"},
    "sign_url": {"oss:GetObject"},
}


def policy() -> list[dict[str, Any]]:
    page = (ROOT / "docs" / "ram-policy.md").read_text("utf-8")
    (text,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    statements: list[dict[str, Any]] = json.loads(text)["Statement"]
    return statements


def granted() -> set[str]:
    return {action for statement in policy() for action in statement["Action"]}


def attributes(path: Path) -> Iterator[tuple[str, str]]:
    """What stands left and right of each dot in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node.value), node.attr


def ims_actions(path: Path) -> set[str]:
    """The RAM actions behind the calls of the SDK's client in a file."""
    called = {name for owner, name in attributes(path) if owner in ("client", "self._client")}
    found = set()
    for name in called:
        source = inspect.getsource(getattr(Client, f"{name}_with_options"))
        found |= {f"ice:{action}" for action in re.findall(r"action\s*=\s*'(\w+)'", source)}
    return found


def all_ims_actions() -> set[str]:
    files = (PACKAGE / "providers").glob("*.py")
    return {action for path in files for action in ims_actions(path)}


def oss_calls() -> set[str]:
    """The methods of oss2's bucket that are called, and its functions that call it."""
    pairs = set(attributes(PACKAGE / "storage.py"))
    of_bucket = {name for owner, name in pairs if OSS_BUCKET.fullmatch(owner)}
    return of_bucket | {
        name for owner, name in pairs if (owner, name) == ("oss2", "resumable_upload")
    }


def test_every_call_of_ims_is_granted_and_nothing_else() -> None:
    called = all_ims_actions()

    assert {"ice:SubmitVideoTranslationJob", "ice:SubmitIProductionJob"} <= called
    assert {action for action in granted() if action.startswith("ice:")} == called


def test_every_call_of_oss_is_granted_and_nothing_else() -> None:
    needed = {right for name in oss_calls() for right in RIGHTS_OF_OSS2[name]}

    assert {action for action in granted() if action.startswith("oss:")} == needed


def test_only_storage_calls_oss() -> None:
    others = [path for path in PACKAGE.rglob("*.py") if path.name != "storage.py"]
    callers = [
        path.relative_to(PACKAGE).as_posix()
        for path in others
        if ("oss2", "Bucket") in set(attributes(path)) or "self._bucket(" in path.read_text("utf-8")
    ]

    assert [path for path in callers if not path.startswith(("benchmarks/", "localcloud/"))] == []


def test_doctor_knows_every_action_of_ims() -> None:
    read = ims_actions(PACKAGE / "providers" / "ims_rights.py")

    assert read | set(PAID_ACTIONS) == all_ims_actions()
    assert not read & set(PAID_ACTIONS)


@pytest.mark.parametrize("action", ["oss:ListObjects", "oss:GetBucketInfo"])
def test_rights_on_buckets_are_granted_on_buckets(action: str) -> None:
    (statement,) = [part for part in policy() if action in part["Action"]]

    assert all("/" not in resource for resource in statement["Resource"])


def test_nothing_but_the_bytes_of_doctor_may_be_deleted() -> None:
    (statement,) = [part for part in policy() if "oss:DeleteObject" in part["Action"]]

    assert statement["Action"] == ["oss:DeleteObject"]
    assert all(resource.endswith(f"/*{PROBE}*") for resource in statement["Resource"])
