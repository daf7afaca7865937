"""The two signatures of OSS, V1 and V4, each in the header or in the URL (sdk-wire.md B3)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

from translation_pipeline.localcloud.requests import RequestFacts
from translation_pipeline.localcloud.signatures import (
    MAX_SKEW_S,
    Identity,
    SignatureRefused,
    authorization_fields,
    encoded,
    parsed_date,
    same,
)

_V4 = "OSS4-HMAC-SHA256"
_UNSIGNED = "UNSIGNED-PAYLOAD"
_COMPACT_DATE = "%Y%m%dT%H%M%SZ"
_MAX_SECONDS_DIGITS = 12  # Longer numbers of seconds are no times.

# The parameters that V1 signs (sdk-wire.md B3); all others can be changed by anybody.
_V1_SUB_RESOURCES = """
    accessPoint accessPointPolicy acl append asyncFetch bucketArchiveDirectRead bucketInfo
    callback callback-var cname comp continuation-token cors delete encryption endTime group
    httpsConfig inventory inventoryId lifecycle link live location logging metaQuery objectInfo
    objectMeta partNumber policy position publicAccessBlock qos qosInfo qosRequester
    redundancyTransition referer regionList replication replicationLocation
    replicationProgress requestPayment requesterQosInfo resourceGroup resourcePool
    resourcePoolBuckets resourcePoolInfo response-cache-control response-content-disposition
    response-content-encoding response-content-language response-content-type
    response-expires restore security-token sequential startTime stat status style styleName
    symlink tagging transferAcceleration uploadId uploads versionId versioning versions vod
    website worm wormExtend wormId x-oss-ac-forward-allow x-oss-ac-source-ip
    x-oss-ac-subnet-mask x-oss-ac-vpc-id x-oss-access-point-name x-oss-async-process
    x-oss-process x-oss-redundancy-transition-taskid x-oss-request-payer
    x-oss-target-redundancy-type x-oss-traffic-limit x-oss-write-get-object-response
