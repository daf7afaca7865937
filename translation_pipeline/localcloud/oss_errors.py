"""The refusals of OSS: code, HTTP status and text, in one table (oss.md sections 4 and 9)."""

from __future__ import annotations

from typing import NamedTuple


class _Refusal(NamedTuple):
    http_status: int
    message: str
    ec: str = "0000-00000000"  # Where the precise code is not known.


_REFUSALS = {
    "AccessDenied": _Refusal(
        403, "You have no right to access this object because of bucket acl.", "0003-00000001"
    ),
    "BadDigest": _Refusal(400, "The Content-MD5 you specified did not match what was received."),
    "BucketNotEmpty": _Refusal(409, "The bucket still holds objects or uploads.", "0015-00000301"),
    "EntityTooLarge": _Refusal(400, "The upload exceeds the largest size that is allowed."),
    "EntityTooSmall": _Refusal(400, "A part other than the last is smaller than 100 KB."),
    "FileAlreadyExists": _Refusal(
        409, "The object you specified already exists and can not be overwritten.", "0026-00000002"
    ),
    "InvalidArgument": _Refusal(400, "A parameter of the request is not valid."),
    "InvalidBucketName": _Refusal(400, "The specified bucket is not valid.", "0015-00000001"),
    "InvalidDigest": _Refusal(400, "The Content-MD5 you specified is not valid."),
    "InvalidObjectName": _Refusal(400, "The specified object is not valid.", "0016-00000502"),
    "InvalidPart": _Refusal(400, "One or more of the specified parts could not be found."),
    "InvalidPartOrder": _Refusal(400, "The list of parts was not in ascending order."),
    "InvalidRange": _Refusal(416, "The requested range cannot be satisfied."),
    "MalformedXML": _Refusal(400, "The XML you provided was not well-formed."),
    "MethodNotAllowed": _Refusal(405, "The method is not allowed for this resource."),
    "MissingArgument": _Refusal(400, "A parameter or header that is required is missing."),
    "NoSuchBucket": _Refusal(404, "The specified bucket does not exist.", "0015-00000101"),
    "NoSuchKey": _Refusal(404, "The specified key does not exist.", "0026-00000001"),
    "NoSuchUpload": _Refusal(404, "The specified upload does not exist.", "0042-00000002"),
    "NotImplemented": _Refusal(501, "The request asks for something that is not implemented."),
    "NotModified": _Refusal(304, "Not Modified"),
    "PreconditionFailed": _Refusal(412, "At least one of the preconditions did not hold."),
}


class OssError(Exception):
    """OSS refuses a request; `code` is one of the documented words, `str()` says why, `endpoint`
    where to ask instead."""

    def __init__(
        self, code: str, message: str | None = None, *, endpoint: str | None = None
    ) -> None:
        refusal = _REFUSALS[code]
        super().__init__(message or refusal.message)
        self.code = code
        self.http_status = refusal.http_status
        self.ec = refusal.ec
        self.endpoint = endpoint
