"""Uploads to the stand-in OSS: what arrives, what is skipped, what goes on after a break."""

from __future__ import annotations

import json
import os
import pty
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import oss2
import pytest

from translation_pipeline.cli.upload import run_upload
from translation_pipeline.errors import AddressInvalid, BucketUnusable, ConfigurationError
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.process import RunningServer, running_server
from translation_pipeline.settings import PREFIX
from translation_pipeline.storage import PART_SIZE, file_crc64
from translation_pipeline_tests.integration.oss_client import MEGABYTE, open_bucket
from translation_pipeline_tests.integration.product import tiny_video

VIDEO = tiny_video()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    config = LocalCloudConfig(data_dir=tmp_path_factory.mktemp("cloud"), instant=True)
    with running_server(config) as server:
        yield server


class Desk:
    """A person's folder with files, and the bucket where they shall go."""

    def __init__(self, cloud: RunningServer, folder: Path, capsys: Any) -> None:
        self.cloud = cloud
        self.folder = folder / "files"
        self.folder.mkdir()
        self.home = folder / "home"
        self.bucket = open_bucket(cloud, f"up-{uuid.uuid4().hex[:20]}")
        self.bucket.create_bucket()
        self.destination = f"oss://{self.bucket.bucket_name}/incoming/drama/"
        self.environment = {**cloud.environment, PREFIX + "HOME": str(self.home)}
        self._capsys = capsys

    def file(self, name: str, data: bytes = VIDEO) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def upload(self, *arguments: str | Path) -> tuple[int, dict[str, dict[str, Any]]]:
        """Exit code, and what was said of each file by its name."""
        with patch.dict(os.environ, self.environment):
            code = run_upload([*map(str, arguments), self.destination], None, as_json=True)
        said = json.loads(self._capsys.readouterr().out)
        return code, {Path(row["file"]).name: row for row in said["files"]}

    def requests(self, name: str) -> int:
        return int(self.cloud.control.account()["requests"].get(name, 0))

    def keys(self) -> list[str]:
        return [found.key for found in oss2.ObjectIteratorV2(self.bucket)]

    def record(self) -> list[dict[str, Any]]:
        lines = (self.home / "uploads.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def desk(cloud: RunningServer, tmp_path: Path, capsys: Any) -> Iterator[Desk]:
    yield Desk(cloud, tmp_path, capsys)
    cloud.control.put_faults({"faults": []})


class TestWhatArrives:
    def test_files_and_folders_with_both_forms_of_their_addresses(self, desk: Desk) -> None:
        alone = desk.file("第 1 集 +%.mp4")
        series = desk.file("series/a/1.mp4", tiny_video(1)).parents[1]
        desk.file("series/a/1.zh.srt", b"captions")
        desk.file("series/.DS_Store", b"hidden")
        desk.file("series/.git/config", b"hidden")

        code, rows = desk.upload(alone, series)

        name = desk.bucket.bucket_name
        assert code == 0
        assert sorted(desk.keys()) == [
            f"incoming/drama/{key}" for key in ("a/1.mp4", "a/1.zh.srt", "第 1 集 +%.mp4")
        ]
        assert desk.bucket.get_object("incoming/drama/第 1 集 +%.mp4").read() == VIDEO
        row = rows[alone.name]
        assert row["oss"] == f"oss://{name}/incoming/drama/第 1 集 +%.mp4"
        assert row["https"] == (
            f"https://{name}.oss-cn-shanghai.aliyuncs.com/incoming/drama/"
            "%E7%AC%AC%201%20%E9%9B%86%20%2B%25.mp4"
        )
        assert (row["outcome"], row["size"]) == ("uploaded", len(VIDEO))
        assert row["crc64"] == file_crc64(alone)
        recorded = next(line for line in desk.record() if line["file"] == str(alone))
        assert {key: recorded[key] for key in ("oss", "https", "size", "crc64")} == {
            key: row[key] for key in ("oss", "https", "size", "crc64")
        }

    def test_what_is_there_unchanged_is_not_sent_again(self, desk: Desk) -> None:
        for name in ("same.mp4", "other.mp4", "longer.mp4"):
            desk.file(name)
        desk.upload(desk.folder)
        other = desk.file("other.mp4", bytes([*VIDEO[:-1], VIDEO[-1] ^ 1]))  # the size stays
        desk.file("longer.mp4", VIDEO + b"x")
        os.utime(desk.folder / "same.mp4", (1, 1))  # times say nothing about content
        before = desk.requests("OSS.PUT")

        code, rows = desk.upload(desk.folder)

        assert code == 0
        assert {name: row["outcome"] for name, row in rows.items()} == {
            "same.mp4": "unchanged",
            "other.mp4": "replaced",
            "longer.mp4": "replaced",
        }
        assert desk.requests("OSS.PUT") - before == 2
        assert desk.bucket.get_object("incoming/drama/other.mp4").read() == other.read_bytes()

    def test_one_bad_file_does_not_stop_the_others(self, desk: Desk) -> None:
        good = desk.file("z-good.mp4")
        empty = desk.file("empty.srt", b"")
        text = desk.file("text.MP4", b"This is no video at all.")
        cut = desk.file("cut.mp4", VIDEO[: len(VIDEO) // 2])
        gone = desk.folder / "gone.mp4"
        (desk.folder / "dangling.mp4").symlink_to(desk.folder / "nowhere")
        os.mkfifo(desk.folder / "pipe.srt")

        code, rows = desk.upload(desk.folder, gone)

        assert code == 1
        assert rows.pop(good.name)["outcome"] == "uploaded"
        assert {row["outcome"] for row in rows.values()} == {"failed"}
        assert {row["oss"] for row in rows.values()} == {None}
        reasons = {name: row["reason"] for name, row in rows.items()}
        assert reasons[empty.name] == "empty.srt is empty (0 bytes)."
        assert "is not a video file" in reasons[text.name]
        assert cut.name in reasons[cut.name]
        assert reasons[gone.name] == "The file cannot be read: No such file or directory."
        assert reasons["dangling.mp4"] == "The file cannot be read: No such file or directory."
        assert reasons["pipe.srt"] == "pipe.srt is no file."
        assert desk.keys() == ["incoming/drama/z-good.mp4"]
        assert [Path(line["file"]) for line in desk.record()] == [good]

    def test_two_files_that_would_become_one_object(self, desk: Desk) -> None:
        one, two = desk.file("1/a.srt", b"one"), desk.file("2/a.srt", b"two")
        desk.file("2/b.srt", b"b")

        code, rows = desk.upload(one.parent, two.parent, two)

        assert code == 1
        assert rows["a.srt"]["reason"] == "Another file would become 'a.srt' too. Rename one."
        assert desk.keys() == ["incoming/drama/b.srt"]

    def test_a_right_that_is_missing_is_named(self, desk: Desk) -> None:
        desk.cloud.control.put_faults(
            {"faults": [{"kind": "refusal", "actions": ["oss:PutObject"]}]}
        )

        code, rows = desk.upload(desk.file("a.mp4"))

        assert code == 1
        assert "AccessDenied" in rows["a.mp4"]["reason"]
        assert "docs/ram-policy.md" in rows["a.mp4"]["reason"]

    def test_a_broken_connection_is_to_be_tried_again(self, desk: Desk) -> None:
        files = [desk.file("a.mp4"), desk.file("b.mp4")]
        desk.cloud.control.put_faults(
            {"faults": [{"kind": "drop", "actions": ["OSS.PUT"], "times": 4}]}
        )

        code, rows = desk.upload(*files)

        assert code == 3
        assert [row["outcome"] for row in rows.values()] == ["failed", "uploaded"]


class TestDestination:
    @pytest.mark.parametrize(
        ("named", "words"),
        [
            ("more.mp4", "Name it as the last argument"),
            ("oss://dramas-in/incoming", "End it with a slash"),
            ("oss://dramas-in", "End it with a slash"),
            ("oss://Dramas_In/incoming/", "is no bucket name"),
            (
                "https://dramas-in.oss-cn-beijing.aliyuncs.com/incoming/",
                "in region cn-beijing, but the work runs in cn-shanghai",
            ),
        ],
    )
    def test_is_never_guessed(self, desk: Desk, named: str, words: str) -> None:
        desk.destination = named

        with pytest.raises(AddressInvalid, match=words):
            desk.upload(desk.file("a.mp4"))

    def test_may_be_an_https_address_or_the_whole_bucket(self, desk: Desk) -> None:
        file, name = desk.file("a.srt", b"x"), desk.bucket.bucket_name
        for desk.destination in (
            f"https://{name}.oss-cn-shanghai.aliyuncs.com/a%20b/",
            f"oss://{name}/",
        ):
            assert desk.upload(file)[0] == 0
        assert desk.keys() == ["a b/a.srt", "a.srt"]

    def test_nothing_to_upload(self, desk: Desk) -> None:
        with pytest.raises(ConfigurationError, match="nothing to upload"):
            desk.upload()
        with pytest.raises(ConfigurationError, match="no file to upload"):
            desk.upload(desk.folder)

    def test_bucket_and_region_are_checked_before_anything_is_sent(self, desk: Desk) -> None:
        file, named, before = desk.file("a.mp4"), desk.destination, desk.requests("OSS.PUT")
        desk.destination = "oss://no-such-bucket-here/incoming/"
        with pytest.raises(BucketUnusable, match=r"no-such-bucket-here.*no such bucket"):
            desk.upload(file)
        desk.destination = named
        desk.environment[PREFIX + "REGION"] = "cn-beijing"
        with pytest.raises(BucketUnusable, match=r"not in region cn-beijing.*_REGION and"):
            desk.upload(file)
        desk.environment[PREFIX + "REGION"] = "cn-shanghai"
        elsewhere = {"actions": ["oss:GetBucketInfo"], "endpoint": "oss-cn-beijing.aliyuncs.com"}
        desk.cloud.control.put_faults({"faults": [{"kind": "refusal", **elsewhere}]})
        with pytest.raises(
            BucketUnusable,
            match="in region cn-beijing, but TRANSLATION_PIPELINE_REGION is cn-shanghai",
        ):
            desk.upload(file)
        assert desk.requests("OSS.PUT") == before


def test_on_a_terminal_addresses_are_whole_and_reasons_a_table(desk: Desk) -> None:
    desk.file("the name of a video that is much too long for a narrow table.mp4")
    desk.file("bad.mp4", b"x")
    command = ["upload", str(desk.folder), desk.destination]
    screen, terminal = pty.openpty()

    done = subprocess.run(
        [sys.executable, "-m", "translation_pipeline", *command],
        env={**os.environ, **desk.environment, "COLUMNS": "80"},
        stdout=terminal,
        stderr=subprocess.DEVNULL,
    )

    os.close(terminal)
    said = os.read(screen, 100_000).decode()
    os.close(screen)
    name = "the name of a video that is much too long for a narrow table.mp4"
    quoted = name.replace(" ", "%20")
    assert done.returncode == 1
    assert f"  {desk.destination}{name}\r\n" in said
    assert f".oss-cn-shanghai.aliyuncs.com/incoming/drama/{quoted}\r\n" in said
    assert "reason" in said
    assert "is not a video file" in said


def test_a_killed_upload_goes_on_with_the_parts_that_are_missing(desk: Desk) -> None:
    parts = 9
    content = random.Random(7).randbytes((parts - 1) * PART_SIZE + MEGABYTE)
    key = "incoming/drama/master.dat"
    path = desk.file("master.dat", content)
    command = [sys.executable, "-m", "translation_pipeline", "upload", str(path), desk.destination]
    slow = {"kind": "slow", "actions": ["OSS.PUT"], "when": "before", "delay_s": 0.4}
    desk.cloud.control.put_faults({"faults": [slow]})
    environment = {**os.environ, **desk.environment}

    def arrived() -> int:
        begun = list(oss2.ObjectUploadIterator(desk.bucket, key))
        return sum(len(desk.bucket.list_parts(key, upload.upload_id).parts) for upload in begun)

    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while arrived() < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    time.sleep(1.0)  # what the server is just receiving arrives or breaks off
    there, sent = arrived(), desk.requests("OSS.PUT")
    assert 2 <= there < parts
    desk.cloud.control.put_faults({"faults": []})

    done = subprocess.run(
        [*command, "--json"], env=environment, capture_output=True, text=True, check=True
    )

    assert desk.requests("OSS.PUT") - sent == parts - there
    assert arrived() == 0
    assert desk.bucket.get_object(key).read() == content
    (row,) = json.loads(done.stdout)["files"]
    assert (row["outcome"], row["crc64"]) == ("uploaded", file_crc64(path))
    assert list((desk.home / "uploads").iterdir()) == []
