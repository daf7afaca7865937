"""Remove burnt-in captions from the pictures of a video.

Only the strokes of the letters are replaced, and only while a caption shows (see `patch`). The
video is decoded twice at the same time: a scout runs ahead to the end of the caption that is being
erased, to learn its strokes and the pictures around it. So memory holds one caption, however long
the video is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from translation_pipeline.localcloud.engine.caption_reader import CaptionReading
from translation_pipeline.localcloud.engine.encode import FrameStream, colour_options
from translation_pipeline.localcloud.engine.geometry import Box
from translation_pipeline.localcloud.engine.patch import CaptionPatch, Patch, strokes
from translation_pipeline.localcloud.engine.window import Plane, Window, YuvPicture
from translation_pipeline.media import opened_video

MARGIN_S = 0.2  # a caption is read this much late or early at most, fades included
CLEAN_GAP_S = 0.08  # so far from any erasure a picture counts as clean
AFTER_WAIT_S = 2.0  # the scout looks so far behind a caption for a clean picture
SAMPLES = 12  # pictures of a caption from which its strokes are taken


@dataclass(frozen=True)
class Erasure:
    """What to remove: the boxes, while they show, in seconds from the start of the video."""

    start_s: float
    end_s: float
    boxes: tuple[Box, ...]
    whole: bool = False  # all of each box goes, not only the strokes of letters


def erasures_of(readings: Iterable[CaptionReading]) -> list[Erasure]:
    """The erasures for captions that were read, by time, with a margin for fades."""
    found = (
        Erasure(r.cue.start_ms / 1000 - MARGIN_S, r.cue.end_ms / 1000 + MARGIN_S, r.boxes)
        for r in readings
    )
    return sorted(found, key=lambda erasure: erasure.start_s)


def erased(video: Path, erasures: Sequence[Erasure]) -> FrameStream:
    """The pictures of `video`, upright, without what the erasures name; decoded while read.

    Raises:
        UnreadableVideo: here or while the frames are read.
    """
    ordered = sorted(erasures, key=lambda erasure: erasure.start_s)
    with opened_video(video) as (container, stream):
        first = next(container.decode(stream))
        start_s = (container.start_time or 0) / av.time_base
        width, height = first.width // 2 * 2, first.height // 2 * 2
        return FrameStream(
            frames=_erased_frames(video, ordered),
            width=height if first.rotation % 180 else width,
            height=width if first.rotation % 180 else height,
            rate=stream.average_rate or Fraction(25),
            time_base=stream.time_base or Fraction(1, 90_000),
            first_s=(first.time or 0.0) - start_s,
            colour_options=colour_options(stream),
        )


def _erased_frames(video: Path, erasures: Sequence[Erasure]) -> Iterator[VideoFrame]:
    scout = _patches(video, [erasure for erasure in erasures if not erasure.whole])
    waiting = list(erasures)
    active: list[tuple[Erasure, list[Patch]]] = []
    previous: YuvPicture | None = None
    for picture in _pictures(video):
        while waiting and waiting[0].start_s <= picture.time_s:
            erasure = waiting.pop(0)
            windows = _windows(erasure, picture)
            whole = [Patch(window, window.area()) for window in windows]
            active.append((erasure, whole if erasure.whole else next(scout)))
        active = [(e, patches) for e, patches in active if e.end_s >= picture.time_s]
        showing = [patch for _, patches in active for patch in patches]
        for patch in showing:
            patch.apply(picture, previous, [other for other in showing if other is not patch])
        previous = picture
        frame = VideoFrame.from_ndarray(picture.pixels, format="yuv420p")
        frame.pts, frame.time_base = picture.pts, picture.time_base
        yield frame


def _pictures(video: Path) -> Iterator[YuvPicture]:
    with opened_video(video) as (container, stream):
        stream.thread_type = "AUTO"
        start_s = (container.start_time or 0) / av.time_base
        for frame in container.decode(stream):
            if frame.pts is None or frame.time is None or frame.time_base is None:
                continue
            even = frame.reformat(
                width=frame.width // 2 * 2, height=frame.height // 2 * 2, format="yuv420p"
            )
            pixels = even.to_ndarray().astype(np.uint8, copy=False)
            picture = YuvPicture(frame.time - start_s, frame.pts, frame.time_base, pixels)
            yield _rotated(picture, round(frame.rotation / 90) % 4)


def _rotated(picture: YuvPicture, quarter_turns: int) -> YuvPicture:
    if quarter_turns == 0:
        return picture
    planes = [np.rot90(plane, quarter_turns) for plane in picture.planes]
    width = planes[0].shape[1]
    rows = [np.ascontiguousarray(plane).reshape(-1, width) for plane in planes]
    return replace(picture, pixels=np.concatenate(rows))


@dataclass
class _Watch:
    """The scout's notes on one erasure while it is on screen."""

    erasure: Erasure
    windows: list[Window]
    before: YuvPicture | None
    samples: list[list[Plane]] = field(default_factory=list)  # luma of each window, by time

    def sample(self, picture: YuvPicture) -> None:
        """Note the picture if it is time for the next sample."""
        start_s, end_s = self.erasure.start_s + MARGIN_S, self.erasure.end_s - MARGIN_S
        due_s = start_s + (end_s - start_s) * (len(self.samples) + 0.5) / SAMPLES
        if due_s <= picture.time_s <= end_s:
            self.samples.append([window.cut(picture)[0].copy() for window in self.windows])

    def patches(self, after: YuvPicture | None) -> list[Patch]:
        """What was learned, once the caption is gone."""
        clean = [picture for picture in (self.before, after) if picture is not None]
        patches: list[Patch] = []
        for number, window in enumerate(self.windows):
            views = [window.cut(picture) for picture in clean]
            copies = [(luma.copy(), u.copy(), v.copy()) for luma, u, v in views]
            samples = [sample[number] for sample in self.samples]
            mask = strokes(window, samples)
            patches.append(CaptionPatch(window, mask, copies))
        return patches


def _patches(video: Path, erasures: Sequence[Erasure]) -> Iterator[list[Patch]]:
    """For each erasure, in order of its start, how to fill it: the scout, which runs ahead."""
    waiting = list(erasures)
    watched: list[_Watch] = []
    clean: YuvPicture | None = None
    for picture in _pictures(video):
        now_s = picture.time_s
        while waiting and waiting[0].start_s <= now_s:
            erasure = waiting.pop(0)
            watched.append(_Watch(erasure, _windows(erasure, picture), clean))
        is_clean = not any(w.erasure.end_s + CLEAN_GAP_S >= now_s for w in watched) and not any(
            e.start_s - CLEAN_GAP_S <= now_s for e in waiting[:1]
        )
        for watch in watched:
            watch.sample(picture)
        while watched and (is_clean or now_s > watched[0].erasure.end_s + AFTER_WAIT_S):
            yield watched.pop(0).patches(picture if is_clean else None)
        if is_clean:
            clean = picture
    for watch in watched:
        yield watch.patches(None)


def _windows(erasure: Erasure, picture: YuvPicture) -> list[Window]:
    """One window for lines that stand close together: each would see the other's strokes."""
    height, width = picture.planes[0].shape
    groups: list[list[Box]] = []
    for box in sorted(erasure.boxes, key=lambda box: box.y):
        if groups and box.y - groups[-1][-1].y < 2 * box.height:
            groups[-1].append(box)
        else:
            groups.append([box])
    return [Window.around(group, width, height) for group in groups]
