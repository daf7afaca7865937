"""Partition keys of odd titles, through the real Dagster."""

import dagster as dg
import pytest
from dagster._core.definitions.partitions.utils.base import INVALID_PARTITION_SUBSTRINGS
from dagster._core.definitions.partitions.utils.multi import (
    INVALID_STATIC_PARTITIONS_KEY_CHARACTERS,
)

from translation_pipeline.catalog.partitions import partition_key_to_title, title_to_partition_key

TITLES = [
    "霸道总裁爱上我 第2季",
    "Love, Actually | [HD]",
    "wait...",
    "a...b",
    "..",
    " padded ",
    "\"quoted\" 'twice'",
    "tab\tnew\nline\x00",
    "~2C",
    ",",
    "100%*: \\",
    "👨‍👩‍👧",
    "爱" * 330,
]
KEYS = [title_to_partition_key(title) for title in TITLES]

TITLE_PARTITIONS = dg.DynamicPartitionsDefinition(name="titles")
LANGUAGE_PARTITIONS = dg.StaticPartitionsDefinition(["en", "zh-tw"])
CELLS = dg.MultiPartitionsDefinition({"title": TITLE_PARTITIONS, "language": LANGUAGE_PARTITIONS})


@dg.asset(partitions_def=CELLS)
def translated(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    cell = context.partition_key
    assert isinstance(cell, dg.MultiPartitionKey)
    title = partition_key_to_title(cell.keys_by_dimension["title"])
    return dg.MaterializeResult(metadata={"title": dg.MetadataValue.json([title])})


def test_dagster_keeps_every_key_as_it_is() -> None:
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("titles", KEYS)
        assert list(instance.get_dynamic_partitions("titles")) == KEYS
        for key in KEYS:
            assert instance.has_dynamic_partition("titles", key)


@pytest.mark.parametrize("title", TITLES)
def test_a_cell_of_title_and_language_is_found_again(title: str) -> None:
    key = title_to_partition_key(title)
    cell = dg.MultiPartitionKey({"title": key, "language": "zh-tw"})
    assert CELLS.get_partition_key_from_str(str(cell)) == cell
    assert CELLS.is_valid_key_format(str(cell))


@pytest.mark.parametrize("key", KEYS)
def test_keys_hold_nothing_that_dagster_forbids(key: str) -> None:
    assert not INVALID_STATIC_PARTITIONS_KEY_CHARACTERS & set(key)
    assert not [part for part in INVALID_PARTITION_SUBSTRINGS if part in key]
    # A range is split at its three dots, by the command line and by the UI.
    assert f"{key}...{key}".split("...") == [key, key]


def test_cells_of_odd_titles_materialize() -> None:
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("titles", KEYS)
        for key in KEYS[:3]:
            cell = dg.MultiPartitionKey({"title": key, "language": "en"})
            assert dg.materialize([translated], instance=instance, partition_key=cell).success
        done = instance.get_materialized_partitions(translated.key)
        assert done == {str(dg.MultiPartitionKey({"title": k, "language": "en"})) for k in KEYS[:3]}
        event = instance.get_latest_materialization_event(translated.key)
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.metadata["title"].value == [TITLES[2]]
