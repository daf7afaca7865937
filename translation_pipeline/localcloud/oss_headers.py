"""What the headers of OSS requests ask for: conditions, ranges, attributes, checksums."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import format_datetime, parsedate_to_datetime

from translation_pipeline.localcloud.objects import (
    DEFAULT_CONTENT_TYPE,
    Attributes,
    StoredObject,
)
from translation_pipeline.localcloud.oss_errors import OssError

METADATA_PREFIX = "x-oss-meta-"
MAX_METADATA_BYTES = 8 * 1024
COPY_SOURCE = "x-oss-copy-source"
FORBID_OVERWRITE = "x-oss-forbid-overwrite"
REPEATED_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
)
"""Headers of a writer that every reader gets back, or others by response-* parameters."""

_MD5_BYTES = 16


@dataclass(frozen=True)
class ByteRange:
    """Bytes of an object from `start` on."""

    start: int
    length: int


def attributes_of(headers: Mapping[str, str]) -> Attributes:
    """What a writer says about the object. Raises OssError InvalidArgument."""
    metadata = {
        name.removeprefix(METADATA_PREFIX): value
        for name, value in headers.items()
        if name.startswith(METADATA_PREFIX)
    }
    if sum(len(name) + len(value) for name, value in metadata.items()) > MAX_METADATA_BYTES:
        raise OssError("InvalidArgument", "The user metadata is larger than 8 KB.")
    repeated = {name: headers[name] for name in REPEATED_HEADERS if name in headers}
    return Attributes(headers.get("content-type") or DEFAULT_CONTENT_TYPE, metadata, repeated)


def forbids_overwrite(headers: Mapping[str, str]) -> bool:
    """Whether the object must not exist yet (oss.md section 4)."""
    return headers.get(FORBID_OVERWRITE, "").lower() == "true"


def check_conditions(headers: Mapping[str, str], stored: StoredObject, prefix: str = "") -> None:
    """Hold an object against if-match and its like; the headers of copies have a prefix.

    Raises OssError PreconditionFailed, NotModified.
    """
    # HTTP dates have no fractions of a second.
    modified = stored.last_modified.replace(microsecond=0)
    if_match = headers.get(f"{prefix}if-match")
    if if_match is not None and not _names(if_match, stored.etag):
        raise OssError("PreconditionFailed")
    unmodified_since = _date(headers.get(f"{prefix}if-unmodified-since"))
    if unmodified_since is not None and modified > unmodified_since:
        raise OssError("PreconditionFailed")
    if_none_match = headers.get(f"{prefix}if-none-match")
    if if_none_match is not None and _names(if_none_match, stored.etag):
        raise OssError("NotModified")
    modified_since = _date(headers.get(f"{prefix}if-modified-since"))
    if if_none_match is None and modified_since is not None and modified <= modified_since:
        raise OssError("NotModified")


def byte_range(headers: Mapping[str, str], size: int) -> ByteRange | None:
    """The part of an object that a Range header asks for; None means the whole object.

    OSS answers a range that does not lie inside the object with the whole object. With
    `x-oss-range-behavior: standard` it behaves as HTTP says: a range that begins inside is cut
    at the end, others are refused with InvalidRange (as OSS's page on range requests says).
    Raises OssError InvalidRange, for more than one range too.
    """
    unit, _, wanted = headers.get("range", "").partition("=")
    if unit.strip() != "bytes":
        return None
    if "," in wanted:
        raise OssError("InvalidRange", "OSS supports only one range in a request.")
    first, dash, last = (text.strip() for text in wanted.partition("-"))
    if not dash or not (first + last).isdecimal() or len(first + last) > 40:
        return None
    if first:
        start, end = int(first), int(last) if last else size - 1
        if last and end < start:
            return None
    else:
        start, end = size - int(last), size - 1
    if headers.get("x-oss-range-behavior") == "standard":
        if start >= size:
            raise OssError("InvalidRange")
        start, end = max(start, 0), min(end, size - 1)
    if not 0 <= start <= end < size:
        return None
    return ByteRange(start, end - start + 1)


def expected_md5(headers: Mapping[str, str]) -> str | None:
    """The Content-MD5 in upper-case hex. Raises OssError InvalidDigest."""
    text = headers.get("content-md5")
    if not text:
        return None
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != _MD5_BYTES:
        raise OssError("InvalidDigest")
    return digest.hex().upper()


def http_date(moment: datetime) -> str:
    """A time in the form of HTTP headers."""
    return format_datetime(moment, usegmt=True)


def _names(header: str, etag: str) -> bool:
    given = [text.strip().strip('"').upper() for text in header.split(",")]
    return "*" in given or etag in given


def _date(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        raise OssError("InvalidArgument", f"{text!r} is not an HTTP date.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
