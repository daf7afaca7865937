"""Key patterns: matching, rendering, and the exact overlap check."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translation_pipeline.catalog.patterns import KeyPattern

field_values = st.text(min_size=1, max_size=20).filter(lambda text: "/" not in text)
small_patterns = st.lists(
    st.sampled_from(["a", "b", "/", ".", "{x}", "{y}", "{z}"]), min_size=1, max_size=6
).map("".join)
small_keys = st.text(alphabet="abx/.", min_size=1, max_size=8)


def pattern_or_none(text: str) -> KeyPattern | None:
    try:
        return KeyPattern(text)
    except ValueError:
        return None


valid_small_patterns = small_patterns.map(pattern_or_none).filter(
    lambda pattern: (
        pattern is not None
        and all(pattern.text.count(f"{{{name}}}") == 1 for name in pattern.fields)
    )
)


def test_match_reads_the_fields() -> None:
    pattern = KeyPattern("incoming/{title}/{video}.mp4")
    assert pattern.match("incoming/爱 100%+/第1集.mp4") == {"title": "爱 100%+", "video": "第1集"}
    assert pattern.fields == {"title", "video"}
    assert pattern.literal_prefix == "incoming/"


@pytest.mark.parametrize(
    "key",
    [
        "incoming/love/.mp4",
        "incoming//1.mp4",
        "incoming/love/s1/1.mp4",
        "incoming/love/1.mp4.part",
        "old/incoming/love/1.mp4",
        "incoming/love/1xmp4",
        "incoming/love/1.mp4\n",
    ],
)
def test_other_keys_do_not_match(key: str) -> None:
    assert KeyPattern("incoming/{title}/{video}.mp4").match(key) is None


def test_a_language_after_a_name_with_dots_is_found() -> None:
    pattern = KeyPattern("{title}/{video}.{language}.srt")
    assert pattern.match("love/ep.1.zh-tw.srt") == {
        "title": "love",
        "video": "ep.1",
        "language": "zh-tw",
    }


def test_a_repeated_field_needs_the_same_value() -> None:
    pattern = KeyPattern("{title}/{title}-{video}.mp4")
    assert pattern.match("love/love-1.mp4") == {"title": "love", "video": "1"}
    assert pattern.match("love/hate-1.mp4") is None


@given(title=field_values, video=field_values)
def test_a_rendered_key_matches_and_reads_back(title: str, video: str) -> None:
    pattern = KeyPattern("in/{title}/{video}.mp4")
    assert pattern.match(pattern.render(title=title, video=video)) == {
        "title": title,
        "video": video,
    }


def test_values_that_look_like_fields_are_not_expanded() -> None:
    assert KeyPattern("{title}/{video}").render(title="{video}", video="1") == "{video}/1"


@pytest.mark.parametrize("values", [{}, {"title": ""}, {"title": "a/b"}])
def test_render_refuses_what_could_not_be_read_back(values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="title"):
        KeyPattern("in/{title}.mp4").render(**values)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{title}{video}.mp4", "touch"),
        ("in/{Title}.mp4", "lower-case"),
        ("in/{title.mp4", "braces"),
        ("in/{}.mp4", "braces"),
        ("/in/{title}.mp4", "start"),
        ("", "empty"),
    ],
)
def test_bad_patterns_say_what_to_change(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        KeyPattern(text)


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ("in/{title}/{video}.mp4", "in/{title}/{video}.mov", None),
        ("in/{title}/{video}.mp4", "in/drama-{title}/{video}.mp4", "in/drama-x/x.mp4"),
        ("in/{title}/{video}.mp4", "in/{title}.mp4", None),
        ("in/{title}/{video}.mp4", "{title}/{video}.mp4", None),
        ("{title}/{video}.mp4", "in/{title}.mp4", "in/x.mp4"),
        ("a{title}b/{video}", "{title}ab/{video}", "aab/x"),
        ("a{title}", "a", None),
        ("in/one.mp4", "in/{title}.mp4", "in/one.mp4"),
    ],
)
def test_overlaps(one: str, other: str, common: str | None) -> None:
    first, second = KeyPattern(one), KeyPattern(other)
    assert first.common_key(second) == common
    assert second.overlaps(first) == (common is not None)


@given(valid_small_patterns, valid_small_patterns, small_keys)
def test_the_overlap_check_is_exact(one: KeyPattern, other: KeyPattern, key: str) -> None:
    common = one.common_key(other)
    if common is not None:
        assert one.match(common) is not None
        assert other.match(common) is not None
    if one.match(key) is not None and other.match(key) is not None:
        assert common is not None
        assert len(common) <= len(key)


@given(valid_small_patterns)
def test_every_pattern_overlaps_itself_below_its_prefix(pattern: KeyPattern) -> None:
    common = pattern.common_key(pattern)
    assert common is not None
    assert re.match(re.escape(pattern.literal_prefix), common)
