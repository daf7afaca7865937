"""`translation-pipeline upload`: files into OSS, with progress, and their addresses as a table."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from translation_pipeline.cli.local_home import LocalHome
from translation_pipeline.cli.output import err, out, print_json, print_table
from translation_pipeline.errors import ConfigurationError, TryAgainLater
from translation_pipeline.settings import Settings
from translation_pipeline.stages.upload import (
    RECORD,
    LocalFile,
    UploadResult,
    addresses_of,
    find_files,
    parse_destination,
    upload,
)
from translation_pipeline.storage import Storage

COLUMNS = ("file", "outcome", "size", "oss", "https", "reason")


def run_upload(arguments: Sequence[str], home: Path | None, *, as_json: bool) -> int:
    """Upload all but the last argument to the last; returns the exit code."""
    *paths, named = arguments
    settings = Settings.from_environment(_environment(home))
    destination = parse_destination(named, settings.region)
    if not paths:
        raise ConfigurationError(
            f"There is nothing to upload. Name files or folders before {named}."
        )
    files = find_files([Path(path) for path in paths])
    logging.getLogger("oss2").setLevel(logging.CRITICAL)  # its tracebacks; errors tell it in words
    storage = Storage.from_settings(settings)
    with _progress(files) as bars:
        results = []
        for result in upload(storage, settings.home, files, destination, bars.sending):
            bars.finished(result)
            results.append(result)
    _print(results, settings, as_json=as_json)
    failed = [result for result in results if result.outcome == "failed"]
    if not failed:
        return 0
    return TryAgainLater.exit_code if all(result.again for result in failed) else 1


def _environment(home: Path | None) -> dict[str, str]:
    return dict(os.environ) if home is None else LocalHome(home.resolve()).environment()


class _Bars:
    """A bar for the file that is sent on a terminal, and a line for each that is done."""

    def __init__(self, bars: Progress | None, count: int) -> None:
        self._bars = bars
        self._count = count
        self._done = 0
        self._task = bars.add_task("", visible=False) if bars else None

    def sending(self, path: Path, sent: int, total: int) -> None:
        """Show how much of a file was sent."""
        if self._bars is not None and self._task is not None:
            self._bars.update(
                self._task, description=path.name, completed=sent, total=total, visible=True
            )

    def finished(self, result: UploadResult) -> None:
        """Say what became of a file."""
        self._done += 1
        if self._bars is not None and self._task is not None:
            self._bars.reset(self._task, visible=False)
        line = f"{self._done}/{self._count} {result.outcome}: {result.path}"
        err.print(f"{line}: {result.reason}" if result.reason else line, markup=False)


@contextmanager
def _progress(files: Sequence[LocalFile]) -> Iterator[_Bars]:
    if not err.is_terminal:
        yield _Bars(None, len(files))
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as bars:
        yield _Bars(bars, len(files))


def _print(results: Sequence[UploadResult], settings: Settings, *, as_json: bool) -> None:
    rows = [_row(result, settings.region) for result in results]
    record = str(settings.home / RECORD)
    if as_json:
        print_json({"files": rows, "record": record})
        return
    failed = [row for row in rows if row["outcome"] == "failed"]
    if out.is_terminal:
        for row in rows:
            if row["oss"]:  # whole lines, to be copied; the columns of a table would cut them
                out.print(f"{row['file']}\n  {row['oss']}\n  {row['https']}", markup=False)
        if failed:
            print_table(failed, ("file", "reason"))
    else:
        print_table(rows, COLUMNS)
    err.print(f"Recorded in {record}.", markup=False)
    if failed:
        err.print("Mend what failed and run the same command again: the rest is not sent twice.")


def _row(result: UploadResult, region: str) -> dict[str, Any]:
    addresses = addresses_of(result.address, region) if result.address else {}
    return {
        "file": str(result.path),
        "outcome": result.outcome,
        "size": result.size,
        "crc64": result.crc64,
        "oss": addresses.get("oss"),
        "https": addresses.get("https"),
        "reason": result.reason,
    }
