"""The coverage as files for people: a CSV table, and one HTML page that sorts and filters.

Made for hundreds of thousands of rows: titles go by a few at a time, rows are written as they
come, and what is kept are counts.
"""

from __future__ import annotations

import csv
import hashlib
import html
import json
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.config import COVERAGE_PREFIX
from translation_pipeline.ledger.ledger import utc_now
from translation_pipeline.ledger.totals import Totals, totals_of_all, waiting_for
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.stages.coverage import (
    BLOCKED,
    DONE,
    FAILED,
    RUNNING,
    UNKNOWN,
    WAITING,
    CoverageRow,
    coverage,
)
from translation_pipeline.stages.wanted import APPROVED

COVERAGE = "coverage"
HTML_KEY, CSV_KEY = COVERAGE_PREFIX + "coverage.html", COVERAGE_PREFIX + "coverage.csv"
COLUMNS = tuple(column.name for column in fields(CoverageRow))
STATES = (DONE, RUNNING, WAITING, BLOCKED, FAILED, UNKNOWN)
NOT_DONE_MOST = 500  # rows that are kept to be shown

# A cell that begins so is a formula to a spreadsheet, and names of files are written by anybody.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def coverage_rows(
    pipeline: Pipeline, titles: Collection[str] | None = None
) -> Iterator[CoverageRow]:
    """All rows of these titles (of all, without an argument), by title, video and stage."""
    for some in pipeline.inventory.title_batches(titles):
        yield from coverage(pipeline, some)


@dataclass
class CoverageSummary:
    """How many rows there are in each state, by title, and the first rows that are not done."""

    by_title: dict[str, Counter[str]] = field(default_factory=dict)
    not_done: list[CoverageRow] = field(default_factory=list)
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256, repr=False)

    def add(self, row: CoverageRow) -> None:
        """Count a row."""
        self.by_title.setdefault(row.title, Counter())[row.state] += 1
        if row.state != DONE and len(self.not_done) < NOT_DONE_MOST:
            self.not_done.append(row)
        self._hash.update(json.dumps(_values(row)).encode())

    @property
    def version(self) -> str:
        """Hash of all rows so far."""
        return self._hash.hexdigest()

    @property
    def by_state(self) -> dict[str, int]:
        """The number of rows in each state, also in those that none is in."""
        total: Counter[str] = Counter()
        for counts in self.by_title.values():
            total.update(counts)
        return {state: total[state] for state in STATES}

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(self.by_state.values())

    def titles(self) -> list[dict[str, str | int]]:
        """Each title with its counts, those with most left to do first."""
        lines: list[dict[str, str | int]] = [
            {"title": title, **{state: counts[state] for state in STATES}}
            for title, counts in self.by_title.items()
        ]
        left = {title: counts.total() - counts[DONE] for title, counts in self.by_title.items()}
        return sorted(lines, key=lambda line: (-left[str(line["title"])], str(line["title"])))


class CoverageFiles:
    """An HTML page and a CSV file that rows are added to; whole when the block ends.

    Either may be None. Raises `OSError` when a file cannot be written.
    """

    def __init__(self, page: Path | None, table: Path | None) -> None:
        self.summary = CoverageSummary()
        self._paths = page, table
        self._stack = ExitStack()
        template = (resources.files(__package__) / "data" / "coverage.html").read_text("utf-8")
        self._head, rest = template.split("{{rows}}")
        self._middle, self._tail = rest.split("{{titles}}")
        self._separator = ""

    def __enter__(self) -> CoverageFiles:
        page, table = self._paths
        with ExitStack() as stack:
            self._page = page and stack.enter_context(page.open("w", encoding="utf-8"))
            # The mark at the beginning lets spreadsheets see that it is UTF-8.
            self._table = table and stack.enter_context(
                table.open("w", encoding="utf-8-sig", newline="")
            )
            if self._page:
                at = utc_now().strftime("%Y-%m-%d %H:%M UTC")
                self._page.write(self._head.replace("{{at}}", at))
            if self._table:
                self._csv = csv.writer(self._table)
                self._csv.writerow(COLUMNS)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with self._stack:
            if self._page:
                self._page.write(self._middle)
                self._page.writelines(_title_line(line) for line in self.summary.titles())
                self._page.write(self._tail)

    def add(self, row: CoverageRow) -> CoverageRow:
        """Write and count a row; returns it."""
        self.summary.add(row)
        values = _values(row)
        if self._page:
            self._page.write(self._separator + _in_script(values))
            self._separator = ",\n"
        if self._table:
            self._csv.writerow(_harmless(value) for value in values)
        return row


@dataclass(frozen=True)
class CoverageReport:
    """The report in the output bucket; `is_new` when it is another than Dagster was told of."""

    html: ObjectAddress
    csv: ObjectAddress
    summary: CoverageSummary
    totals: Totals
    waiting_for_review: int
    """Videos, each with extracted captions that a person has yet to approve."""
    is_new: bool


def deliver_coverage(pipeline: Pipeline, *, again: bool = False) -> CoverageReport:
    """Put HTML and CSV of the whole catalog into the output bucket, if anything changed since;
    `again` puts them there in any case."""
    bucket = pipeline.catalog.output_bucket
    addresses = {key: ObjectAddress(bucket, key) for key in (HTML_KEY, CSV_KEY)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = {key: folder / Path(key).name for key in addresses}
        with CoverageFiles(paths[HTML_KEY], paths[CSV_KEY]) as files:
            for row in coverage_rows(pipeline):
                files.add(row)
        told = pipeline.inventory.materialized(COVERAGE).get("")
        is_new = told != files.summary.version
        if is_new or again:
            for key, address in addresses.items():
                pipeline.storage.upload_file(paths[key], address, checkpoints=folder / "parts")
    database = pipeline.ledger.database
    return CoverageReport(
        addresses[HTML_KEY],
        addresses[CSV_KEY],
        files.summary,
        totals_of_all(database),
        waiting_for(database, APPROVED),
        is_new,
    )


def note_told(pipeline: Pipeline, report: CoverageReport) -> None:
    """Dagster was told of this report."""
    pipeline.inventory.record_materialized(COVERAGE, "", report.summary.version)


def _values(row: CoverageRow) -> list[str]:
    return [getattr(row, name) for name in COLUMNS]


def _title_line(line: dict[str, str | int]) -> str:
    title = html.escape(str(line["title"]))
    counts = "".join(
        f'<td class="{state if line[state] else ""}">{line[state]}</td>' for state in STATES
    )
    return f'<tr><td><button data-title="{title}">{title}</button></td>{counts}</tr>\n'


def _in_script(values: list[str]) -> str:
    """JSON that cannot end the script element that it stands in."""
    return json.dumps(values, ensure_ascii=False).replace("<", "\\u003c")


def _harmless(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
