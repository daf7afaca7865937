"""The sample title is what the demo promises: three short captioned films with sound."""

from __future__ import annotations

import itertools
import subprocess
import wave
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from translation_pipeline.captions.srt import Cue, compose_srt
from translation_pipeline.sample_title import ATTRIBUTION, EPISODES, TITLE, Episode, make
from translation_pipeline.sample_title.screenplay import (
    FRAMES_PER_SECOND,
    NARRATOR,
    SCENES,
    Line,
    Music,
    Scene,
)

FRAME_MS = 1000 // FRAMES_PER_SECOND
OCR_GRID_MS = 200
ALL_CUES = [cue for scene in SCENES for cue in scene.cues]
EPISODES_WITH_SCENES = list(zip(EPISODES, SCENES, strict=True))


@dataclass(frozen=True)
class Film:
    """A decoded episode: white pixels of each frame's bottom quarter, and its mono sound."""

    white_pixels: list[int]
    sound: npt.NDArray[np.float32]
    sample_rate_hz: int

    def loudness(self, start_ms: int, end_ms: int) -> float:
        first, last = (ms * self.sample_rate_hz // 1000 for ms in (start_ms, end_ms))
        return float(np.sqrt(np.mean(self.sound[first:last] ** 2)))


@pytest.fixture(scope="module", params=EPISODES_WITH_SCENES, ids=lambda pair: pair[0].name)
def filmed(request: pytest.FixtureRequest) -> tuple[Film, Scene]:
    episode, scene = request.param
    with av.open(str(episode.video)) as container:
        white_pixels = [
            int((frame.to_ndarray(format="gray")[frame.height * 3 // 4 :] > 245).sum())
            for frame in container.decode(video=0)
        ]
    with av.open(str(episode.video)) as container:
        sample_rate_hz = container.streams.audio[0].rate
        sound = np.concatenate(
            [frame.to_ndarray().mean(axis=0) for frame in container.decode(audio=0)]
        )
    return Film(white_pixels, sound, sample_rate_hz), scene


def test_three_episodes_small_enough_to_ship() -> None:
    assert TITLE == "the-letter"
    assert [episode.name for episode in EPISODES] == [scene.name for scene in SCENES]
    assert sum(episode.video.stat().st_size for episode in EPISODES) <= 9_000_000


def test_attribution_names_what_the_licence_asks_for() -> None:
    text = ATTRIBUTION.read_text(encoding="utf-8")
    for needed in (
        "Blender Foundation",
        "www.bigbuckbunny.org",
        "https://creativecommons.org/licenses/by/3.0/",
        "Changed from the original",
        make.CREDIT.partition(",")[0],
    ):
        assert needed in text


@pytest.mark.parametrize("episode", EPISODES, ids=lambda episode: episode.name)
def test_video_has_the_promised_streams_and_credit(episode: Episode) -> None:
    with av.open(str(episode.video)) as container:
        (video,), (audio,) = container.streams.video, container.streams.audio
        assert (video.width, video.height) == (1280, 720)
        assert video.average_rate == FRAMES_PER_SECOND
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert video.duration is not None and video.time_base is not None
        assert audio.duration is not None and audio.time_base is not None
        duration_s = float(video.duration * video.time_base)
        assert 15 <= duration_s <= 30
        assert float(audio.duration * audio.time_base) == pytest.approx(duration_s, abs=0.1)
        assert container.metadata["comment"] == make.CREDIT


@pytest.mark.parametrize(("episode", "scene"), EPISODES_WITH_SCENES, ids=lambda part: part.name)
def test_truth_is_the_screenplay(episode: Episode, scene: Scene) -> None:
    assert episode.truth.read_bytes().decode() == compose_srt(scene.cues)


def test_number_of_cues() -> None:
    assert [len(scene.cues) for scene in SCENES] == [7, 7, 8]
    assert sum("\n" in cue.text for cue in ALL_CUES) == 3


@pytest.mark.parametrize("cue", ALL_CUES, ids=lambda cue: cue.text)
def test_captions_are_readable_and_timed_off_the_ocr_grid(cue: Cue) -> None:
    assert len(cue.text.split("\n")) <= 2
    assert all(len(line) <= 42 for line in cue.text.split("\n"))
    assert 1200 <= cue.end_ms - cue.start_ms <= 4000
    for moment_ms in (cue.start_ms, cue.end_ms):
        assert moment_ms % FRAME_MS == 0
        assert moment_ms % OCR_GRID_MS != 0


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_cues_follow_each_other_inside_the_film(scene: Scene) -> None:
    for cue, following in itertools.pairwise(scene.cues):
        assert cue.end_ms <= following.start_ms
    assert scene.cues[0].start_ms > 0
    assert scene.cues[-1].end_ms < scene.shot.duration_s * 1000


def test_captions_show_on_exactly_the_frames_of_the_truth(filmed: tuple[Film, Scene]) -> None:
    film, scene = filmed
    assert len(film.white_pixels) == round(scene.shot.duration_s * FRAMES_PER_SECOND)
    captioned = {index for index, white in enumerate(film.white_pixels) if white > 500}
    expected = {
        index
        for cue in scene.cues
        for index in range(cue.start_ms // FRAME_MS, cue.end_ms // FRAME_MS)
    }
    assert captioned == expected


def test_every_caption_is_spoken_well_above_the_music(filmed: tuple[Film, Scene]) -> None:
    film, scene = filmed
    gaps = [
        (cue.end_ms, following.start_ms)
        for cue, following in itertools.pairwise(scene.cues)
        if following.start_ms - cue.end_ms >= 300
    ]
    music = max(film.loudness(*gap) for gap in gaps)
    assert music > 0.001
    assert min(film.loudness(cue.start_ms, cue.end_ms) for cue in scene.cues) > 3 * music


def test_music_lasts_as_long_as_asked_and_stays_quiet(tmp_path: Path) -> None:
    make.play(Music(((60, 64, 67),), note_s=0.25), 2.0, tmp_path / "music.wav")
    with wave.open(str(tmp_path / "music.wav"), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        assert file.getnframes() / file.getframerate() >= 2.0
    assert 0.9 * make.MUSIC_PEAK < np.abs(samples).max() / 32767 <= make.MUSIC_PEAK


def test_a_voice_that_outlasts_its_caption_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two_seconds_of_speech(command: list[str], **_: object) -> None:
        with wave.open(command[command.index("-w") + 1], "wb") as file:
            file.setparams((1, 2, 22_050, 0, "NONE", ""))
            file.writeframes(np.full(44_100, 5000, "<i2").tobytes())

    monkeypatch.setattr(subprocess, "run", two_seconds_of_speech)
    make.speak(Line(NARRATOR, Cue(0, 2100, "Long enough.")), tmp_path / "voice.wav")
    with pytest.raises(SystemExit, match=r"'Too short\.' is spoken for 2\d{3} ms but shown for"):
        make.speak(Line(NARRATOR, Cue(0, 1900, "Too\nshort.")), tmp_path / "voice.wav")


def test_a_missing_source_clip_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make.main(["--source", "nowhere/clip.mp4"])
    assert "--source nowhere/clip.mp4: no such file" in capsys.readouterr().err
