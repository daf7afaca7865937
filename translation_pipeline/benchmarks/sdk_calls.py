"""`bench calls`: the SDK's own async calls against its synchronous calls in a few threads.

Why `providers.ims` uses threads: the figures of this benchmark, and that the async path blocks
the event loop while it waits before a retry (sdk-wire.md A7).
"""

from __future__ import annotations

import asyncio
import os
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from translation_pipeline.credentials import credentials_client
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import running_server
from translation_pipeline.providers.ims import CALLS_AT_ONCE
from translation_pipeline.providers.ims_client import CONNECT_TIMEOUT_MS, READ_TIMEOUT_MS

CALLS = 400
TICK_S = 0.005  # how often a bystander of the event loop wants its turn


def run(
    calls: int = CALLS, *, progress: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Make the same list call many times both ways; `loop_delay_ms_max` is what others suffer."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(LocalCloudConfig(data_dir=Path(folder), instant=True)) as cloud,
    ):
        os.environ.update(cloud.environment)
        client = _client(cloud.endpoint.removeprefix("http://"))
        found = {}
        for name, way in (("threads", _in_threads), ("async", _async)):
            asyncio.run(_measured(way(client, 20), 20))  # connections, imports
            found[name] = asyncio.run(_measured(way(client, calls), calls))
            progress(f"{name}: {found[name]}")
        return found


def _client(endpoint: str) -> Any:
    from alibabacloud_ice20201109.client import Client
    from alibabacloud_tea_openapi.models import Config

    return Client(
        Config(
            credential=credentials_client(),
            endpoint=endpoint,
            protocol="HTTP",
            connect_timeout=CONNECT_TIMEOUT_MS,
            read_timeout=READ_TIMEOUT_MS,
        )
    )


async def _in_threads(client: Any, calls: int) -> None:
    from alibabacloud_ice20201109 import models

    request = models.ListSmartJobsRequest(job_type="VideoTranslation", max_results=100)
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(CALLS_AT_ONCE) as threads:
        await asyncio.gather(
            *(loop.run_in_executor(threads, client.list_smart_jobs, request) for _ in range(calls))
        )


async def _async(client: Any, calls: int) -> None:
    from alibabacloud_ice20201109 import models

    request = models.ListSmartJobsRequest(job_type="VideoTranslation", max_results=100)
    gate = asyncio.Semaphore(CALLS_AT_ONCE)

    async def one() -> None:
        async with gate:
            await client.list_smart_jobs_async(request)

    await asyncio.gather(*(one() for _ in range(calls)))


async def _measured(work: Awaitable[None], calls: int) -> dict[str, float]:
    delays = [0.0]

    async def bystander() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(TICK_S)
            delays.append(time.monotonic() - before - TICK_S)

    watching = asyncio.create_task(bystander())
    started, cpu_before = time.monotonic(), _cpu_s()
    await work
    wall_s, cpu_s = time.monotonic() - started, _cpu_s() - cpu_before
    watching.cancel()
    return {
        "calls_per_s": round(calls / wall_s, 1),
        "cpu_ms_per_call": round(1000 * cpu_s / calls, 2),
        "loop_delay_ms_max": round(1000 * max(delays), 1),
    }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
