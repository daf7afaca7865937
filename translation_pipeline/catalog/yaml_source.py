"""YAML with the places of its parts: which line a field is on, and keys that are written twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]


@dataclass
class YamlSource:
    """A parsed file. `duplicates` are (path, line) of keys that an earlier line already set."""

    data: Any
    lines: dict[Path, int] = field(default_factory=dict)
    duplicates: list[tuple[Path, int]] = field(default_factory=list)

    def line_of(self, path: Sequence[str | int]) -> int | None:
        """The line of a field, or of the nearest part around it that is in the file."""
        for length in range(len(path), 0, -1):
            line = self.lines.get(tuple(path[:length]))
            if line is not None:
                return line
        return None


def read_yaml(text: str) -> YamlSource:
    """Parse `text` as plain data. Raises `yaml.YAMLError` for what is no YAML."""
    source = YamlSource(yaml.safe_load(text))
    root = yaml.compose(text, yaml.SafeLoader)
    if root is not None:
        _note_places(root, (), source, frozenset())
    return source


def _note_places(node: yaml.Node, path: Path, source: YamlSource, parents: frozenset[int]) -> None:
    if id(node) in parents:  # an alias to a part around it
        return
    for part, child, line in _children(node):
        child_path = (*path, part)
        if child_path in source.lines:
            source.duplicates.append((child_path, line))
            continue
        source.lines[child_path] = line
        _note_places(child, child_path, source, parents | {id(node)})


def _children(node: yaml.Node) -> Iterator[tuple[str | int, yaml.Node, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield key.value, value, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield index, value, value.start_mark.line + 1
