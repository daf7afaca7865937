"""The brightness of a video at given times, upright and small, with few seeks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from translation_pipeline.media import UnreadableVideo
from translation_pipeline.verification.findings import clock

Luma = NDArray[np.uint8]

SIDE_PX = 480  # the shorter side; strokes of small captions are still two pixels wide
RUN_UP_S = 0.3  # so long before a wanted picture every picture is decoded, earlier ones in part
SEEK_AFTER_S = 4.0  # a longer way is sought where the file does not say where its key frames are


class FrameReader:
    """Pictures of one open video in order of time.

    `size` is width and height of what it gives, `name` what a message calls the video.
    """

    def __init__(
        self, container: InputContainer, stream: VideoStream, size: tuple[int, int], name: str
    ) -> None:
        self.stream = stream
        self._size = size
        self._name = name
        self._container = container
        self._start_s = (container.start_time or 0) / av.time_base
        self._frames: Iterator[VideoFrame] = iter(())
        self._previous: VideoFrame | None = None
        self._shown: VideoFrame | None = None

    @cached_property
    def key_times_s(self) -> list[float]:
        """When the key frames show, as far as the file's index says so; older av knows none."""
        base = self.stream.time_base
        entries = getattr(self.stream, "index_entries", ())
        if base is None:
            return []
        return sorted(float(e.timestamp * base) - self._start_s for e in entries if e.is_keyframe)

    def run_up_s(self, at_s: float) -> float:
        """How much has to be decoded before the picture at this time."""
        position = bisect_right(self.key_times_s, at_s)
        return at_s - self.key_times_s[position - 1] if position else at_s % SEEK_AFTER_S

    def luma_at(self, at_s: float) -> Luma | None:
        """The picture whose time is nearest; of a time behind the end, the last one.

        None where there is none. Raises `UnreadableVideo`.
        """
        try:
            return self._luma_at(at_s)
        except FFmpegError as error:
            raise UnreadableVideo(
                f"{self._name} does not decode at {clock(at_s)}: {error.strerror}."
            ) from error

    def _luma_at(self, at_s: float) -> Luma | None:
        if self._must_seek(at_s):
            self._container.seek(int((self._start_s + max(0.0, at_s)) * av.time_base))
            self._frames = self._container.decode(self.stream)
            self._previous = self._shown = None
        while self._shown is None or self._time_s(self._shown) < at_s:
            way_s = at_s - (self._time_s(self._shown) if self._shown else 0.0)
            self.stream.codec_context.skip_frame = "NONREF" if way_s > RUN_UP_S else "DEFAULT"
            following = next(self._frames, None)
            if following is None:
                break
            self._previous, self._shown = self._shown, following
        around = [frame for frame in (self._previous, self._shown) if frame is not None]
        nearest = min(around, key=lambda frame: abs(self._time_s(frame) - at_s), default=None)
        return None if nearest is None else self._upright(nearest)

    def _must_seek(self, at_s: float) -> bool:
        first = self._previous or self._shown
        if first is None or self._shown is None or at_s < self._time_s(first):
            return True
        way_s = at_s - self._time_s(self._shown)
        if self.key_times_s:
            return self.run_up_s(at_s) < way_s
        return way_s > SEEK_AFTER_S

    def _time_s(self, frame: VideoFrame) -> float:
        return (frame.time or 0.0) - self._start_s

    def _upright(self, frame: VideoFrame) -> Luma:
        width, height = self._size
        if frame.rotation % 180:
            width, height = height, width
        luma = frame.reformat(width=width, height=height, format="gray").to_ndarray()
        turned = np.rot90(luma, round(frame.rotation / 90) % 4)
        return np.ascontiguousarray(turned, np.uint8)


def working_size(width: int, height: int) -> tuple[int, int]:
    """The size in which pictures of a video are compared: never larger than the video."""
    scale = min(1.0, SIDE_PX / min(width, height))
    return max(2, round(width * scale)), max(2, round(height * scale))
