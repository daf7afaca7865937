"""The OSS operations on single objects (oss.md section 2)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import BinaryIO
from urllib.parse import unquote

from anyio.to_thread import run_sync
from starlette.responses import Response, StreamingResponse

from translation_pipeline.localcloud.blobs import read_chunks
from translation_pipeline.localcloud.objects import StoredObject
from translation_pipeline.localcloud.oss_call import Call
from translation_pipeline.localcloud.oss_errors import OssError
from translation_pipeline.localcloud.oss_headers import (
    COPY_SOURCE,
    METADATA_PREFIX,
    REPEATED_HEADERS,
    ByteRange,
    attributes_of,
    byte_range,
    check_conditions,
    forbids_overwrite,
    http_date,
)
from translation_pipeline.localcloud.oss_xml import document, iso_time

OVERRIDES = {f"response-{name}": name for name in ("content-type", *REPEATED_HEADERS)}
"""Parameters by which a reader, who has signed them, replaces headers of the answer."""


async def put_object(call: Call) -> Response:
    """PutObject: the whole object or nothing."""
    forbid_overwrite = forbids_overwrite(call.headers)
    existing = await run_sync(call.store.head, call.bucket, call.key)
    if existing and forbid_overwrite:
        raise OssError("FileAlreadyExists")
    async with call.received() as blob:
        commit = partial(call.store.commit, forbid_overwrite=forbid_overwrite)
        attributes = attributes_of(call.headers)
        stored = await run_sync(commit, blob, call.bucket, call.key, attributes)
    return Response(headers=_checksums(stored))


async def get_object(call: Call) -> Response:
    """GetObject, whole or one range."""
    stored, file = await run_sync(call.store.open, call.bucket, call.key)
    try:
        check_conditions(call.headers, stored)
        wanted = byte_range(call.headers, stored.size)
        headers = _described(stored) | _overrides(call)
    except OssError:
        file.close()
        raise
    if wanted is None:
        status, sent = 200, ByteRange(0, stored.size)
    else:
        status, sent = 206, wanted
        last = wanted.start + wanted.length - 1
        headers["content-range"] = f"bytes {wanted.start}-{last}/{stored.size}"
    headers["content-length"] = str(sent.length)
    return StreamingResponse(_content(file, sent), status, headers)


async def head_object(call: Call) -> Response:
    """HeadObject."""
    stored = await _existing(call)
    check_conditions(call.headers, stored)
    return Response(headers=_described(stored) | {"content-length": str(stored.size)})


async def head_object_meta(call: Call) -> Response:
    """GetObjectMeta: ETag, length and time only."""
    stored = await _existing(call)
    return Response(
        headers=_checksums(stored)
        | {
            "content-length": str(stored.size),
            "last-modified": http_date(stored.last_modified),
        }
    )


async def delete_object(call: Call) -> Response:
    """DeleteObject: an absent object is no error."""
    await run_sync(call.store.delete, call.bucket, call.key)
    return Response(status_code=204)


async def copy_object(call: Call) -> Response:
    """CopyObject."""
    replaces = call.headers.get("x-oss-metadata-directive", "COPY").upper() == "REPLACE"
    copy = partial(
        call.store.copy,
        attributes=attributes_of(call.headers) if replaces else None,
        forbid_overwrite=forbids_overwrite(call.headers),
        check=partial(check_conditions, call.headers, prefix=f"{COPY_SOURCE}-"),
    )
    copied = await run_sync(copy, copy_source(call), (call.bucket, call.key))
    body = document(
        "CopyObjectResult",
        [("LastModified", iso_time(copied.last_modified)), ("ETag", f'"{copied.etag}"')],
    )
    return Response(body, headers=_checksums(copied), media_type="application/xml")


def copy_source(call: Call) -> tuple[str, str]:
    """Bucket and key that a copy reads. Raises OssError InvalidArgument."""
    address = unquote(call.headers[COPY_SOURCE].partition("?")[0]).removeprefix("/")
    bucket, _, key = address.partition("/")
    if not bucket or not key:
        raise OssError("InvalidArgument", f"{COPY_SOURCE} must be /bucket/key, percent-encoded.")
    return bucket, key


async def _existing(call: Call) -> StoredObject:
    stored = await run_sync(call.store.head, call.bucket, call.key)
    if stored is None:
        raise OssError("NoSuchKey")
    return stored


async def _content(file: BinaryIO, sent: ByteRange) -> AsyncIterator[bytes]:
    with file:
        file.seek(sent.start)
        chunks = read_chunks(file, sent.length)
        while chunk := await run_sync(next, chunks, b""):
            yield chunk


def _described(stored: StoredObject) -> dict[str, str]:
    metadata = {f"{METADATA_PREFIX}{name}": value for name, value in stored.metadata.items()}
    return (
        dict(stored.attributes.http_headers)
        | metadata
        | _checksums(stored)
        | {
            "accept-ranges": "bytes",
            "content-type": stored.content_type,
            "last-modified": http_date(stored.last_modified),
            "x-oss-object-type": stored.type,
            "x-oss-storage-class": "Standard",
        }
    )


def _checksums(stored: StoredObject) -> dict[str, str]:
    return {"etag": f'"{stored.etag}"', "x-oss-hash-crc64ecma": stored.crc64}


def _overrides(call: Call) -> dict[str, str]:
    wanted = {
        header: call.parameters[parameter]
        for parameter, header in OVERRIDES.items()
        if call.parameters.get(parameter)
    }
    for header, text in wanted.items():
        if not text.isprintable():
            raise OssError("InvalidArgument", f"response-{header} holds control characters.")
        wanted[header] = text.encode("utf-8").decode("latin-1")  # The bytes as they were sent.
    return wanted
