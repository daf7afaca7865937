"""The stand-in OSS through the real oss2: what the SDK sends, what it reads, what it raises."""

from __future__ import annotations

import base64
import hashlib
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.client import HTTPConnection
from typing import Any

import oss2
import pytest

from translation_pipeline.localcloud.process import RunningServer
from translation_pipeline_tests.integration.oss_client import (
    ACCESS_KEY_ID,
    ACCESS_KEY_SECRET,
    MEGABYTE,
    open_bucket,
    refused,
)

ODD_KEYS = [
    "plain.mp4",
    "with space.mp4",
    "第 1 集/字幕.srt",
    "emoji 🎬🎉.mp4",
    "a+b%20c%2Fd.mp4",
    "x/../y",
    "x/./y//z",
    "../../etc/passwd",
    "…",
    "query?a=b&c#d.mp4",
    "quote'\"<&>.srt",
    "tab\tnew\nline",
    "uploads",
    "k" * 1023,
]
AUTHS = {
    "V1": oss2.Auth(ACCESS_KEY_ID, ACCESS_KEY_SECRET),
    "V4": oss2.AuthV4(ACCESS_KEY_ID, ACCESS_KEY_SECRET),
}
VERSIONS = pytest.mark.parametrize("auth", AUTHS.values(), ids=AUTHS)


def fetch(url: str, **headers: str) -> tuple[int, bytes, Any]:
    """A plain HTTP client, without any SDK."""
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def http_date(seconds: int) -> str:
    moment = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return format_datetime(moment, usegmt=True)


