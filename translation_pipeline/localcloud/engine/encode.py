"""Write the result: one encode at most, the sound of the source, a file that starts quickly.

Pictures come either straight from the source or from Python (when captions were erased). Python's
pictures travel to the encoder in NUT, which keeps the time of every frame, so that a variable
frame rate survives and the sound stays in step.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

import av
import imageio_ffmpeg
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from translation_pipeline.localcloud.engine.burn_in import CAPTIONS_FILE, FONTS_FOLDER
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.media import opened_video

COPIED_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3"})  # what players expect in an mp4
VIDEO_OPTIONS = (
    *("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"),
    # Times finer than the average frame rate: without this, a variable rate is rounded.
    *("-fps_mode:v", "vfr", "-enc_time_base:v", "demux"),
)
AUDIO_OPTIONS = ("-c:a", "aac", "-b:a", "160k")
MP4_OPTIONS = ("-map_metadata", "0", "-movflags", "+faststart", "-f", "mp4")
EVEN_SIZE = "crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0"  # yuv420p needs it
LAST_WORDS = 400  # characters of the encoder's complaint that a message carries


@dataclass(frozen=True)
class FrameStream:
    """Pictures made in Python: upright, yuv420p, even size, times of the source."""

    frames: Iterable[VideoFrame]
    width: int
    height: int
    rate: Fraction  # average, a hint only
    time_base: Fraction
    first_s: float  # when the first picture shows, counted from the start of the source
    colour_options: tuple[str, ...]  # as `colour_options` gives them


def copy_to_mp4(video: Path, output: Path) -> None:
    """Put the streams of `video` into an mp4, without encoding what an mp4 may hold as it is.

    Raises:
        JobFailed: `EncodingFailed`.
    """
    with opened_video(video) as (_, stream):
        copies = stream.codec_context.name == "h264"
    video_options = ("-c:v", "copy") if copies else ("-vf", EVEN_SIZE, *VIDEO_OPTIONS)
    _run(["-i", _file(video), *_stream_options(video, 0), *video_options], output)


def burn_into(video: Path, overlay: Path, output: Path) -> None:
    """Encode `video` with the captions of the `overlay` folder (see `burn_in.write_overlay`).

    Raises:
        JobFailed: `EncodingFailed`.
    """
    filters = ("-vf", f"{EVEN_SIZE},{_overlay_filter()}")
    arguments = ["-i", _file(video), *_stream_options(video, 0), *filters, *VIDEO_OPTIONS]
    _run(arguments, output, folder=overlay)


def encode_frames(
    stream: FrameStream, sound_of: Path, output: Path, *, overlay: Path | None = None
) -> None:
    """Encode pictures made in Python, with the sound of another file and, if given, captions.

    Raises:
        JobFailed: `EncodingFailed`. What iterating over the frames raises passes through.
    """
    arguments = [
        *("-itsoffset", f"{stream.first_s:.6f}", "-f", "nut", "-i", "pipe:0"),
        *("-i", _file(sound_of), *_stream_options(sound_of, 1)),
        *(("-vf", _overlay_filter()) if overlay else ()),
        *VIDEO_OPTIONS,
        *stream.colour_options,
    ]
    _run(arguments, output, folder=overlay, stream=stream)


def colour_options(stream: VideoStream) -> tuple[str, ...]:
    """Encoder options that repeat how the source says its colours are to be read."""
    context = stream.codec_context
    pairs = (
        ("-colorspace", context.colorspace),
        ("-color_primaries", context.color_primaries),
        ("-color_trc", context.color_trc),
    )
    unspecified = 2  # AVCOL_*_UNSPECIFIED
    known = [(name, value) for name, value in pairs if value is not None and value != unspecified]
    return tuple(word for name, value in known for word in (name, str(int(value))))


def _file(path: Path) -> str:
    """A path that no character turns into a protocol or an option."""
    return f"file:{path.resolve()}"


def _overlay_filter() -> str:
    """Relative names: the encoder runs inside the overlay folder, so nothing needs escaping."""
    return f"ass=f={CAPTIONS_FILE}:fontsdir={FONTS_FOLDER}"


def _stream_options(sound_of: Path, sound_input: int) -> list[str]:
    with opened_video(sound_of) as (container, _):
        codecs = {stream.codec_context.name for stream in container.streams.audio}
    audio_options = ("-c:a", "copy") if codecs <= COPIED_AUDIO else AUDIO_OPTIONS
    return ["-map", "0:V:0", "-map", f"{sound_input}:a?", *audio_options]


def _run(
    arguments: list[str],
    output: Path,
    *,
    folder: Path | None = None,
    stream: FrameStream | None = None,
) -> None:
    """Run the encoder; the output appears under its name only when it is whole."""
    partial = output.with_name(f".{output.name}.partial")
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y"]
    placed = [*arguments, *MP4_OPTIONS, _file(partial)]
    words_of_input = [] if stream else ["-nostdin"]
    try:
        with tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(
                [*program, *words_of_input, *placed],
                stdin=subprocess.PIPE if stream else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                cwd=folder,
            )
            with process:
                _feed(process, stream)
            if process.returncode != 0:
                raise JobFailed("EncodingFailed", _last_words(complaints, process.returncode))
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def _feed(process: subprocess.Popen[bytes], stream: FrameStream | None) -> None:
    if stream is None or process.stdin is None:
        return
    try:
        _write_nut(stream, process.stdin)
    except BrokenPipeError:
        pass  # the encoder has stopped and says why
    except BaseException:
        process.kill()
        raise


def _write_nut(stream: FrameStream, pipe: IO[bytes]) -> None:
    with av.open(pipe, "w", format="nut") as container:
        raw = container.add_stream("rawvideo", rate=stream.rate)
        raw.width, raw.height = stream.width, stream.height
        raw.pix_fmt = "yuv420p"
        raw.time_base = stream.time_base
        raw.codec_context.time_base = stream.time_base
        for frame in stream.frames:
            container.mux(raw.encode(frame))
        container.mux(raw.encode(None))


def _last_words(complaints: IO[bytes], returncode: int) -> str:
    complaints.seek(0)
    words = complaints.read().decode("utf-8", "replace").strip()[-LAST_WORDS:]
    return f"The encoder stopped with code {returncode}: {words or 'it gave no reason'}"
