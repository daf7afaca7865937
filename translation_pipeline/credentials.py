"""Access keys from the Alibaba credentials chain, for oss2 and for the RPC SDKs alike."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from translation_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from oss2.credentials import Credentials

VARIABLES = (
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
)

# What the chain calls its members, and what people call them.
SOURCES = {
    "static_ak": "environment variables",
    "static_sts": "environment variables, temporary keys",
    "env": "environment variables",
    "oidc_role_arn": "OIDC",
    "cli_profile": "profile of the aliyun command line",
    "profile": "profile file",
    "ecs_ram_role": "RAM role of this machine",
    "credential_uri": "credentials URI",
}


@dataclass(frozen=True, slots=True)
class FoundCredentials:
    """Which member of the chain answered. `key_beginning` tells keys apart; no secret is kept."""

    source: str
    key_beginning: str
    is_temporary: bool


def found_credentials() -> FoundCredentials:
    """Ask the chain once; raises `ConfigurationError` when nobody in it has keys."""
    found = _credential()
    members = (found.provider_name or "").split("/")
    member = next((name for name in members if name in SOURCES), members[-1])
    return FoundCredentials(
        source=SOURCES.get(member, member),
        key_beginning=found.access_key_id[:4],
        is_temporary=bool(found.security_token),
    )


def credentials_client() -> Any:
    """The chain's client: environment, OIDC, profile, RAM role, in the chain's own order.

    The chain reads the environment only once, when it is imported; keys that are there now are
    therefore handed to it. Raises `ConfigurationError` when there are none anywhere.
    """
    key_id, secret, token = (os.environ.get(name, "") for name in VARIABLES)
    return _client(key_id, secret, token)


@lru_cache(maxsize=8)
def _client(key_id: str, secret: str, token: str) -> Any:
    from alibabacloud_credentials.client import Client
    from alibabacloud_credentials.models import Config

    # It prints a traceback for each member of the chain that has no keys; ours is one sentence.
    logging.getLogger("credentials").setLevel(logging.CRITICAL)
    try:
        if not (key_id and secret):
            return Client()
        return Client(
            Config(
                type="sts" if token else "access_key",
                access_key_id=key_id,
                access_key_secret=secret,
                security_token=token or None,
            )
        )
    except Exception as error:
        raise _no_credentials(error) from error


class OssCredentialsProvider:
    """What oss2 asks for keys; temporary keys are renewed by the chain underneath."""

    def get_credentials(self) -> Credentials:
        """Keys for one request; raises `ConfigurationError` when the chain finds none."""
        from oss2.credentials import Credentials

        found = _credential()
        return Credentials(found.access_key_id, found.access_key_secret, found.security_token)


def _credential() -> Any:
    client = credentials_client()
    try:
        return client.get_credential()
    except Exception as error:
        raise _no_credentials(error) from error


def _no_credentials(error: Exception) -> ConfigurationError:
    return ConfigurationError(
        "No Alibaba Cloud credentials were found. Set ALIBABA_CLOUD_ACCESS_KEY_ID and "
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET, or configure a profile or a RAM role "
        f"(the credentials chain said: {type(error).__name__})."
    )
