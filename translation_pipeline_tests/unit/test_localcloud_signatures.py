"""The signature checks against vectors captured from the SDKs, and against tampering."""

from __future__ import annotations

import hashlib
import hmac
import time
from calendar import timegm
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from urllib.parse import quote, unquote, urlsplit

import oss2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oss2.http import Request as SdkRequest

from translation_pipeline.localcloud.oss_signatures import (
    V1_SUB_RESOURCES,
    v4_signature,
    v4_string_to_sign,
    verify_oss,
)
from translation_pipeline.localcloud.requests import RequestFacts
from translation_pipeline.localcloud.signatures import (
    MAX_SKEW_S,
    Identity,
    NonceMemory,
    SignatureRefused,
    acs3_string_to_sign,
    verify_acs3,
)

KEYS = {"testid": "testsecret"}
REGION = "cn-shanghai"
NO_BODY = hashlib.sha256(b"").hexdigest()

# Captured from the RPC SDK, sdk-wire.md A4.
ACS3_SIGNATURE = "7117b47788ad6039199fd30e090928709b4334f398b4fd3ea040cc634a52e648"
ACS3_SENT_S = timegm((2026, 11, 21, 1, 36, 9))
ACS3_SIGNED = (
    "accept;host;user-agent;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;"
    "x-acs-date;x-acs-signature-nonce;x-acs-version"
)
ACS3 = RequestFacts(
    method="POST",
    path="/",
    query=(("UserData", '{"k":"a+b~*"}'), ("ClientToken", "tok 1")),
    headers={
        "accept": "application/json",
        "host": "127.0.0.1:18080",
        "user-agent": "AlibabaCloud (Linux; x86_64) Python/3.11.7 Core/0.4.3 TeaDSL/2",
        "x-acs-action": "SubmitVideoTranslationJob",
        "x-acs-content-sha256": NO_BODY,
        "x-acs-credentials-provider": "static_ak",
        "x-acs-date": "2026-11-21T01:36:09Z",
        "x-acs-signature-nonce": "2b0e6cc23d4a701b49c7fb0142b2f72d",
        "x-acs-version": "2020-11-09",
        "authorization": f"ACS3-HMAC-SHA256 Credential=testid,SignedHeaders={ACS3_SIGNED},"
        f"Signature={ACS3_SIGNATURE}",
    },
)

# Captured from oss2's AuthV4, sdk-wire.md B3.
V4_DATE = "20261121T013610Z"
V4_SENT_S = timegm((2026, 11, 21, 1, 36, 10))
V4_SCOPE = "20261121/cn-shanghai/oss/aliyun_v4_request"
V4_SIGNATURE = "8179a301067b79a1dfff4920a62f430e822fa7da10a69d8b5445283a1bcf1629"
V4 = RequestFacts(
    method="PUT",
    path="/bkt/videos/a b.mp4",
    query=(),
    headers={
        "content-type": "video/mp4",
        "x-oss-content-sha256": "UNSIGNED-PAYLOAD",
        "x-oss-date": V4_DATE,
        "x-oss-forbid-overwrite": "true",
        "authorization": f"OSS4-HMAC-SHA256 Credential=testid/{V4_SCOPE}, Signature={V4_SIGNATURE}",
    },
)


def with_headers(facts: RequestFacts, **changes: str) -> RequestFacts:
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    return replace(facts, headers={**facts.headers, **named})


