"""The XML of OSS: documents to send, documents to read (sdk-wire.md B2, B4)."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from xml.sax.saxutils import escape

from translation_pipeline.localcloud.oss_errors import OssError

Content: TypeAlias = "str | int | Sequence[Element]"
Element: TypeAlias = "tuple[str, Content]"
"""A name with its text or its children."""

# Not even escaped: callers who have such keys ask for encoding-type=url.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

MAX_DOCUMENT_BYTES = 4 * 1024 * 1024


def document(name: str, content: Content, entries: str = "") -> bytes:
    """An XML document. `entries` is XML text that goes behind the content."""
    body = fragment((name, content))
    if entries:
        body = body.removesuffix(f"</{name}>") + f"{entries}</{name}>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode()


def fragment(element: Element) -> str:
    """An element as text."""
    return ElementTree.tostring(_node(element), encoding="unicode")


def escaped(text: str) -> str:
    """Text for the inside of an element."""
    return escape(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", text))


def parsed(body: bytes, name: str) -> ElementTree.Element:
    """The root of a received document, which must be called `name`.

    Raises OssError MalformedXML.
    """
    try:
        # Senders have signed, and the parser itself bounds the growth of entities.
        root = ElementTree.fromstring(body)  # noqa: S314
    except ElementTree.ParseError as error:
        raise OssError(
            "MalformedXML", f"The XML you provided was not well-formed: {error}."
        ) from None
    if root.tag.rpartition("}")[2] != name:
        raise OssError("MalformedXML", f"The XML must be a {name}, not a {root.tag}.")
    return root


def iso_time(moment: datetime) -> str:
    """A UTC time as OSS writes it: whole seconds, whose milliseconds oss2 insists to be 000."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def _node(element: Element) -> ElementTree.Element:
    name, content = element
    node = ElementTree.Element(name)
    if isinstance(content, (str, int)):
        node.text = _NO_XML.sub("\N{REPLACEMENT CHARACTER}", str(content))
    else:
        node.extend([_node(child) for child in content])
    return node
