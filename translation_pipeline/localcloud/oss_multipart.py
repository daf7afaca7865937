"""The OSS operations of multipart uploads (oss.md section 2, sdk-wire.md B2)."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from functools import partial

from anyio.to_thread import run_sync
from starlette.responses import Response

from translation_pipeline.localcloud.blobs import read_chunks
from translation_pipeline.localcloud.oss_buckets import text_encoder, xml_response
from translation_pipeline.localcloud.oss_call import Call
from translation_pipeline.localcloud.oss_errors import OssError
from translation_pipeline.localcloud.oss_headers import (
    COPY_SOURCE,
    attributes_of,
    byte_range,
    check_conditions,
    forbids_overwrite,
)
from translation_pipeline.localcloud.oss_objects import copy_source
from translation_pipeline.localcloud.oss_xml import Element, iso_time, parsed
from translation_pipeline.localcloud.uploads import MAX_PART_NUMBER, Part, Upload

MAX_LISTED = 1000


async def initiate_upload(call: Call) -> Response:
    """InitiateMultipartUpload."""
    await call.document()
    initiate = partial(call.uploads.initiate, forbid_overwrite=forbids_overwrite(call.headers))
    upload = await run_sync(initiate, call.bucket, call.key, attributes_of(call.headers))
    return xml_response(
        "InitiateMultipartUploadResult", [*_names(call), ("UploadId", upload.upload_id)]
    )


async def upload_part(call: Call) -> Response:
    """UploadPart."""
    number = _part_number(call)
    upload = await _upload(call)
    async with call.received() as blob:
        part = await run_sync(call.uploads.put_part, upload, number, blob)
    return Response(headers=_checksums(part))


async def upload_part_copy(call: Call) -> Response:
    """UploadPartCopy."""
    upload = await _upload(call)
    part = await run_sync(_copied_part, call, upload, _part_number(call), copy_source(call))
    response = xml_response(
        "CopyPartResult",
        [("LastModified", iso_time(part.last_modified)), ("ETag", f'"{part.etag}"')],
    )
    response.headers.update(_checksums(part))
    return response


async def list_parts(call: Call) -> Response:
    """ListParts."""
    names = _names(call)
    limit = call.number("max-parts", default=MAX_LISTED, least=1, most=MAX_LISTED)
    marker = call.number("part-number-marker", default=0, least=0, most=MAX_PART_NUMBER)
    upload = await _upload(call)
    parts = await run_sync(call.uploads.parts, upload, marker, limit + 1)
    shown = parts[:limit]
    content: list[Element] = [
        *names,
        ("UploadId", upload.upload_id),
        ("PartNumberMarker", marker),
        ("NextPartNumberMarker", shown[-1].number if shown else marker),
        ("MaxParts", limit),
        ("IsTruncated", "true" if len(parts) > limit else "false"),
    ]
    content += [("Part", _part(part)) for part in shown]
    return xml_response("ListPartsResult", content)


async def complete_upload(call: Call) -> Response:
    """CompleteMultipartUpload: goes on to its end when the caller hangs up."""
    names = _names(call)
    root = parsed(await call.document(), "CompleteMultipartUpload")
    wanted = [_wanted_part(node) for node in root.iterfind("{*}Part")]
    upload = await _upload(call)
    complete = partial(call.uploads.complete, forbid_overwrite=forbids_overwrite(call.headers))
    stored = await run_sync(complete, upload, wanted)
    host = call.headers.get("host", "")
    response = xml_response(
        "CompleteMultipartUploadResult",
        [("Location", f"http://{host}/{call.bucket}"), *names, ("ETag", f'"{stored.etag}"')],
    )
    response.headers["etag"] = f'"{stored.etag}"'
    response.headers["x-oss-hash-crc64ecma"] = stored.crc64
    return response


async def abort_upload(call: Call) -> Response:
    """AbortMultipartUpload."""
    await run_sync(call.uploads.abort, await _upload(call))
    return Response(status_code=204)


async def list_uploads(call: Call) -> Response:
    """ListMultipartUploads, without folding by a delimiter."""
    encode = text_encoder(call)
    asked = call.parameters
    if asked.get("delimiter"):
        raise OssError("NotImplemented", "Uploads are listed here without a delimiter only.")
    limit = call.number("max-uploads", default=MAX_LISTED, least=1, most=MAX_LISTED)
    prefix, marker = asked.get("prefix", ""), asked.get("key-marker", "")
    id_marker = asked.get("upload-id-marker", "")
    page = await run_sync(call.uploads.page, call.bucket, prefix, marker, id_marker, limit)
    last = page.uploads[-1] if page.is_truncated else None
    content: list[Element] = [
        ("Bucket", call.bucket),
        ("EncodingType", asked.get("encoding-type", "")),
        ("Prefix", encode(prefix)),
        ("KeyMarker", encode(marker)),
        ("UploadIdMarker", id_marker),
        ("NextKeyMarker", encode(last.key) if last else ""),
        ("NextUploadIdMarker", last.upload_id if last else ""),
        ("MaxUploads", limit),
        ("IsTruncated", "true" if page.is_truncated else "false"),
    ]
    content += [
        (
            "Upload",
            [
                ("Key", encode(upload.key)),
                ("UploadId", upload.upload_id),
                ("Initiated", iso_time(upload.initiated)),
            ],
        )
        for upload in page.uploads
    ]
    return xml_response("ListMultipartUploadsResult", content)


async def _upload(call: Call) -> Upload:
    upload_id = call.parameters.get("uploadId", "")
    return await run_sync(call.uploads.get, call.bucket, call.key, upload_id)


def _copied_part(call: Call, upload: Upload, number: int, source: tuple[str, str]) -> Part:
    stored, file = call.store.open(*source)
    with file, call.store.writer() as writer:
        check_conditions(call.headers, stored, f"{COPY_SOURCE}-")
        asked = {"range": call.headers.get(f"{COPY_SOURCE}-range", "")}
        wanted = byte_range(asked | {"x-oss-range-behavior": "standard"}, stored.size)
        if wanted:
            file.seek(wanted.start)
        for chunk in read_chunks(file, wanted.length if wanted else None):
            writer.write(chunk)
        return call.uploads.put_part(upload, number, writer.finish())


def _part_number(call: Call) -> int:
    return call.number("partNumber", default=None, least=1, most=MAX_PART_NUMBER)


def _wanted_part(node: ElementTree.Element) -> tuple[int, str]:
    number = (node.findtext("{*}PartNumber") or "").strip()
    if not number.isdecimal():
        raise OssError("MalformedXML", f"{number!r} is not a PartNumber.")
    return int(number), (node.findtext("{*}ETag") or "").strip()


def _names(call: Call) -> list[Element]:
    encode = text_encoder(call)
    names: list[Element] = [("Bucket", call.bucket), ("Key", encode(call.key))]
    if call.parameters.get("encoding-type"):
        names.insert(0, ("EncodingType", call.parameters["encoding-type"]))
    return names


def _part(part: Part) -> list[Element]:
    return [
        ("PartNumber", part.number),
        ("LastModified", iso_time(part.last_modified)),
        ("ETag", f'"{part.etag}"'),
        ("HashCrc64ecma", part.crc64),
        ("Size", part.size),
    ]


def _checksums(part: Part) -> dict[str, str]:
    return {"etag": f'"{part.etag}"', "x-oss-hash-crc64ecma": part.crc64}