def refusal(check: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(SignatureRefused) as caught:
        check()
    return caught.value.code, caught.value.http_status


def acs3(facts: RequestFacts, *, now_s: float = ACS3_SENT_S, body: bytes = b"") -> Identity:
    return verify_acs3(facts, body, KEYS, NonceMemory(), now_s)


def signed_acs3(facts: RequestFacts) -> RequestFacts:
    """The request signed anew, as the sheet says."""
    names = sorted(name for name in facts.headers if name != "authorization")
    to_sign = acs3_string_to_sign(facts, names)
    signature = hmac.new(b"testsecret", to_sign.encode(), "sha256").hexdigest()
    return with_headers(
        facts,
        authorization=f"ACS3-HMAC-SHA256 Credential=testid,SignedHeaders={';'.join(names)},"
        f"Signature={signature}",
    )


class TestAcs3:
    def test_golden_vector(self) -> None:
        to_sign = acs3_string_to_sign(ACS3, ACS3_SIGNED.split(";"))
        assert to_sign.endswith("ed89cb34831a76bfa23d6ec8c3a8eb6274026e1f9e00b8d843a19c7ce52cb7e3")
        assert acs3(ACS3) == Identity("testid")

    @pytest.mark.parametrize("skew_s", [-MAX_SKEW_S, MAX_SKEW_S])
    def test_a_clock_may_be_15_minutes_off(self, skew_s: int) -> None:
        acs3(ACS3, now_s=ACS3_SENT_S + skew_s)

    @pytest.mark.parametrize("skew_s", [-MAX_SKEW_S - 1, MAX_SKEW_S + 1])
    def test_and_no_second_more(self, skew_s: int) -> None:
        refused = refusal(lambda: acs3(ACS3, now_s=ACS3_SENT_S + skew_s))
        assert refused == ("InvalidTimeStamp.Expired", 400)

    @pytest.mark.parametrize("date", ["", "yesterday", "2026-11-21 01:36:09"])
    def test_a_date_that_is_none(self, date: str) -> None:
        refused = refusal(lambda: acs3(with_headers(ACS3, x_acs_date=date)))
        assert refused == ("InvalidTimeStamp.Expired", 400)

    def test_unknown_key(self) -> None:
        facts = with_headers(
            ACS3, authorization=ACS3.headers["authorization"].replace("testid", "other")
        )
        assert refusal(lambda: acs3(facts)) == ("InvalidAccessKeyId.NotFound", 404)

    @pytest.mark.parametrize(
        "tampered",
        [
            replace(ACS3, method="GET"),
            replace(ACS3, query=(*ACS3.query, ("JobId", "1"))),
            replace(ACS3, query=(("ClientToken", "tok+1"), ACS3.query[0])),
            with_headers(ACS3, x_acs_action="DeleteSmartJob"),
            with_headers(ACS3, host="example.org"),
        ],
    )
    def test_tampering(self, tampered: RequestFacts) -> None:
        assert refusal(lambda: acs3(tampered)) == ("SignatureDoesNotMatch", 400)

    def test_another_body_than_the_signed_one(self) -> None:
        assert refusal(lambda: acs3(ACS3, body=b"{}")) == ("SignatureDoesNotMatch", 400)

    def test_every_header_of_the_service_must_be_signed(self) -> None:
        facts = with_headers(ACS3, x_acs_security_token="t")
        assert refusal(lambda: acs3(facts)) == ("IncompleteSignature", 400)

    @pytest.mark.parametrize("authorization", ["", "Basic Zm9v", "ACS3-HMAC-SHA256", "é,=,=="])
    def test_other_authorizations(self, authorization: str) -> None:
        facts = with_headers(ACS3, authorization=authorization)
        assert refusal(lambda: acs3(facts)) == ("IncompleteSignature", 400)

    def test_a_nonce_works_once(self) -> None:
        nonces = NonceMemory()
        verify_acs3(ACS3, b"", KEYS, nonces, ACS3_SENT_S)
        repeated = refusal(lambda: verify_acs3(ACS3, b"", KEYS, nonces, ACS3_SENT_S + 1))
        assert repeated == ("SignatureNonceUsed", 400)

    def test_a_refused_request_does_not_use_up_its_nonce(self) -> None:
        nonces = NonceMemory()
        tampered = replace(ACS3, method="GET")
        refusal(lambda: verify_acs3(tampered, b"", KEYS, nonces, ACS3_SENT_S))
        verify_acs3(ACS3, b"", KEYS, nonces, ACS3_SENT_S)

    def test_a_nonce_is_remembered_for_as_long_as_its_date_is_good(self) -> None:
        nonces = NonceMemory()
        verify_acs3(ACS3, b"", KEYS, nonces, ACS3_SENT_S - MAX_SKEW_S)
        late = refusal(lambda: verify_acs3(ACS3, b"", KEYS, nonces, ACS3_SENT_S + MAX_SKEW_S))
        assert late == ("SignatureNonceUsed", 400)

    def test_nonces_do_not_pile_up(self) -> None:
        nonces = NonceMemory(kept_s=60)
        for second in range(1000):
            assert nonces.first_use(f"n{second}", second)
        assert len(nonces) <= 61

    def test_without_a_nonce(self) -> None:
        facts = signed_acs3(with_headers(ACS3, x_acs_signature_nonce=""))
        assert refusal(lambda: acs3(facts)) == ("SignatureNonceUsed", 400)


def facts_of(method: str, url: str, headers: dict[str, str]) -> RequestFacts:
    """What the server reads of a request that a client sends."""
    parts = urlsplit(url)
    return RequestFacts.from_scope(
        {
            "method": method,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )


AUTHS = {"V1": oss2.Auth("testid", "testsecret"), "V4": oss2.AuthV4("testid", "testsecret")}
VERSIONS = pytest.mark.parametrize("auth", AUTHS.values(), ids=AUTHS)
# oss2 refuses to sign the URL of a key that starts with a question mark.
KEY_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1).filter(
    lambda key: key.strip() and not key.startswith("?")
)
PARAMETERS = st.dictionaries(
    st.sampled_from(["prefix", "uploadId", "response-content-type", "continuation-token"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])),
)
LONG_AFTER_S = 2**33


