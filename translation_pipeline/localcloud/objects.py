"""Buckets and objects on disk: what OSS stores, without its wire format.

The bytes are immutable blobs (`blobs.py`), the keys are rows (`index.py`), and an object exists
from the moment its row is committed: a reader sees the old object or the new one, whole.
"""

from __future__ import annotations

import json
import mimetypes
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from translation_pipeline.localcloud.blobs import Blob, BlobFolder, BlobWriter, read_chunks
from translation_pipeline.localcloud.index import (
    Index,
    abandon,
    blobs_at,
    entries,
    first_key,
    now_ms,
    time_of,
)
from translation_pipeline.localcloud.oss_errors import OssError

DEFAULT_CONTENT_TYPE = "application/octet-stream"
MAX_KEY_BYTES = 1023
MAX_LIST_KEYS = 1000

_BUCKET_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]")


@dataclass(frozen=True)
class Attributes:
    """What a writer says about an object: `metadata` without the x-oss-meta- of its headers,
    and the `http_headers` (lower-case names) that are repeated to every reader."""

    content_type: str = DEFAULT_CONTENT_TYPE
    metadata: Mapping[str, str] = field(default_factory=dict)
    http_headers: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """The text that is kept in the index."""
        return json.dumps(
            {
                "content_type": self.content_type,
                "metadata": dict(self.metadata),
                "http_headers": dict(self.http_headers),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Attributes:
        """What `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class StoredObject:
    """An object as it is now. `etag` is upper-case hex without quotes, `crc64` (ECMA-182) a
    decimal text, `type` is Normal or Multipart, `path` the immutable file with its bytes."""

    bucket: str
    key: str
    size: int
    etag: str
    crc64: str
    type: str
    last_modified: datetime
    attributes: Attributes
    path: Path

    @property
    def content_type(self) -> str:
        """The media type that the writer gave."""
        return self.attributes.content_type

    @property
    def metadata(self) -> Mapping[str, str]:
        """The user metadata, names without x-oss-meta-."""
        return self.attributes.metadata


@dataclass(frozen=True, slots=True)
class ListedObject:
    """What a listing tells of an object: less than there is, since listings are long."""

    key: str
    size: int
    etag: str
    type: str
    last_modified: datetime


@dataclass(frozen=True)
class ListPage:
    """Part of a listing in byte order; `next_cursor` is where the next page begins, or None."""

    objects: tuple[ListedObject, ...]
    prefixes: tuple[str, ...]
    next_cursor: bytes | None


@dataclass(frozen=True)
class Bucket:
    """A bucket and when it was made."""

    name: str
    created: datetime


class ObjectStore:
    """The buckets in one folder. Safe to share between threads; one process at a time."""

    def __init__(self, root: Path) -> None:
        """Open or create the store; raises FolderInUseError when another process has it."""
        self.index = Index(root)
        self.blobs = BlobFolder(root / "blobs")
        with self.index.reading() as rows:
            left_over = [row["blob"] for row in rows.execute("SELECT blob FROM unreferenced")]
        self.discard(left_over)

    def close(self) -> None:
        """Close the index; the store cannot be used after that."""
        self.index.close()

    # Buckets

    def create_bucket(self, name: str) -> None:
        """Make a bucket; one that exists stays as it is. Raises OssError InvalidBucketName."""
        if not _BUCKET_NAME.fullmatch(name):
            raise OssError("InvalidBucketName", f"The bucket name {name!r} is not valid.")
        with self.index.transaction() as rows:
            rows.execute("INSERT OR IGNORE INTO buckets VALUES (?, ?)", (name, now_ms()))

    def delete_bucket(self, name: str) -> None:
        """Remove an empty bucket. Raises OssError NoSuchBucket, BucketNotEmpty."""
        self.bucket(name)
        with self.index.transaction() as rows:
            for table in ("objects", "uploads"):
                used = f"SELECT 1 FROM {table} WHERE bucket = ? LIMIT 1"  # noqa: S608 - constants
                if rows.execute(used, (name,)).fetchone():
                    raise OssError("BucketNotEmpty")
            rows.execute("DELETE FROM buckets WHERE name = ?", (name,))

    def bucket_exists(self, name: str) -> bool:
        """Whether the bucket was created."""
        with self.index.reading() as rows:
            found = rows.execute("SELECT 1 FROM buckets WHERE name = ?", (name,)).fetchone()
        return found is not None

    def bucket(self, name: str) -> Bucket:
        """The bucket of that name. Raises OssError NoSuchBucket."""
        for bucket in self.buckets():
            if bucket.name == name:
                return bucket
        raise OssError("NoSuchBucket")

    def buckets(self) -> tuple[Bucket, ...]:
        """All buckets, by name."""
        with self.index.reading() as rows:
            found = rows.execute("SELECT name, created_ms FROM buckets ORDER BY name").fetchall()
        return tuple(Bucket(row["name"], time_of(row["created_ms"])) for row in found)

    # Reading

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """The object at a key, or None. Raises OssError NoSuchBucket."""
        with self.index.reading() as rows:
            row = rows.execute(
                "SELECT * FROM objects WHERE bucket = ? AND key = ?", (bucket, key.encode())
            ).fetchone()
        if row is None:
            self.require_bucket(bucket)
            return None
        return self._stored(row)

    def open(self, bucket: str, key: str) -> tuple[StoredObject, BinaryIO]:
        """An object with its opened bytes, which stay readable whatever happens to the key.

        Raises OssError NoSuchBucket, NoSuchKey.
        """
        while True:
            stored = self.head(bucket, key)
            if stored is None:
                raise OssError("NoSuchKey")
            with suppress(FileNotFoundError):  # Replaced since the look-up: look again.
                return stored, stored.path.open("rb")

    def list(
        self,
        bucket: str,
        prefix: str = "",
        delimiter: str = "",
        start_after: str = "",
        max_keys: int = MAX_LIST_KEYS,
        cursor: bytes | None = None,
    ) -> ListPage:
        """One page of keys and folded prefixes, `max_keys` together, in byte order.

        `cursor` continues where an earlier page ended, and then `start_after` is ignored
        (oss.md section 3). Raises OssError NoSuchBucket.
        """
        self.require_bucket(bucket)
        low = prefix.encode()
        if cursor is not None:
            low = max(low, cursor)
        elif start_after:
            low = max(low, start_after.encode() + b"\x00")
        with self.index.reading() as rows:
            found = list(islice(entries(rows, bucket, prefix, delimiter, low), max_keys + 1))
        shown = found[:max_keys]
        return ListPage(
            tuple(_listed(entry) for entry in shown if isinstance(entry, sqlite3.Row)),
            tuple(entry.decode() for entry in shown if isinstance(entry, bytes)),
            first_key(found[-1]) if len(found) > max_keys else None,
        )

    def require_bucket(self, name: str) -> None:
        """Raise OssError NoSuchBucket unless the bucket exists."""
        if not self.bucket_exists(name):
            raise OssError("NoSuchBucket")

    # Writing

    def _reserve(self) -> str:
        """A name for a new blob; `discard` removes its file unless it was placed."""
        name = self.blobs.new_name()
        with self.index.transaction() as rows:
            rows.execute("INSERT INTO unreferenced VALUES (?)", (name,))
        return name

    def discard(self, names: Iterable[str]) -> None:
        """Remove those of the named blobs that belong to no object and no part."""
        listed = "SELECT 1 FROM unreferenced WHERE blob = ?"
        with self.index.reading() as rows:
            unused = [name for name in names if rows.execute(listed, (name,)).fetchone()]
        if not unused:
            return
        for name in unused:
            self.blobs.remove(name)
        with self.index.transaction() as rows:
            rows.executemany("DELETE FROM unreferenced WHERE blob = ?", [(n,) for n in unused])

    @contextmanager
    def writer(self) -> Iterator[BlobWriter]:
        """Writes a blob; what was not placed by `commit` is removed at the end."""
        writer = BlobWriter(self.blobs.path(self._reserve()))
        try:
            yield writer
        finally:
            writer.close()
            self.discard([writer.path.name])

    def commit(
        self,
        blob: Blob,
        bucket: str,
        key: str,
        attributes: Attributes,
        *,
        forbid_overwrite: bool = False,
    ) -> StoredObject:
        """Make the bytes of a writer the object at a key.

        Raises OssError NoSuchBucket, InvalidObjectName, FileAlreadyExists.
        """
        stored = StoredObject(
            bucket=bucket,
            key=key,
            size=blob.size,
            etag=blob.md5,
            crc64=str(blob.crc64),
            type="Normal",
            last_modified=time_of(now_ms()),
            attributes=attributes,
            path=blob.path,
        )
        self._place(stored, forbid_overwrite)
        return stored

    def put_file(
        self,
        bucket: str,
        key: str,
        path: Path,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        forbid_overwrite: bool = False,
    ) -> StoredObject:
        """Copy a file in; the media type is guessed from the key when not given.

        Raises OssError as `commit` does, and OSError when the file cannot be read.
        """
        with path.open("rb") as source:
            return self._put(
                read_chunks(source), bucket, key, content_type, metadata, forbid_overwrite
            )

    def put_bytes(
        self,
        bucket: str,
        key: str,
        content: bytes,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        forbid_overwrite: bool = False,
    ) -> StoredObject:
        """Store bytes as `put_file` stores a file."""
        return self._put([content], bucket, key, content_type, metadata, forbid_overwrite)

    def copy(
        self,
        source: tuple[str, str],
        target: tuple[str, str],
        *,
        attributes: Attributes | None = None,
        forbid_overwrite: bool = False,
        check: Callable[[StoredObject], None] = lambda stored: None,
    ) -> StoredObject:
        """Copy from one (bucket, key) to another; the bytes are shared where links exist.

        `attributes` replace those of the source; `check` may refuse the source by raising.
        Raises OssError NoSuchBucket, NoSuchKey, InvalidObjectName, FileAlreadyExists.
        """
        while True:
            stored = self.head(*source)
            if stored is None:
                raise OssError("NoSuchKey")
            check(stored)
            name = self._reserve()
            try:
                self.blobs.link(stored.path, name)
            except FileNotFoundError:  # The source was replaced since: look again.
                self.discard([name])
                continue
            copied = replace(
                stored,
                bucket=target[0],
                key=target[1],
                last_modified=time_of(now_ms()),
                attributes=attributes or stored.attributes,
                path=self.blobs.path(name),
            )
            try:
                self._place(copied, forbid_overwrite)
            finally:
                self.discard([name])
            return copied

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object; absent ones are no error. Raises OssError NoSuchBucket."""
        self.require_bucket(bucket)
        with self.index.transaction() as rows:
            at = (bucket, key.encode())
            names = blobs_at(rows, at)
            rows.execute("DELETE FROM objects WHERE bucket = ? AND key = ?", at)
            abandon(rows, names)
        self.discard(names)

    def _put(
        self,
        chunks: Iterable[bytes],
        bucket: str,
        key: str,
        content_type: str | None,
        metadata: Mapping[str, str] | None,
        forbid_overwrite: bool,
    ) -> StoredObject:
        guessed = content_type or mimetypes.guess_type(key)[0] or DEFAULT_CONTENT_TYPE
        with self.writer() as writer:
            for chunk in chunks:
                writer.write(chunk)
            return self.commit(
                writer.finish(),
                bucket,
                key,
                Attributes(guessed, metadata or {}),
                forbid_overwrite=forbid_overwrite,
            )

    def _place(self, stored: StoredObject, forbid_overwrite: bool) -> None:
        with self.index.transaction() as rows:
            replaced = place(rows, stored, forbid_overwrite=forbid_overwrite)
        self.discard(replaced)

    def _stored(self, row: sqlite3.Row) -> StoredObject:
        return StoredObject(
            bucket=row["bucket"],
            key=row["key"].decode(),
            size=row["size"],
            etag=row["etag"],
            crc64=row["crc64"],
            type=row["type"],
            last_modified=time_of(row["modified_ms"]),
            attributes=Attributes.from_json(row["attributes"]),
            path=self.blobs.path(row["blob"]),
        )


def _listed(row: sqlite3.Row) -> ListedObject:
    key, size, etag, kind, modified_ms = row
    return ListedObject(key.decode(), size, etag, kind, time_of(modified_ms))


def place(rows: sqlite3.Connection, stored: StoredObject, *, forbid_overwrite: bool) -> list[str]:
    """Write the row of an object; the names of the blobs that it replaces, now unreferenced.

    Raises OssError NoSuchBucket, InvalidObjectName, FileAlreadyExists.
    """
    key = stored.key.encode()
    if not 1 <= len(key) <= MAX_KEY_BYTES or key.startswith((b"/", b"\\")):
        raise OssError("InvalidObjectName")
    if not rows.execute("SELECT 1 FROM buckets WHERE name = ?", (stored.bucket,)).fetchone():
        raise OssError("NoSuchBucket")
    replaced = blobs_at(rows, (stored.bucket, key))
    if replaced and forbid_overwrite:
        raise OssError("FileAlreadyExists")
    rows.execute(
        "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            stored.bucket,
            key,
            stored.path.name,
            stored.size,
            stored.etag,
            stored.crc64,
            stored.type,
            round(stored.last_modified.timestamp() * 1000),
            stored.attributes.to_json(),
        ),
    )
    rows.execute("DELETE FROM unreferenced WHERE blob = ?", (stored.path.name,))
    abandon(rows, replaced)
    return replaced
