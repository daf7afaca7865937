"""One OSS request on its way to an operation, with the means to read what it brings."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property

import anyio
from anyio.to_thread import run_sync
from starlette.requests import Request

from translation_pipeline.localcloud.blobs import CHUNK_BYTES, Blob
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.objects import ObjectStore
from translation_pipeline.localcloud.oss_errors import OssError
from translation_pipeline.localcloud.oss_headers import expected_md5
from translation_pipeline.localcloud.oss_xml import MAX_DOCUMENT_BYTES
from translation_pipeline.localcloud.requests import RequestFacts
from translation_pipeline.localcloud.uploads import UploadStore

MAX_PUT_BYTES = 5 * 1024**3


@dataclass(frozen=True)
class Call:
    """A request whose signature is right."""

    config: LocalCloudConfig
    store: ObjectStore
    uploads: UploadStore
    facts: RequestFacts
    request: Request

    @property
    def bucket(self) -> str:
        """The bucket that is meant, empty for calls about all of them."""
        return self.facts.bucket

    @property
    def key(self) -> str:
        """The key that is meant, empty for calls about the bucket."""
        return self.facts.key

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, names in lower case."""
        return self.facts.headers

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """The query by name."""
        return self.facts.parameters

    def number(self, name: str, *, default: int | None, least: int, most: int) -> int:
        """A whole number from the query. Raises OssError InvalidArgument, MissingArgument."""
        text = self.parameters.get(name, "")
        if not text and default is not None:
            return default
        if not text:
            raise OssError("MissingArgument", f"The parameter {name} is missing.")
        number = int(text) if text.isdecimal() and len(text) <= len(str(most)) else -1
        if not least <= number <= most:
            raise OssError(
                "InvalidArgument", f"{name} must be from {least} to {most}, not {text!r}."
            )
        return number

    async def document(self) -> bytes:
        """The body of a request that brings XML. Raises OssError BadDigest and its like."""
        body = bytearray()
        async for piece in self.request.stream():
            body += piece
            if len(body) > MAX_DOCUMENT_BYTES:
                raise OssError("EntityTooLarge")
        self._check_md5(hashlib.md5(body, usedforsecurity=False).hexdigest().upper())
        return bytes(body)

    @asynccontextmanager
    async def received(self) -> AsyncIterator[Blob]:
        """The body as a blob, removed at the end unless it became part of something.

        Raises OssError EntityTooLarge, BadDigest and InvalidDigest.
        """
        if int(self.headers.get("content-length", "0")) > MAX_PUT_BYTES:
            raise OssError("EntityTooLarge")
        context = self.store.writer()
        writer = await run_sync(context.__enter__)
        try:
            async for chunk in self._chunks():
                await run_sync(writer.write, chunk)
            blob = await run_sync(writer.finish)
            self._check_md5(blob.md5)
            yield blob
        finally:
            with anyio.CancelScope(shield=True):
                await run_sync(context.__exit__, None, None, None)

    async def _chunks(self) -> AsyncIterator[bytes]:
        """The body in pieces that are worth a trip to another thread."""
        buffer = bytearray()
        async for piece in self.request.stream():
            buffer += piece
            if len(buffer) >= CHUNK_BYTES:
                yield bytes(buffer)
                buffer.clear()
        if buffer:
            yield bytes(buffer)

    def _check_md5(self, md5: str) -> None:
        expected = expected_md5(self.headers)
        if expected is not None and expected != md5:
            raise OssError("BadDigest")