def signed_header(auth: oss2.AuthBase, key: str, parameters: dict[str, str]) -> RequestFacts:
    """A request as oss2 signs it in the header."""
    request = SdkRequest(
        "GET",
        "http://127.0.0.1/bkt/" + quote(key, safe=""),
        params=dict(parameters),
        headers={"x-oss-meta-a": "1", "Content-Type": "text/plain"},
        region=REGION,
        product="oss",
    )
    auth._sign_request(request, "bkt", key)
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    sent = {name: value for name, value in request.headers.items() if value is not None}
    return facts_of("GET", f"{request.url}?{query}", sent)


def signed_url(auth: oss2.AuthBase, key: str, seconds: int = 60, **options: object) -> str:
    bucket = oss2.Bucket(auth, "http://127.0.0.1", "bkt", region=REGION)
    return str(bucket.sign_url("GET", key, seconds, **options))


class TestOss:
    def test_golden_vector_of_v4(self) -> None:
        to_sign = v4_string_to_sign(V4, V4_DATE, V4_SCOPE, [])
        assert to_sign.endswith("80db737a1d5d09322c8de5cc1d3d1926b1f0fe3ca5ba7ea3df8bc5c12877c892")
        assert v4_signature("testsecret", V4_SCOPE, to_sign) == V4_SIGNATURE
        assert verify_oss(V4, KEYS, REGION, V4_SENT_S) == Identity("testid")

    def test_spelling_of_the_other_sdk(self) -> None:
        facts = with_headers(V4, authorization=V4.headers["authorization"].replace(", ", ","))
        verify_oss(facts, KEYS, REGION, V4_SENT_S)

    def test_v1_signs_the_sub_resources_that_the_sdk_signs(self) -> None:
        assert oss2.auth.ProviderAuth._subresource_key_set == V1_SUB_RESOURCES

    @VERSIONS
    @given(key=KEY_TEXT, parameters=PARAMETERS)
    def test_headers_signed_by_the_sdk(
        self, auth: oss2.AuthBase, key: str, parameters: dict[str, str]
    ) -> None:
        facts = signed_header(auth, key, parameters)
        assert verify_oss(facts, KEYS, REGION, time.time()) == Identity("testid")

    @VERSIONS
    @pytest.mark.parametrize("slash_safe", [True, False])
    @given(key=KEY_TEXT)
    def test_urls_signed_by_the_sdk(self, auth: oss2.AuthBase, slash_safe: bool, key: str) -> None:
        url = signed_url(auth, key, slash_safe=slash_safe)
        assert verify_oss(facts_of("GET", url, {}), KEYS, REGION, time.time()) == Identity("testid")

    @VERSIONS
    @pytest.mark.parametrize("method, path", [("PUT", "/bkt/a"), ("GET", "/bkt/b")])
    def test_tampering(self, auth: oss2.AuthBase, method: str, path: str) -> None:
        for facts in (
            signed_header(auth, "a", {}),
            facts_of("GET", signed_url(auth, "a"), {}),
        ):
            tampered = replace(facts, method=method, path=path)
            refused = refusal(partial(verify_oss, tampered, KEYS, REGION, time.time()))
            assert refused == ("SignatureDoesNotMatch", 403)

    @VERSIONS
    def test_headers_of_the_service_cannot_be_added(self, auth: oss2.AuthBase) -> None:
        facts = with_headers(signed_header(auth, "a", {}), x_oss_forbid_overwrite="true")
        refused = refusal(lambda: verify_oss(facts, KEYS, REGION, time.time()))
        assert refused == ("SignatureDoesNotMatch", 403)

    @VERSIONS
    def test_unknown_key_and_wrong_secret(self, auth: oss2.AuthBase) -> None:
        facts = signed_header(auth, "a", {})
        unknown = refusal(lambda: verify_oss(facts, {}, REGION, time.time()))
        wrong = refusal(lambda: verify_oss(facts, {"testid": "other"}, REGION, time.time()))
        assert unknown == ("InvalidAccessKeyId", 403)
        assert wrong == ("SignatureDoesNotMatch", 403)

    @VERSIONS
    @pytest.mark.parametrize("skew_s", [-MAX_SKEW_S - 2, MAX_SKEW_S + 2])
    def test_clock_skew(self, auth: oss2.AuthBase, skew_s: int) -> None:
        facts = signed_header(auth, "a", {})
        refused = refusal(lambda: verify_oss(facts, KEYS, REGION, time.time() + skew_s))
        assert refused == ("RequestTimeTooSkewed", 403)

    @VERSIONS
    def test_urls_expire(self, auth: oss2.AuthBase) -> None:
        facts = facts_of("GET", signed_url(auth, "a", 60), {})
        verify_oss(facts, KEYS, REGION, time.time() + 58)
        refused = refusal(lambda: verify_oss(facts, KEYS, REGION, time.time() + 62))
        assert refused == ("AccessDenied", 403)

    @VERSIONS
    def test_the_life_of_a_url_cannot_be_extended(self, auth: oss2.AuthBase) -> None:
        facts = facts_of("GET", signed_url(auth, "a", 60), {})
        longer = tuple(
            (name, str(LONG_AFTER_S) if name in ("Expires", "x-oss-expires") else value)
            for name, value in facts.query
        )
        refused = refusal(
            lambda: verify_oss(replace(facts, query=longer), KEYS, REGION, time.time())
        )
        assert refused == ("SignatureDoesNotMatch", 403)

    @pytest.mark.parametrize("seconds", ["", "-1", "1.5", "9" * 400, "²"])
    @pytest.mark.parametrize("name", ["Expires", "x-oss-expires"])
    def test_lifetimes_that_are_none(self, name: str, seconds: str) -> None:
        auth = AUTHS["V1" if name == "Expires" else "V4"]
        facts = facts_of("GET", signed_url(auth, "a"), {})
        query = tuple((n, seconds if n == name else value) for n, value in facts.query)
        refused = refusal(
            lambda: verify_oss(replace(facts, query=query), KEYS, REGION, time.time())
        )
        assert refused == ("AccessDenied", 403)

    def test_additional_headers_of_v4_are_signed(self) -> None:
        url = signed_url(
            AUTHS["V4"], "a", headers={"range": "bytes=0-1"}, additional_headers={"range"}
        )
        assert "x-oss-additional-headers=range" in unquote(url)
        verify_oss(facts_of("GET", url, {"range": "bytes=0-1"}), KEYS, REGION, time.time())
        for headers in ({"range": "bytes=0-2"}, {}):
            facts = facts_of("GET", url, headers)
            refused = refusal(partial(verify_oss, facts, KEYS, REGION, time.time()))
            assert refused == ("SignatureDoesNotMatch", 403)

    def test_additional_headers_in_the_header(self) -> None:
        request = SdkRequest(
            "GET",
            "http://127.0.0.1/bkt/a",
            headers={"range": "bytes=0-1", "Host": "127.0.0.1"},
            region=REGION,
            product="oss",
        )
        AUTHS["V4"]._sign_request(request, "bkt", "a", {"range", "host"})
        sent = {name: value for name, value in request.headers.items() if value is not None}
        facts = facts_of("GET", request.url, sent)
        verify_oss(facts, KEYS, REGION, time.time())
        tampered = with_headers(facts, range="bytes=0-9")
        refused = refusal(lambda: verify_oss(tampered, KEYS, REGION, time.time()))
        assert refused == ("SignatureDoesNotMatch", 403)

    def test_another_region(self) -> None:
        refused = refusal(lambda: verify_oss(V4, KEYS, "cn-beijing", V4_SENT_S))
        assert refused == ("InvalidArgument", 400)

    def test_unsigned(self) -> None:
        facts = facts_of("GET", "http://127.0.0.1/bkt/a", {})
        assert refusal(lambda: verify_oss(facts, KEYS, REGION, time.time())) == (
            "AccessDenied",
            403,
        )

    @pytest.mark.parametrize("authorization", ["Bearer x", "OSS2 AccessKeyId:a,Signature:b"])
    def test_other_schemes(self, authorization: str) -> None:
        facts = with_headers(V4, authorization=authorization)
        assert refusal(lambda: verify_oss(facts, KEYS, REGION, time.time())) == (
            "InvalidArgument",
            400,
        )

    def test_a_path_that_is_not_utf8(self) -> None:
        with pytest.raises(ValueError, match="utf-8"):
            facts_of("GET", "http://127.0.0.1/bkt/%ff", {})
