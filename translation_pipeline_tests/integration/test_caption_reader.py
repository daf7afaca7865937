"""Real videos with known captions, read by the real models."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from translation_pipeline.benchmarks.captions import compare
from translation_pipeline.benchmarks.clips import TOP, Clip, cues_of, render
from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.caption_reader import CaptionReading, read_captions
from translation_pipeline.localcloud.engine.geometry import Region
from translation_pipeline.media import UnreadableVideo

ENGLISH = Clip("English", "en", "test card", seed=16, duration_s=12)
CHINESE = Clip("Chinese", "ch", "photo", seed=15, duration_s=10)
VERTICAL = Clip("vertical", "ch", "plain", 15, 6, width=540, height=960, at_top=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("captions")


@pytest.fixture(scope="module")
def english(folder: Path) -> Path:
    return render(ENGLISH, folder)


@pytest.fixture(scope="module")
def chinese(folder: Path) -> Path:
    return render(CHINESE, folder)


def convert(video: Path, to: Path, *options: str, before: tuple[str, ...] = ()) -> Path:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *before, "-i", str(video)]
    subprocess.run([*command, *options, str(to)], check=True, timeout=60)
    return to


def cues(readings: list[CaptionReading]) -> list[Cue]:
    return [reading.cue for reading in readings]


def assert_read(clip: Clip, readings: list[CaptionReading], *, error_ms: float = 40) -> None:
    """All captions, nothing else, at most one character in a hundred wrong, the right times."""
    accuracy = compare(cues_of(clip), cues(readings))
    assert (accuracy.missing_cues, accuracy.false_cues) == (0, 0), cues(readings)
    assert accuracy.cer_percent <= 1, cues(readings)
    assert accuracy.start_error_ms_mean <= error_ms
    assert accuracy.end_error_ms_mean <= error_ms


def test_english_over_a_moving_test_card(english: Path) -> None:
    readings = read_captions(english, ENGLISH.region, language="en")
    assert_read(ENGLISH, readings)
    assert all(reading.score > 0.8 for reading in readings)
    for reading in readings:
        for box in reading.boxes:
            assert 0.8 < box.y + box.height / 2 < 0.96
            assert box.x + box.width / 2 == pytest.approx(0.5, abs=0.03)
            assert 0.04 < box.height < 0.1


def test_chinese_over_a_drifting_photograph_with_a_caption_of_one_character(chinese: Path) -> None:
    assert any(len(cue.text) == 1 for cue in cues_of(CHINESE))
    assert_read(CHINESE, read_captions(chinese, CHINESE.region, language="ch"))


def test_a_region_without_captions_gives_none(chinese: Path) -> None:
    assert read_captions(chinese, TOP, language="ch") == []


def test_a_low_sampling_rate_keeps_the_exact_times(english: Path) -> None:
    long_shown = [cue for cue in cues_of(ENGLISH) if cue.end_ms - cue.start_ms > 1000]
    readings = read_captions(english, ENGLISH.region, fps=2)
    accuracy = compare(long_shown, [c for c in cues(readings) if c.end_ms - c.start_ms > 950])
    assert (accuracy.missing_cues, accuracy.false_cues) == (0, 0)
    assert accuracy.start_error_ms_mean <= 40
    assert accuracy.end_error_ms_mean <= 40


def test_captions_at_the_top_of_a_vertical_video(folder: Path) -> None:
    readings = read_captions(render(VERTICAL, folder), VERTICAL.region, language="ch")
    assert_read(VERTICAL, readings)
    assert all(box.y + box.height < 0.25 for reading in readings for box in reading.boxes)


def test_pictures_at_irregular_times(english: Path, folder: Path) -> None:
    """Two of five pictures left out; the rest keep their times."""
    irregular = convert(
        english, folder / "vfr.mp4", "-vf", "select='not(between(mod(n,5),2,3))'",
        "-fps_mode", "vfr", "-preset", "veryfast",
    )  # fmt: skip
    assert_read(ENGLISH, read_captions(irregular, ENGLISH.region, language="en"), error_ms=80)


def test_a_video_that_players_turn_upright(chinese: Path, folder: Path) -> None:
    """Phones store the picture lying and say by how much to turn it."""
    lying = convert(chinese, folder / "lying.mp4", "-vf", "transpose=1", "-preset", "veryfast")
    turned = convert(lying, folder / "turned.mp4", "-c", "copy", before=("-display_rotation", "90"))
    assert_read(CHINESE, read_captions(turned, CHINESE.region, language="ch"))


def test_times_count_from_the_start_of_a_file_that_begins_late(english: Path, folder: Path) -> None:
    late = convert(english, folder / "late.ts", "-c", "copy", "-output_ts_offset", "7")
    assert_read(ENGLISH, read_captions(late, ENGLISH.region, language="en"))


def test_a_file_that_is_no_video_is_refused_by_name(folder: Path) -> None:
    broken = folder / "broken video.mp4"
    broken.write_bytes(b"not a video" * 1000)
    with pytest.raises(UnreadableVideo, match=r"broken video\.mp4"):
        read_captions(broken, Region(0.75, 1, 0, 1))