class TestObjects:
    @VERSIONS
    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_any_key(self, bucket: oss2.Bucket, auth: oss2.AuthBase, key: str) -> None:
        bucket.auth = auth
        content = key.encode() * 3
        bucket.put_object(key, content)
        assert bucket.get_object(key).read() == content
        assert [found.key for found in oss2.ObjectIteratorV2(bucket)] == [key]
        assert bucket.object_exists(key)
        bucket.copy_object(bucket.bucket_name, key, "copy")
        assert bucket.get_object("copy").read() == content
        bucket.delete_object(key)
        assert not bucket.object_exists(key)

    @pytest.mark.parametrize("key", ["/slash", "\\backslash", "k" * 1024])
    def test_names_that_oss_refuses(self, bucket: oss2.Bucket, key: str) -> None:
        assert refused(lambda: bucket.put_object(key, b"x")) == (400, "InvalidObjectName")

    def test_what_is_told_about_an_object(self, bucket: oss2.Bucket) -> None:
        headers = {
            "Content-Type": "video/mp4",
            "Cache-Control": "no-cache",
            "x-oss-meta-attempt": "7",
        }
        put = bucket.put_object("a", b"hello", headers=headers)
        head = bucket.head_object("a")
        assert put.etag == head.etag == "5D41402ABC4B2A76B9719D911017C592"
        assert head.headers["x-oss-hash-crc64ecma"] == str(put.crc)
        assert (head.content_length, head.content_type) == (5, "video/mp4")
        assert head.headers["x-oss-meta-attempt"] == "7"
        assert head.headers["Cache-Control"] == "no-cache"
        assert head.object_type == "Normal"
        assert abs(head.last_modified - time.time()) < 60
        meta = bucket.get_object_meta("a")
        assert (meta.content_length, meta.etag) == (5, put.etag)
        assert "x-oss-meta-attempt" not in meta.headers

    def test_empty_object(self, bucket: oss2.Bucket) -> None:
        bucket.put_object("empty", b"")
        assert bucket.get_object("empty").read() == b""
        assert bucket.head_object("empty").content_length == 0

    def test_overwriting_while_somebody_reads(self, bucket: oss2.Bucket) -> None:
        old = random.Random(1).randbytes(8 * MEGABYTE)
        bucket.put_object("a", old)
        reading = bucket.get_object("a")
        begun = reading.read(MEGABYTE)
        bucket.put_object("a", b"new")
        assert begun + reading.read() == old
        assert bucket.get_object("a").read() == b"new"

    def test_forbidden_overwrite(self, bucket: oss2.Bucket) -> None:
        once = {"x-oss-forbid-overwrite": "true"}
        bucket.put_object("a", b"first", headers=once)
        again = refused(lambda: bucket.put_object("a", b"second", headers=once))
        copied = refused(lambda: bucket.copy_object(bucket.bucket_name, "a", "a", headers=once))
        assert again == copied == (409, "FileAlreadyExists")
        assert bucket.get_object("a").read() == b"first"

    def test_of_many_writers_that_forbid_overwriting_one_wins(self, bucket: oss2.Bucket) -> None:
        def put(number: int) -> bool:
            try:
                bucket.put_object("a", str(number), headers={"x-oss-forbid-overwrite": "true"})
            except oss2.exceptions.ServerError as error:
                assert error.code == "FileAlreadyExists"
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            won = [number for number, done in enumerate(pool.map(put, range(40))) if done]
        assert len(won) == 1
        assert bucket.get_object("a").read() == str(won[0]).encode()

    def test_content_md5(self, bucket: oss2.Bucket) -> None:
        right = base64.b64encode(hashlib.md5(b"x", usedforsecurity=False).digest()).decode()
        bucket.put_object("a", b"x", headers={"Content-MD5": right})
        other = refused(lambda: bucket.put_object("b", b"y", headers={"Content-MD5": right}))
        wrong = refused(lambda: bucket.put_object("b", b"y", headers={"Content-MD5": "x"}))
        assert (other, wrong) == ((400, "BadDigest"), (400, "InvalidDigest"))
        assert not bucket.object_exists("b")

    def test_absent_things(self, bucket: oss2.Bucket, localcloud: RunningServer) -> None:
        nowhere = open_bucket(localcloud, "no-such-bucket")
        assert refused(lambda: bucket.get_object("a")) == (404, "NoSuchKey")
        assert refused(lambda: bucket.head_object("a")) == (404, "NoSuchKey")
        assert refused(lambda: nowhere.get_object("a")) == (404, "NoSuchBucket")
        assert refused(lambda: nowhere.head_object("a")) == (404, "NoSuchBucket")
        assert refused(lambda: nowhere.put_object("a", b"x")) == (404, "NoSuchBucket")
        assert refused(lambda: nowhere.delete_object("a")) == (404, "NoSuchBucket")
        assert refused(lambda: nowhere.list_objects_v2()) == (404, "NoSuchBucket")
        bucket.delete_object("a")

    def test_errors_tell_their_precise_code(self, bucket: oss2.Bucket) -> None:
        with pytest.raises(oss2.exceptions.NoSuchKey) as caught:
            bucket.get_object("a")
        assert caught.value.details["EC"] == "0026-00000001"
        assert caught.value.details["HostId"] == bucket.endpoint.removeprefix("http://")

    def test_what_is_not_offered_does_not_pass_for_a_put(self, bucket: oss2.Bucket) -> None:
        bucket.put_object("a", b"x")
        assert refused(lambda: bucket.put_object_acl("a", "private"))[1] == "NotImplemented"
        assert refused(lambda: bucket.append_object("a", 0, b"y"))[1] == "NotImplemented"
        config = oss2.models.BucketVersioningConfig("Enabled")
        assert refused(lambda: bucket.put_bucket_versioning(config))[1] == "MethodNotAllowed"
        assert refused(lambda: bucket.list_objects())[1] == "NotImplemented"
        assert bucket.get_object("a").read() == b"x"

    def test_batch_delete(self, bucket: oss2.Bucket) -> None:
        for key in ODD_KEYS[:11]:
            bucket.put_object(key, b"x")
        deleted = bucket.batch_delete_objects([*ODD_KEYS[:11], "absent"])
        assert deleted.deleted_keys == [*ODD_KEYS[:11], "absent"]
        assert not list(oss2.ObjectIteratorV2(bucket))
        assert refused(lambda: bucket.batch_delete_objects(["k"] * 1001)) == (400, "MalformedXML")

    def test_copy(self, bucket: oss2.Bucket) -> None:
        headers = {"Content-Type": "video/mp4", "x-oss-meta-a": "1"}
        etag = bucket.put_object("源 +%.mp4", b"x", headers=headers).etag
        name = bucket.bucket_name
        bucket.copy_object(name, "源 +%.mp4", "kept")
        replace = {"x-oss-metadata-directive": "REPLACE", "x-oss-meta-b": "2"}
        bucket.copy_object(name, "源 +%.mp4", "replaced", headers=replace)
        kept, replaced = bucket.head_object("kept"), bucket.head_object("replaced")
        assert (kept.content_type, kept.headers["x-oss-meta-a"]) == ("video/mp4", "1")
        assert replaced.headers["x-oss-meta-b"] == "2"
        assert "x-oss-meta-a" not in replaced.headers
        assert kept.etag == etag

        def conditional(condition: str, value: str) -> Callable[[], object]:
            headers = {f"x-oss-copy-source-if-{condition}": value}
            return lambda: bucket.copy_object(name, "kept", "x", headers=headers)

        conditional("match", f'"{etag}"')()
        conditional("unmodified-since", http_date(60))()
        assert refused(conditional("match", '"other"'))[0] == 412
        assert refused(conditional("none-match", f'"{etag}"'))[0] == 304
        assert refused(conditional("unmodified-since", http_date(-60)))[0] == 412
        assert refused(conditional("modified-since", http_date(60)))[0] == 304
        assert refused(lambda: bucket.copy_object(name, "absent", "x")) == (404, "NoSuchKey")

    def test_copying_onto_itself_changes_the_metadata(self, bucket: oss2.Bucket) -> None:
        bucket.put_object("a", b"x")
        bucket.update_object_meta("a", {"x-oss-meta-c": "3"})
        assert bucket.head_object("a").headers["x-oss-meta-c"] == "3"
        assert bucket.get_object("a").read() == b"x"

    def test_conditions(self, bucket: oss2.Bucket) -> None:
        etag = bucket.put_object("a", b"x").etag

        def get(**headers: str) -> Callable[[], object]:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return lambda: bucket.get_object("a", headers=named).read()

        for passes in (
            get(if_match=f'"{etag}"'),
            get(if_none_match='"other"'),
            get(if_modified_since=http_date(-60)),
            get(if_unmodified_since=http_date(60)),
        ):
            assert passes() == b"x"
        assert refused(get(if_match='"other"')) == (412, "PreconditionFailed")
        assert refused(get(if_unmodified_since=http_date(-60))) == (412, "PreconditionFailed")
        assert refused(get(if_none_match=f'"{etag}"'))[0] == 304
        assert refused(get(if_modified_since=http_date(60)))[0] == 304
        unchanged = {"If-None-Match": f'"{etag}"'}
        assert refused(lambda: bucket.head_object("a", headers=unchanged))[0] == 304


