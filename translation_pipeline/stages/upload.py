"""Files of this machine into OSS: what was begun goes on, what is there already is not sent again.

The destination is always a person's word: nothing here derives a bucket or a folder.
"""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from translation_pipeline import media
from translation_pipeline.catalog.addresses import ObjectAddress, parse_address
from translation_pipeline.errors import (
    AddressInvalid,
    BucketUnusable,
    ConfigurationError,
    StorageAway,
    StorageError,
)
from translation_pipeline.storage import Storage, file_crc64

RECORD = "uploads.jsonl"
CHECKPOINTS = "uploads"

# Names that promise a video: such a file must be one, or its upload would only be found out later.
VIDEO_SUFFIXES = frozenset(
    ".avi .flv .m3u8 .m4v .mkv .mov .mp4 .mpeg .mpg .ts .webm .wmv".split()  # noqa: SIM905
)

Outcome = Literal["uploaded", "replaced", "unchanged", "failed"]
Progress = Callable[[Path, int, int], None]
"""File, bytes sent, bytes in all."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A folder in a bucket; `prefix` is empty or ends in a slash."""

    bucket: str
    prefix: str

    def of(self, name: str) -> ObjectAddress:
        """The object for a name relative to this folder. Raises `AddressInvalid`."""
        return ObjectAddress(self.bucket, self.prefix + name)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to upload, `name` being its path below the destination; or why it cannot be."""

    path: Path
    name: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class UploadResult:
    """What became of one file; size in bytes, `crc64` as decimal text.

    `again` says that the same upload may succeed later.
    """

    path: Path
    outcome: Outcome
    address: ObjectAddress | None = None
    size: int | None = None
    crc64: str | None = None
    reason: str | None = None
    again: bool = False


def parse_destination(text: str, region: str) -> Destination:
    """The folder that a person named, as oss:// or https://.

    Raises `AddressInvalid` for anything else, also for an address in another region.
    """
    if not text.lower().startswith(("oss://", "http://", "https://")):
        raise AddressInvalid(
            f"{text!r} is no destination in OSS. Name it as the last argument, such as "
            "oss://bucket/folder/: where videos go is never guessed."
        )
    if not text.endswith("/"):
        raise AddressInvalid(
            f"The destination {text!r} is no folder. End it with a slash, such as "
            "oss://bucket/folder/."
        )
    probe = "x"  # a folder is no object, and only objects have addresses
    address = parse_address(text + probe, region=region)
    return Destination(address.bucket, address.key.removesuffix(probe))


def find_files(paths: Sequence[Path]) -> list[LocalFile]:
    """The files among `paths`, and all below the folders but hidden ones, in order of names.

    What a folder holds goes straight below the destination, without the folder's own name.
    Raises `ConfigurationError` when there is nothing to upload.
    """
    found = list(dict.fromkeys(file for path in paths for file in _files_of(path)))
    if not found:
        raise ConfigurationError(
            f"There is no file to upload in {', '.join(map(str, paths))}. Name files or folders."
        )
    count = Counter(file.name for file in found)
    return [
        LocalFile(file.path, file.name, f"Another file would become {file.name!r} too. Rename one.")
        if count[file.name] > 1 and file.problem is None
        else file
        for file in found
    ]


def upload(
    storage: Storage,
    home: Path,
    files: Sequence[LocalFile],
    destination: Destination,
    progress: Progress,
) -> Iterator[UploadResult]:
    """Upload one file after the other, and record in the home what is in OSS then.

    A file that cannot be uploaded keeps its reason; the others are not affected.
    Raises `BucketUnusable` before anything is sent.
    """
    storage.require_bucket(destination.bucket)
    home.mkdir(parents=True, exist_ok=True)
    for file in files:
        result = _one(storage, home / CHECKPOINTS, file, destination, progress)
        if result.address is not None and result.outcome != "failed":
            _record(home / RECORD, result, result.address, storage.region)
        yield result


def _files_of(path: Path) -> Iterator[LocalFile]:
    if not path.is_dir():
        yield LocalFile(path, path.name)
        return
    refused: list[OSError] = []
    for folder, folders, names in os.walk(path, onerror=refused.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                file = Path(folder, name)
                yield LocalFile(file, file.relative_to(path).as_posix())
    for error in refused:
        where = Path(error.filename)
        yield LocalFile(where, where.name, f"The folder cannot be read: {error.strerror}.")


def _one(
    storage: Storage,
    checkpoints: Path,
    file: LocalFile,
    destination: Destination,
    progress: Progress,
) -> UploadResult:
    if file.problem is not None:
        return UploadResult(file.path, "failed", reason=file.problem)
    try:
        address = destination.of(file.name)
        before = _require_usable(file.path)
        return _sent(storage, checkpoints, file.path, before, address, progress)
    except BucketUnusable:
        raise
    except OSError as error:
        reason = f"The file cannot be read: {error.strerror or error}."
        return UploadResult(file.path, "failed", reason=reason)
    except (AddressInvalid, media.UnreadableVideo, StorageError, _NotUploaded) as error:
        again = isinstance(error, StorageAway)
        return UploadResult(file.path, "failed", reason=str(error), again=again)


class _NotUploaded(Exception):  # noqa: N818
    """The text says why."""


def _require_usable(path: Path) -> os.stat_result:
    """What the system tells of a file that is worth uploading."""
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise _NotUploaded(f"{path.name} is no file.")
    if facts.st_size == 0:
        raise _NotUploaded(f"{path.name} is empty (0 bytes).")
    with path.open("rb"):
        pass
    if path.suffix.lower() in VIDEO_SUFFIXES:
        media.probe(path)
    return facts


def _sent(
    storage: Storage,
    checkpoints: Path,
    path: Path,
    before: os.stat_result,
    address: ObjectAddress,
    progress: Progress,
) -> UploadResult:
    size = before.st_size
    there = storage.head(address)
    if there is not None and there.size == size and there.crc64 == file_crc64(path):
        return UploadResult(path, "unchanged", address, size, there.crc64)
    storage.upload_file(
        path,
        address,
        progress=lambda sent, _: progress(path, sent, size),
        checkpoints=checkpoints,
    )
    after, arrived = path.stat(), storage.head(address)
    if (after.st_size, after.st_mtime_ns) != (size, before.st_mtime_ns):
        raise _NotUploaded(f"{path.name} changed while it was uploaded. Upload it again.")
    if arrived is None or arrived.size != size:
        raise _NotUploaded(
            f"{address.to_oss()} is not what was sent: somebody else writes there. Upload it again."
        )
    outcome: Outcome = "uploaded" if there is None else "replaced"
    return UploadResult(path, outcome, address, size, arrived.crc64)


def addresses_of(address: ObjectAddress, region: str) -> dict[str, str]:
    """Both forms that the services take, by name."""
    return {"oss": address.to_oss(), "https": address.to_https(region)}


def _record(record: Path, result: UploadResult, address: ObjectAddress, region: str) -> None:
    line = {
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "file": str(result.path.resolve()),
        "outcome": result.outcome,
        "size": result.size,
        "crc64": result.crc64,
        **addresses_of(address, region),
    }
    with record.open("a", encoding="utf-8", errors="surrogateescape") as lines:
        lines.write(json.dumps(line, ensure_ascii=False) + "\n")
