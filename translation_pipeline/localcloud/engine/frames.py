"""The pictures of a video, cut down to one region, with their exact presentation times.

Only one decoded picture is alive at a time; what a caller keeps is the small brightness plane of
the region. Files with a variable frame rate need nothing special: time comes from each picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from translation_pipeline.localcloud.engine.geometry import Region
from translation_pipeline.media import UnreadableVideo, probe

Pixels = NDArray[np.uint8]

# Pixel formats whose first plane is the brightness, one byte for each pixel.
_BRIGHTNESS_FIRST = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12")


@dataclass(frozen=True, slots=True)
class Crop:
    """A region in pixels of the upright picture, with the size of that picture."""

    top: int
    bottom: int
    left: int
    right: int
    frame_width: int
    frame_height: int

    @classmethod
    def of(cls, region: Region, frame_width: int, frame_height: int) -> Crop:
        """The region as pixels: at least one row and one column."""
        top = min(round(region.top * frame_height), frame_height - 1)
        left = min(round(region.left * frame_width), frame_width - 1)
        return cls(
            top=top,
            bottom=max(round(region.bottom * frame_height), top + 1),
            left=left,
            right=max(round(region.right * frame_width), left + 1),
            frame_width=frame_width,
            frame_height=frame_height,
        )


class Picture:
    """The region of one frame: brightness at once, colours when somebody asks for them."""

    def __init__(self, frame: VideoFrame, crop: Crop, time_ms: float) -> None:
        self.time_ms = time_ms  # from the start of the video
        self._frame = frame
        self._crop = crop
        self._colours: Pixels | None = None
        self.luma: Pixels = self._cut(_brightness(frame))

    def colours(self) -> Pixels:
        """Blue, green, red: the order that the text models were trained on."""
        if self._colours is None:
            whole = self._frame.to_ndarray(format="bgr24")
            self._colours = self._cut(whole.astype(np.uint8, copy=False))
        return self._colours

    def _cut(self, plane: Pixels) -> Pixels:
        upright = np.rot90(plane, round(self._frame.rotation / 90) % 4)
        crop = self._crop
        return np.array(upright[crop.top : crop.bottom, crop.left : crop.right], order="C")


class RegionReader:
    """Decodes the region of a video once, from start to end.

    Raises:
        UnreadableVideo: the file does not decode or has no picture; here or while iterating.
    """

    def __init__(self, video: Path, region: Region, *, threads: int | None = None) -> None:
        info = probe(video)
        self.crop = Crop.of(region, info.width, info.height)
        self.end_ms = 0.0  # of the last picture so far, its duration included
        self._video = video
        self._threads = threads

    def __iter__(self) -> Iterator[Picture]:
        try:
            with av.open(str(self._video)) as container:
                stream = min(container.streams.video, key=_is_cover)
                stream.thread_type = "AUTO"
                stream.codec_context.thread_count = self._threads or 0
                origin_ms = (container.start_time or 0) * 1000 / av.time_base
                for frame in container.decode(stream):
                    if frame.pts is None or frame.time_base is None:
                        continue
                    time_ms = float(frame.pts * frame.time_base) * 1000 - origin_ms
                    self.end_ms = time_ms + float(frame.duration * frame.time_base) * 1000
                    yield Picture(frame, self.crop, time_ms)
        except FFmpegError as error:
            raise UnreadableVideo(
                f"{self._video.name} stops decoding after {self.end_ms / 1000:.1f} s: "
                f"{error.strerror}. Export or upload it again."
            ) from error


def _is_cover(stream: VideoStream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _brightness(frame: VideoFrame) -> Pixels:
    if frame.format.name not in _BRIGHTNESS_FIRST:
        return frame.to_ndarray(format="gray").astype(np.uint8, copy=False)
    plane = frame.planes[0]
    rows: Pixels = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]
