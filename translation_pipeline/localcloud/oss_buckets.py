"""The OSS operations on buckets and on many objects at once (oss.md sections 2 and 3)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from urllib.parse import quote

from anyio.to_thread import run_sync
from starlette.responses import Response

from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.objects import MAX_LIST_KEYS, Bucket, ListedObject
from translation_pipeline.localcloud.oss_call import Call
from translation_pipeline.localcloud.oss_errors import OssError
from translation_pipeline.localcloud.oss_xml import (
    Content,
    Element,
    document,
    escaped,
    fragment,
    iso_time,
    parsed,
)

DEFAULT_LIST_KEYS = 100
MAX_DELETED_KEYS = 1000
OWNER: Element = ("Owner", [("ID", "1000000000000001"), ("DisplayName", "localcloud")])


def xml_response(name: str, content: Content) -> Response:
    """An answer that is an XML document."""
    return Response(document(name, content), media_type="application/xml")


def text_encoder(call: Call) -> Callable[[str], str]:
    """How keys are written in the answer. Raises OssError InvalidArgument."""
    wanted = call.parameters.get("encoding-type")
    if not wanted:
        return lambda text: text
    if wanted != "url":
        raise OssError("InvalidArgument", f"encoding-type must be url, not {wanted!r}.")
    return lambda text: quote(text, safe="")


async def list_buckets(call: Call) -> Response:
    """ListBuckets (GetService), all on one page."""
    prefix = call.parameters.get("prefix", "")
    found = [
        bucket for bucket in await run_sync(call.store.buckets) if bucket.name.startswith(prefix)
    ]
    entries: list[Element] = [("Bucket", _bucket(bucket, call.config)) for bucket in found]
    return xml_response(
        "ListAllMyBucketsResult", [OWNER, ("IsTruncated", "false"), ("Buckets", entries)]
    )


async def create_bucket(call: Call) -> Response:
    """PutBucket: repeating it for an own bucket is no error."""
    await call.document()
    await run_sync(call.store.create_bucket, call.bucket)
    return Response(headers={"location": f"/{call.bucket}"})


async def delete_bucket(call: Call) -> Response:
    """DeleteBucket, of an empty one."""
    await run_sync(call.store.delete_bucket, call.bucket)
    return Response(status_code=204)


async def get_bucket_info(call: Call) -> Response:
    """GetBucketInfo."""
    bucket = await run_sync(call.store.bucket, call.bucket)
    content = [
        *_bucket(bucket, call.config),
        OWNER,
        ("AccessControlList", [("Grant", "private")]),
        ("DataRedundancyType", "LRS"),
    ]
    return xml_response("BucketInfo", [("Bucket", content)])


async def get_bucket_location(call: Call) -> Response:
    """GetBucketLocation."""
    await run_sync(call.store.require_bucket, call.bucket)
    return xml_response("LocationConstraint", _location(call.config))


async def get_bucket_versioning(call: Call) -> Response:
    """GetBucketVersioning: never enabled here, so forbidding overwrites always works."""
    await run_sync(call.store.require_bucket, call.bucket)
    return xml_response("VersioningConfiguration", [])


async def list_objects_v2(call: Call) -> Response:
    """ListObjectsV2."""
    encode = text_encoder(call)
    asked = call.parameters
    max_keys = call.number("max-keys", default=DEFAULT_LIST_KEYS, least=1, most=MAX_LIST_KEYS)
    token = asked.get("continuation-token", "")
    page = await run_sync(
        call.store.list,
        call.bucket,
        asked.get("prefix", ""),
        asked.get("delimiter", ""),
        asked.get("start-after", ""),
        max_keys,
        _cursor(token) if token else None,
    )
    owner = fragment(OWNER) if asked.get("fetch-owner") == "true" else ""
    content: list[Element] = [
        ("Name", call.bucket),
        ("Prefix", encode(asked.get("prefix", ""))),
        ("StartAfter", encode(asked.get("start-after", ""))),
        ("Delimiter", encode(asked.get("delimiter", ""))),
        ("MaxKeys", max_keys),
        ("IsTruncated", "false" if page.next_cursor is None else "true"),
        ("KeyCount", len(page.objects) + len(page.prefixes)),
    ]
    if asked.get("encoding-type"):
        content.append(("EncodingType", asked["encoding-type"]))
    if token:
        content.append(("ContinuationToken", encode(token)))
    if page.next_cursor is not None:
        content.append(("NextContinuationToken", encode(_token(page.next_cursor))))
    content += [("CommonPrefixes", [("Prefix", encode(prefix))]) for prefix in page.prefixes]
    entries = "".join(_entry(listed, encode, owner) for listed in page.objects)
    return Response(document("ListBucketResult", content, entries), media_type="application/xml")


async def list_objects(call: Call) -> Response:
    """ListObjects, the first version, is not offered."""
    raise OssError("NotImplemented", "Only ListObjectsV2 is offered here: send list-type=2.")


async def delete_objects(call: Call) -> Response:
    """DeleteMultipleObjects."""
    encode = text_encoder(call)
    if "content-md5" not in call.headers:
        raise OssError("MissingArgument", "Content-MD5 is needed to delete many objects.")
    root = parsed(await call.document(), "Delete")
    keys = [node.findtext("{*}Key") or "" for node in root.iterfind("{*}Object")]
    if not 1 <= len(keys) <= MAX_DELETED_KEYS or "" in keys:
        raise OssError("MalformedXML", f"1 to {MAX_DELETED_KEYS} keys can be deleted at a time.")
    for key in keys:
        await run_sync(call.store.delete, call.bucket, key)
    if (root.findtext("{*}Quiet") or "").strip() == "true":
        return Response()
    content: list[Element] = [("Deleted", [("Key", encode(key))]) for key in keys]
    if call.parameters.get("encoding-type"):
        content.insert(0, ("EncodingType", call.parameters["encoding-type"]))
    return xml_response("DeleteResult", content)


def _bucket(bucket: Bucket, config: LocalCloudConfig) -> list[Element]:
    location = _location(config)
    return [
        ("Name", bucket.name),
        ("CreationDate", iso_time(bucket.created)),
        ("Location", location),
        ("Region", config.region),
        ("ExtranetEndpoint", f"{location}.aliyuncs.com"),
        ("IntranetEndpoint", f"{location}-internal.aliyuncs.com"),
        ("StorageClass", "Standard"),
    ]


def _location(config: LocalCloudConfig) -> str:
    return f"oss-{config.region}"


def _entry(listed: ListedObject, encode: Callable[[str], str], owner: str) -> str:
    """One object as text: a thousand of them as elements take several times as long."""
    return (
        f"<Contents><Key>{escaped(encode(listed.key))}</Key>"
        f"<LastModified>{iso_time(listed.last_modified)}</LastModified>"
        f'<ETag>"{listed.etag}"</ETag><Type>{listed.type}</Type><Size>{listed.size}</Size>'
        f"<StorageClass>Standard</StorageClass>{owner}</Contents>"
    )


def _token(cursor: bytes) -> str:
    return base64.urlsafe_b64encode(cursor).decode("ascii")


def _cursor(token: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(token.encode())
    except (binascii.Error, ValueError):
        raise OssError("InvalidArgument", "The continuation-token is not one of ours.") from None
