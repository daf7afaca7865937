"""The two ways in which callers write the address of an object (ims.md section 3, oss.md 6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
OSS_HOST = re.compile(
    r"(?P<bucket>[^.]+)\.oss-(?P<region>[a-z0-9-]+?)(-internal)?\.aliyuncs\.com", re.IGNORECASE
)


class AddressError(ValueError):
    """The text is no address that this call reads; the message says how to write it."""


@dataclass(frozen=True, slots=True)
class ObjectAddress:
    """One object: bucket and raw key (not percent-encoded)."""

    bucket: str
    key: str

    def https(self, region: str) -> str:
        """`https://<bucket>.oss-<region>.aliyuncs.com/<percent-encoded key>`, unsigned."""
        encoded = quote(self.key, safe="/~")
        return f"https://{self.bucket}.oss-{region}.aliyuncs.com/{encoded}"

    def __str__(self) -> str:
        return f"oss://{self.bucket}/{self.key}"


def parse_address(text: str, *, region: str, schemes: tuple[str, ...]) -> ObjectAddress:
    """The object that `text` names; `schemes` are those that the call accepts.

    The key of an `oss://` address is taken as it stands; that of a URL is percent-decoded once,
    and its `+` is a plus sign. Raises `AddressError`.
    """
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in schemes:
        accepted = " or ".join(_form(scheme, region) for scheme in schemes)
        raise AddressError(f"{text!r} is not an address that this call accepts; use {accepted}")
    if scheme.lower() == "oss":
        bucket, _, key = rest.partition("/")
    else:
        bucket, key = _split_url(text, region)
    if not BUCKET.fullmatch(bucket):
        raise AddressError(f"{text!r}: {bucket!r} is no bucket name")
    if not key or len(key.encode()) > 1023:
        raise AddressError(f"{text!r}: the object key has to be 1 to 1023 bytes long")
    return ObjectAddress(bucket, key)


def _form(scheme: str, region: str) -> str:
    if scheme == "oss":
        return "oss://<bucket>/<key>"
    return f"{scheme}://<bucket>.oss-{region}.aliyuncs.com/<key>"


def _split_url(text: str, region: str) -> tuple[str, str]:
    parts = urlsplit(text)
    host = OSS_HOST.fullmatch(parts.hostname or "")
    if host is None:
        raise AddressError(
            f"{text!r}: this service reads only its own OSS; use {_form('https', region)}"
        )
    if host["region"].lower() != region:
        raise AddressError(
            f"{text!r} lies in region {host['region']!r}, but this endpoint serves {region!r}; "
            "bucket and endpoint have to be in one region"
        )
    if parts.query or parts.fragment:
        raise AddressError(
            f"{text!r} has a query or fragment; give the plain, unsigned address with every "
            "special character of the key percent-encoded"
        )
    return host["bucket"].lower(), unquote(parts.path[1:])
