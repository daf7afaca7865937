"""Connections to OSS take proxies and certificates from the environment, as other programs do."""

from __future__ import annotations

import pytest

from translation_pipeline.storage import Storage

PROXY = "http://proxy.example.com:3128"


@pytest.mark.parametrize(("no_proxy", "expected"), [("", PROXY), (".aliyuncs.com", None)])
def test_connections_use_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, expected: str | None
) -> None:
    for name, value in (("https_proxy", PROXY), ("no_proxy", no_proxy)):
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/own-certificates.pem")
    connections = Storage("https://oss-cn-shanghai.aliyuncs.com", "cn-shanghai")._session().session
    assert connections.proxies.get("https") == expected
    assert connections.verify == "/etc/own-certificates.pem"
