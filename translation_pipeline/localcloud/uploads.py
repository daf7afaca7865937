"""Multipart uploads: parts that wait on disk until they become one object (oss.md section 2)."""

from __future__ import annotations

import hashlib
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from translation_pipeline.localcloud.blobs import Blob, BlobWriter, read_chunks
from translation_pipeline.localcloud.index import BEYOND_ANY_KEY, abandon, now_ms, time_of
from translation_pipeline.localcloud.objects import (
    Attributes,
    ObjectStore,
    StoredObject,
    place,
)
from translation_pipeline.localcloud.oss_errors import OssError

MAX_PART_NUMBER = 10_000
MIN_PART_BYTES = 100 * 1024  # The last part may be smaller.


@dataclass(frozen=True)
class Upload:
    """An upload that was begun and neither completed nor aborted."""

    bucket: str
    key: str
    upload_id: str
    initiated: datetime
    attributes: Attributes
    forbid_overwrite: bool


@dataclass(frozen=True)
class Part:
    """A part that has arrived; `etag` is the upper-case MD5 of its bytes."""

    number: int
    size: int
    etag: str
    crc64: str
    last_modified: datetime
    path: Path


@dataclass(frozen=True)
class UploadPage:
    """Some of the open uploads of a bucket, by key and then by id."""

    uploads: tuple[Upload, ...]
    is_truncated: bool


