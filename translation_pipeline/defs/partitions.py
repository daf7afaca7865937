"""The partitions: titles come and go with the catalog, or shards of them; languages are those its
rules name."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from translation_pipeline.catalog.config import Catalog
from translation_pipeline.catalog.partitions import partition_key_to_title, title_to_partition_key
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.stages.cells import Cell
from translation_pipeline.stages.work import Box

TITLE, SHARD, LANGUAGE = "title", "shard", "language"


def dimension(catalog: Catalog) -> str:
    """What a partition without a language is: a title or a shard."""
    return TITLE if catalog.partition_by is None else SHARD


def titles(catalog: Catalog) -> dg.PartitionsDefinition[str]:
    """Every title, or every shard of titles."""
    if catalog.partition_by is None:
        return dg.DynamicPartitionsDefinition(name=TITLE)
    return dg.StaticPartitionsDefinition(catalog.partition_by.names)


def languages(catalog: Catalog) -> dg.StaticPartitionsDefinition:
    """Every target language of the catalog file."""
    return dg.StaticPartitionsDefinition(list(catalog.languages))


def titles_by_language(catalog: Catalog) -> dg.MultiPartitionsDefinition:
    """Title (or shard) x language."""
    return dg.MultiPartitionsDefinition(
        {dimension(catalog): titles(catalog), LANGUAGE: languages(catalog)}
    )


def key_of(catalog: Catalog, cell: Cell) -> str:
    """The partition key of a cell."""
    key = title_to_partition_key(cell.title)  # which leaves the name of a shard as it is
    if cell.language is None:
        return key
    return str(dg.MultiPartitionKey({dimension(catalog): key, LANGUAGE: cell.language}))


def box_of(pipeline: Pipeline, keys: Iterable[str]) -> Box:
    """The smallest box of titles and languages around these cells."""
    shards = pipeline.catalog.partition_by
    names, language_names = set(), set()
    for key in keys:
        if isinstance(key, dg.MultiPartitionKey):
            names.add(key.keys_by_dimension[dimension(pipeline.catalog)])
            language_names.add(key.keys_by_dimension[LANGUAGE])
        else:
            names.add(key)
    if shards is None:
        found = [partition_key_to_title(name) for name in names]
    else:
        found = shards.titles_in(names, pipeline.inventory.titles())
    return Box(tuple(sorted(found)), tuple(sorted(language_names)) or None)


def add_titles(instance: dg.DagsterInstance, catalog: Catalog, names: Iterable[str]) -> list[str]:
    """Make partitions for titles that have none; returns their keys. Shards are always there.

    One bulk call: a sensor's own request for partitions looks each key up by itself.
    """
    names = set(names)
    if not names or catalog.partition_by is not None:
        return []
    present = set(instance.get_dynamic_partitions(TITLE))
    new = sorted({title_to_partition_key(name) for name in names} - present)
    if new:
        instance.add_dynamic_partitions(TITLE, new)
    return new


def remove_titles(instance: dg.DagsterInstance, names: Iterable[str]) -> list[str]:
    """Take the partitions of titles away; returns their keys.

    What was materialized stays in Dagster's event log and is seen again when the title is back.
    """
    present = set(instance.get_dynamic_partitions(TITLE))
    gone = sorted(present & {title_to_partition_key(name) for name in names})
    for key in gone:
        instance.delete_dynamic_partition(TITLE, key)
    return gone
