"""What Dagster shows as partitions: per title (or shard), and language, is all of it there?

A cell is complete when every video that the catalog wants in it is done. Its version changes
whenever what was delivered changes, so that each content is reported once.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from translation_pipeline.catalog.config import Catalog
from translation_pipeline.ledger.models import Job, Video, Wanted
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.providers.requests import EXTRACTION, TRANSLATION
from translation_pipeline.stages.doubts import doubted_files
from translation_pipeline.stages.review import caption_places
from translation_pipeline.stages.wanted import CORRECTED, EXTRACTED, asked_for, name_of

SOURCE_VIDEOS = "source_videos"
EXTRACTED_CAPTIONS = "extracted_captions"
REVIEWED_CAPTIONS = "reviewed_captions"
TRANSLATED_VIDEOS = "translated_videos"

DONE, USABLE, VALID = "done", "usable", "valid"
FINE = (DONE, USABLE, VALID)  # states of rows that lack nothing


@dataclass(frozen=True)
class Cell:
    """One partition of one asset. `rows` is a table for people, one row per video."""

    asset: str
    title: str
    """A title, or the name of a shard of titles, whose rows name their title too."""
    language: str | None
    rows: tuple[dict[str, Any], ...]
    missing: tuple[str, ...]
    """Videos that are not done, each with its reason."""
    version: str

    @property
    def complete(self) -> bool:
        """Whether it holds something and lacks nothing."""
        return bool(self.rows) and not self.missing


def source_cells(pipeline: Pipeline, titles: Collection[str] | None = None) -> list[Cell]:
    """One cell per title: its videos, usable or not. An unusable video is a row, not a gap."""
    by_title: dict[str, list[Video]] = defaultdict(list)
    for video in pipeline.inventory.videos(titles):
        by_title[video.title].append(video)
    return [
        _cell(SOURCE_VIDEOS, title, None, [_video_row(video) for video in videos], [])
        for title, videos in by_title.items()
    ]


def extraction_cells(pipeline: Pipeline, titles: Collection[str] | None = None) -> list[Cell]:
    """One cell per title whose captions are extracted for review, the most doubtful first."""
    doubts = _doubts(pipeline, titles)
    cells = []
    for found in _wanted_cells(pipeline, titles, EXTRACTED_CAPTIONS, EXTRACTION):
        rows = [
            {**row, "doubt": doubts.get((found.title, row["video"], EXTRACTED, row["language"]))}
            for row in found.rows
        ]
        cells.append(_cell(found.asset, found.title, None, _doubtful_first(rows), found.missing))
    return cells


def translation_cells(pipeline: Pipeline, titles: Collection[str] | None = None) -> list[Cell]:
    """One cell per title and language."""
    return _wanted_cells(pipeline, titles, TRANSLATED_VIDEOS, TRANSLATION)


def review_cells(pipeline: Pipeline, titles: Collection[str] | None = None) -> list[Cell]:
    """One cell per title whose captions come from a person; complete when all are usable."""
    present = {
        (row.title, row.video, row.origin, row.language): row
        for row in pipeline.inventory.captions(titles)
    }
    doubts = _doubts(pipeline, titles)
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    missing: dict[str, list[str]] = defaultdict(list)
    for place in caption_places(pipeline, titles):
        video = place.video
        name = (video.title, video.video, place.origin, place.language)
        captions = present.get(name)
        usable = captions is not None and captions.usable_key is not None
        reason = "" if usable else (captions and captions.problem) or "not there yet"
        rows[video.title].append(
            {
                "video": video.video,
                "language": place.language,
                "file": place.address.to_oss(),
                "cues": captions.cue_count if captions else 0,
                "findings": captions.finding_count if captions else 0,
                "doubt": doubts.get(name),
                "state": VALID if usable else "blocked",
                "reason": reason,
                "content": (captions.sha256 or "") if captions else "",
            }
        )
        if not usable and video.problem is None:
            missing[video.title].append(f"{video.video}: {reason}")
    return [
        _cell(REVIEWED_CAPTIONS, title, None, _doubtful_first(found), missing[title])
        for title, found in rows.items()
    ]


def in_partitions(catalog: Catalog, found: Iterable[Cell]) -> list[Cell]:
    """Cells of titles as cells of the catalog's partitions: as they are, or merged by shard."""
    shards = catalog.partition_by
    if shards is None:
        return list(found)
    merged: dict[tuple[str, str, str | None], list[Cell]] = defaultdict(list)
    for cell in found:
        merged[cell.asset, shards.shard_of(cell.title), cell.language].append(cell)
    return [_merged(*key, parts) for key, parts in merged.items()]


