"""The SDK's client of IMS, as all calls of this product use it."""

from __future__ import annotations

from typing import Any

from translation_pipeline.credentials import credentials_client

CONNECT_TIMEOUT_MS = 5_000
READ_TIMEOUT_MS = 30_000


def open_client(endpoint: str, protocol: str, region: str) -> Any:
    """A client; raises `ConfigurationError` when there are no credentials.

    The endpoint is always set: from a region alone the SDK picks a wrong host (ims.md section 2).
    """
    from alibabacloud_ice20201109.client import Client
    from alibabacloud_tea_openapi.models import Config

    return Client(
        Config(
            credential=credentials_client(),
            endpoint=endpoint,
            protocol=protocol,
            region_id=region,
            connect_timeout=CONNECT_TIMEOUT_MS,
            read_timeout=READ_TIMEOUT_MS,
            user_agent="translation-pipeline",
        )
    )
