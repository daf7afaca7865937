"""Titles as Dagster partition keys: readable, safe, and exactly reversible; or shards of them.

A title is whatever the catalog's `{title}` matched: one or more characters without `/`. Dagster
and its UI give meaning to some characters of a partition key:

- `...` and control characters are refused (`INVALID_PARTITION_SUBSTRINGS`), and `a...b` is a
  range, so a dot at an end would read as part of the range;
- `|` separates the dimensions of a `MultiPartitionKey`; `,` `[` `]` are refused in them;
- the UI's selection text uses `,` `[` `]` `*`, double quotes and backslashes as syntax and drops
  white space around a key.

Such characters, and a few that people, shells and URLs trip over (quotes, `:`, `%`, invisible
characters), are written as `~XX`, one per UTF-8 byte in upper-case hexadecimal. All others stay:
Chinese titles, accents and emoji are seen as they are. The set is spelled out here instead of
asking `unicodedata`, since a key must not change with the Python version.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from translation_pipeline.errors import ConfigurationError

MAX_PARTITION_KEY_BYTES: Final = 2000
"""PostgreSQL refuses an index row above 2,704 bytes, and Dagster's indexes hold the key beside
the asset key and the event type. Keys above 255 bytes cannot be file names: an IO manager that
writes one file per partition needs shorter titles."""

_ESCAPED_ANYWHERE = (
    r"[\x00-\x1f\x7f-\x9f"  # control characters
    r"\"'`*,/:\[\\\]|~%"
    r"\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # invisible
    r"\ud800-\udfff]"
)
_ESCAPED_BY_POSITION = (
    r"\A\s+|\s+\Z"
    r"|\A\.|\.\Z|\.(?=\.)|(?<=\.)\."  # a dot beside a dot, or at an end
)
_UNSAFE: Final = re.compile(f"{_ESCAPED_ANYWHERE}|{_ESCAPED_BY_POSITION}")
_ESCAPES: Final = re.compile(r"(?:~[0-9A-F]{2})+")


def title_to_partition_key(title: str) -> str:
    """The partition key of a title.

    Raises `ConfigurationError` when the key would be longer than `MAX_PARTITION_KEY_BYTES`
    (a title of real words never is: object keys end at 1,023 bytes).
    """
    if not title:
        raise ConfigurationError("A title is empty. A title needs at least one character.")
    key = _UNSAFE.sub(lambda unsafe: _escape(unsafe.group()), title)
    size_bytes = len(key.encode())
    if size_bytes > MAX_PARTITION_KEY_BYTES:
        raise ConfigurationError(
            f"The title {title[:60]!r}… makes a partition key of {size_bytes} bytes; at most "
            f"{MAX_PARTITION_KEY_BYTES} fit into Dagster's database. Rename its folder."
        )
    return key


def partition_key_to_title(key: str) -> str:
    """The title of a partition key.

    Raises `ConfigurationError` for a key that no title has, such as one typed in the Dagster UI.
    """
    title = _ESCAPES.sub(lambda escapes: _unescape(escapes.group()), key)
    if not title or title_to_partition_key(title) != key:
        raise ConfigurationError(
            f"The partition key {key!r} belongs to no title. Partitions are added by the sensor "
            "when videos appear; delete this one in the Dagster UI."
        )
    return title


@dataclass(frozen=True)
class Shards:
    """Titles hashed into a fixed number of partitions, for more titles than Dagster can show.

    A title is in the same shard for ever, on every machine, as long as their number stays.
    """

    count: int

    @property
    def names(self) -> list[str]:
        """All shards, by number. The count is part of a name: with another count, shards are
        other ones."""
        return [self._name(number) for number in range(self.count)]

    def shard_of(self, title: str) -> str:
        """The name of the shard that a title is in."""
        digest = hashlib.sha256(title.encode("utf-8", "surrogatepass")).digest()
        return self._name(int.from_bytes(digest[:8], "big") % self.count)

    def titles_in(self, shards: Iterable[str], titles: Iterable[str]) -> list[str]:
        """Those of `titles` that are in these shards.

        Raises `ConfigurationError` for a name that no shard has.
        """
        asked = set(shards)
        unknown = sorted(asked - set(self.names))
        if unknown:
            raise ConfigurationError(
                f"There is no shard {unknown[0]!r}: the catalog file makes {self.count} of them, "
                f"{self.names[0]} to {self.names[-1]}."
            )
        return [title for title in titles if self.shard_of(title) in asked]

    def _name(self, number: int) -> str:
        return f"{number:0{len(str(self.count - 1))}d}-of-{self.count}"


def _escape(text: str) -> str:
    return "".join(f"~{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def _unescape(escapes: str) -> str:
    data = bytes.fromhex(escapes.replace("~", ""))
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return escapes
