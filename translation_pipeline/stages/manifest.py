"""`manifest.json` for each title and language: what was delivered, made from what, at what cost.

Written into the output bucket for whoever takes the videos from there; `data/manifest.schema.json`
describes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.config import MANIFESTS_PREFIX
from translation_pipeline.ledger.budget import MICROS
from translation_pipeline.ledger.ledger import utc_now
from translation_pipeline.ledger.models import Captions, Job, Video, Wanted
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.providers.requests import TRANSLATION
from translation_pipeline.stages.cells import Cell, translation_cells, version_of
from translation_pipeline.stages.delivery import SIDECARS, sidecar_of

MANIFEST_VERSION = 1
_WRITTEN = "manifest"  # beside the assets, among what was told
_NOT_PARAMETERS = {"kind", "video", "output", "captions", "captions_are"}


def manifest_address(pipeline: Pipeline, title: str, language: str) -> ObjectAddress:
    """Where the manifest of a title in a language lies."""
    key = f"{MANIFESTS_PREFIX}{title}/{language}/manifest.json"
    return ObjectAddress(pipeline.catalog.output_bucket, key)


def write_manifests(
    pipeline: Pipeline, titles: Collection[str] | None = None
) -> list[ObjectAddress]:
    """Write the manifests of these titles that changed since they were written; returns where."""
    written = pipeline.inventory.materialized(_WRITTEN)
    return [
        address
        for some in pipeline.inventory.title_batches(titles)
        for address in _write_manifests(pipeline, some, written)
    ]


def _write_manifests(
    pipeline: Pipeline, titles: Collection[str], written: Mapping[str, str]
) -> list[ObjectAddress]:
    delivered = _delivered(pipeline, titles)
    addresses = []
    for cell in translation_cells(pipeline, titles):
        language = cell.language or ""
        document = _manifest(cell, delivered.get((cell.title, language), []))
        version = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
        if written.get(_partition(cell)) == version:
            continue
        address = manifest_address(pipeline, cell.title, language)
        dated = {**document, "written_at": _time(utc_now())}
        pipeline.storage.put(address, json.dumps(dated, ensure_ascii=False, indent=2).encode())
        pipeline.inventory.record_materialized(_WRITTEN, _partition(cell), version)
        addresses.append(address)
    return addresses


def _partition(cell: Cell) -> str:
    return f"{cell.language}|{cell.title}"


def _delivered(
    pipeline: Pipeline, titles: Collection[str] | None
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The entries of all delivered videos, by title and language."""
    videos = {(video.title, video.video): video for video in pipeline.inventory.videos(titles)}
    captions = {row.usable_key: row for row in pipeline.inventory.captions(titles)}
    entries: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for wanted, job in pipeline.inventory.wanted(titles):
        video = videos.get((wanted.title, wanted.video))
        if wanted.kind != TRANSLATION or wanted.delivered_at is None or not (job and video):
            continue
        entry = _entry(wanted, job, video, captions)
        entries.setdefault((wanted.title, wanted.language), []).append(entry)
    return entries


def _manifest(cell: Cell, entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "manifest_version": MANIFEST_VERSION,
        "title": cell.title,
        "language": cell.language,
        "complete": cell.complete,
        "missing": list(cell.missing),
        "videos": entries,
    }


def _entry(
    wanted: Wanted, job: Job, video: Video, captions: dict[str | None, Captions]
) -> dict[str, Any]:
    output = ObjectAddress(wanted.output_bucket, wanted.output_key)
    facts = dict(wanted.facts or {})
    has_captions = facts.get("cues") is not None
    return {
        "video": wanted.video,
        "version": version_of(job),
        "source": {
            "address": ObjectAddress(video.bucket, video.key).to_oss(),
            "size_bytes": video.size,
            "crc64": video.crc64,
            "etag": video.etag,
            "duration_s": video.duration_s,
        },
        "captions": _captions(job, captions),
        "parameters": {
            name: value for name, value in job.request.items() if name not in _NOT_PARAMETERS
        },
        "job": {
            "id": job.id,
            "provider": job.provider,
            "account": job.account,
            "remote_id": job.remote_id,
            "attempt": job.attempt,
            "cost": str(Decimal(job.price_micros) / MICROS),
            "currency": job.currency,
            "submitted_at": _time(job.submitted_at),
            "finished_at": _time(job.finished_at),
        },
        "output": {
            "video": output.to_oss(),
            **{
                extension[1:]: sidecar_of(output, extension).to_oss() if has_captions else None
                for extension in SIDECARS
            },
            "delivered_at": _time(wanted.delivered_at),
        },
        "checks": facts,
    }


def _captions(job: Job, captions: dict[str | None, Captions]) -> dict[str, Any] | None:
    sent = job.request.get("captions")
    if sent is None:
        return None
    row = captions.get(sent["key"])
    return {
        "address": ObjectAddress(**sent).to_oss(),
        "hold": job.request["captions_are"],
        "sha256": row.sha256 if row else None,
        "glossary_version": row.glossary_version if row else None,
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
