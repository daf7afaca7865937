"""The demo as a new user runs it, and what is really to be read in the videos that it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from translation_pipeline.captions.srt import parse_srt
from translation_pipeline.defs.checks import QUESTIONS
from translation_pipeline.localcloud.engine.caption_reader import read_captions
from translation_pipeline.localcloud.engine.geometry import Region
from translation_pipeline.sample_title import EPISODES
from translation_pipeline_tests.integration.speech_clips import decibels, part, sound_of

pytestmark = pytest.mark.timeout(600)

LOWER_HALF = Region(top=0.5, bottom=1.0, left=0.0, right=1.0)


@pytest.fixture(scope="module")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def videos(demo_home: Path) -> list[dict[str, Any]]:
    return run_demo(demo_home)


def run_demo(home: Path, *options: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "translation_pipeline", "demo", "--json", "--home", str(home)]
    finished = subprocess.run(
        [*command, *options], capture_output=True, text=True, timeout=500, env=dict(os.environ)
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    found: list[dict[str, Any]] = json.loads(finished.stdout.splitlines()[-1])["videos"]
    return found


def test_every_episode_is_read_translated_and_checked(videos: list[dict[str, Any]]) -> None:
    assert len(videos) == len(EPISODES)
    for video, episode in zip(videos, EPISODES, strict=True):
        true_cues = len(parse_srt(episode.truth.read_bytes()).cues)
        assert video["language"] == "pt"
        assert episode.name in video["source_key"]
        assert episode.name in video["output_key"]
        assert video["cues_read"] == true_cues
        assert video["cues_translated"] == true_cues
        assert set(video["seconds"]) == {"upload", "extraction", "review", "translation"}
        assert video["checks"] == {name: True for _, name in QUESTIONS}


def test_the_captions_in_the_pictures_are_portuguese_and_no_english_remains(
    videos: list[dict[str, Any]],
) -> None:
    """Read back by the engine, from one episode: its lines are those of the SRT beside it."""
    video = Path(videos[0]["file"])
    portuguese = [cue.text for cue in parse_srt(video.with_suffix(".srt").read_bytes()).cues]
    english = [cue.text for cue in parse_srt(EPISODES[0].truth.read_bytes()).cues]
    seen = [reading.cue.text for reading in read_captions(video, LOWER_HALF, fps=3)]
    assert seen
    for text in seen:
        assert likeness(text, portuguese) > 0.8, f"{text!r} is no line of the Portuguese SRT"
        assert likeness(text, english) < 0.8, f"{text!r} is still English"
    for line in portuguese:
        assert likeness(line, seen) > 0.8, f"{line!r} is not to be seen"


def test_a_second_demo_pays_for_nothing(videos: list[dict[str, Any]], demo_home: Path) -> None:
    again = run_demo(demo_home, "--keep")
    assert [video["output_key"] for video in again] == [video["output_key"] for video in videos]
    assert [video["seconds"]["translation"] for video in again] == [
        video["seconds"]["translation"] for video in videos
    ], "the jobs are those of the first demo"


def test_the_demo_dubs(tmp_path: Path) -> None:
    (video,) = run_demo(tmp_path, "--episodes", "1", "--level", "speech")
    assert all(video["checks"].values())
    before, after = sound_of(EPISODES[0].video), sound_of(Path(video["file"]))
    assert after.shape == before.shape
    assert float(np.abs(after).max()) < 0.99, "it clips"
    cues = parse_srt(Path(video["file"]).with_suffix(".srt").read_bytes()).cues
    for cue in cues:
        was, now = (part(sound, cue.start_ms, cue.end_ms) for sound in (before, after))
        assert -26 < decibels(now) < -14, f"{cue} is not spoken"
        assert np.corrcoef(was[0], now[0])[0, 1] < 0.3, f"{cue}: the old voice is heard"
    first_s = cues[0].start_ms - 200
    assert decibels(part(after, 0, first_s)) == pytest.approx(
        decibels(part(before, 0, first_s)), abs=0.5
    ), "the music is kept"


@pytest.mark.parametrize(
    "options", [("1",), ("1", "--level", "speech"), ("3",), ("4",)], ids=" ".join
)
def test_the_demo_plays_every_scenario(options: tuple[str, ...], tmp_path: Path) -> None:
    """From upload to verified output, one episode each; scenario 2 is the demo itself."""
    (video,) = run_demo(tmp_path, "--episodes", "1", "--scenario", *options)
    assert all(video["checks"].values()), video
    true_cues = len(parse_srt(EPISODES[0].truth.read_bytes()).cues)
    assert video["cues_translated"] == true_cues


def likeness(text: str, candidates: list[str]) -> float:
    """How like the text is to the candidate that is most like it, 0 to 1."""
    flat = " ".join(text.lower().split())
    return max(
        SequenceMatcher(None, flat, " ".join(candidate.lower().split())).ratio()
        for candidate in candidates
    )
