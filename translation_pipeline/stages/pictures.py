"""A frame before and after, so that a person sees at a glance what was done."""

from __future__ import annotations

from dataclasses import dataclass

from translation_pipeline.captions.srt import parse_srt
from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.errors import CaptionsUnreadable, StorageError
from translation_pipeline.pipeline import Pipeline
from translation_pipeline.providers.requests import TRANSLATION
from translation_pipeline.stages.delivery import sidecar_of

WIDTH = 480  # pixels; two of them side by side stay below 100 kB


@dataclass(frozen=True)
class BeforeAndAfter:
    """The same moment (`at_s` seconds) of one video as JPEG, before and after translation."""

    video: str
    at_s: float
    before: bytes
    after: bytes


def before_and_after(pipeline: Pipeline, title: str, language: str) -> BeforeAndAfter | None:
    """A frame with a caption of the title's first translated video; None if there is none."""
    from translation_pipeline import media  # late: whoever only plans loads no media engine

    sources = {video.video: video for video in pipeline.inventory.videos([title])}
    for wanted, _ in pipeline.inventory.wanted([title], kind=TRANSLATION, language=language):
        source = sources.get(wanted.video)
        if source is None or not wanted.delivered_at:
            continue
        output = ObjectAddress(wanted.output_bucket, wanted.output_key)
        at_s = _moment(pipeline, output, (source.duration_s or 0.0) / 2)
        storage = pipeline.storage
        try:
            return BeforeAndAfter(
                wanted.video,
                at_s,
                media.picture(
                    storage.signed_url(ObjectAddress(source.bucket, source.key)), at_s, WIDTH
                ),
                media.picture(storage.signed_url(output), at_s, WIDTH),
            )
        except media.UnreadableVideo:
            continue  # a picture is a courtesy; the checks say what is wrong with the video
    return None


def _moment(pipeline: Pipeline, output: ObjectAddress, otherwise_s: float) -> float:
    """The middle of the longest cue, in seconds."""
    try:
        cues = parse_srt(pipeline.storage.get(sidecar_of(output))).cues
    except (StorageError, CaptionsUnreadable):
        return otherwise_s
    return max((cue.end_ms - cue.start_ms, (cue.start_ms + cue.end_ms) / 2000) for cue in cues)[1]
