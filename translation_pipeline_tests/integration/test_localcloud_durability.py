"""The stand-in cloud under large files, crashes and callers that hang up."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import oss2
import pytest
from oss2.models import PartInfo

from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import (
    RunningServer,
    ServerNotStartedError,
    running_server,
    start_server,
)
from translation_pipeline_tests.integration.oss_client import MEGABYTE, open_bucket

PATIENCE_S = 20.0


class TestLargeFiles:
    def test_memory_stays_small(self, bucket: oss2.Bucket, localcloud: RunningServer) -> None:
        size = 300 * MEGABYTE
        bucket.put_object("warm-up", Zeros(MEGABYTE))
        idle = resident_bytes(localcloud)
        with Watch(lambda: resident_bytes(localcloud)) as watch:
            bucket.put_object("large", Zeros(size))
            received = sum(len(chunk) for chunk in bucket.get_object("large"))
        assert received == size
        assert watch.most - idle < 40 * MEGABYTE

    def test_others_are_served_during_a_large_put(self, bucket: oss2.Bucket) -> None:
        bucket.put_object("small", b"x")
        with ThreadPoolExecutor(1) as pool:
            large = pool.submit(bucket.put_object, "large", Zeros(200 * MEGABYTE))
            slowest_s = 0.0
            while not large.done():
                began = time.monotonic()
                assert bucket.get_object("small").read() == b"x"
                slowest_s = max(slowest_s, time.monotonic() - began)
            large.result()
        assert slowest_s < 1.0


class TestCrashes:
    def test_objects_and_uploads_survive_a_kill(self, tmp_path: Path) -> None:
        config = LocalCloudConfig(data_dir=tmp_path / "data", workers=1)
        content = random.Random(4).randbytes(MEGABYTE)
        server = start_server(config)
        try:
            bucket = open_bucket(server, "crash")
            bucket.create_bucket()
            bucket.put_object("whole", content, headers={"x-oss-meta-a": "1"})
            upload_id = bucket.init_multipart_upload("parts").upload_id
            part = bucket.upload_part("parts", upload_id, 1, content)
            begun = threading.Event()
            torn = threading.Thread(target=tear, args=(bucket, begun), daemon=True)
            torn.start()
            assert begun.wait(30)
        finally:
            server.kill()
        torn.join(30)
        with running_server(config) as restarted:
            bucket = open_bucket(restarted, "crash")
            assert bucket.get_object("whole").read() == content
            assert bucket.head_object("whole").headers["x-oss-meta-a"] == "1"
            assert not bucket.object_exists("torn")
            bucket.complete_multipart_upload("parts", upload_id, [PartInfo(1, part.etag)])
            assert bucket.get_object("parts").read() == content
            assert len(blobs(restarted)) == 2, "no file of the torn put or of the part is left"

    def test_a_caller_that_hangs_up_leaves_nothing(
        self, bucket: oss2.Bucket, localcloud: RunningServer
    ) -> None:
        before = blobs(localcloud)
        url = bucket.sign_url("PUT", "torn", 60, slash_safe=True)
        connection = HTTPConnection("127.0.0.1", localcloud.port)
        connection.putrequest("PUT", url.removeprefix(localcloud.endpoint))
        connection.putheader("Content-Length", str(4 * MEGABYTE))
        connection.endheaders()
        connection.send(b"x" * MEGABYTE)
        wait_until(lambda: blobs(localcloud) > before)
        connection.close()
        wait_until(lambda: blobs(localcloud) == before)
        assert not bucket.object_exists("torn")

    def test_two_servers_cannot_share_a_folder(self, localcloud: RunningServer) -> None:
        with pytest.raises(ServerNotStartedError, match="in use by another stand-in cloud"):
            start_server(localcloud.config)


class Zeros:
    """A body that is made while it is sent, of which the SDK knows the length."""

    def __init__(self, size: int) -> None:
        self._left = size

    def __len__(self) -> int:
        return self._left

    def read(self, amount: int = -1) -> bytes:
        taken = self._left if amount < 0 else min(amount, self._left)
        self._left -= taken
        return bytes(taken)


class Watch:
    """The largest value of a figure during a block."""

    def __init__(self, measure: Callable[[], int]) -> None:
        self._measure = measure
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.most = 0

    def _run(self) -> None:
        while not self._ended.wait(0.02):
            self.most = max(self.most, self._measure())

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()


def tear(bucket: oss2.Bucket, begun: threading.Event) -> None:
    """Put an object that never ends, until the connection does."""

    def endless() -> Iterator[bytes]:
        for number in range(10_000):
            if number == 64:
                begun.set()
            if begun.is_set():
                time.sleep(0.01)
            yield bytes(64 * 1024)

    with suppress(oss2.exceptions.RequestError):
        bucket.put_object("torn", endless())


def blobs(server: RunningServer) -> set[Path]:
    """All files with bytes of objects and parts, wanted or not."""
    return set((server.config.data_dir / "objects" / "blobs").glob("*/*"))


def wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def resident_bytes(server: RunningServer) -> int:
    """Memory of the server's process."""
    status = Path(f"/proc/{server.process.pid}/status")
    if not status.exists():
        pytest.skip("the memory of a process is read from /proc")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024
