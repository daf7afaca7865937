"""Look at a video without changing it: what it is, whether it plays, and single pictures of it.

A source is a local path or a URL (a signed HTTP address works; only the needed parts are read).
Everything is decoded through `av`; nothing here writes files or starts programs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

OPEN_TIMEOUT_S = 20.0  # for the first answer of a remote source
READ_TIMEOUT_S = 30.0  # for each later read of a remote source

# A file whose packets end this much before its declared end counts as truncated.
MISSING_END_SHARE = 0.02
MISSING_END_S = 0.5

JPEG_QUANTISER = 3 * 118  # in FFmpeg's lambda units: quantiser (2 best, 31 worst) times 118


class UnreadableVideo(Exception):  # noqa: N818
    """The source cannot be used as a video; the message says why, in words for a person."""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a video is: size in pixels as shown (rotation applied), times in seconds."""

    duration_s: float
    width: int
    height: int
    fps: float  # average frames per second
    video_codec: str
    has_audio: bool
    audio_codec: str | None
    rotation: int  # degrees counter-clockwise that a player turns the stored picture: 0 .. 359
    container: str  # names of the container format as FFmpeg spells them, such as "mov,mp4,m4a"


@contextmanager
def opened_video(source: str | Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The open container and its video stream (a cover picture is none), for decoding.

    Raises UnreadableVideo, also for a decoder's failure inside the block.
    """
    if isinstance(source, Path) or "://" not in source:
        _require_content(Path(source))
    try:
        container = av.open(str(source), timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S))
    except FFmpegError as error:
        raise UnreadableVideo(_reason_not_opened(source, error)) from error
    with container:
        streams = [s for s in container.streams.video if not _is_cover(s)]
        if not streams:
            found = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
            raise UnreadableVideo(f"{_name(source)} has no video stream; it holds: {found}.")
        try:
            yield container, streams[0]
        except FFmpegError as error:
            raise UnreadableVideo(_reason_not_read(source, error)) from error


def probe(source: str | Path) -> MediaInfo:
    """What the video at `source` is, after proof that its beginning decodes and its end is there.

    Raises UnreadableVideo for an empty file, a file that is no video, one without a video
    stream, one that does not decode, and one that ends before its declared duration.
    """
    with opened_video(source) as (container, stream):
        return info_of(container, stream, source)


def info_of(container: InputContainer, stream: VideoStream, source: str | Path) -> MediaInfo:
    """As `probe`, of a video that is open already."""
    duration_s = _duration_s(container, stream)
    _require_whole(container, duration_s, source)
    container.seek(container.start_time or 0)
    first = _first_frame(container, stream, source)
    audio = next(iter(container.streams.audio), None)
    rotation = first.rotation % 360
    width, height = first.width, first.height
    if rotation in (90, 270):
        width, height = height, width
    rate = stream.average_rate or stream.base_rate or stream.guessed_rate
    return MediaInfo(
        duration_s=duration_s,
        width=width,
        height=height,
        fps=float(rate) if rate else 0.0,
        video_codec=stream.codec_context.name,
        has_audio=audio is not None,
        audio_codec=audio.codec_context.name if audio is not None else None,
        rotation=rotation,
        container=container.format.name,
    )


def picture(source: str | Path, at_s: float, width: int | None = None) -> bytes:
    """The frame shown at `at_s` seconds as JPEG, upright, scaled to `width` pixels if given.

    A time behind the end gives the last frame. Raises UnreadableVideo.
    """
    return _encoded(_upright(source, at_s, width), "mjpeg")


def frame_png(source: str | Path, at_s: float, *, width: int | None = None) -> bytes:
    """As `picture`, without loss, as PNG."""
    return _encoded(_upright(source, at_s, width), "png")


def _require_content(path: Path) -> None:
    if not path.is_file():
        raise UnreadableVideo(f"{_name(path)} does not exist or is no file.")
    if path.stat().st_size == 0:
        raise UnreadableVideo(f"{_name(path)} is empty (0 bytes). Upload it again.")


def _is_cover(stream: VideoStream) -> bool:
    """Audio files carry their cover picture as a video stream."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _reason_not_opened(source: str | Path, error: FFmpegError) -> str:
    name = _name(source)
    if isinstance(error, av.error.HTTPError):
        return f"{name} cannot be fetched: {error.strerror}."
    if isinstance(error, av.error.InvalidDataError):
        return f"{name} is not a video file, or its beginning or index is missing."
    return f"{name} cannot be opened: {error.strerror}."


def _reason_not_read(source: str | Path, error: FFmpegError) -> str:
    if isinstance(error, av.error.InvalidDataError):
        return f"{_name(source)} does not decode: its data is damaged. Export or upload it again."
    return f"{_name(source)} cannot be read to its end: {error.strerror}."


def _name(source: str | Path) -> str:
    """The last part of the path; of a signed URL as a person wrote it, without the signature."""
    name = str(source).split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1] or str(source)
    return unquote(name) if "://" in str(source) else name


