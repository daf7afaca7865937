"""Delivered outputs, looked at and listened to: each once, at a few moments.

This comes after the delivery, so that waiting for thousands of jobs stays cheap; what is found is
kept beside the facts of the delivery and answers the check `outputs_verified`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from translation_pipeline.captions.cue import Cue
from translation_pipeline.captions.srt import parse_srt
from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.catalog.listing import rule_of
from translation_pipeline.errors import CaptionsUnreadable, StorageError
from translation_pipeline.ledger.models import Job, Video, Wanted
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.providers.requests import (
    TRANSLATION,
    TranslationRequest,
    request_from_json,
)
from translation_pipeline.stages.delivery import sidecar_of

LOOKED_AT = "looked_at"  # among the facts of a delivered output
KEPT_TOGETHER = 64  # outputs; what a killed process has to look at again
_SHARES = 2**32


def inspect_outputs(pipeline: Pipeline, titles: Collection[str] | None = None) -> int:
    """Look at the delivered outputs that nobody looked at yet; returns how many.

    `TRANSLATION_PIPELINE_INSPECT_SHARE` is the share of them that is looked at.
    """
    due = [
        (wanted, job)
        for wanted, job in pipeline.inventory.wanted(titles)
        if wanted.kind == TRANSLATION
        and wanted.delivered_at is not None
        and job is not None
        and LOOKED_AT not in (wanted.facts or {})
        and _is_chosen(job.id, pipeline.settings.inspect_share)
    ]
    if not due:
        return 0
    sources = {
        (video.title, video.video): video
        for video in pipeline.inventory.videos({wanted.title for wanted, _ in due})
    }
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        for start in range(0, len(due), KEPT_TOGETHER):
            some = due[start : start + KEPT_TOGETHER]
            found = threads.map(lambda pair: _inspect(pipeline, sources, *pair), some)
            pipeline.inventory.note_facts([one for one in found if one is not None])
    return len(due)


def findings_of(wanted: Wanted) -> list[dict[str, Any]]:
    """What looking at an output found: name, message and at_ms; empty when all was well."""
    found: list[dict[str, Any]] = (wanted.facts or {}).get(LOOKED_AT, {}).get("findings", [])
    return found


def has_picture(wanted: Wanted) -> bool:
    """Whether a picture shows what was found."""
    return bool((wanted.facts or {}).get(LOOKED_AT, {}).get("has_picture"))


def worst_frame_address(wanted: Wanted) -> ObjectAddress:
    """Where the picture of an output's gravest finding lies, if it has one."""
    output = ObjectAddress(wanted.output_bucket, wanted.output_key)
    return sidecar_of(output, ".finding.jpg")


def _is_chosen(job_id: str, share: float) -> bool:
    """Always the same answer for a job, so that no rerun looks at others."""
    number = int.from_bytes(hashlib.sha256(job_id.encode()).digest()[:4], "big")
    return number < share * _SHARES


def _inspect(
    pipeline: Pipeline, sources: Mapping[tuple[str, str], Video], wanted: Wanted, job: Job
) -> tuple[Wanted, dict[str, Any]] | None:
    """The facts to add; None while OSS does not show what is needed."""
    from translation_pipeline import media  # late: whoever only plans loads no media engine
    from translation_pipeline.verification.recogniser import installed_recogniser
    from translation_pipeline.verification.verify import verify_output

    request = request_from_json(job.request)
    video = sources.get((wanted.title, wanted.video))
    rule = rule_of(pipeline.catalog, video) if video is not None else None
    if not isinstance(request, TranslationRequest) or video is None or rule is None:
        return None
    storage = pipeline.storage
    output = ObjectAddress(wanted.output_bucket, wanted.output_key)
    source = ObjectAddress(video.bucket, video.key)
    try:
        target_cues = _cues(storage.get, sidecar_of(output)) if _has_captions(wanted) else ()
        source_cues = (
            _cues(storage.get, request.captions)
            if request.captions is not None and request.captions_are == "source"
            else ()
        )
        found = verify_output(
            storage.signed_url(source),
            storage.signed_url(output),
            source_cues=source_cues,
            target_cues=target_cues,
            target_language=wanted.language,
            erase=request.erase,
            burn_in=request.subtitle_style is not None,
            speech=request.level == "speech",
            caption_region=rule.caption_region.as_roi() if rule.caption_region else None,
            recogniser=installed_recogniser(pipeline.settings.speech_model),
        )
        if found.worst_frame is not None:
            storage.put(worst_frame_address(wanted), found.worst_frame)
    except (StorageError, CaptionsUnreadable, media.UnreadableVideo):
        return None  # `outputs_verified` says what is gone or does not play
    return wanted, {
        LOOKED_AT: {
            "findings": [asdict(finding) for finding in found.findings],
            "facts": found.facts,
            "has_picture": found.worst_frame is not None,
        }
    }


def _has_captions(wanted: Wanted) -> bool:
    return (wanted.facts or {}).get("cues") is not None


def _cues(read: Callable[[ObjectAddress], bytes], address: ObjectAddress) -> Sequence[Cue]:
    return parse_srt(read(address)).cues
