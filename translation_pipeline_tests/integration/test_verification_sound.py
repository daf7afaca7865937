"""Sound, length and rate of real files: a good output has no finding, and each fault is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from translation_pipeline.captions.srt import Cue
from translation_pipeline.verification.sound import (
    RECOGNISER_RATE_HZ,
    Samples,
    SoundCheck,
    stretches_of,
)
from translation_pipeline.verification.verify import Verification
from translation_pipeline_tests.integration.engine_clips import clean_clip, ffmpeg
from translation_pipeline_tests.integration.verified_clips import MOVING, NEW, names, verified


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures and a tone that is not loud."""
    return clean_clip(tmp_path_factory.mktemp("sound") / "video.mp4", MOVING, seconds=8.6)


def changed(video: Path, output: Path, *options: str) -> Path:
    ffmpeg("-i", video, *options, output)
    return output


def dubbed(video: Path, output: Path, **changes: object) -> Verification:
    """What is found where only speech was asked for."""
    return verified(video, output, **{"erase": None, "burn_in": False, "speech": True, **changes})


COPIED = ("-c:v", "copy")


def test_sound_that_is_as_it_should_be(video: Path) -> None:
    found = dubbed(video, video)

    assert found.is_good
    assert found.facts["sound_looked_at"] == 4
    assert all(-40 < level_db < -10 for level_db in found.facts["sound_level_db"])


def test_a_missing_stream(video: Path, tmp_path: Path) -> None:
    mute = changed(video, tmp_path / "mute.mp4", *COPIED, "-an")

    found = dubbed(video, mute)

    assert names(found) == ["no_audio"]
    assert found.worst_frame is None  # no picture shows it
    assert names(dubbed(video, mute, speech=False)) == ["no_audio"]
    assert names(dubbed(mute, mute, speech=False)) == []


def test_silence_where_somebody_should_speak(video: Path, tmp_path: Path) -> None:
    silent = changed(video, tmp_path / "silent.mp4", *COPIED, "-af", "volume=0")

    assert names(dubbed(video, silent)) == ["silent_speech"]
    assert names(dubbed(video, silent, speech=False)) == ["lost_sound"]
    assert names(dubbed(silent, silent, speech=False)) == []


def test_silence_elsewhere_or_in_one_caption_is_none(video: Path, tmp_path: Path) -> None:
    spoken = "+".join(f"between(t,{cue.start_ms / 1000},{cue.end_ms / 1000})" for cue in NEW[1:])
    pauses = changed(video, tmp_path / "p.mp4", *COPIED, "-af", f"volume='{spoken}':eval=frame")

    assert names(dubbed(video, pauses)) == []


def test_songs_and_signs_need_no_voice(video: Path, tmp_path: Path) -> None:
    cues = [NEW[0], *(Cue(cue.start_ms, cue.end_ms, f"♪ {cue.text} ♪") for cue in NEW[1:])]
    first = NEW[0]
    spoken = f"between(t,{first.start_ms / 1000},{first.end_ms / 1000})"
    songs = changed(video, tmp_path / "s.mp4", *COPIED, "-af", f"volume='{spoken}':eval=frame")

    assert names(dubbed(video, songs, target_cues=cues)) == []
    assert names(dubbed(video, songs)) == ["silent_speech"]


def test_distortion_unless_the_source_has_it(video: Path, tmp_path: Path) -> None:
    filters = ("-af", "volume=30dB,aformat=s16", "-c:a", "pcm_s16le")
    clipped = changed(video, tmp_path / "clipped.mov", *COPIED, *filters)

    assert names(dubbed(video, clipped)) == ["clipped_sound"]
    assert names(dubbed(clipped, clipped)) == []


def test_what_the_recogniser_hears(video: Path) -> None:
    heard: list[tuple[Samples, int]] = []

    def hears(language: str | None) -> list[str]:
        def recogniser(samples: Samples, rate_hz: int) -> str | None:
            heard.append((samples, rate_hz))
            return language

        check = SoundCheck(video, video, NEW, "es", True, recogniser, duration_s=8.6)
        checked = check.run(source_has_sound=True, output_has_sound=True)
        return [finding.name for finding in checked.findings]

    assert hears("es") == hears("es-MX") == hears(None) == []  # "es" was asked for
    assert names(dubbed(video, video, recogniser=lambda *_: "en")) == ["wrong_language"]
    assert hears("en") == ["wrong_language"]
    samples, rate_hz = heard[-1]
    spoken_s = sum(cue.end_ms - cue.start_ms for cue in NEW) / 1000
    assert rate_hz == RECOGNISER_RATE_HZ and samples.ndim == 1
    assert len(samples) / rate_hz == pytest.approx(spoken_s, abs=0.3)


def test_the_stretch_is_the_one_that_was_asked_for(video: Path, tmp_path: Path) -> None:
    beep = changed(
        video, tmp_path / "beep.mp4", *COPIED, "-af", "volume='between(t,5,6)':eval=frame"
    )
    before, inside, after = stretches_of(beep, [(3.0, 4.8), (5.1, 5.9), (6.2, 7.0)])

    assert before.is_silent and after.is_silent and not inside.is_silent
    assert inside.samples.shape[1] / inside.rate_hz == pytest.approx(0.8, abs=0.1)
    assert np.abs(inside.samples).max() > 0.05


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("-t", "6.5", "-c", "copy"), ["wrong_duration"]),
        (("-t", "8.4", "-c", "copy"), []),
        (("-vf", "fps=30", "-c:a", "copy"), ["wrong_frame_rate"]),
        (("-vf", "fps=12.5", "-c:a", "copy"), ["wrong_frame_rate"]),
        (("-vf", "fps=24.97", "-c:a", "copy"), []),
    ],
    ids=["cut", "a hair shorter", "30 fps", "half", "rounded"],
)
def test_length_and_rate(
    video: Path, tmp_path: Path, options: tuple[str, ...], expected: list[str]
) -> None:
    output = changed(video, tmp_path / "output.mp4", *options)

    assert names(dubbed(video, output)) == expected


def test_a_variable_rate_may_become_a_constant_one(video: Path, tmp_path: Path) -> None:
    options = ("-vf", "select='not(mod(n,3))+gt(n,120)'", "-fps_mode", "vfr", "-c:a", "copy")
    variable = changed(video, tmp_path / "variable.mp4", *options)
    constant = changed(variable, tmp_path / "constant.mp4", "-vf", "fps=25", "-c:a", "copy")

    assert names(dubbed(variable, constant)) == []
