"""The partitions: titles come and go with the catalog, languages are those its rules name."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from translation_pipeline.catalog.config import Catalog
from translation_pipeline.catalog.partitions import partition_key_to_title, title_to_partition_key
from translation_pipeline.stages.cells import Cell
from translation_pipeline.stages.work import Box

TITLE, LANGUAGE = "title", "language"

titles = dg.DynamicPartitionsDefinition(name=TITLE)


def languages(catalog: Catalog) -> dg.StaticPartitionsDefinition:
    """Every target language of the catalog file."""
    return dg.StaticPartitionsDefinition(list(catalog.languages))


def titles_by_language(catalog: Catalog) -> dg.MultiPartitionsDefinition:
    """Title x language."""
    return dg.MultiPartitionsDefinition({TITLE: titles, LANGUAGE: languages(catalog)})


def key_of(cell: Cell) -> str:
    """The partition key of a cell."""
    title = title_to_partition_key(cell.title)
    if cell.language is None:
        return title
    return str(dg.MultiPartitionKey({TITLE: title, LANGUAGE: cell.language}))


def box_of(keys: Iterable[str]) -> Box:
    """The smallest box of titles and languages around these cells."""
    title_names, language_names = set(), set()
    for key in keys:
        if isinstance(key, dg.MultiPartitionKey):
            title_names.add(partition_key_to_title(key.keys_by_dimension[TITLE]))
            language_names.add(key.keys_by_dimension[LANGUAGE])
        else:
            title_names.add(partition_key_to_title(key))
    return Box(tuple(sorted(title_names)), tuple(sorted(language_names)) or None)


def add_titles(instance: dg.DagsterInstance, names: Iterable[str]) -> list[str]:
    """Make partitions for titles that have none; returns their keys.

    One bulk call: a sensor's own request for partitions looks each key up by itself.
    """
    names = set(names)
    if not names:
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
