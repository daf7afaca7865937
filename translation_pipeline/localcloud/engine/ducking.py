"""Lower the old speech while the new voice is due, and leave the rest of the sound as it is.

No model separates the sources here. What the ear and the mix know is used instead: speech lies
between a hundred hertz and a few thousand, and in the middle of a stereo picture. Inside a span
that part is pushed down far; bass, treble and the sides, where music and effects live, a little.
Outside the spans the sound comes out as it went in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from translation_pipeline.localcloud.engine.sound import RATE_HZ, Samples

Gains = NDArray[np.float64]

WINDOW = 2048  # samples of one spectrum: 43 ms
HOP = WINDOW // 2
SPEECH_BAND_HZ = (110.0, 7_000.0)
SPEECH_DB = -30.0  # the middle of the speech band
REST_DB = -8.0  # bass, treble and sides
RAMP_S = 0.12  # from untouched to lowered, before a span and after it


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of time, in seconds from the start."""

    start_s: float
    end_s: float


def merged(spans: Iterable[Span], *, closer_than_s: float = 2 * RAMP_S) -> list[Span]:
    """The spans in order; those that touch, or nearly so, as one: no pumping in between."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start_s - joined[-1].end_s < closer_than_s:
            joined[-1] = Span(joined[-1].start_s, max(joined[-1].end_s, span.end_s))
        else:
            joined.append(span)
    return joined


def ducked(blocks: Iterable[Samples], spans: Sequence[Span]) -> Iterator[Samples]:
    """The sound with the speech in `spans` lowered, in blocks of other sizes, as long as before."""
    spans = merged(spans)
    before: Samples | None = None  # the second half of the last window, not yet transformed
    tail: Samples | None = None  # its half of the overlap
    total = given = frames = 0
    for block in _whole_hops(blocks):
        samples, size = block
        total += size
        if before is None or tail is None:
            before = tail = np.zeros((samples.shape[0], HOP), np.float32)
        joined = np.concatenate([before, samples], axis=1)
        output, tail = _overlapped(joined, tail, _amounts(spans, frames, samples.shape[1] // HOP))
        output = output[:, HOP:] if frames == 0 else output  # it is a hop late
        frames += samples.shape[1] // HOP
        before = samples[:, -HOP:]
        yield output
        given += output.shape[1]
    if before is not None and tail is not None:
        flush = np.concatenate([before, np.zeros_like(before)], axis=1)
        output, _ = _overlapped(flush, tail, _amounts(spans, frames, 1))
        yield output[:, : total - given]


def _whole_hops(blocks: Iterable[Samples]) -> Iterator[tuple[Samples, int]]:
    """The sound in pieces of whole hops, and how many samples of each are real."""
    rest: Samples | None = None
    for block in blocks:
        joined = block if rest is None else np.concatenate([rest, block], axis=1)
        whole = joined.shape[1] // HOP * HOP
        if whole:
            yield joined[:, :whole], whole
        rest = joined[:, whole:]
    if rest is not None and rest.shape[1]:
        yield np.pad(rest, ((0, 0), (0, HOP - rest.shape[1]))), rest.shape[1]


_SHAPE = np.sqrt(np.hanning(WINDOW + 1)[:-1]).astype(np.float32)  # twice applied it adds up to 1


def _overlapped(joined: Samples, tail: Samples, amounts: Gains) -> tuple[Samples, Samples]:
    """The windows of `joined` filtered and added up; the half that the next one completes."""
    windows = np.lib.stride_tricks.sliding_window_view(joined, WINDOW, axis=1)[:, ::HOP]
    filtered = _filtered(windows, amounts)
    first, second = filtered[:, :, :HOP], filtered[:, :, HOP:]
    earlier = np.concatenate([tail[:, None, :], second[:, :-1]], axis=1)
    output = (first + earlier).reshape(joined.shape[0], -1)
    return output.astype(np.float32), second[:, -1].astype(np.float32)


def _filtered(windows: NDArray[np.float32], amounts: Gains) -> NDArray[np.float32]:
    """Each window with its amount of lowering: channels x windows x samples."""
    if not amounts.any():
        return windows * _SHAPE**2
    spectra = np.fft.rfft(windows * _SHAPE, axis=2)
    middle_gain, rest_gain = _gains(amounts)
    if spectra.shape[0] == 1:
        spectra = spectra * middle_gain
    else:
        middle, side = (spectra[0] + spectra[1]) / 2, (spectra[0] - spectra[1]) / 2
        middle, side = middle * middle_gain, side * rest_gain
        spectra = np.stack([middle + side, middle - side])
    samples = np.fft.irfft(spectra, WINDOW, axis=2) * _SHAPE
    return samples.astype(np.float32)


def _gains(amounts: Gains) -> tuple[Gains, Gains]:
    """For the middle and for the sides: windows x frequencies, windows x 1."""
    frequency = np.fft.rfftfreq(WINDOW, 1 / RATE_HZ)
    low, high = SPEECH_BAND_HZ
    in_band = (frequency >= low) & (frequency <= high)
    middle_db = amounts[:, None] * np.where(in_band, SPEECH_DB, REST_DB)[None, :]
    rest_db = amounts[:, None] * REST_DB
    return 10 ** (middle_db / 20), 10 ** (rest_db / 20)


def _amounts(spans: Sequence[Span], first: int, count: int) -> Gains:
    """How far each window is lowered, 0 to 1; window n has its middle at n hops."""
    middles = (first + np.arange(count)) * HOP / RATE_HZ
    amounts = np.zeros(count)
    for span in spans:
        if span.end_s + RAMP_S < middles[0] or span.start_s - RAMP_S > middles[-1]:
            continue
        inside = np.minimum(middles - span.start_s, span.end_s - middles)
        amounts = np.maximum(amounts, np.clip(1 + inside / RAMP_S, 0, 1))
    return amounts