"""
V1_SUB_RESOURCES = frozenset(_V1_SUB_RESOURCES.split())


def verify_oss(
    facts: RequestFacts, access_keys: Mapping[str, str], region: str, now_s: float
) -> Identity:
    """Check an OSS request, signed in the header or in the URL, V1 or V4.

    Raises SignatureRefused with the code that OSS documents (oss.md section 9).
    """
    parameters = facts.parameters
    authorization = facts.headers.get("authorization", "")
    if authorization.startswith(_V4):
        return _verify_v4_header(facts, authorization, access_keys, region, now_s)
    if authorization.startswith("OSS "):
        return _verify_v1_header(facts, authorization, access_keys, now_s)
    if authorization:
        raise SignatureRefused("InvalidArgument", "The Authorization header is not valid.", 400)
    if "x-oss-signature" in parameters:
        return _verify_v4_url(facts, access_keys, region, now_s)
    if "Signature" in parameters:
        return _verify_v1_url(facts, access_keys, now_s)
    raise SignatureRefused("AccessDenied", "The request is not signed and nothing here is public.")


def v1_string_to_sign(facts: RequestFacts, date: str) -> bytes:
    """The text under an OSS V1 signature; `date` is the Date header or the Expires parameter."""
    headers = facts.headers
    signed = sorted((name, value) for name, value in headers.items() if name.startswith("x-oss-"))
    sub_resources = sorted(pair for pair in facts.query if pair[0] in V1_SUB_RESOURCES)
    resource = _resource(facts)
    if sub_resources:
        resource += "?" + _joined(sub_resources)
    plain = [facts.method, headers.get("content-md5", ""), headers.get("content-type", ""), date]
    lines = [*plain, *(f"{name}:{value}" for name, value in signed)]
    return "".join(f"{line}\n" for line in lines).encode("latin-1") + resource.encode("utf-8")


def v4_string_to_sign(
    facts: RequestFacts, date: str, scope: str, additional_headers: list[str]
) -> str:
    """The text under an OSS V4 signature; `date` is x-oss-date, `scope` day/region/product."""
    names = {"content-type", "content-md5", *additional_headers}
    pairs = sorted(
        (encoded(name), encoded(value)) for name, value in facts.query if name != "x-oss-signature"
    )
    headers = sorted(
        (name, value.strip())
        for name, value in facts.headers.items()
        if name in names or name.startswith("x-oss-")
    )
    canonical = "\n".join(
        [
            facts.method,
            quote(_resource(facts), safe="/~"),
            _joined(pairs),
            "".join(f"{name}:{value}\n" for name, value in headers),
            ";".join(additional_headers),
            facts.headers.get("x-oss-content-sha256", _UNSIGNED),
        ]
    )
    digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
    return f"{_V4}\n{date}\n{scope}\n{digest}"


def v4_signature(secret: str, scope: str, to_sign: str) -> str:
    """The hex signature of a text under the key that belongs to a scope."""
    key = f"aliyun_v4{secret}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    return hmac.new(key, to_sign.encode(), "sha256").hexdigest()


def _verify_v1_header(
    facts: RequestFacts, authorization: str, access_keys: Mapping[str, str], now_s: float
) -> Identity:
    access_key_id, _, signature = authorization.removeprefix("OSS ").strip().partition(":")
    date = facts.headers.get("x-oss-date") or facts.headers.get("date", "")
    _require_fresh(parsed_date(date, None), now_s)
    return _verify_v1(facts, access_key_id, signature, date, access_keys)


def _verify_v1_url(facts: RequestFacts, access_keys: Mapping[str, str], now_s: float) -> Identity:
    parameters = facts.parameters
    expires = parameters.get("Expires", "")
    expires_s = _seconds(expires)
    if expires_s is None or expires_s < now_s:
        raise SignatureRefused("AccessDenied", "Request has expired.")
    access_key_id = parameters.get("OSSAccessKeyId", "")
    return _verify_v1(facts, access_key_id, parameters["Signature"], expires, access_keys)


def _verify_v1(
    facts: RequestFacts,
    access_key_id: str,
    signature: str,
    date: str,
    access_keys: Mapping[str, str],
) -> Identity:
    to_sign = v1_string_to_sign(facts, date)
    secret = _secret(access_keys, access_key_id)
    expected = base64.b64encode(hmac.digest(secret.encode(), to_sign, "sha1")).decode()
    if not same(expected, signature):
        raise _mismatch(to_sign.decode("utf-8", "replace"))
    return Identity(access_key_id)


def _verify_v4_header(
    facts: RequestFacts,
    authorization: str,
    access_keys: Mapping[str, str],
    region: str,
    now_s: float,
) -> Identity:
    fields = authorization_fields(authorization, _V4)
    date = facts.headers.get("x-oss-date", "")
    _require_fresh(parsed_date(date, _COMPACT_DATE), now_s)
    additional = fields.get("additionalheaders", "")
    return _verify_v4(
        facts,
        fields.get("credential", ""),
        fields.get("signature", ""),
        date,
        additional,
        access_keys,
        region,
    )


def _verify_v4_url(
    facts: RequestFacts, access_keys: Mapping[str, str], region: str, now_s: float
) -> Identity:
    parameters = facts.parameters
    date = parameters.get("x-oss-date", "")
    signed_s = parsed_date(date, _COMPACT_DATE)
    lifetime_s = _seconds(parameters.get("x-oss-expires", ""))
    if signed_s is None or lifetime_s is None or signed_s > now_s + MAX_SKEW_S:
        raise SignatureRefused("AccessDenied", "x-oss-date or x-oss-expires is not valid.")
    if signed_s + lifetime_s < now_s:
        raise SignatureRefused("AccessDenied", "Request has expired.")
    return _verify_v4(
        facts,
        parameters.get("x-oss-credential", ""),
        parameters["x-oss-signature"],
        date,
        parameters.get("x-oss-additional-headers", ""),
        access_keys,
        region,
    )


def _verify_v4(
    facts: RequestFacts,
    credential: str,
    signature: str,
    date: str,
    additional_headers: str,
    access_keys: Mapping[str, str],
    region: str,
) -> Identity:
    access_key_id, _, scope = credential.partition("/")
    secret = _secret(access_keys, access_key_id)
    _require_scope(scope, date, region)
    names = sorted(name.lower() for name in additional_headers.split(";") if name)
    to_sign = v4_string_to_sign(facts, date, scope, names)
    if not same(v4_signature(secret, scope, to_sign), signature):
        raise _mismatch(to_sign)
    return Identity(access_key_id)


def _require_scope(scope: str, date: str, region: str) -> None:
    expected = {
        "date": date[:8],
        "region": region,
        "product": "oss",
        "request": "aliyun_v4_request",
    }
    given = scope.split("/")
    for (name, right), found in zip(expected.items(), [*given, "", "", "", ""], strict=False):
        if found != right:
            raise SignatureRefused(
                "InvalidArgument",
                f"Invalid signing {name} in Authorization header: {found!r}, not {right!r}.",
                400,
            )


def _require_fresh(sent_s: float | None, now_s: float) -> None:
    if sent_s is None:
        raise SignatureRefused("AccessDenied", "OSS authentication requires a valid Date.")
    if abs(now_s - sent_s) > MAX_SKEW_S:
        raise SignatureRefused(
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        )


def _secret(access_keys: Mapping[str, str], access_key_id: str) -> str:
    if access_key_id not in access_keys:
        raise SignatureRefused(
            "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist."
        )
    return access_keys[access_key_id]


def _mismatch(to_sign: str) -> SignatureRefused:
    return SignatureRefused(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check "
        "your key and signing method.",
        string_to_sign=to_sign,
    )


def _joined(pairs: list[tuple[str, str]]) -> str:
    """A query in which a parameter with an empty value is its bare name."""
    return "&".join(f"{name}={value}" if value else name for name, value in pairs)


def _seconds(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= _MAX_SECONDS_DIGITS else None


def _resource(facts: RequestFacts) -> str:
    return f"/{facts.bucket}/{facts.key}" if facts.bucket else "/"
