"""Objects in OSS behind a small interface, on the real oss2 SDK.

Facts: `oss.md` sections 2 to 4 and 8, `sdk-wire.md` part B. oss2 never retries, so reads are
retried here; writes are retried only where repeating them cannot change the outcome.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.credentials import OssCredentialsProvider
from translation_pipeline.errors import (
    AccessRefused,
    BucketUnusable,
    ObjectMissing,
    StorageAway,
    StorageError,
)

if TYPE_CHECKING:
    from translation_pipeline.settings import Settings

LIST_PAGE = 1000  # keys, the most that one ListObjectsV2 call returns
RETRIES = 4
FIRST_RETRY_WAIT_S = 0.2
PART_SIZE = 8 * 1024 * 1024  # bytes
PARTS_AT_ONCE = 4
READ_SIZE = 1024 * 1024  # bytes
CONNECTIONS = 32  # kept alive per process
ENDPOINT = re.compile(r"oss-(?P<region>.+?)(?:-internal)?\.aliyuncs\.com")

T = TypeVar("T")


class ListedObject(NamedTuple):
    """One line of a listing; `etag` is opaque, `last_modified` is unix time in seconds."""

    key: str
    size: int
    etag: str
    last_modified: int


@dataclass(frozen=True, slots=True)
class ListedPage:
    """Up to `LIST_PAGE` objects and folders of a listing; placeholders of folders are left out.

    `last` is where a listing starts after to go on behind this page, "" for an empty page.
    """

    objects: tuple[ListedObject, ...]
    folders: tuple[str, ...]
    last: str
    is_last: bool


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """What a HEAD tells. `crc64` is the content's CRC-64 as decimal text, None if absent."""

    size: int
    etag: str
    crc64: str | None
    last_modified: int


