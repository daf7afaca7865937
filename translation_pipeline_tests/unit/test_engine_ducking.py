"""What ducking takes away, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translation_pipeline.localcloud.engine.ducking import (
    RAMP_S,
    REST_DB,
    SPEECH_DB,
    Span,
    ducked,
    merged,
)
from translation_pipeline.localcloud.engine.sound import RATE_HZ, Samples, level

TIME_S = np.arange(4 * RATE_HZ) / RATE_HZ
SPAN = Span(1.0, 3.0)


def tone(frequency_hz: float) -> Samples:
    return (0.3 * np.sin(2 * np.pi * frequency_hz * TIME_S)).astype(np.float32)[None, :]


def in_blocks(sound: Samples, size: int) -> Iterator[Samples]:
    for start in range(0, sound.shape[1], size):
        yield sound[:, start : start + size]


def duck(sound: Samples, *spans: Span, size: int = RATE_HZ) -> Samples:
    return np.concatenate(list(ducked(in_blocks(sound, size), spans)), axis=1)


def lowered_db(before: Samples, after: Samples, span: Span) -> float:
    part = slice(round(span.start_s * RATE_HZ), round(span.end_s * RATE_HZ))
    return 20 * float(np.log10(level(after[:, part]) / level(before[:, part])))


INSIDE, BEFORE, AFTER = Span(1.1, 2.9), Span(0.0, 0.8), Span(3.2, 4.0)


@pytest.mark.parametrize(
    ("frequency_hz", "expected_db"),
    [(440, SPEECH_DB), (2000, SPEECH_DB), (50, REST_DB), (12_000, REST_DB)],
)
def test_the_speech_band_goes_far_down_and_the_rest_a_little(
    frequency_hz: float, expected_db: float
) -> None:
    sound = tone(frequency_hz)
    after = duck(sound, SPAN)
    assert lowered_db(sound, after, INSIDE) == pytest.approx(expected_db, abs=1.5)
    assert lowered_db(sound, after, BEFORE) == pytest.approx(0, abs=0.01)
    assert lowered_db(sound, after, AFTER) == pytest.approx(0, abs=0.01)


def test_the_sides_of_a_stereo_picture_stay_where_the_middle_goes() -> None:
    side = np.concatenate([tone(1000), -tone(1000)])
    middle = np.concatenate([tone(1000), tone(1000)])
    assert lowered_db(side, duck(side, SPAN), INSIDE) == pytest.approx(REST_DB, abs=1)
    assert lowered_db(middle, duck(middle, SPAN), INSIDE) == pytest.approx(SPEECH_DB, abs=1)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 30_000), st.integers(0, 20_000), st.sampled_from([1, 2]))
def test_whatever_the_blocks_nothing_is_lost_and_outside_spans_nothing_changes(
    size: int, length: int, channels: int
) -> None:
    noise = np.random.default_rng(7).uniform(-0.5, 0.5, (channels, length)).astype(np.float32)
    far = Span(1000.0, 1001.0)
    pieces = list(ducked(in_blocks(noise, max(size, 64)), [far]))
    if not length:
        assert pieces == []
        return
    after = np.concatenate(pieces, axis=1)
    assert after.shape == noise.shape
    np.testing.assert_allclose(after, noise, atol=1e-5)


def test_the_change_is_a_ramp_not_a_step() -> None:
    sound = tone(1000)
    after = duck(sound, SPAN)
    gains = [
        lowered_db(sound, after, Span(at, at + 0.02))
        for at in np.arange(SPAN.start_s - RAMP_S, SPAN.start_s, 0.03)
    ]
    assert gains == sorted(gains, reverse=True)
    assert gains[0] > -3


def test_spans_that_nearly_touch_are_one() -> None:
    spans = [Span(2.0, 3.0), Span(0.0, 1.0), Span(1.1, 1.5), Span(0.2, 0.4)]
    assert merged(spans) == [Span(0.0, 1.5), Span(2.0, 3.0)]
