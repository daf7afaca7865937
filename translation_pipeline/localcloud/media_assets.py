"""Media assets: ids for objects (ims.md section 8)."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from translation_pipeline.localcloud.addresses import ObjectAddress

MEDIA_TYPES = {
    **dict.fromkeys((".srt", ".vtt", ".ass", ".txt"), "text"),
    **dict.fromkeys((".mp3", ".wav", ".m4a", ".aac"), "audio"),
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".gif", ".webp"), "image"),
}

SCHEMA = """
CREATE TABLE IF NOT EXISTS media_assets (
    media_id TEXT PRIMARY KEY,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    wire TEXT NOT NULL,
    reference_id TEXT UNIQUE,
    client_token TEXT UNIQUE,
    created_at REAL NOT NULL,
    UNIQUE (bucket, key)
);
"""


@dataclass(frozen=True)
class MediaAsset:
    """A registered object. `wire` holds the parameters of its registration."""

    media_id: str
    address: ObjectAddress
    wire: dict[str, str]
    client_token: str | None
    created_at: float  # unix seconds

    @property
    def media_type(self) -> str:
        """What the caller said it is, else what its extension says: video, audio, image, text."""
        extension = PurePosixPath(self.address.key).suffix.lower()
        return self.wire.get("MediaType") or MEDIA_TYPES.get(extension, "video")


class MediaAssets:
    """The media assets table. Used from the server's event loop only.

    A new asset can be read `registration_s` seconds after it was added, as registration in the
    service takes its time.
    """

    def __init__(self, database: Path, *, registration_s: float) -> None:
        self._registration_s = registration_s
        self._db = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file. The assets cannot be used after that."""
        self._db.close()

    def add(
        self,
        address: ObjectAddress,
        wire: dict[str, str],
        *,
        reference_id: str | None = None,
        client_token: str | None = None,
    ) -> str:
        """Register an object under a new media id; an earlier asset of it is forgotten."""
        media_id = uuid.uuid4().hex
        self._db.execute(
            "INSERT OR REPLACE INTO media_assets VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                media_id,
                address.bucket,
                address.key,
                json.dumps(wire, ensure_ascii=False),
                reference_id,
                client_token,
                time.time(),
            ),
        )
        return media_id

    def is_ready(self, asset: MediaAsset) -> bool:
        """Whether the registration is over."""
        return time.time() >= asset.created_at + self._registration_s

    def get(self, media_id: str) -> MediaAsset | None:
        """The asset with that id."""
        return self._one("media_id = ?", media_id)

    def at(self, address: ObjectAddress) -> MediaAsset | None:
        """The asset of that object."""
        return self._one("bucket = ? AND key = ?", address.bucket, address.key)

    def with_token(self, client_token: str) -> MediaAsset | None:
        """The asset that was registered with this client token."""
        return self._one("client_token = ?", client_token)

    def with_reference(self, reference_id: str) -> MediaAsset | None:
        """The asset that was registered with this id of the caller's."""
        return self._one("reference_id = ?", reference_id)

    def _one(self, condition: str, *values: str) -> MediaAsset | None:
        row = self._db.execute(
            f"SELECT * FROM media_assets WHERE {condition}",  # noqa: S608  (no user text)
            values,
        ).fetchone()
        if row is None:
            return None
        return MediaAsset(
            media_id=row["media_id"],
            address=ObjectAddress(row["bucket"], row["key"]),
            wire=json.loads(row["wire"]),
            client_token=row["client_token"],
            created_at=row["created_at"],
        )
