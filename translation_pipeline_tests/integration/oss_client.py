"""The stand-in OSS as the real SDK sees it."""

from __future__ import annotations

from collections.abc import Callable

import oss2
import pytest

from translation_pipeline.localcloud.process import RunningServer

ACCESS_KEY_ID, ACCESS_KEY_SECRET = "localcloud", "localcloud-secret"
MEGABYTE = 1024 * 1024


def open_bucket(server: RunningServer, name: str, auth: oss2.AuthBase | None = None) -> oss2.Bucket:
    """The SDK's view of a bucket, V4 signatures unless told otherwise."""
    auth = auth or oss2.AuthV4(ACCESS_KEY_ID, ACCESS_KEY_SECRET)
    return oss2.Bucket(auth, server.endpoint, name, region=server.config.region)


def refused(call: Callable[[], object]) -> tuple[int, str]:
    """Status and code of the SDK's error; every refusal names its request."""
    with pytest.raises(oss2.exceptions.OssError) as caught:
        call()
    assert caught.value.request_id
    return caught.value.status, caught.value.code
