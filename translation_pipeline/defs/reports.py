"""What Dagster is told of a cell: materializations with tables and pictures."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import dagster as dg

from translation_pipeline.defs.partitions import dimension, key_of
from translation_pipeline.ledger.budget import MICROS
from translation_pipeline.ledger.totals import Totals, totals_of, work_s
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.stages.cells import (
    DONE,
    EXTRACTED_CAPTIONS,
    REVIEWED_CAPTIONS,
    SOURCE_VIDEOS,
    TRANSLATED_VIDEOS,
    USABLE,
    Cell,
)
from translation_pipeline.stages.costs import KINDS, with_costs
from translation_pipeline.stages.pictures import before_and_after

TABLE_ROWS_MOST = 500  # more make the event too heavy to show; the count says how many there are

# Signed addresses are secrets that expire: they are made when a person asks, and never stored.
HOW_TO_OPEN = "translation-pipeline link TITLE, or link oss://… for one object"

NOTHING_TO_DO = {
    SOURCE_VIDEOS: "No title of the catalog is in this shard.",
    EXTRACTED_CAPTIONS: "No rule of this title asks for captions to be extracted for a review.",
    REVIEWED_CAPTIONS: "This title needs no captions of a person.",
}


def table(rows: Sequence[Mapping[str, Any]]) -> dg.MetadataValue[Any]:
    """Rows as a table in the UI. All values become text or numbers; empty columns are left out."""
    filled = (name for row in rows for name, value in row.items() if value not in (None, ""))
    columns = list(dict.fromkeys(filled))
    records = [
        dg.TableRecord({name: _plain(row.get(name)) for name in columns})
        for row in rows[:TABLE_ROWS_MOST]
    ]
    schema = dg.TableSchema(columns=[dg.TableColumn(name) for name in columns])
    return dg.MetadataValue.table(records=records, schema=schema)


def with_idle(asset: str, found: Sequence[Cell], titles: Collection[str]) -> list[Cell]:
    """The cells found, and one without rows for each title that the asset has nothing to do for.

    Those are reported too: else a title would look unfinished, and what comes after out of date.
    """
    idle = sorted(set(titles) - {cell.title for cell in found})
    return [*found, *(idle_cell(asset, title) for title in idle)]


def idle_cell(asset: str, title: str) -> Cell:
    """The cell of a title, or of a shard, that the asset has nothing to do for."""
    return Cell(asset, title, None, (), (), "nothing to do")


def cell_metadata(pipeline: Pipeline, cell: Cell) -> dict[str, Any]:
    """A table of the cell's videos, counts, and a picture where there is something to see."""
    named = {dimension(pipeline.catalog): cell.title}
    if not cell.rows:
        return {**named, "videos": NOTHING_TO_DO[cell.asset]}
    metadata: dict[str, Any] = {
        **named,
        "dagster/row_count": len(cell.rows),
        **_videos(pipeline, cell),
        "open": HOW_TO_OPEN,
    }
    cues = [row["cues"] for row in cell.rows if row.get("cues") is not None]
    if cues:
        metadata["cues"] = sum(cues)
    if cell.missing:
        metadata["missing"] = dg.MetadataValue.md("\n".join(f"- {line}" for line in cell.missing))
    done = next((row.get("title", cell.title) for row in cell.rows if row["state"] == DONE), None)
    if cell.asset == TRANSLATED_VIDEOS and cell.language is not None and done is not None:
        pictures = before_and_after(pipeline, done, cell.language)
        if pictures is not None:
            metadata["before_and_after"] = dg.MetadataValue.md(
                f"**{pictures.video} at {pictures.at_s:.1f} s**\n\n"
                f"{image('before', pictures.before)} {image('after', pictures.after)}"
            )
    return metadata


def figures(totals: Totals) -> dict[str, int | float]:
    """Totals as metadata that Dagster draws over time; money in units of the currency that is part
    of the name."""
    return {
        "jobs": totals.jobs,
        "video_minutes": round(totals.video_minutes, 2),
        **{f"paid_{name}": micros / MICROS for name, micros in totals.paid_micros.items()},
        "failures": totals.failures,
    }


def materialization(pipeline: Pipeline, cell: Cell) -> dg.AssetMaterialization:
    """The event for one complete cell."""
    return dg.AssetMaterialization(
        asset_key=cell.asset,
        partition=key_of(pipeline.catalog, cell),
        metadata=cell_metadata(pipeline, cell),
        tags={"dagster/data_version": cell.version[:32]},
    )


def image(name: str, jpeg: bytes) -> str:
    """A picture in Markdown, with its bytes."""
    return f"![{name}](data:image/jpeg;base64,{base64.b64encode(jpeg).decode()})"


def _videos(pipeline: Pipeline, cell: Cell) -> dict[str, Any]:
    """The table of a cell's videos, and what they come to."""
    if cell.asset in KINDS:
        rows, jobs = with_costs(pipeline, cell)
        took_s = sum(work_s(job) or 0.0 for job in jobs)
        return {
            "videos": table(_shown(rows)),
            **figures(totals_of(jobs)),
            "work_s": round(took_s, 1),
        }
    found: dict[str, Any] = {"videos": table(_shown(cell.rows))}
    if cell.asset == SOURCE_VIDEOS:
        found["video_minutes"] = round(sum(row["duration_s"] or 0 for row in cell.rows) / 60, 2)
        found["set_aside"] = sum(row["state"] != USABLE for row in cell.rows)
    if cell.asset == REVIEWED_CAPTIONS:
        found["findings"] = sum(row["findings"] for row in cell.rows)
    return found


def _shown(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows without the hash that only tells versions apart."""
    return [{name: row[name] for name in row if name != "content"} for row in rows]


def _plain(value: Any) -> str | int | float | bool:
    if value is None:
        return ""
    return value if isinstance(value, str | int | float | bool) else str(value)
