"""Reads the captions that are burnt into a video: what was shown, from when to when, and where.

`frames` decodes, `line_tracker` follows lines of text through the pictures and reads them with
`ocr`, `cue_track` makes captions of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.cue_track import cues_from_lines, is_in_language
from translation_pipeline.localcloud.engine.frames import Crop, RegionReader
from translation_pipeline.localcloud.engine.geometry import Box, Region
from translation_pipeline.localcloud.engine.line_tracker import LineTracker
from translation_pipeline.localcloud.engine.ocr import Rect, shared_ocr

LANGUAGES = (None, "ch", "en", "ch_ml")


@dataclass(frozen=True, slots=True)
class CaptionReading:
    """One caption that was read.

    `boxes` are its lines in the whole frame, from top to bottom, one for each line of
    `cue.text`; `score` is the recogniser's confidence, 0..1, of its weakest line.
    """

    cue: Cue
    boxes: tuple[Box, ...]
    score: float


def read_captions(
    video: Path,
    region: Region,
    *,
    fps: float = 5,
    language: str | None = None,
    gated: bool = True,
    threads: int | None = None,
) -> list[CaptionReading]:
    """The captions inside `region` of `video`, in order of start; empty if there are none.

    `fps` is how many pictures a second are searched for new text; starts and ends are exact to a
    frame whatever it is. `language` is the service's `lang`: "ch", "en", "ch_ml" or None for any
    (ims.md section 7.2); "en" leaves out lines without a Latin letter or a digit. `gated=False`
    recognises every sampled picture anew: slow, the yardstick of the benchmark. `threads` is for
    decoding and recognition; a server with N worker processes on C cores passes C // N. None
    means all cores.

    Raises:
        UnreadableVideo: the file does not decode or has no picture.
        ValueError: `fps` or `language` is not one of the above.
    """
    if fps <= 0:
        raise ValueError(f"fps is {fps}: give the pictures a second to search, such as 5")
    if language not in LANGUAGES:
        raise ValueError(f'language is {language!r}: use "ch", "en", "ch_ml" or None')
    pictures = RegionReader(video, region, threads=threads)
    tracker = LineTracker(
        shared_ocr(threads),
        frame_side_px=min(pictures.crop.frame_width, pictures.crop.frame_height),
        sample_ms=1000 / fps,
        gated=gated,
    )
    for picture in pictures:
        tracker.see(picture)
    lines = [
        line for line in tracker.finish(pictures.end_ms) if is_in_language(line.text, language)
    ]
    return [
        CaptionReading(
            cue=tracked.cue,
            boxes=tuple(_box(rect, pictures.crop) for rect in tracked.rects),
            score=tracked.score,
        )
        for tracked in cues_from_lines(lines)
    ]


def _box(rect: Rect, crop: Crop) -> Box:
    return Box(
        x=(crop.left + rect.left) / crop.frame_width,
        y=(crop.top + rect.top) / crop.frame_height,
        width=rect.width / crop.frame_width,
        height=rect.height / crop.frame_height,
    )