class Storage:
    """The buckets of one account in one region. Safe to share between threads."""

    def __init__(self, endpoint: str, region: str, signed_url_s: int = 3600) -> None:
        self.endpoint = endpoint
        self.region = region
        self.signed_url_s = signed_url_s
        self._buckets: dict[str, Any] = {}
        self._lock = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> Storage:
        """The storage that the settings name."""
        return cls(settings.oss_endpoint, settings.region, settings.signed_url_s)

    @cached_property
    def _auth(self) -> Any:
        import oss2

        return oss2.ProviderAuthV4(OssCredentialsProvider())

    def _bucket(self, name: str) -> Any:
        import oss2

        with self._lock:
            if name not in self._buckets:
                self._buckets[name] = oss2.Bucket(
                    self._auth, self.endpoint, name, session=self._session(), region=self.region
                )
            return self._buckets[name]

    def _session(self) -> Any:
        """Connections that read proxies and certificates from the environment once: for each
        request anew, that is a third of its processor time."""
        import oss2

        session = oss2.Session(pool_size=CONNECTIONS)
        requests = session.session
        found = requests.merge_environment_settings(self.endpoint, {}, None, None, None)
        requests.proxies, requests.verify = found["proxies"], found["verify"]
        requests.trust_env = False
        return session

    def require_bucket(self, bucket: str) -> None:
        """Raise `BucketUnusable` unless the bucket is there and in our region."""
        info = self._read(
            f"look at bucket {bucket}", lambda: self._bucket(bucket).get_bucket_info()
        )
        region = str(info.location).removeprefix("oss-")
        if region != self.region:
            raise BucketUnusable(self._elsewhere(f"use bucket {bucket}", region))

    def list(self, bucket: str, prefix: str = "", start_after: str = "") -> Iterator[ListedObject]:
        """Objects under a prefix in byte order of keys; folder placeholders are left out."""
        for page in self.pages(bucket, prefix, start_after):
            yield from page.objects

    def pages(
        self, bucket: str, prefix: str = "", start_after: str = "", delimiter: str = ""
    ) -> Iterator[ListedPage]:
        """The pages of a listing; the next one is fetched while this one is worked on.

        With a delimiter, keys that have it behind the prefix are folded into `folders`.
        """
        fetch = partial(self._page, bucket, prefix, start_after, delimiter)
        found = fetch("")
        if not found.is_truncated:
            yield _listed_page(found)
            return
        with ThreadPoolExecutor(1) as ahead:
            while found.is_truncated:
                following = ahead.submit(fetch, found.next_continuation_token)
                yield _listed_page(found)
                found = following.result()
        yield _listed_page(found)

    def _page(self, bucket: str, prefix: str, start_after: str, delimiter: str, token: str) -> Any:
        return self._read(
            f"list oss://{bucket}/{prefix}",
            lambda: self._bucket(bucket).list_objects_v2(
                prefix=prefix,
                delimiter=delimiter,
                start_after=start_after,
                continuation_token=token,
                max_keys=LIST_PAGE,
            ),
        )

    def head(self, address: ObjectAddress) -> ObjectHead | None:
        """Size, etag and checksum, or None when there is no such object."""
        try:
            found = self._read(
                f"read {address.to_oss()}",
                lambda: self._bucket(address.bucket).head_object(address.key),
            )
        except ObjectMissing:
            return None
        crc64 = found.server_crc
        return ObjectHead(
            size=found.content_length,
            etag=found.etag,
            crc64=None if crc64 is None else str(crc64),
            last_modified=found.last_modified or 0,
        )

    def get(self, address: ObjectAddress) -> bytes:
        """The whole object; raises `ObjectMissing`."""
        return self._read(
            f"read {address.to_oss()}",
            lambda: bytes(self._bucket(address.bucket).get_object(address.key).read()),
        )

    def put(self, address: ObjectAddress, data: bytes) -> None:
        """Write whole; repeating it is harmless because the content is the same."""
        self._read(
            f"write {address.to_oss()}",
            lambda: self._bucket(address.bucket).put_object(address.key, data),
        )

    def put_if_absent(self, address: ObjectAddress, data: bytes) -> bool:
        """Write unless the key exists (oss.md section 4); False when it was there already."""
        import oss2

        headers = {"x-oss-forbid-overwrite": "true"}
        try:
            self._read(
                f"write {address.to_oss()}",
                lambda: self._bucket(address.bucket).put_object(address.key, data, headers=headers),
            )
        except StorageError as error:
            cause = error.__cause__
            if isinstance(cause, oss2.exceptions.ServerError) and cause.code == "FileAlreadyExists":
                return False
            raise
        return True

    def copy(self, source: ObjectAddress, target: ObjectAddress) -> None:
        """Copy on the server, whole or not at all."""
        self._read(
            f"copy {source.to_oss()} to {target.to_oss()}",
            lambda: self._bucket(target.bucket).copy_object(source.bucket, source.key, target.key),
        )

    def delete(self, address: ObjectAddress) -> None:
        """Remove an object; one that is absent already is as good."""
        self._read(
            f"delete {address.to_oss()}",
            lambda: self._bucket(address.bucket).delete_object(address.key),
        )

    def upload_file(
        self,
        path: Path,
        address: ObjectAddress,
        progress: Callable[[int, int | None], None] | None = None,
        checkpoints: Path | None = None,
    ) -> None:
        """Upload a file whole; large ones in parts. `progress(sent_bytes, total_bytes)`.

        In the folder `checkpoints` lies what was begun: after a break the parts that arrived are
        not sent again. None takes oss2's own folder, in the user's home.
        """
        import oss2

        store = checkpoints and oss2.ResumableStore(str(checkpoints.parent), checkpoints.name)

        self._read(
            f"upload {path} to {address.to_oss()}",
            lambda: oss2.resumable_upload(
                self._bucket(address.bucket),
                address.key,
                str(path),
                store=store,
                multipart_threshold=4 * PART_SIZE,
                part_size=PART_SIZE,
                num_threads=PARTS_AT_ONCE,
                progress_callback=progress,
            ),
        )

    def download_file(self, address: ObjectAddress, path: Path) -> None:
        """Download to a file; raises `ObjectMissing`."""
        self._read(
            f"read {address.to_oss()}",
            lambda: self._bucket(address.bucket).get_object_to_file(address.key, str(path)),
        )

    def signed_url(self, address: ObjectAddress) -> str:
        """A GET address that works without keys for `signed_url_s` seconds: treat as secret."""
        url: str = self._bucket(address.bucket).sign_url(
            "GET", address.key, self.signed_url_s, slash_safe=True
        )
        return url

    def public(self) -> Storage:
        """The same storage by the host that is reached from everywhere, not only from inside
        Alibaba Cloud: what links for people must name."""
        endpoint = self.endpoint.replace("-internal.aliyuncs.com", ".aliyuncs.com")
        return Storage(endpoint, self.region, self.signed_url_s)

    def create_bucket(self, bucket: str) -> None:
        """Make a bucket; one that is ours already is left as it is."""
        self._read(f"create bucket {bucket}", lambda: self._bucket(bucket).create_bucket())

    def _read(self, what: str, call: Callable[[], T]) -> T:
        """Run a call that may be repeated; oss2's errors become ours."""
        import oss2

        wait_s = FIRST_RETRY_WAIT_S
        for attempt in range(1, RETRIES + 1):
            try:
                return call()
            except oss2.exceptions.NoSuchBucket as error:
                raise BucketUnusable(
                    f"Cannot {what}: there is no such bucket in this account. Make it in "
                    f"{self.region}, or correct its name."
                ) from error
            except (oss2.exceptions.NoSuchKey, oss2.exceptions.NotFound) as error:
                raise ObjectMissing(f"Cannot {what}: there is no such object.") from error
            except oss2.exceptions.OssError as error:
                transient = error.status < 0 or error.status >= 500
                if not transient or attempt == RETRIES:
                    raise self._refusal(what, error, transient) from error
            time.sleep(wait_s)
            wait_s *= 2
        raise AssertionError("unreachable")

    def _refusal(self, what: str, error: Any, transient: bool) -> StorageError:
        details = error.details if isinstance(error.details, dict) else {}
        answers_at = ENDPOINT.match(details.get("Endpoint", ""))
        said = (
            f"Cannot {what}: {error.code or type(error).__name__} "
            f"{error.message or error.details} (request {error.request_id})"
        )
        if transient:
            return StorageAway(said)
        if error.code == "AccessDenied" and answers_at:
            return BucketUnusable(self._elsewhere(what, answers_at["region"]))
        if error.code == "AccessDenied":
            return AccessRefused(f"{said}. Grant the right that docs/ram-policy.md names for it.")
        if error.code == "InvalidArgument" and "signing region" in str(error.message):
            return BucketUnusable(
                f"Cannot {what}: {self.endpoint} is not in region {self.region}. Make "
                "TRANSLATION_PIPELINE_REGION and TRANSLATION_PIPELINE_OSS_ENDPOINT agree."
            )
        return StorageError(said)

    def _elsewhere(self, what: str, region: str) -> str:
        return (
            f"Cannot {what}: the bucket is in region {region}, but TRANSLATION_PIPELINE_REGION is "
            f"{self.region}. Set it to {region} (if IMS is there), or take a bucket in "
            f"{self.region}: IMS reads and writes in its own region only."
        )


def file_crc64(path: Path) -> str:
    """The CRC-64 of a file's content as OSS writes it. Raises `OSError`."""
    import oss2

    checksum = oss2.utils.Crc64()
    with path.open("rb") as file:
        while piece := file.read(READ_SIZE):
            checksum.update(piece)
    return str(checksum.crc)


def _listed_page(found: Any) -> ListedPage:
    listed = found.object_list
    folders = tuple(found.prefix_list)
    last = max(listed[-1].key if listed else "", folders[-1] if folders else "")
    objects = tuple(
        ListedObject(item.key, item.size, item.etag, item.last_modified)
        for item in listed
        if not item.key.endswith("/")
    )
    return ListedPage(objects, folders, last, not found.is_truncated)
