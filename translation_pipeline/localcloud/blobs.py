"""Immutable files on disk, each written once under a name of its own, with its checksums."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fastcrc import crc64

CHUNK_BYTES = 256 * 1024
"""How much of a file is held in memory at a time."""


@dataclass(frozen=True)
class Blob:
    """A finished file: `md5` in upper-case hex, `crc64` (ECMA-182) as a number."""

    path: Path
    size: int
    md5: str
    crc64: int


class BlobFolder:
    """The files of a store, spread over 256 folders by the first letters of their names."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for number in range(256):
            (root / f"{number:02x}").mkdir(parents=True, exist_ok=True)

    def new_name(self) -> str:
        """A name that no other file has."""
        return uuid.uuid4().hex

    def path(self, name: str) -> Path:
        """Where the file of that name is or will be."""
        return self._root / name[:2] / name

    def remove(self, name: str) -> None:
        """Remove a file; whoever has opened it can go on reading. Absent files are no error."""
        self.path(name).unlink(missing_ok=True)

    def link(self, source: Path, name: str) -> None:
        """Make a file with the content of `source`, without copying it where links exist.

        Raises FileNotFoundError when the source is gone.
        """
        try:
            os.link(source, self.path(name))
        except FileNotFoundError:
            raise
        except OSError:  # A file system without hard links.
            shutil.copyfile(source, self.path(name))


class BlobWriter:
    """Writes one new file in pieces and computes its checksums on the way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc64 = 0
        self._file = path.open("xb")

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._file.write(chunk)
        self._md5.update(chunk)
        self._crc64 = crc64.xz(chunk, self._crc64)
        self._size += len(chunk)

    def finish(self) -> Blob:
        """Close the file and say what is in it."""
        self.close()
        return Blob(self.path, self._size, self._md5.hexdigest().upper(), self._crc64)

    def close(self) -> None:
        """Close the file; nothing can be written after that."""
        self._file.close()


def read_chunks(file: BinaryIO, length: int | None = None) -> Iterator[bytes]:
    """The next `length` bytes of a file (all that follow when None), a chunk at a time."""
    left = length
    while left is None or left > 0:
        chunk = file.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
        if not chunk:
            return
        if left is not None:
            left -= len(chunk)
        yield chunk
