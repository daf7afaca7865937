"""What signature checks and services read of an HTTP request, decoded once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes


@dataclass(frozen=True)
class RequestFacts:
    """A request without its body: the path percent-decoded once, the query form-decoded in the
    order it came, header names in lower case and header values as latin-1 text."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]

    @classmethod
    def from_scope(cls, scope: Mapping[str, Any]) -> RequestFacts:
        """The facts of an ASGI request. Raises ValueError when the path is not UTF-8."""
        query = scope["query_string"].decode("latin-1")
        return cls(
            method=scope["method"],
            path=unquote_to_bytes(scope["raw_path"]).decode("utf-8"),
            query=tuple(parse_qsl(query, keep_blank_values=True)),
            headers={
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in scope["headers"]
            },
        )

    @property
    def parameters(self) -> dict[str, str]:
        """The query by name; the last of several equal names counts."""
        return dict(self.query)

    @property
    def bucket(self) -> str:
        """What stands before the first slash of a path-style address, maybe empty."""
        return self.path[1:].partition("/")[0]

    @property
    def key(self) -> str:
        """All that follows the slash after the bucket: a key is literal, `..` too."""
        return self.path[1:].partition("/")[2]
