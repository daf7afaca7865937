"""The object store against a model: listings, and files that must or must not be left."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translation_pipeline.localcloud.index import FolderInUseError
from translation_pipeline.localcloud.objects import ObjectStore
from translation_pipeline.localcloud.oss_errors import OssError

KEYS = st.text("ab/é😀\x7f", min_size=1, max_size=5).filter(lambda key: not key.startswith("/"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ObjectStore]:
    opened = ObjectStore(tmp_path / "store")
    opened.create_bucket("bkt")
    yield opened
    opened.close()


def files(store_folder: Path) -> set[str]:
    return {path.name for path in (store_folder / "blobs").glob("*/*")}


def folded(keys: set[str], prefix: str, delimiter: str, start_after: str) -> list[str]:
    """What a listing holds, told slowly: keys and common prefixes in byte order."""
    found = set()
    for key in keys:
        if not key.startswith(prefix) or key.encode() <= start_after.encode():
            continue
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        found.add(key if end < 0 else key[: end + len(delimiter)])
    return sorted(found, key=str.encode)


@settings(max_examples=60, deadline=None)
@given(
    keys=st.sets(KEYS, max_size=25),
    prefix=st.one_of(st.just(""), KEYS),
    delimiter=st.sampled_from(["", "/", "a/", "é"]),
    start_after=st.one_of(st.just(""), KEYS),
    page=st.integers(1, 7),
)
def test_listings(keys: set[str], prefix: str, delimiter: str, start_after: str, page: int) -> None:
    with TemporaryDirectory() as folder:
        store = ObjectStore(Path(folder))
        store.create_bucket("bkt")
        for key in keys:
            store.put_bytes("bkt", key, b"")
        found: list[str] = []
        cursor: bytes | None = None
        while True:
            got = store.list("bkt", prefix, delimiter, start_after, page, cursor)
            entries = [*(stored.key for stored in got.objects), *got.prefixes]
            found += sorted(entries, key=str.encode)
            cursor = got.next_cursor
            assert len(entries) == page or cursor is None
            if cursor is None:
                break
        store.close()
    assert found == folded(keys, prefix, delimiter, start_after)


def test_replaced_and_deleted_files_go(store: ObjectStore, tmp_path: Path) -> None:
    store.put_bytes("bkt", "a", b"1")
    store.put_bytes("bkt", "a", b"2")
    copied = store.copy(("bkt", "a"), ("bkt", "b"))
    store.delete("bkt", "a")
    with pytest.raises(OssError):
        store.put_bytes("bkt", "b", b"3", forbid_overwrite=True)
    with pytest.raises(OssError):
        store.copy(("bkt", "b"), ("nowhere", "b"))
    assert files(tmp_path / "store") == {copied.path.name}
    assert copied.path.read_bytes() == b"2"


def test_what_a_crash_leaves_goes_at_the_next_start(store: ObjectStore, tmp_path: Path) -> None:
    kept = store.put_bytes("bkt", "kept", b"1")
    with pytest.raises(sqlite3.ProgrammingError), store.writer() as torn:
        torn.write(b"half")
        store.close()  # So that the writer cannot clean up, as after a crash.
    assert len(files(tmp_path / "store")) == 2
    again = ObjectStore(tmp_path / "store")
    assert files(tmp_path / "store") == {kept.path.name}
    assert again.head("bkt", "kept") == kept
    again.close()


def test_put_file_copies(store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source.srt"
    source.write_bytes(b"1")
    stored = store.put_file("bkt", "captions.mp4", source, metadata={"a": "1"})
    source.write_bytes(b"2")
    assert stored.path.read_bytes() == b"1"
    assert (stored.content_type, stored.metadata) == ("video/mp4", {"a": "1"})
    assert store.head("bkt", "captions.mp4") == stored


def test_one_process_at_a_time(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(FolderInUseError, match="choose another"):
        ObjectStore(tmp_path / "store")
