"""Captions are gone after erasing, and what was behind them is back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.caption_reader import CaptionReading, read_captions
from translation_pipeline.localcloud.engine.encode import encode_frames
from translation_pipeline.localcloud.engine.erase import Erasure, erased, erasures_of
from translation_pipeline.localcloud.engine.geometry import Box, Region
from translation_pipeline.media import probe
from translation_pipeline_tests.integration.engine_clips import (
    CUES,
    HEIGHT,
    PANNING,
    STILL,
    WIDTH,
    captioned,
    clean_clip,
    ffmpeg,
    frame_times_ms,
    lumas,
    psnr_db,
)

AREA = Region(0.6, 1, 0, 1)
PADDING_PX = 4


def erase(video: Path, readings: Sequence[CaptionReading], output: Path) -> Path:
    encode_frames(erased(video, erasures_of(readings)), video, output)
    return output


def delogo(video: Path, readings: Sequence[CaptionReading], output: Path) -> Path:
    """The same boxes at the same times by FFmpeg's filter."""
    filters = []
    for reading in readings:
        start_s, end_s = reading.cue.start_ms / 1000 - 0.2, reading.cue.end_ms / 1000 + 0.2
        for left, top, right, bottom in map(pixels, reading.boxes):
            size = f"x={left}:y={top}:w={right - left}:h={bottom - top}"
            filters.append(f"delogo={size}:enable='between(t,{start_s},{end_s})'")
    codec = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "20")
    ffmpeg("-i", video, "-vf", ",".join(filters), *codec, output)
    return output


def pixels(box: Box) -> tuple[int, int, int, int]:
    left, top = round(box.x * WIDTH) - PADDING_PX, round(box.y * HEIGHT) - PADDING_PX
    right = round((box.x + box.width) * WIDTH) + PADDING_PX
    return left, top, right, round((box.y + box.height) * HEIGHT) + PADDING_PX


def inside_boxes_db(clean: Path, video: Path, readings: Sequence[CaptionReading]) -> float:
    originals, results = lumas(clean), lumas(video)
    pairs = []
    for reading in readings:
        frames = range(reading.cue.start_ms // 40 + 1, reading.cue.end_ms // 40)
        for left, top, right, bottom in map(pixels, reading.boxes):
            where = np.s_[top:bottom, left:right]
            pairs += [(originals[n][where], results[n][where]) for n in frames]
    squares = [np.mean((a.astype(float) - b) ** 2) for a, b in pairs]
    return float(10 * np.log10(255**2 / np.mean(squares)))


@dataclass(frozen=True)
class Erased:
    """A clip before and after, with what the reader found in it."""

    clean: Path
    video: Path
    readings: list[CaptionReading]
    result: Path


def erased_clip(folder: Path, background: str, cues: Sequence[Cue] = CUES) -> Erased:
    clean = clean_clip(folder / "clean.mp4", background)
    video = captioned(clean, folder / "video.mp4", cues)
    readings = read_captions(video, AREA)
    assert [r.cue.text for r in readings] == [cue.text for cue in cues]
    return Erased(clean, video, readings, erase(video, readings, folder / "erased.mp4"))


@pytest.fixture(scope="module")
def panning(tmp_path_factory: pytest.TempPathFactory) -> Erased:
    return erased_clip(tmp_path_factory.mktemp("panning"), PANNING)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Erased:
    return erased_clip(tmp_path_factory.mktemp("still"), STILL)


@pytest.mark.parametrize("background", ["panning", "still"])
def test_what_was_behind_the_captions_is_back(
    background: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    clip: Erased = request.getfixturevalue(background)

    ours = inside_boxes_db(clip.clean, clip.result, clip.readings)
    smeared = delogo(clip.video, clip.readings, tmp_path / "delogo.mp4")

    assert ours > inside_boxes_db(clip.clean, smeared, clip.readings) + 3
    assert ours > 28


@pytest.mark.parametrize("background", ["panning", "still"])
def test_no_caption_can_be_read_any_more(background: str, request: pytest.FixtureRequest) -> None:
    assert read_captions(request.getfixturevalue(background).result, AREA) == []


def test_only_the_caption_is_touched(panning: Erased) -> None:
    before, after = lumas(panning.video), lumas(panning.result)

    upper_half = np.s_[: HEIGHT // 2]
    assert psnr_db([f[upper_half] for f in before], [f[upper_half] for f in after]) > 40
    until_first = slice(0, CUES[0].start_ms // 40 - 8)
    assert psnr_db(before[until_first], after[until_first]) > 40


def test_two_captions_without_a_gap_do_not_smear_each_other(tmp_path: Path) -> None:
    cues = (Cue(600, 1800, "Where is the old bridge?"), Cue(1800, 3200, "Behind the house."))
    clip = erased_clip(tmp_path, PANNING, cues)

    assert inside_boxes_db(clip.clean, clip.result, clip.readings) > 28


def test_a_variable_frame_rate_and_the_sound_stay(panning: Erased, tmp_path: Path) -> None:
    video = tmp_path / "variable.mp4"
    gaps = "select='not(between(mod(n\\,20)\\,3\\,11))'"
    ffmpeg("-i", panning.video, "-vf", gaps, "-fps_mode", "vfr", "-c:a", "copy", video)

    result = erase(video, panning.readings, tmp_path / "erased.mp4")

    times_ms = frame_times_ms(video)
    assert len(set(np.diff(times_ms))) > 1
    assert frame_times_ms(result) == times_ms
    assert probe(result).duration_s == pytest.approx(probe(video).duration_s, rel=0.02)
    assert probe(result).audio_codec == "aac"


def test_a_turned_video_is_erased_upright(still: Erased, tmp_path: Path) -> None:
    sideways, video = tmp_path / "sideways.mp4", tmp_path / "turned.mp4"
    ffmpeg("-i", still.video, "-vf", "transpose=clock", "-c:a", "copy", sideways)
    ffmpeg("-display_rotation", "90", "-i", sideways, "-c", "copy", video)

    result = erase(video, still.readings, tmp_path / "erased.mp4")

    assert (probe(result).width, probe(result).height) == (WIDTH, HEIGHT)
    assert inside_boxes_db(still.clean, result, still.readings) > 28


def test_a_whole_box_is_filled_all_the_time(tmp_path: Path) -> None:
    logo = "drawbox=x=40:y=40:w=80:h=40:t=fill:c=white"
    clean = clean_clip(tmp_path / "clean.mp4", "color=c=0x205080:s=640x360:r=25", seconds=1)
    video = tmp_path / "logo.mp4"
    ffmpeg("-i", clean, "-vf", logo, "-c:a", "copy", video)
    box = Box(38 / WIDTH, 38 / HEIGHT, 84 / WIDTH, 44 / HEIGHT)
    erasure = Erasure(0, float("inf"), (box,), whole=True)

    encode_frames(erased(video, [erasure]), video, tmp_path / "erased.mp4")

    assert psnr_db(lumas(clean), lumas(tmp_path / "erased.mp4")) > 40
