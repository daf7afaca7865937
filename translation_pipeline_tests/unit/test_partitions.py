"""Partition keys: reversible for every title, and nothing in them that Dagster acts on."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from translation_pipeline.catalog.partitions import (
    MAX_PARTITION_KEY_BYTES,
    Shards,
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


def test_a_title_stays_in_its_shard_for_ever() -> None:
    """Were it another one after an upgrade, Dagster's history would be of other titles."""
    shards = Shards(64)
    found = {title: shards.shard_of(title) for title in ("love", "霸道 总裁", "a|b", "爱在黎明")}
    assert found == {
        "love": "54-of-64",
        "霸道 总裁": "32-of-64",
        "a|b": "52-of-64",
        "爱在黎明": "41-of-64",
    }


@given(titles, st.integers(2, 10_000))
def test_every_title_is_in_one_shard_whose_name_is_a_partition_key(title: str, count: int) -> None:
    shards = Shards(count)
    name = shards.shard_of(title)
    assert title_to_partition_key(name) == name
    assert shards.titles_in([name], [title]) == [title]
    number, _, total = name.partition("-of-")
    assert 0 <= int(number) < int(total) == count


def test_shards_are_about_equally_full_and_sort_by_number() -> None:
    shards = Shards(16)
    sizes = [
        len(shards.titles_in([name], [f"title {number}" for number in range(1600)]))
        for name in shards.names
    ]
    assert sum(sizes) == 1600
    assert min(sizes) > 60
    assert max(sizes) < 140
    assert shards.names == sorted(shards.names)


def test_a_shard_that_there_is_not_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"no shard '07-of-64'.* 00-of-16 to 15-of-16"):
        Shards(16).titles_in(["07-of-64"], ["love"])