def _merged(asset: str, shard: str, language: str | None, parts: list[Cell]) -> Cell:
    """One cell of many, what is not done first."""
    rows = [{"title": cell.title, **row} for cell in parts for row in cell.rows]
    rows.sort(key=lambda row: row["state"] in FINE)
    missing = tuple(f"{cell.title}, {line}" for cell in parts for line in cell.missing)
    digest = hashlib.sha256(json.dumps([cell.version for cell in parts]).encode()).hexdigest()
    return Cell(asset, shard, language, tuple(rows), missing, digest)


def _doubts(
    pipeline: Pipeline, titles: Collection[str] | None
) -> dict[tuple[str, str, str, str], float]:
    """Score of each caption file, by title, video, origin and language."""
    return {
        (row.title, row.video, row.origin, row.language): file.doubt.score
        for file in doubted_files(pipeline, titles)
        for row in (file.captions,)
    }


def _doubtful_first(rows: Collection[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: -(row["doubt"] or 0.0))


def _wanted_cells(
    pipeline: Pipeline, titles: Collection[str] | None, asset: str, kind: str
) -> list[Cell]:
    rows: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    missing: dict[tuple[str, str], list[str]] = defaultdict(list)
    today = asked_for(pipeline.catalog, pipeline.inventory.videos(titles))
    for wanted, job in pipeline.inventory.wanted(titles, kind=kind):
        if name_of(wanted) not in today:
            continue  # a language that was taken out of the catalog leaves no gap
        cell = (wanted.title, wanted.language)
        rows[cell].append(_wanted_row(wanted, job))
        if wanted.delivered_at is None:
            missing[cell].append(f"{wanted.video}: {_reason(wanted, job)}")
    by_language = kind == TRANSLATION
    return [
        _cell(asset, title, language if by_language else None, found, missing[title, language])
        for (title, language), found in rows.items()
    ]


def _reason(wanted: Wanted, job: Job | None) -> str:
    if wanted.blocked:
        return wanted.blocked
    if job is None:
        return "nothing is planned for it"
    return job.reason or f"its job is {job.state}"


def _video_row(video: Video) -> dict[str, Any]:
    return {
        "video": video.video,
        "source": f"oss://{video.bucket}/{video.key}",
        "size_mb": round(video.size / 1e6, 2),
        "duration_s": round(video.duration_s, 2) if video.duration_s else None,
        "picture": f"{video.width}x{video.height}" if video.width else "",
        "fps": round(video.fps, 3) if video.fps else None,
        "sound": video.has_audio,
        "state": USABLE if video.problem is None else "set aside",
        "reason": video.problem or "",
        "content": video.etag,
    }


def _wanted_row(wanted: Wanted, job: Job | None) -> dict[str, Any]:
    facts = wanted.facts or {}
    return {
        "video": wanted.video,
        "language": wanted.language,
        "state": DONE if wanted.delivered_at else (job.state if job else "blocked"),
        "reason": "" if wanted.delivered_at else _reason(wanted, job),
        "cues": facts.get("cues"),
        "duration_s": facts.get("duration_s"),
        "size_mb": round(facts["size"] / 1e6, 2) if "size" in facts else None,
        "version": version_of(job),
        "output": f"oss://{wanted.output_bucket}/{wanted.output_key}",
        "job": (job.remote_id or "") if job else "",
    }


def version_of(job: Job | None) -> str:
    """What is, or will be, delivered: the first translation, or a person's correction of it."""
    captions = (job.request.get("captions") or {}) if job else {}
    return CORRECTED if f".{CORRECTED}." in captions.get("key", "") else "first"


def _cell(
    asset: str,
    title: str,
    language: str | None,
    rows: list[dict[str, Any]],
    missing: Collection[str],
) -> Cell:
    digest = hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
    return Cell(asset, title, language, tuple(rows), tuple(missing), digest)
