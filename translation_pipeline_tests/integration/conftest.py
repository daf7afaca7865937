"""One stand-in cloud for all integration tests; each test takes buckets of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import oss2
import pytest

from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import RunningServer, running_server
from translation_pipeline_tests.integration.oss_client import open_bucket
from translation_pipeline_tests.integration.product import OpenProduct, Product, product
from translation_pipeline_tests.integration.workshop import Open, Workshop


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


@pytest.fixture(scope="module")
def instant_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A stand-in cloud that answers jobs with copies instead of media work."""
    config = LocalCloudConfig(data_dir=tmp_path_factory.mktemp("cloud"), instant=True)
    with running_server(config) as cloud:
        yield cloud


@pytest.fixture
def open_product(instant_cloud: RunningServer, tmp_path: Path) -> Iterator[OpenProduct]:
    """Opens products with buckets and a home of their own, on the instant cloud or another."""
    with ExitStack() as stack:

        def open_it(cloud: RunningServer = instant_cloud, **options: str) -> Product:
            name = f"t{uuid.uuid4().hex[:12]}"
            return stack.enter_context(product(cloud, tmp_path / name, name, **options))

        yield open_it


@pytest.fixture
def open_workshop(open_product: OpenProduct) -> Iterator[Open]:
    """Opens workshops on the instant cloud, or on another one."""
    with ExitStack() as stack:

        def open_it(*cloud: RunningServer, **options: str) -> Workshop:
            shop = open_product(*cloud, **options)
            return Workshop(shop, stack.enter_context(dg.DagsterInstance.ephemeral()))

        yield open_it
