"""Whether a request was signed with a known secret: what all schemes share, and the scheme of
the RPC style services, ACS3-HMAC-SHA256. The schemes of OSS are in `oss_signatures.py`.

Pure functions: time is passed in, in seconds since 1970. Facts: sdk-wire.md A4. STS tokens are
not supported, because the server hands none out.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from calendar import timegm
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from translation_pipeline.localcloud.requests import RequestFacts

MAX_SKEW_S = 15 * 60

_ACS3 = "ACS3-HMAC-SHA256"


@dataclass(frozen=True)
class Identity:
    """Who sent a request whose signature is right."""

    access_key_id: str


class SignatureRefused(Exception):  # noqa: N818 - it is an answer, not a mishap
    """A request that is not signed as it must be; `string_to_sign` is what the server signed."""

    def __init__(
        self, code: str, message: str, http_status: int = 403, string_to_sign: str = ""
    ) -> None:
        super().__init__(message)
        self.code = code
        self.http_status = http_status
        self.string_to_sign = string_to_sign


class NonceMemory:
    """The nonces of the last minutes; older ones are refused for their date anyway."""

    def __init__(self, kept_s: float = 2 * MAX_SKEW_S) -> None:
        self._kept_s = kept_s
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many nonces are remembered."""
        return len(self._seen)

    def first_use(self, nonce: str, now_s: float) -> bool:
        """Remember a nonce; False when it is remembered already."""
        with self._lock:
            while self._seen and next(iter(self._seen.values())) < now_s - self._kept_s:
                self._seen.popitem(last=False)
            if nonce in self._seen:
                return False
            self._seen[nonce] = now_s
            return True


def verify_acs3(
    facts: RequestFacts,
    body: bytes,
    access_keys: Mapping[str, str],
    nonces: NonceMemory,
    now_s: float,
) -> Identity:
    """Check a request of the RPC style services (IMS, VOD).

    Raises SignatureRefused with the codes of sdk-wire.md A4.
    """
    fields = authorization_fields(facts.headers.get("authorization", ""), _ACS3)
    signed_names = fields.get("signedheaders", "").split(";")
    required = {"host", *(name for name in facts.headers if name.startswith("x-acs-"))}
    if not required.issubset(signed_names):
        raise SignatureRefused(
            "IncompleteSignature", "The headers host and x-acs-* must be signed, ACS3 style.", 400
        )
    access_key_id = fields.get("credential", "")
    secret = access_keys.get(access_key_id)
    if secret is None:
        raise SignatureRefused(
            "InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404
        )
    sent_s = parsed_date(facts.headers.get("x-acs-date", ""), "%Y-%m-%dT%H:%M:%SZ")
    if sent_s is None or abs(now_s - sent_s) > MAX_SKEW_S:
        raise SignatureRefused(
            "InvalidTimeStamp.Expired", "x-acs-date is more than 15 minutes off.", 400
        )
    to_sign = acs3_string_to_sign(facts, signed_names)
    body_hash = hashlib.sha256(body).hexdigest()
    if facts.headers.get("x-acs-content-sha256") != body_hash or not same(
        hmac.new(secret.encode(), to_sign.encode(), "sha256").hexdigest(),
        fields.get("signature", ""),
    ):
        raise SignatureRefused(
            "SignatureDoesNotMatch",
            f"Specified signature does not match our calculation. Server string to sign: {to_sign}",
            400,
            to_sign,
        )
    nonce = facts.headers.get("x-acs-signature-nonce", "")
    if not nonce or not nonces.first_use(nonce, now_s):
        raise SignatureRefused(
            "SignatureNonceUsed", "Specified signature nonce was used already.", 400
        )
    return Identity(access_key_id)


def acs3_string_to_sign(facts: RequestFacts, signed_names: list[str]) -> str:
    """The text under an ACS3 signature (sdk-wire.md A4)."""
    query = "&".join(f"{encoded(name)}={encoded(value)}" for name, value in sorted(facts.query))
    headers = "".join(f"{name}:{facts.headers.get(name, '').strip()}\n" for name in signed_names)
    body_hash = facts.headers.get("x-acs-content-sha256", "")
    canonical = "\n".join(
        [
            facts.method,
            quote(facts.path, safe="/~"),
            query,
            headers,
            ";".join(signed_names),
            body_hash,
        ]
    )
    return f"{_ACS3}\n{hashlib.sha256(canonical.encode('latin-1')).hexdigest()}"


def authorization_fields(authorization: str, algorithm: str) -> dict[str, str]:
    """The name=value pairs of an Authorization header, names in lower case."""
    if not authorization.startswith(algorithm):
        return {}
    pairs = authorization.removeprefix(algorithm).split(",")
    named = (pair.strip().partition("=") for pair in pairs)
    return {name.lower(): value for name, _, value in named}


def encoded(text: str) -> str:
    """Percent-encoded as RFC 3986 says, the slash too."""
    return quote(text, safe="~")


def same(expected: str, given: str) -> bool:
    """Compare without telling by the time it takes how much is right."""
    return hmac.compare_digest(expected.encode(), given.encode())


def parsed_date(date: str, pattern: str | None) -> float | None:
    """Seconds since 1970, or None; without a pattern the form of the Date header is meant."""
    try:
        if pattern is None:
            return parsedate_to_datetime(date).timestamp()
        return timegm(datetime.strptime(date, pattern).timetuple())
    except (TypeError, ValueError):
        return None