class TestRanges:
    CONTENT = bytes(range(100))

    @pytest.mark.parametrize(
        "asked, first, last",
        [((0, 0), 0, 0), ((10, 19), 10, 19), ((90, None), 90, 99), ((None, 5), 95, 99)],
    )
    def test_inside(
        self, bucket: oss2.Bucket, asked: tuple[int | None, int | None], first: int, last: int
    ) -> None:
        bucket.put_object("a", self.CONTENT)
        got = bucket.get_object("a", byte_range=asked)
        assert got.read() == self.CONTENT[first : last + 1]
        assert (got.status, got.headers["Content-Range"]) == (206, f"bytes {first}-{last}/100")

    @pytest.mark.parametrize(
        "header",
        ["bytes=50-100", "bytes=100-", "bytes=-101", "bytes=9-5", "bytes=-0", "bytes=x", "lines=1"],
    )
    def test_outside_means_the_whole_object(self, bucket: oss2.Bucket, header: str) -> None:
        bucket.put_object("a", self.CONTENT)
        got = bucket.get_object("a", headers={"Range": header})
        assert (got.status, got.read()) == (200, self.CONTENT)

    @pytest.mark.parametrize("header, first", [("bytes=50-100", 50), ("bytes=-101", 0)])
    def test_standard_behaviour_cuts(self, bucket: oss2.Bucket, header: str, first: int) -> None:
        bucket.put_object("a", self.CONTENT)
        standard = {"Range": header, "x-oss-range-behavior": "standard"}
        got = bucket.get_object("a", headers=standard)
        assert (got.status, got.read()) == (206, self.CONTENT[first:])

    @pytest.mark.parametrize(
        "headers",
        [
            {"Range": "bytes=100-", "x-oss-range-behavior": "standard"},
            {"Range": "bytes=-0", "x-oss-range-behavior": "standard"},
            {"Range": "bytes=0-1,5-6"},
        ],
    )
    def test_refused(self, bucket: oss2.Bucket, headers: dict[str, str]) -> None:
        bucket.put_object("a", self.CONTENT)
        got = refused(lambda: bucket.get_object("a", headers=headers))
        assert got == (416, "InvalidRange")


