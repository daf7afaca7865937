"""One stand-in cloud for all integration tests; each test takes buckets of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import oss2
import pytest

from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import RunningServer, running_server
from translation_pipeline_tests.integration.oss_client import open_bucket


@pytest.fixture(scope="session")
def localcloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A running server with an empty folder; `environment` is what the pipeline needs."""
    config = LocalCloudConfig(data_dir=tmp_path_factory.mktemp("localcloud"), workers=1)
    with running_server(config) as server:
        yield server


@pytest.fixture
def bucket(localcloud: RunningServer) -> oss2.Bucket:
    """A new, empty bucket."""
    created = open_bucket(localcloud, f"test-{uuid.uuid4().hex[:20]}")
    created.create_bucket()
    return created
