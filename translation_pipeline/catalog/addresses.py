"""Addresses of objects: every form a person may paste, and the two forms the services take.

`oss://bucket/key` holds the key raw; `https://bucket.oss-<region>.aliyuncs.com/key` holds it
percent-encoded (oss.md section 6). Keys are literal: nothing here tidies up `..` or `//`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from translation_pipeline.errors import AddressInvalid

MAX_KEY_BYTES: Final = 1023  # oss.md section 1

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_REGION: Final = r"[a-z]+(?:-[a-z0-9]+)+?"
_OSS_ADDRESS: Final = re.compile(r"oss://(?P<host>[^/]*)/(?P<key>.*)", re.DOTALL | re.IGNORECASE)
_HTTP_ADDRESS: Final = re.compile(
    r"https?://(?P<host>[^/?#]*)/(?P<path>[^?#]*)(?:[?#].*)?", re.DOTALL | re.IGNORECASE
)
_HOST_FORMS: Final = (  # oss.md section 5; the first that fits decides
    re.compile(r"(?P<bucket>[^.]*)\.oss-accelerate(?:-overseas)?\.aliyuncs\.com"),
    re.compile(rf"(?P<bucket>[^.]*)\.oss-(?P<region>{_REGION})(?:-internal)?\.aliyuncs\.com"),
    re.compile(rf"(?P<bucket>[^.]*)\.(?P<region>{_REGION})\.oss\.aliyuncs\.com"),
)
_PATH_STYLE_HOST: Final = re.compile(
    rf"(?:oss-{_REGION}(?:-internal)?|oss-accelerate(?:-overseas)?|{_REGION}\.oss)\.aliyuncs\.com"
)


@dataclass(frozen=True, slots=True, order=True)
class ObjectAddress:
    """An object by bucket and raw key. The region comes from the settings (oss.md section 6).

    Raises `AddressInvalid` for a bucket name or key that OSS does not allow (oss.md section 1).
    """

    bucket: str
    key: str

    def __post_init__(self) -> None:
        problem = bucket_problem(self.bucket) or key_problem(self.key)
        if problem:
            raise AddressInvalid(f"The address of {self.key[:80]!r} in {self.bucket!r}: {problem}")

    def to_oss(self) -> str:
        """`oss://bucket/key`, the key raw: what SubmitIProductionJob takes (ims.md section 3)."""
        return f"oss://{self.bucket}/{self.key}"

    def to_https(self, region: str) -> str:
        """The plain public address in `region` (such as `cn-shanghai`), unsigned.

        This is what SubmitVideoTranslationJob takes (ims.md section 3).
        """
        return f"https://{self.bucket}.oss-{region}.aliyuncs.com/{quote(self.key, safe='/')}"


def bucket_problem(bucket: str) -> str | None:
    """Why `bucket` is no bucket name, with the remedy; None when it is one."""
    if _BUCKET.fullmatch(bucket):
        return None
    return (
        f"{bucket!r} is no bucket name. Use 3 to 63 of a-z, 0-9 and -, not starting or ending "
        "with -."
    )


def key_problem(key: str) -> str | None:
    """Why `key` is no object key, with the remedy; None when it is one."""
    if not key:
        return "the object key is missing. Write the object's path after the bucket."
    if key[0] in "/\\":
        return f"an object key must not start with {key[0]!r}. Remove it."
    try:
        size_bytes = len(key.encode())
    except UnicodeEncodeError:
        return "the object key has characters that are no Unicode text. Rename the object."
    if size_bytes > MAX_KEY_BYTES:
        return f"the object key has {size_bytes} bytes, {MAX_KEY_BYTES} are allowed. Shorten it."
    return None


def parse_address(text: str, *, region: str | None = None) -> ObjectAddress:
    """The object that `text` names.

    Takes `oss://bucket/key` (also with a full host name as bucket) and http or https addresses
    with the bucket in the host: public, internal, dual-stack and, when `region` is given,
    transfer acceleration. A signature or other query is dropped. `region` is the region that
    the object must be in; without it any region is taken.

    Raises `AddressInvalid`, saying what to write instead.
    """
    if address := _OSS_ADDRESS.fullmatch(text):
        return _from_oss(text, address["host"], address["key"], region)
    if address := _HTTP_ADDRESS.fullmatch(text.strip()):
        bucket = _bucket_of_host(text, address["host"], region)
        return ObjectAddress(bucket, _decode_path(text, address["path"]))
    raise _refusal(text, "Write oss://bucket/key or https://bucket.oss-<region>.aliyuncs.com/key.")


def _from_oss(text: str, host: str, key: str, region: str | None) -> ObjectAddress:
    bucket = _bucket_of_host(text, host, region) if "." in host else host
    return ObjectAddress(bucket, key)


def _bucket_of_host(text: str, host: str, region: str | None) -> str:
    host = host.lower().removesuffix(":443").removesuffix(":80")
    if _PATH_STYLE_HOST.fullmatch(host):
        raise _refusal(
            text,
            "The bucket must be part of the host name; OSS refuses it in the path. "
            f"Write https://<bucket>.{host}/<key>.",
        )
    form = next((form for pattern in _HOST_FORMS if (form := pattern.fullmatch(host))), None)
    if form is None:
        raise _refusal(
            text,
            f"The host {host!r} does not tell bucket and region: custom domains cannot be used. "
            "Write oss://bucket/key or https://bucket.oss-<region>.aliyuncs.com/key.",
        )
    _check_region(text, form.groupdict().get("region"), region)
    return form["bucket"]


def _check_region(text: str, found: str | None, wanted: str | None) -> None:
    if found is None and wanted is None:
        raise _refusal(
            text,
            "A transfer acceleration address does not tell its region. Write "
            "https://bucket.oss-<region>.aliyuncs.com/key.",
        )
    if found is not None and wanted is not None and found != wanted:
        raise _refusal(
            text,
            f"It is in region {found}, but the work runs in {wanted}, which cannot read it. Copy "
            f"the object to a bucket in {wanted}, or run in {found} (TRANSLATION_PIPELINE_REGION).",
        )


def _decode_path(text: str, path: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", path):
        raise _refusal(text, "A % in it starts no percent-encoded character. Write %25 for a %.")
    try:
        return unquote_to_bytes(path).decode()
    except UnicodeError:
        remedy = "Its percent-encoding is not UTF-8. Write oss://bucket/key instead."
        raise _refusal(text, remedy) from None


def _refusal(text: str, remedy: str) -> AddressInvalid:
    without_signature = text.split("?", 1)[0] if text.lower().startswith("http") else text
    return AddressInvalid(f"{without_signature[:300]!r} cannot be used as an address. {remedy}")
