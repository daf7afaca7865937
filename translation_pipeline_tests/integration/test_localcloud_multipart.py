"""Multipart uploads to the stand-in OSS, by hand and by the SDK's resumable transfers."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import oss2
from oss2.models import PartInfo

from translation_pipeline_tests.integration.oss_client import MEGABYTE, refused


class TestMultipart:
    def upload(self, bucket: oss2.Bucket, key: str, parts: list[bytes], **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        upload_id = bucket.init_multipart_upload(key).upload_id
        sent = [
            PartInfo(number, bucket.upload_part(key, upload_id, number, part).etag)
            for number, part in enumerate(parts, 1)
        ]
        return bucket.complete_multipart_upload(key, upload_id, sent, headers=named)

    def test_parts_become_one_object(self, bucket: oss2.Bucket) -> None:
        parts = [bytes([number]) * 150_000 for number in range(3)]
        key = "第 1 集 +%.mp4"
        headers = {"x-oss-meta-a": "1", "Content-Type": "video/mp4"}
        upload_id = bucket.init_multipart_upload(key, headers=headers).upload_id
        for number in (3, 1, 2):
            bucket.upload_part(key, upload_id, number, parts[number - 1])
        listed = list(oss2.PartIterator(bucket, key, upload_id, max_parts=2))
        assert [(part.part_number, part.size) for part in listed] == [
            (1, 150_000),
            (2, 150_000),
            (3, 150_000),
        ]
        assert not bucket.object_exists(key)
        completed = bucket.complete_multipart_upload(key, upload_id, listed)
        assert bucket.get_object(key).read() == b"".join(parts)
        head = bucket.head_object(key)
        assert (head.object_type, head.etag) == ("Multipart", completed.etag)
        assert (head.content_type, head.headers["x-oss-meta-a"]) == ("video/mp4", "1")
        gone = refused(lambda: bucket.list_parts(key, upload_id))
        assert gone == (404, "NoSuchUpload")

    def test_a_part_that_is_sent_again_replaces(self, bucket: oss2.Bucket) -> None:
        upload_id = bucket.init_multipart_upload("a").upload_id
        first = bucket.upload_part("a", upload_id, 1, b"first")
        second = bucket.upload_part("a", upload_id, 1, b"second")

        def complete(etag: str) -> object:
            return bucket.complete_multipart_upload("a", upload_id, [PartInfo(1, etag)])

        assert refused(lambda: complete(first.etag)) == (400, "InvalidPart")
        complete(second.etag)
        assert bucket.get_object("a").read() == b"second"

    def test_part_lists_that_are_wrong(self, bucket: oss2.Bucket) -> None:
        upload_id = bucket.init_multipart_upload("a").upload_id
        one, two = (
            PartInfo(number, bucket.upload_part("a", upload_id, number, b"small").etag)
            for number in (1, 2)
        )

        def complete(*parts: PartInfo) -> tuple[int, str]:
            return refused(lambda: bucket.complete_multipart_upload("a", upload_id, list(parts)))

        assert complete(one, one) == (400, "InvalidPartOrder")  # oss2 sorts them
        assert complete(one, PartInfo(3, one.etag)) == (400, "InvalidPart")
        assert complete(one, two) == (400, "EntityTooSmall")
        assert complete() == (400, "InvalidPart")
        assert refused(lambda: bucket.upload_part("a", upload_id, 10_001, b"x")) == (
            400,
            "InvalidArgument",
        )

    def test_abort(self, bucket: oss2.Bucket) -> None:
        upload_id = bucket.init_multipart_upload("a").upload_id
        bucket.upload_part("a", upload_id, 1, b"x")
        bucket.abort_multipart_upload("a", upload_id)
        late = refused(lambda: bucket.upload_part("a", upload_id, 2, b"x"))
        assert late == (404, "NoSuchUpload")

    def test_open_uploads_are_listed(self, bucket: oss2.Bucket) -> None:
        begun = [
            (key, bucket.init_multipart_upload(key).upload_id)
            for key in ["a b", "中", "a b", "other/x"]
        ]
        found = list(oss2.MultipartUploadIterator(bucket, max_uploads=1))
        assert sorted((entry.key, entry.upload_id) for entry in found) == sorted(begun)
        prefixed = list(oss2.MultipartUploadIterator(bucket, prefix="other/"))
        assert [entry.upload_id for entry in prefixed] == [begun[3][1]]
        of_key = list(oss2.ObjectUploadIterator(bucket, "a b"))
        assert {entry.upload_id for entry in of_key} == {begun[0][1], begun[2][1]}

    def test_forbidden_overwrite(self, bucket: oss2.Bucket) -> None:
        once = {"x-oss-forbid-overwrite": "true"}
        flagged = bucket.init_multipart_upload("a", headers=once).upload_id
        flagged_part = PartInfo(1, bucket.upload_part("a", flagged, 1, b"late").etag)
        self.upload(bucket, "a", [b"first"], x_oss_forbid_overwrite="true")
        assert refused(lambda: bucket.init_multipart_upload("a", headers=once)) == (
            409,
            "FileAlreadyExists",
        )
        late = refused(lambda: bucket.complete_multipart_upload("a", flagged, [flagged_part]))
        again = refused(
            lambda: self.upload(bucket, "a", [b"second"], x_oss_forbid_overwrite="true")
        )
        assert late == again == (409, "FileAlreadyExists")
        assert bucket.get_object("a").read() == b"first"

    def test_part_copy(self, bucket: oss2.Bucket) -> None:
        content = random.Random(2).randbytes(300_000)
        bucket.put_object("源 a", content)
        upload_id = bucket.init_multipart_upload("b").upload_id
        name = bucket.bucket_name
        parts = [
            PartInfo(
                number,
                bucket.upload_part_copy(name, "源 a", byte_range, "b", upload_id, number).etag,
            )
            for number, byte_range in enumerate([(0, 199_999), (200_000, 299_999)], 1)
        ]
        bucket.complete_multipart_upload("b", upload_id, parts)
        assert bucket.get_object("b").read() == content

    def test_resumable_transfers(self, bucket: oss2.Bucket, tmp_path: Path) -> None:
        source, target = tmp_path / "source.mp4", tmp_path / "target.mp4"
        source.write_bytes(random.Random(3).randbytes(5 * MEGABYTE + 1))
        store = oss2.ResumableStore(root=str(tmp_path))
        key = "第 1 季/第 1 集.mp4"
        oss2.resumable_upload(
            bucket,
            key,
            str(source),
            store=store,
            multipart_threshold=MEGABYTE,
            part_size=MEGABYTE,
            num_threads=3,
        )
        oss2.resumable_download(
            bucket,
            key,
            str(target),
            store=oss2.ResumableDownloadStore(root=str(tmp_path)),
            multiget_threshold=MEGABYTE,
            part_size=MEGABYTE,
            num_threads=3,
        )
        assert target.read_bytes() == source.read_bytes()
