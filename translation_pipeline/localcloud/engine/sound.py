"""Sound as samples: read in even blocks on the clock of the video, resampled, measured.

Time 0 is the start of the container, as for captions and pictures: a sound stream that begins
later, or has a hole, is filled with silence. Only one block is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.error import FFmpegError
from av.filter import Graph
from numpy.typing import NDArray

from translation_pipeline.localcloud.engine.errors import JobFailed

Samples = NDArray[np.float32]
"""Channels x time; 1.0 is full scale."""

RATE_HZ = 48_000
BLOCK_S = 1
HOLE_S = 0.04  # a jump of the clock that is longer is a hole, a shorter one is rounding
SILENT = 1e-4  # -80 dBFS


@contextmanager
def opened_sound(source: Path) -> Iterator[InputContainer]:
    """The open container. Raises JobFailed `UnreadableSound`, also for a decoder's failure."""
    try:
        with av.open(str(source)) as container:
            yield container
    except FFmpegError as error:
        raise JobFailed(
            "UnreadableSound",
            f"The sound of {source.name} cannot be read: {error.strerror}. Export it again.",
        ) from error


def channels_of(source: Path) -> int:
    """0 without an audio stream, 1 for mono, 2 for everything that is folded down to stereo."""
    with opened_sound(source) as container:
        audio = next(iter(container.streams.audio), None)
        return 0 if audio is None else min(audio.codec_context.layout.nb_channels, 2)


def sound_duration_s(source: Path) -> float:
    """How long the first audio stream of a file without pictures plays, by its packets."""
    with opened_sound(source) as container:
        if not container.streams.audio:
            raise no_audio(source)
        end_s = 0.0
        for packet in container.demux(audio=0):
            if packet.pts is not None and packet.time_base is not None:
                end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        return end_s - (container.start_time or 0) / av.time_base


def no_audio(source: Path) -> JobFailed:
    """The refusal of a source without sound."""
    return JobFailed(
        "NoAudioStream",
        f"{source.name} has no audio stream, and no captions were given: there is no speech to "
        "translate. Use the subtitle level, or give captions (TextSource SubtitleFile).",
    )


def sound_blocks(
    source: Path, *, channels: int, duration_s: float, rate_hz: int = RATE_HZ
) -> Iterator[Samples]:
    """The first audio stream from 0 to `duration_s`, in blocks of a second; silence without one.

    Raises:
        JobFailed: `UnreadableSound`.
    """
    wanted = round(duration_s * rate_hz)
    size = BLOCK_S * rate_hz
    kept = np.zeros((channels, 0), np.float32)
    given = 0
    for piece in _pieces(source, channels, rate_hz):
        kept = np.concatenate([kept, piece], axis=1)
        while kept.shape[1] >= size and given < wanted:
            yield kept[:, : min(size, wanted - given)]
            given += size
            kept = kept[:, size:]
        if given >= wanted:
            return
    while given < wanted:
        block = np.zeros((channels, min(size, wanted - given)), np.float32)
        rest = kept[:, : block.shape[1]]
        block[:, : rest.shape[1]] = rest
        yield block
        given += size
        kept = kept[:, size:]


def resampled(samples: NDArray[np.int16], rate_hz: int, to_hz: int = RATE_HZ) -> Samples:
    """Mono 16-bit samples of a synthesizer as one channel of floats at another rate."""
    frame = AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
    frame.sample_rate = rate_hz
    resampler = AudioResampler(format="fltp", layout="mono", rate=to_hz)
    pieces = [_array(piece) for piece in (*resampler.resample(frame), *resampler.resample(None))]
    return np.concatenate(pieces, axis=1) if pieces else np.zeros((1, 0), np.float32)


def stretched(samples: Samples, tempo: float) -> Samples:
    """One channel `tempo` times as fast (0.5 to 100), at the same pitch."""
    if tempo == 1.0 or not samples.shape[1]:
        return samples
    graph = Graph()
    nodes = [
        graph.add_abuffer(format="fltp", layout="mono", sample_rate=RATE_HZ, channels=1),
        graph.add("atempo", f"{tempo:.4f}"),
        graph.add("aformat", "sample_fmts=fltp:channel_layouts=mono"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="mono")
    frame.sample_rate = RATE_HZ
    graph.push(frame)
    graph.push(None)
    pieces = []
    with suppress(EOFError, BlockingIOError):
        while True:
            pieces.append(_array(cast(AudioFrame, graph.pull())))
    return np.concatenate(pieces, axis=1) if pieces else samples[:, :0]


def level(samples: Samples) -> float:
    """Root mean square of what is not silent; 0 for silence."""
    loud = samples[np.abs(samples) > SILENT]
    return float(np.sqrt(np.mean(np.square(loud, dtype=np.float64)))) if loud.size else 0.0


def _pieces(source: Path, channels: int, rate_hz: int) -> Iterator[Samples]:
    """What the stream holds, holes filled, so that the n-th sample belongs to time n / rate."""
    with opened_sound(source) as container:
        if not container.streams.audio:
            return
        origin_s = (container.start_time or 0) / av.time_base
        position = 0
        for frame in _resampled_frames(container, channels, rate_hz):
            piece = _array(frame)
            if frame.pts is not None and frame.time_base is not None:
                at = round((float(frame.pts * frame.time_base) - origin_s) * rate_hz)
                if at - position > HOLE_S * rate_hz:
                    yield np.zeros((channels, at - position), np.float32)
                    position = at
                elif position - at > HOLE_S * rate_hz:
                    piece = piece[:, position - at :]
            yield piece
            position += piece.shape[1]


def _resampled_frames(
    container: InputContainer, channels: int, rate_hz: int
) -> Iterator[AudioFrame]:
    layout = "mono" if channels == 1 else "stereo"
    resampler = AudioResampler(format="fltp", layout=layout, rate=rate_hz)
    for frame in container.decode(audio=0):
        try:
            yield from resampler.resample(frame)
        except ValueError:  # noqa: PERF203  (the stream changed its format on the way)
            resampler = AudioResampler(format="fltp", layout=layout, rate=rate_hz)
            yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _array(frame: AudioFrame) -> Samples:
    return frame.to_ndarray().astype(np.float32, copy=False)
