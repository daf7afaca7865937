"""OSS on the wire: which request is which operation, and how refusals are told.

Behaviour lives in `objects` and `uploads`; requests are path style, /bucket/key.
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.status import HTTP_304_NOT_MODIFIED

from translation_pipeline.localcloud import oss_buckets, oss_multipart, oss_objects
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.fault_dealer import FaultDealer
from translation_pipeline.localcloud.objects import ObjectStore
from translation_pipeline.localcloud.oss_call import Call
from translation_pipeline.localcloud.oss_errors import OssError
from translation_pipeline.localcloud.oss_headers import COPY_SOURCE
from translation_pipeline.localcloud.oss_signatures import V1_SUB_RESOURCES, verify_oss
from translation_pipeline.localcloud.oss_xml import Element, document
from translation_pipeline.localcloud.requests import RequestFacts
from translation_pipeline.localcloud.signatures import SignatureRefused
from translation_pipeline.localcloud.uploads import UploadStore

Operation = Callable[[Call], Awaitable[Response]]


class Route(NamedTuple):
    """An operation with what asks for it: method, kind of address, sub-resource or none."""

    method: str
    target: str
    sub_resource: str
    operation: Operation


ROUTES = (
    Route("GET", "service", "", oss_buckets.list_buckets),
    Route("GET", "bucket", "list-type", oss_buckets.list_objects_v2),
    Route("GET", "bucket", "uploads", oss_multipart.list_uploads),
    Route("GET", "bucket", "bucketInfo", oss_buckets.get_bucket_info),
    Route("GET", "bucket", "location", oss_buckets.get_bucket_location),
    Route("GET", "bucket", "versioning", oss_buckets.get_bucket_versioning),
    Route("GET", "bucket", "", oss_buckets.list_objects),
    Route("PUT", "bucket", "", oss_buckets.create_bucket),
    Route("DELETE", "bucket", "", oss_buckets.delete_bucket),
    Route("POST", "bucket", "delete", oss_buckets.delete_objects),
    Route("GET", "object", "uploadId", oss_multipart.list_parts),
    Route("GET", "object", "", oss_objects.get_object),
    Route("HEAD", "object", "objectMeta", oss_objects.head_object_meta),
    Route("HEAD", "object", "", oss_objects.head_object),
    Route("PUT", "object", "uploadId", oss_multipart.upload_part),
    Route("PUT", "object", "", oss_objects.put_object),
    Route("POST", "object", "uploads", oss_multipart.initiate_upload),
    Route("POST", "object", "uploadId", oss_multipart.complete_upload),
    Route("DELETE", "object", "uploadId", oss_multipart.abort_upload),
    Route("DELETE", "object", "", oss_objects.delete_object),
)
COPIES: Mapping[Operation, Operation] = {
    oss_objects.put_object: oss_objects.copy_object,
    oss_multipart.upload_part: oss_multipart.upload_part_copy,
}
"""What an operation is instead when the request names a source to copy from."""

RIGHTS: Mapping[Operation, tuple[str, ...]] = {
    oss_buckets.list_objects_v2: ("oss:ListObjects",),
    oss_buckets.get_bucket_info: ("oss:GetBucketInfo",),
    oss_objects.get_object: ("oss:GetObject",),
    oss_objects.head_object: ("oss:GetObject",),
    oss_objects.head_object_meta: ("oss:GetObject",),
    oss_objects.put_object: ("oss:PutObject",),
    oss_objects.copy_object: ("oss:GetObject", "oss:PutObject"),
    oss_objects.delete_object: ("oss:DeleteObject",),
    oss_buckets.delete_objects: ("oss:DeleteObject",),
    oss_multipart.initiate_upload: ("oss:PutObject",),
    oss_multipart.upload_part: ("oss:PutObject",),
    oss_multipart.upload_part_copy: ("oss:GetObject", "oss:PutObject"),
    oss_multipart.complete_upload: ("oss:PutObject",),
    oss_multipart.list_parts: ("oss:ListParts",),
    oss_multipart.abort_upload: ("oss:AbortMultipartUpload",),
}
"""The RAM actions that an operation needs (oss.md section 10), of those that can be refused."""

_SUB_RESOURCES = {route.sub_resource for route in ROUTES} - {""}
# Signed parameters that change what a request means and are not offered here: better refused
# than taken for a plain put or get.
_NOT_OFFERED = V1_SUB_RESOURCES - {
    *_SUB_RESOURCES,
    *oss_objects.OVERRIDES,
    "continuation-token",
    "partNumber",
    "sequential",
}


class OssService:
    """The buckets of one region."""

    def __init__(self, config: LocalCloudConfig, store: ObjectStore, faults: FaultDealer) -> None:
        self._config = config
        self._faults = faults
        self._store = store
        self._uploads = UploadStore(store)

    async def handle(self, request: Request) -> Response:
        """Answer one request; refusals are answers too."""
        request_id = uuid.uuid4().hex[:24].upper()
        try:
            response = await self._answer(request)
        except OssError as error:
            endpoint = [("Endpoint", error.endpoint)] if error.endpoint else []
            response = _refusal(request, request_id, error, ("EC", error.ec), *endpoint)
            response.headers["x-oss-ec"] = error.ec
        except SignatureRefused as error:
            to_sign = ("StringToSign", error.string_to_sign)
            response = _refusal(request, request_id, error, to_sign)
        except ClientDisconnect:
            response = Response(status_code=400)  # Nobody reads it.
        response.headers["x-oss-request-id"] = request_id
        return response

    async def _answer(self, request: Request) -> Response:
        try:
            facts = RequestFacts.from_scope(request.scope)
        except ValueError:
            raise OssError("InvalidObjectName", "The key is not valid UTF-8.") from None
        verify_oss(facts, self._config.access_keys, self._config.region, time.time())
        call = Call(self._config, self._store, self._uploads, facts, request)
        operation = _operation(facts)
        self._require_rights(operation, facts.bucket)
        return await operation(call)

    def _require_rights(self, operation: Operation, bucket: str) -> None:
        for right in RIGHTS.get(operation, ()):
            refusal = self._faults.deal_refusal(right, bucket)
            if refusal is not None and refusal.endpoint:
                raise OssError(
                    "AccessDenied",
                    "The bucket you are attempting to access must be addressed using the "
                    "specified endpoint.",
                    endpoint=refusal.endpoint,
                )
            if refusal is not None:
                raise OssError("AccessDenied")


def _operation(facts: RequestFacts) -> Operation:
    not_offered = sorted(_NOT_OFFERED.intersection(facts.parameters))
    if not_offered:
        raise OssError("NotImplemented", f"{', '.join(not_offered)}: not offered here.")
    target = "object" if facts.key else "bucket" if facts.bucket else "service"
    sub_resources = _SUB_RESOURCES.intersection(facts.parameters)
    for route in ROUTES:
        if (route.method, route.target) == (facts.method, target) and (
            sub_resources == {route.sub_resource} - {""}
        ):
            operation = route.operation
            return COPIES.get(operation, operation) if COPY_SOURCE in facts.headers else operation
    raise OssError("MethodNotAllowed")


def _refusal(
    request: Request, request_id: str, error: OssError | SignatureRefused, *details: Element
) -> Response:
    body = document(
        "Error",
        [
            ("Code", error.code),
            ("Message", str(error)),
            ("RequestId", request_id),
            ("HostId", request.headers.get("host", "")),
            *details,
        ],
    )
    if request.method == "HEAD" or error.http_status == HTTP_304_NOT_MODIFIED:
        told = {"x-oss-err": base64.b64encode(body).decode("ascii")}
        return Response(status_code=error.http_status, headers=told)
    return Response(body, error.http_status, media_type="application/xml")