class TestListing:
    KEYS = ("a/1", "a/2", "b", "b c", "c/d/1", "c/d/2", "c/é", "中/文", "😀")

    @pytest.fixture
    def filled(self, bucket: oss2.Bucket) -> oss2.Bucket:
        for key in reversed(self.KEYS):
            bucket.put_object(key, key.encode())
        return bucket

    @pytest.mark.parametrize("page", [1, 2, 3, 100])
    def test_pages_in_byte_order(self, filled: oss2.Bucket, page: int) -> None:
        found = list(oss2.ObjectIteratorV2(filled, max_keys=page))
        assert [entry.key for entry in found] == sorted(self.KEYS, key=str.encode)
        assert [entry.size for entry in found] == [len(e.key.encode()) for e in found]

    @pytest.mark.parametrize("page", [1, 2, 3, 100])
    def test_folding(self, filled: oss2.Bucket, page: int) -> None:
        found = list(oss2.ObjectIteratorV2(filled, delimiter="/", max_keys=page))
        prefixes = {entry.key for entry in found if entry.is_prefix()}
        assert prefixes == {"a/", "c/", "中/"}
        assert {entry.key for entry in found} - prefixes == {"b", "b c", "😀"}
        assert len(found) == 6

    def test_prefix_and_delimiter(self, filled: oss2.Bucket) -> None:
        page = filled.list_objects_v2(prefix="c/", delimiter="/")
        assert page.prefix_list == ["c/d/"]
        assert [entry.key for entry in page.object_list] == ["c/é"]
        assert not page.is_truncated

    def test_start_after(self, filled: oss2.Bucket) -> None:
        found = [entry.key for entry in oss2.ObjectIteratorV2(filled, start_after="b")]
        assert found == list(self.KEYS[3:])

    def test_entries(self, filled: oss2.Bucket) -> None:
        (entry,) = filled.list_objects_v2(prefix="b c", fetch_owner=True).object_list
        assert entry.etag == hashlib.md5(b"b c", usedforsecurity=False).hexdigest().upper()
        assert (entry.type, entry.storage_class) == ("Normal", "Standard")
        assert abs(entry.last_modified - time.time()) < 60
        assert entry.owner.id

    def test_a_key_written_behind_the_cursor_is_not_seen(self, filled: oss2.Bucket) -> None:
        first = filled.list_objects_v2(max_keys=3)
        filled.put_object("a/0", b"")
        rest = filled.list_objects_v2(continuation_token=first.next_continuation_token)
        assert [entry.key for entry in rest.object_list] == list(self.KEYS[3:])

    def test_wrong_parameters(self, filled: oss2.Bucket) -> None:
        assert refused(lambda: filled.list_objects_v2(max_keys=1001))[1] == "InvalidArgument"
        assert (
            refused(lambda: filled.list_objects_v2(continuation_token="a"))[1] == "InvalidArgument"
        )


class TestSignedUrls:
    @VERSIONS
    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_plain_clients_read_them(
        self, bucket: oss2.Bucket, auth: oss2.AuthBase, key: str
    ) -> None:
        bucket.auth = auth
        bucket.put_object(key, b"content")
        status, body, _ = fetch(bucket.sign_url("GET", key, 60, slash_safe=True))
        assert (status, body) == (200, b"content")

    @VERSIONS
    def test_ranges_and_overrides(self, bucket: oss2.Bucket, auth: oss2.AuthBase) -> None:
        bucket.auth = auth
        bucket.put_object("a", b"0123456789")
        overrides = {
            "response-content-type": "text/plain",
            "response-content-disposition": "attachment; filename=b.txt",
        }
        url = bucket.sign_url("GET", "a", 60, params=overrides, slash_safe=True)
        status, body, headers = fetch(url, Range="bytes=2-4")
        assert (status, body) == (206, b"234")
        assert headers["Content-Type"] == "text/plain"
        assert headers["Content-Disposition"] == "attachment; filename=b.txt"

    @VERSIONS
    def test_they_put_too(self, bucket: oss2.Bucket, auth: oss2.AuthBase) -> None:
        bucket.auth = auth
        url = bucket.sign_url("PUT", "a/b", 60, slash_safe=True)
        bucket.put_object_with_url(url, b"put")
        assert bucket.get_object("a/b").read() == b"put"

    @VERSIONS
    def test_only_for_their_method_and_only_for_their_time(
        self, bucket: oss2.Bucket, auth: oss2.AuthBase
    ) -> None:
        bucket.auth = auth
        bucket.put_object("a", b"x")
        expired = bucket.sign_url("GET", "a", -1)
        status, body, _ = fetch(expired)
        assert (status, b"<Code>AccessDenied</Code>" in body) == (403, True)
        deleting = bucket.sign_url("DELETE", "a", 60)
        status, body, _ = fetch(deleting)
        assert (status, b"<Code>SignatureDoesNotMatch</Code>" in body) == (403, True)
        assert bucket.object_exists("a")


