"""Partition keys: reversible for every title, and nothing in them that Dagster acts on."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from translation_pipeline.catalog.partitions import (
    MAX_PARTITION_KEY_BYTES,
    partition_key_to_title,
    title_to_partition_key,
)
from translation_pipeline.errors import ConfigurationError

titles = st.text(min_size=1, max_size=60).filter(lambda text: "/" not in text)
tricky_titles = st.text(alphabet=" .~,|[]\"'*:%\\a2C\n\u200b\u3000爱", min_size=1, max_size=12)


@given(titles | tricky_titles)
@example("~2C")
@example("~")
@example("\ud800")
def test_every_title_comes_back(title: str) -> None:
    assert partition_key_to_title(title_to_partition_key(title)) == title


@given(tricky_titles, tricky_titles)
@example(",", "~2C")
@example("a ", "a~20")
def test_two_titles_never_share_a_key(one: str, other: str) -> None:
    same_key = title_to_partition_key(one) == title_to_partition_key(other)
    assert same_key == (one == other)


@given(titles | tricky_titles)
@example("....")
@example("a...b")
@example(". .")
def test_keys_hold_nothing_that_dagster_acts_on(title: str) -> None:
    key = title_to_partition_key(title)
    assert key
    assert "..." not in key
    assert not key.startswith(".")
    assert not key.endswith(".")
    assert key == key.strip()
    assert not re.search(r"[\x00-\x1f\x7f-\x9f,|\[\]\"'*:/\\]", key)


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("love", "love"),
        ("霸道总裁爱上我 第2季", "霸道总裁爱上我 第2季"),
        ("Ação & Reação (2024) #1", "Ação & Reação (2024) #1"),
        ("👨‍👩‍👧 family", "👨‍👩‍👧 family"),
        ("Love, Actually", "Love~2C Actually"),
        ("100% [HD]", "100~25 ~5BHD~5D"),
        ("wait...", "wait~2E~2E~2E"),
        ("v1.5", "v1.5"),
        (" padded ", "~20padded~20"),
        ("～wave~", "～wave~7E"),
        ("\u3000全角", "~E3~80~80全角"),
    ],
)
def test_keys_stay_readable(title: str, key: str) -> None:
    assert title_to_partition_key(title) == key


@pytest.mark.parametrize("key", ["", "a,b", " a", "~2c", "~41", "~FF", "a~2", "..."])
def test_keys_of_no_title_are_refused(key: str) -> None:
    with pytest.raises(ConfigurationError, match="belongs to no title"):
        partition_key_to_title(key)


def test_a_title_as_long_as_an_object_key_fits_and_an_absurd_one_is_refused() -> None:
    assert len(title_to_partition_key("爱" * 340).encode()) <= MAX_PARTITION_KEY_BYTES
    with pytest.raises(ConfigurationError, match="Rename its folder"):
        title_to_partition_key("," * 1000)


def test_an_empty_title_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="empty"):
        title_to_partition_key("")