def _first_frame(container: InputContainer, stream: VideoStream, source: str | Path) -> VideoFrame:
    for frame in container.decode(stream):
        return frame
    raise UnreadableVideo(f"{_name(source)} holds no decodable picture. Export it again.")


def _duration_s(container: InputContainer, stream: VideoStream) -> float:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None:
        return container.duration / av.time_base
    return _last_packet_end_s(container, from_s=0.0)


def _require_whole(container: InputContainer, duration_s: float, source: str | Path) -> None:
    """Read, without decoding, the packets from shortly before the end."""
    end_s = _last_packet_end_s(container, from_s=max(0.0, duration_s - 1.0))
    missing_s = duration_s - end_s
    if missing_s > max(MISSING_END_S, MISSING_END_SHARE * duration_s):
        raise UnreadableVideo(
            f"{_name(source)} is truncated: it declares {duration_s:.1f} s and ends after "
            f"{end_s:.1f} s. Upload it again."
        )


def _last_packet_end_s(container: InputContainer, *, from_s: float) -> float:
    """Where the packets end, relative to the start of the container, in seconds."""
    start = container.start_time or 0
    container.seek(start + int(from_s * av.time_base))
    end_s = 0.0
    for packet in container.demux():
        if packet.pts is None or packet.time_base is None or packet.is_corrupt:
            continue
        packet_end = (packet.pts + (packet.duration or 0)) * packet.time_base
        end_s = max(end_s, float(packet_end) - start / av.time_base)
    return end_s


def _upright(source: str | Path, at_s: float, width: int | None) -> VideoFrame:
    with opened_video(source) as (container, stream):
        frame = _frame_at(container, stream, at_s, source)
        if width is not None and frame.rotation % 180 == 0:
            frame = _scaled(frame, width=width)
        elif width is not None:
            frame = _scaled(frame, height=width)
        quarter_turns = round(frame.rotation / 90) % 4
        pixels = np.rot90(frame.to_ndarray(format="rgb24"), quarter_turns)
        return VideoFrame.from_ndarray(np.ascontiguousarray(pixels, np.uint8), format="rgb24")


def _frame_at(
    container: InputContainer, stream: VideoStream, at_s: float, source: str | Path
) -> VideoFrame:
    start_s = (container.start_time or 0) / av.time_base
    container.seek(int((start_s + max(0.0, at_s)) * av.time_base))
    shown: VideoFrame | None = None
    for frame in container.decode(stream):
        if shown is not None and (frame.time or 0.0) - start_s > at_s:
            break
        shown = frame
    if shown is None:  # the time lies behind the last key frame of a file without an index
        container.seek(container.start_time or 0)
        return _first_frame(container, stream, source)
    return shown


def _scaled(
    frame: VideoFrame, *, width: int | None = None, height: int | None = None
) -> VideoFrame:
    share = Fraction(width, frame.width) if width else Fraction(height or 1, frame.height)
    return frame.reformat(
        width=max(1, round(frame.width * share)), height=max(1, round(frame.height * share))
    )


def _encoded(frame: VideoFrame, codec: Literal["mjpeg", "png"]) -> bytes:
    pixel_format = "yuvj420p" if codec == "mjpeg" else "rgb24"
    encoder = av.VideoCodecContext.create(codec, "w")
    encoder.width, encoder.height = frame.width, frame.height
    encoder.pix_fmt = pixel_format
    encoder.time_base = Fraction(1, 25)
    if codec == "mjpeg":
        encoder.options = {"flags": "+qscale", "global_quality": str(JPEG_QUANTISER)}
    packets = encoder.encode(frame.reformat(format=pixel_format)) + encoder.encode(None)
    return b"".join(bytes(packet) for packet in packets)
