"""Who in the credentials chain answered, asked of the real chain as far as one machine allows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alibabacloud_credentials.provider import (
    CLIProfileCredentialsProvider,
    EcsRamRoleCredentialsProvider,
    EnvironmentVariableCredentialsProvider,
    OIDCRoleArnCredentialsProvider,
    ProfileCredentialsProvider,
    StaticAKCredentialsProvider,
    StaticSTSCredentialsProvider,
    URLCredentialsProvider,
)

from translation_pipeline import credentials
from translation_pipeline.credentials import SOURCES, found_credentials

SECRET, TOKEN = "a-secret", "a-token"
CODE = """
from translation_pipeline.credentials import found_credentials
found = found_credentials()
print(found.source, found.key_beginning, found.is_temporary, sep="|")
"""


def answering(home: Path, **environment: str) -> str:
    """What `found_credentials` says in a process of its own, where the chain starts anew."""
    inherited = {n: v for n, v in os.environ.items() if not n.startswith("ALIBABA_CLOUD_")}
    quiet = {"HOME": str(home), "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=inherited | quiet | environment,
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    assert SECRET not in said
    assert TOKEN not in said
    return said.strip()


@pytest.fixture
def credentials_uri() -> Iterator[str]:
    """A server that hands out temporary keys."""
    keys = {
        "Code": "Success",
        "AccessKeyId": "STS.temporary",
        "AccessKeySecret": SECRET,
        "SecurityToken": TOKEN,
        "Expiration": "2099-01-01T00:00:00Z",
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(keys).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/keys"
        server.shutdown()


def test_environment_variables(tmp_path: Path) -> None:
    keys = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI-and-more",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
    }

    assert answering(tmp_path, **keys) == "environment variables|LTAI|False"
    assert answering(tmp_path, **keys, ALIBABA_CLOUD_SECURITY_TOKEN=TOKEN) == (
        "environment variables, temporary keys|LTAI|True"
    )


def test_profile_file(tmp_path: Path) -> None:
    folder = tmp_path / ".alibabacloud"
    folder.mkdir()
    (folder / "credentials.ini").write_text(
        "[default]\nenable = true\ntype = access_key\n"
        f"access_key_id = LTAI-and-more\naccess_key_secret = {SECRET}\n"
    )

    said = answering(tmp_path, ALIBABA_CLOUD_CREDENTIALS_FILE=str(folder / "credentials.ini"))

    assert said == "profile file|LTAI|False"


def test_credentials_uri(tmp_path: Path, credentials_uri: str) -> None:
    said = answering(tmp_path, ALIBABA_CLOUD_CREDENTIALS_URI=credentials_uri)

    assert said == "credentials URI|STS.|True"


def test_nobody(tmp_path: Path) -> None:
    said = answering(tmp_path)

    assert said.splitlines()[-1].startswith(
        "translation_pipeline.errors.ConfigurationError: No Alibaba Cloud credentials were found."
    )


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("default/oidc_role_arn", "OIDC"),
        ("default/ecs_ram_role", "RAM role of this machine"),
        ("default/cli_profile/ram_role_arn/static_ak", "profile of the aliyun command line"),
        ("something_new", "something_new"),
    ],
)
def test_members_that_need_the_cloud(
    monkeypatch: pytest.MonkeyPatch, name: str, source: str
) -> None:
    keys = SimpleNamespace(access_key_id="LTAI-and-more", security_token=None, provider_name=name)
    client = SimpleNamespace(get_credential=lambda: keys)
    monkeypatch.setattr(credentials, "credentials_client", lambda: client)

    assert found_credentials().source == source


@pytest.mark.parametrize(
    "member",
    [
        CLIProfileCredentialsProvider,
        EcsRamRoleCredentialsProvider,
        EnvironmentVariableCredentialsProvider,
        OIDCRoleArnCredentialsProvider,
        ProfileCredentialsProvider,
        StaticAKCredentialsProvider,
        StaticSTSCredentialsProvider,
        URLCredentialsProvider,
    ],
)
def test_every_member_of_the_real_chain_has_a_name(member: Any) -> None:
    assert member.get_provider_name(object.__new__(member)) in SOURCES
