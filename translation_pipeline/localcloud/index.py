"""The SQLite file that says which blob holds which object; its tables and its transactions."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

# Keys are BLOBs, so that SQLite orders them by their UTF-8 bytes as OSS does (oss.md section 3).
# `unreferenced` names every blob that may be on disk without belonging to an object or a part:
# those being written and those just replaced. What a killed server leaves there is removed at
# the next start.
_TABLES = """
CREATE TABLE IF NOT EXISTS buckets (
    name TEXT PRIMARY KEY, created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, key BLOB NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL,
    etag TEXT NOT NULL, crc64 TEXT NOT NULL, type TEXT NOT NULL, modified_ms INTEGER NOT NULL,
    attributes TEXT NOT NULL, PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
    bucket TEXT NOT NULL, key BLOB NOT NULL, id TEXT NOT NULL, initiated_ms INTEGER NOT NULL,
    attributes TEXT NOT NULL, forbid_overwrite INTEGER NOT NULL, PRIMARY KEY (bucket, key, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
    upload_id TEXT NOT NULL, number INTEGER NOT NULL, blob TEXT NOT NULL, size INTEGER NOT NULL,
    etag TEXT NOT NULL, crc64 TEXT NOT NULL, modified_ms INTEGER NOT NULL,
    PRIMARY KEY (upload_id, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unreferenced (blob TEXT PRIMARY KEY) WITHOUT ROWID;
"""


BEYOND_ANY_KEY = b"\xff"
"""Greater than all keys, because UTF-8 never contains this byte."""


class FolderInUseError(RuntimeError):
    """Another server already uses this data folder: stop it, or name another folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} is in use by another stand-in cloud; stop that one or choose another "
            "data folder"
        )


class Index:
    """One connection behind a lock: every statement is short, so nobody waits for long."""

    def __init__(self, root: Path) -> None:
        """Open or create the index in `root`.

        Raises FolderInUseError when another process has it open: the clean-up at the start
        would take the files that the other is writing.
        """
        root.mkdir(parents=True, exist_ok=True)
        self._lock_file = (root / "lock").open("w")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock_file.close()
            raise FolderInUseError(root) from None
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(
            root / "objects.sqlite", isolation_level=None, check_same_thread=False
        )
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_TABLES)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Change rows: all of it or, when the block raises, nothing."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read rows, one reader at a time; fetch what is needed before leaving."""
        with self._lock:
            yield self._connection

    def close(self) -> None:
        """Close the index and let another process have the folder."""
        with self._lock:
            self._connection.close()
            self._lock_file.close()


def blobs_at(rows: sqlite3.Connection, at: tuple[str, bytes]) -> list[str]:
    """The names of the blobs, one or none, of the object at a bucket and key."""
    found = rows.execute("SELECT blob FROM objects WHERE bucket = ? AND key = ?", at)
    return [row["blob"] for row in found.fetchall()]


def abandon(rows: sqlite3.Connection, names: Iterable[str]) -> None:
    """Note, in the transaction that takes them out of use, that blobs are to be removed."""
    rows.executemany("INSERT INTO unreferenced VALUES (?)", [(name,) for name in names])


def entries(
    rows: sqlite3.Connection, bucket: str, prefix: str, delimiter: str, low: bytes
) -> Iterator[sqlite3.Row | bytes]:
    """Rows (key, size, etag, type, modified_ms) and folded prefixes of a listing from `low` on,
    in order.

    Folded keys are passed over by a seek: a prefix costs the same however much is below it.
    """
    high = prefix.encode() + BEYOND_ANY_KEY
    statement = (
        "SELECT key, size, etag, type, modified_ms FROM objects"
        " WHERE bucket = ? AND key >= ? AND key < ? ORDER BY key"
    )
    while True:
        for row in rows.execute(statement, (bucket, low, high)):
            folded = _folded(row["key"], prefix.encode(), delimiter.encode())
            if folded is None:
                yield row
            else:
                yield folded
                low = folded + BEYOND_ANY_KEY
                break
        else:
            return


def _folded(key: bytes, prefix: bytes, delimiter: bytes) -> bytes | None:
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    return None if end < 0 else key[: end + len(delimiter)]


def first_key(entry: sqlite3.Row | bytes) -> bytes:
    """Where a listing has to begin for its first entry to be this one."""
    return entry if isinstance(entry, bytes) else bytes(entry["key"])


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def time_of(milliseconds: int) -> datetime:
    """An aware UTC time from milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
