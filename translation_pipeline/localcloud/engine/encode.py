"""Write the result: one encode at most, the sound of the source, a file that starts quickly.

Pictures come either straight from the source or from Python (when captions were erased). Python's
pictures travel to the encoder in NUT, which keeps the time of every frame, so that a variable
frame rate survives and the sound stays in step.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import IO

import av
import imageio_ffmpeg
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from translation_pipeline.localcloud.engine.burn_in import CAPTIONS_FILE, FONTS_FOLDER
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.sound import RATE_HZ, Samples, opened_sound
from translation_pipeline.media import opened_video

COPIED_AUDIO = frozenset({"aac", "mp3", "ac3", "eac3"})  # what players expect in an mp4
VIDEO_OPTIONS = (
    *("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"),
    # Times finer than the average frame rate: without this, a variable rate is rounded.
    *("-fps_mode:v", "vfr", "-enc_time_base:v", "demux"),
)
AUDIO_OPTIONS = ("-c:a", "aac", "-b:a", "160k")
LOUDEST = 0.84  # of full scale: AAC may come out a little louder than it went in
LIMITER = f"alimiter=limit={LOUDEST}:level=0:latency=1"
SOUND_MUXERS = {
    ".m4a": (*AUDIO_OPTIONS, "-f", "mp4"),
    ".wav": ("-c:a", "pcm_s16le", "-f", "wav"),
}
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


def copy_to_mp4(video: Path, output: Path, *, sound: Path | None = None) -> None:
    """Put the streams of `video` into an mp4, without encoding what an mp4 may hold as it is.

    With `sound`, the sound of that file takes the place of the video's own.

    Raises:
        JobFailed: `EncodingFailed`.
    """
    with opened_video(video) as (_, stream):
        copies = stream.codec_context.name == "h264"
    video_options = ("-c:v", "copy") if copies else ("-vf", EVEN_SIZE, *VIDEO_OPTIONS)
    _run([*_inputs(video, sound), *video_options], output)


def burn_into(video: Path, overlay: Path, output: Path, *, sound: Path | None = None) -> None:
    """Encode `video` with the captions of the `overlay` folder (see `burn_in.write_overlay`).

    With `sound`, the sound of that file takes the place of the video's own.

    Raises:
        JobFailed: `EncodingFailed`.
    """
    filters = ("-vf", f"{EVEN_SIZE},{_overlay_filter()}")
    _run([*_inputs(video, sound), *filters, *VIDEO_OPTIONS], output, folder=overlay)


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
    _run(arguments, output, folder=overlay, feed=partial(_write_nut, stream))


def encode_sound(blocks: Iterable[Samples], channels: int, output: Path) -> None:
    """Write sound made in Python, never louder than `LOUDEST`, as .m4a (AAC) or .wav.

    Raises:
        JobFailed: `EncodingFailed`. What iterating over the blocks raises passes through.
    """
    raw = ("-f", "f32le", "-ar", str(RATE_HZ), "-ac", str(channels), "-i", "pipe:0")
    _run(
        [*raw, "-af", LIMITER],
        output,
        muxer=SOUND_MUXERS[output.suffix],
        feed=partial(_write_samples, blocks),
    )


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


def _inputs(video: Path, sound: Path | None) -> list[str]:
    """The video, the file with other sound if there is one, and what is taken from each."""
    if sound is None:
        return ["-i", _file(video), *_stream_options(video, 0)]
    return ["-i", _file(video), "-i", _file(sound), *_stream_options(sound, 1)]


def _stream_options(sound_of: Path, sound_input: int) -> list[str]:
    with opened_sound(sound_of) as container:
        codecs = {stream.codec_context.name for stream in container.streams.audio}
    audio_options = ("-c:a", "copy") if codecs <= COPIED_AUDIO else AUDIO_OPTIONS
    return ["-map", "0:V:0", "-map", f"{sound_input}:a?", *audio_options]


def _run(
    arguments: list[str],
    output: Path,
    *,
    muxer: tuple[str, ...] = MP4_OPTIONS,
    folder: Path | None = None,
    feed: Callable[[IO[bytes]], None] | None = None,
) -> None:
    """Run the encoder; the output appears under its name only when it is whole.

    `feed` writes what the encoder reads from its standard input.
    """
    unfinished = output.with_name(f".{output.name}.partial")
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y"]
    placed = [*arguments, *muxer, _file(unfinished)]
    words_of_input = [] if feed else ["-nostdin"]
    try:
        with tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(
                [*program, *words_of_input, *placed],
                stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                cwd=folder,
            )
            with process:
                _feed(process, feed)
            if process.returncode != 0:
                raise JobFailed("EncodingFailed", _last_words(complaints, process.returncode))
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)


def _feed(process: subprocess.Popen[bytes], feed: Callable[[IO[bytes]], None] | None) -> None:
    if feed is None or process.stdin is None:
        return
    try:
        feed(process.stdin)
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


def _write_samples(blocks: Iterable[Samples], pipe: IO[bytes]) -> None:
    for block in blocks:
        pipe.write(np.ascontiguousarray(block.T).tobytes())
    pipe.close()


def _last_words(complaints: IO[bytes], returncode: int) -> str:
    complaints.seek(0)
    words = complaints.read().decode("utf-8", "replace").strip()[-LAST_WORDS:]
    return f"The encoder stopped with code {returncode}: {words or 'it gave no reason'}"
