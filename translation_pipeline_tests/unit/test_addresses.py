"""Object addresses: both directions for any key, and refusals that say what to write."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from translation_pipeline.catalog.addresses import ObjectAddress, parse_address
from translation_pipeline.errors import AddressInvalid

any_text = st.text(min_size=1, max_size=80)
tricky_text = st.text(alphabet=" +%#?&=../\\:@~中文🎬é\n2F", min_size=1, max_size=30)
keys = (any_text | tricky_text).filter(lambda key: key[0] not in "/\\")
buckets = st.from_regex(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", fullmatch=True)

ODD_KEYS = [
    "a b/c+d%20e.mp4",
    "短剧/第 1 集 🎬.mp4",
    "100%.mp4",
    "EP#1?.mp4",
    "a/../b/./c//d.mp4",
    "what?x=1&y=2",
    "trailing space ",
    "%2F",
]


@given(bucket=buckets, key=keys)
@example(bucket="dramas-in", key="+ %2B%252B")
def test_every_address_comes_back_from_both_forms(bucket: str, key: str) -> None:
    address = ObjectAddress(bucket, key)
    assert parse_address(address.to_oss()) == address
    assert parse_address(address.to_https("cn-shanghai"), region="cn-shanghai") == address


@given(key=keys)
def test_https_addresses_are_plain_ascii_and_encode_each_byte_once(key: str) -> None:
    path = ObjectAddress("dramas-in", key).to_https("cn-shanghai").split(".com/", 1)[1]
    assert path.isascii()
    assert not set(path) - set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/%"
    )
    assert path.count("/") == key.count("/")


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize(
    "host",
    [
        "dramas-in.oss-cn-shanghai.aliyuncs.com",
        "Dramas-In.OSS-cn-shanghai.aliyuncs.com:443",
        "dramas-in.oss-cn-shanghai-internal.aliyuncs.com",
        "dramas-in.cn-shanghai.oss.aliyuncs.com",
        "dramas-in.oss-accelerate.aliyuncs.com",
        "dramas-in.oss-accelerate-overseas.aliyuncs.com",
    ],
)
@pytest.mark.parametrize("query", ["", "?Expires=1&OSSAccessKeyId=x&Signature=a%2Fb/c"])
def test_every_host_form_names_the_same_object(host: str, key: str, query: str) -> None:
    path = ObjectAddress("dramas-in", key).to_https("cn-shanghai").split(".com/", 1)[1]
    address = parse_address(f"https://{host}/{path}{query}", region="cn-shanghai")
    assert address == ObjectAddress("dramas-in", key)


@pytest.mark.parametrize("key", ODD_KEYS)
def test_the_hybrid_of_both_forms_is_understood(key: str) -> None:
    text = f"oss://dramas-in.oss-cn-shanghai.aliyuncs.com/{key}"
    assert parse_address(text) == ObjectAddress("dramas-in", key)


def test_known_spellings() -> None:
    address = ObjectAddress("dramas-in", "短剧/a b+c.mp4")
    assert address.to_oss() == "oss://dramas-in/短剧/a b+c.mp4"
    assert address.to_https("ap-southeast-1") == (
        "https://dramas-in.oss-ap-southeast-1.aliyuncs.com/%E7%9F%AD%E5%89%A7/a%20b%2Bc.mp4"
    )


def test_a_pasted_address_with_unencoded_characters_is_understood() -> None:
    text = "  http://dramas-in.oss-cn-shanghai.aliyuncs.com/短剧/a b+c.mp4\n"
    assert parse_address(text) == ObjectAddress("dramas-in", "短剧/a b+c.mp4")


def test_percent_is_decoded_exactly_once() -> None:
    text = "https://dramas-in.oss-cn-shanghai.aliyuncs.com/a%2520b.mp4"
    assert parse_address(text).key == "a%20b.mp4"
    assert parse_address("oss://dramas-in/a%20b.mp4").key == "a%20b.mp4"


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "Write oss://bucket/key"),
        ("dramas-in/a.mp4", "Write oss://bucket/key"),
        ("s3://dramas-in/a.mp4", "Write oss://bucket/key"),
        ("oss://dramas-in", "Write oss://bucket/key"),
        ("oss://dramas-in/", "the object key is missing"),
        ("oss:///a.mp4", "no bucket name"),
        ("oss://Dramas/a.mp4", "a-z"),
        ("oss://ab/a.mp4", "3 to 63"),
        ("oss://dramas_in/a.mp4", "a-z"),
        ("oss://dramas-in//a.mp4", "must not start"),
        ("oss://dramas-in/\\a.mp4", "must not start"),
        ("oss://dramas-in/" + "爱" * 342, "Shorten"),
        ("https://oss-cn-shanghai.aliyuncs.com/dramas-in/a.mp4", "<bucket>.oss-cn-shanghai"),
        ("https://oss-cn-shanghai-internal.aliyuncs.com/dramas-in/a.mp4", "host name"),
        ("https://videos.example.com/a.mp4", "custom domain"),
        ("https://127.0.0.1:8080/dramas-in/a.mp4", "custom domain"),
        ("https://u:p@dramas-in.oss-cn-shanghai.aliyuncs.com/a.mp4", "no bucket name"),
        ("https://dramas-in.oss-accelerate.aliyuncs.com/a.mp4", "does not tell its region"),
        ("https://dramas-in.oss-cn-shanghai.aliyuncs.com/100%.mp4", "%25"),
        ("https://dramas-in.oss-cn-shanghai.aliyuncs.com/%C0%AF.mp4", "not UTF-8"),
        ("https://dramas-in.oss-cn-shanghai.aliyuncs.com//a.mp4", "must not start"),
        ("https://dramas-in.oss-cn-shanghai.aliyuncs.com/", "the object key is missing"),
    ],
)
def test_refusals_say_what_to_write(text: str, remedy: str) -> None:
    with pytest.raises(AddressInvalid, match=remedy):
        parse_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://dramas-in.oss-cn-beijing.aliyuncs.com/a.mp4",
        "https://dramas-in.cn-beijing.oss.aliyuncs.com/a.mp4",
        "oss://dramas-in.oss-cn-beijing-internal.aliyuncs.com/a.mp4",
    ],
)
def test_an_object_in_another_region_is_refused(text: str) -> None:
    with pytest.raises(AddressInvalid, match="cn-beijing, but the work runs in cn-shanghai"):
        parse_address(text, region="cn-shanghai")


def test_a_refusal_does_not_repeat_a_signature() -> None:
    with pytest.raises(AddressInvalid) as refusal:
        parse_address("https://videos.example.com/a.mp4?Signature=secret")
    assert "secret" not in str(refusal.value)


@given(st.text(max_size=60) | st.builds("https://{}".format, st.text(max_size=60)))
def test_any_other_text_is_refused_and_never_fails_otherwise(text: str) -> None:
    with contextlib.suppress(AddressInvalid):
        parse_address(text)