class TestAccess:
    @pytest.mark.parametrize("kind", [oss2.Auth, oss2.AuthV4])
    def test_wrong_keys(self, localcloud: RunningServer, kind: Callable[..., Any]) -> None:
        wrong = open_bucket(localcloud, "any", kind(ACCESS_KEY_ID, "wrong"))
        unknown = open_bucket(localcloud, "any", kind("unknown", ACCESS_KEY_SECRET))
        assert refused(lambda: wrong.get_object("a")) == (403, "SignatureDoesNotMatch")
        assert refused(lambda: wrong.head_object("a")) == (403, "SignatureDoesNotMatch")
        assert refused(lambda: unknown.get_object("a")) == (403, "InvalidAccessKeyId")

    def test_the_refusal_of_a_large_put_is_read(self, localcloud: RunningServer) -> None:
        wrong = open_bucket(localcloud, "any", oss2.Auth(ACCESS_KEY_ID, "wrong"))
        put = refused(lambda: wrong.put_object("a", b"x" * (20 * MEGABYTE)))
        assert put == (403, "SignatureDoesNotMatch")

    def test_another_region(self, bucket: oss2.Bucket) -> None:
        bucket.region = "cn-beijing"
        assert refused(lambda: bucket.get_object("a")) == (400, "InvalidArgument")

    def test_unsigned(self, localcloud: RunningServer) -> None:
        status, body, headers = fetch(f"{localcloud.endpoint}/bkt/a")
        assert (status, b"<Code>AccessDenied</Code>" in body) == (403, True)
        assert headers["x-oss-request-id"]

    def test_a_key_that_is_not_utf8(self, localcloud: RunningServer) -> None:
        status, body, _ = fetch(f"{localcloud.endpoint}/bkt/%FF")
        assert (status, b"<Code>InvalidObjectName</Code>" in body) == (400, True)

    def test_health_needs_no_signature(self, localcloud: RunningServer) -> None:
        assert fetch(f"{localcloud.endpoint}/-/health")[0] == 200


class TestBuckets:
    def test_life(self, localcloud: RunningServer) -> None:
        bucket = open_bucket(localcloud, "life-of-a-bucket")
        bucket.create_bucket()
        bucket.create_bucket()
        info = bucket.get_bucket_info()
        assert (info.name, info.location) == ("life-of-a-bucket", "oss-cn-shanghai")
        assert bucket.get_bucket_location().location == "oss-cn-shanghai"
        assert bucket.get_bucket_versioning().status is None
        service = oss2.Service(bucket.auth, localcloud.endpoint, region=bucket.region)
        listed = [entry.name for entry in oss2.BucketIterator(service, prefix="life-")]
        assert listed == ["life-of-a-bucket"]
        bucket.put_object("a", b"x")
        assert refused(bucket.delete_bucket) == (409, "BucketNotEmpty")
        bucket.delete_object("a")
        bucket.delete_bucket()
        assert refused(bucket.get_bucket_info) == (404, "NoSuchBucket")

    def test_names_that_oss_refuses(self, localcloud: RunningServer) -> None:
        connection = HTTPConnection("127.0.0.1", localcloud.port)
        url = open_bucket(localcloud, "name")
        for name in ("AB", "ab", "-ab", "ab-", "a_b", "a" * 64):
            request = oss2.http.Request(
                "PUT", f"/{name}/", headers={}, region=url.region, product="oss"
            )
            url.auth._sign_request(request, name, "")
            sent = {key: value for key, value in request.headers.items() if value is not None}
            connection.request("PUT", f"/{name}/", headers=sent)
            answer = connection.getresponse()
            assert (answer.status, b"InvalidBucketName" in answer.read()) == (400, True)