class UploadStore:
    """The open uploads of an object store; they survive a restart as objects do."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def initiate(
        self, bucket: str, key: str, attributes: Attributes, *, forbid_overwrite: bool
    ) -> Upload:
        """Begin an upload. Raises OssError NoSuchBucket, FileAlreadyExists."""
        if self._store.head(bucket, key) is not None and forbid_overwrite:
            raise OssError("FileAlreadyExists")
        upload_id = uuid.uuid4().hex.upper()
        upload = Upload(bucket, key, upload_id, time_of(now_ms()), attributes, forbid_overwrite)
        row = (
            bucket,
            key.encode(),
            upload_id,
            _milliseconds(upload.initiated),
            attributes.to_json(),
            forbid_overwrite,
        )
        with self._store.index.transaction() as rows:
            rows.execute("INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?)", row)
        return upload

    def get(self, bucket: str, key: str, upload_id: str) -> Upload:
        """The open upload of that id. Raises OssError NoSuchBucket, NoSuchUpload."""
        self._store.require_bucket(bucket)
        with self._store.index.reading() as rows:
            row = rows.execute(
                "SELECT * FROM uploads WHERE bucket = ? AND key = ? AND id = ?",
                (bucket, key.encode(), upload_id),
            ).fetchone()
        if row is None:
            raise OssError("NoSuchUpload")
        return _upload(row)

    def page(
        self, bucket: str, prefix: str, key_marker: str, id_marker: str, limit: int
    ) -> UploadPage:
        """Open uploads after a marker. Raises OssError NoSuchBucket."""
        self._store.require_bucket(bucket)
        with self._store.index.reading() as rows:
            found = rows.execute(
                "SELECT * FROM uploads WHERE bucket = ? AND key >= ? AND key < ?"
                " AND (key > ? OR key = ? AND id > ?) ORDER BY key, id LIMIT ?",
                (
                    bucket,
                    prefix.encode(),
                    prefix.encode() + BEYOND_ANY_KEY,
                    key_marker.encode(),
                    key_marker.encode(),
                    # Without an id all uploads of the marked key are passed over.
                    id_marker or "\U0010ffff",
                    limit + 1,
                ),
            ).fetchall()
        return UploadPage(tuple(_upload(row) for row in found[:limit]), len(found) > limit)

    def put_part(self, upload: Upload, number: int, blob: Blob) -> Part:
        """Make the bytes of a writer a part; an earlier one of that number is replaced.

        Raises OssError NoSuchUpload when the upload ended meanwhile.
        """
        part = Part(number, blob.size, blob.md5, str(blob.crc64), time_of(now_ms()), blob.path)
        row = (
            upload.upload_id,
            number,
            blob.path.name,
            part.size,
            part.etag,
            part.crc64,
            _milliseconds(part.last_modified),
        )
        with self._store.index.transaction() as rows:
            _require_open(rows, upload)
            replaced = _take_parts(rows, upload, number)
            rows.execute("INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            rows.execute("DELETE FROM unreferenced WHERE blob = ?", (blob.path.name,))
        self._store.discard(replaced)
        return part

    def parts(self, upload: Upload, after: int = 0, limit: int = MAX_PART_NUMBER) -> list[Part]:
        """The parts with numbers above `after`, in order."""
        with self._store.index.reading() as rows:
            found = rows.execute(
                "SELECT * FROM parts WHERE upload_id = ? AND number > ? ORDER BY number LIMIT ?",
                (upload.upload_id, after, limit),
            ).fetchall()
        return [
            Part(
                number=row["number"],
                size=row["size"],
                etag=row["etag"],
                crc64=row["crc64"],
                last_modified=time_of(row["modified_ms"]),
                path=self._store.blobs.path(row["blob"]),
            )
            for row in found
        ]

    def complete(
        self, upload: Upload, wanted: Sequence[tuple[int, str]], *, forbid_overwrite: bool
    ) -> StoredObject:
        """Join the parts with these numbers and ETags to one object and end the upload.

        Raises OssError InvalidPartOrder, InvalidPart, EntityTooSmall, FileAlreadyExists, and
        NoSuchUpload when the upload ended meanwhile.
        """
        chosen = _chosen(self.parts(upload), wanted)
        with self._store.writer() as writer:
            _join(chosen, writer)
            blob = writer.finish()
            stored = StoredObject(
                bucket=upload.bucket,
                key=upload.key,
                size=blob.size,
                etag=_joined_etag(chosen),
                crc64=str(blob.crc64),
                type="Multipart",
                last_modified=time_of(now_ms()),
                attributes=upload.attributes,
                path=blob.path,
            )
            forbidden = forbid_overwrite or upload.forbid_overwrite
            with self._store.index.transaction() as rows:
                _require_open(rows, upload)
                unused = place(rows, stored, forbid_overwrite=forbidden)
                unused += _end(rows, upload)
        self._store.discard(unused)
        return stored

    def abort(self, upload: Upload) -> None:
        """End an upload and remove its parts. Raises OssError NoSuchUpload."""
        with self._store.index.transaction() as rows:
            _require_open(rows, upload)
            unused = _end(rows, upload)
        self._store.discard(unused)


def _chosen(parts: list[Part], wanted: Sequence[tuple[int, str]]) -> list[Part]:
    numbers = [number for number, _ in wanted]
    if numbers != sorted(set(numbers)):
        raise OssError("InvalidPartOrder")
    arrived = {(part.number, part.etag): part for part in parts}
    chosen = [arrived.get((number, etag.strip('"').upper())) for number, etag in wanted]
    found = [part for part in chosen if part is not None]
    if not found or len(found) < len(wanted):
        raise OssError("InvalidPart")
    if any(part.size < MIN_PART_BYTES for part in found[:-1]):
        raise OssError("EntityTooSmall")
    return found


def _join(parts: list[Part], writer: BlobWriter) -> None:
    try:
        for part in parts:
            with part.path.open("rb") as file:
                for chunk in read_chunks(file):
                    writer.write(chunk)
    except FileNotFoundError:  # The upload was ended, or the part sent again, while we read.
        raise OssError("InvalidPart") from None


def _joined_etag(parts: list[Part]) -> str:
    digests = b"".join(bytes.fromhex(part.etag) for part in parts)
    digest = hashlib.md5(digests, usedforsecurity=False).hexdigest().upper()
    return f"{digest}-{len(parts)}"


def _require_open(rows: sqlite3.Connection, upload: Upload) -> None:
    key = (upload.bucket, upload.key.encode(), upload.upload_id)
    found = "SELECT 1 FROM uploads WHERE bucket = ? AND key = ? AND id = ?"
    if rows.execute(found, key).fetchone() is None:
        raise OssError("NoSuchUpload")


def _end(rows: sqlite3.Connection, upload: Upload) -> list[str]:
    rows.execute(
        "DELETE FROM uploads WHERE bucket = ? AND key = ? AND id = ?",
        (upload.bucket, upload.key.encode(), upload.upload_id),
    )
    return _take_parts(rows, upload, None)


def _take_parts(rows: sqlite3.Connection, upload: Upload, number: int | None) -> list[str]:
    """Remove the rows of one part or of all; the names of their blobs, now unreferenced."""
    which = "upload_id = ? AND number = coalesce(?, number)"
    chosen = (upload.upload_id, number)
    found = rows.execute(f"SELECT blob FROM parts WHERE {which}", chosen)  # noqa: S608
    names = [row["blob"] for row in found.fetchall()]
    rows.execute(f"DELETE FROM parts WHERE {which}", chosen)  # noqa: S608
    abandon(rows, names)
    return names


def _upload(row: sqlite3.Row) -> Upload:
    return Upload(
        bucket=row["bucket"],
        key=row["key"].decode(),
        upload_id=row["id"],
        initiated=time_of(row["initiated_ms"]),
        attributes=Attributes.from_json(row["attributes"]),
        forbid_overwrite=bool(row["forbid_overwrite"]),
    )


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
