"""Dubbing of odd sound: mono, surround, late, short, of other rates and codecs, loud, damaged."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
import pytest

from translation_pipeline.captions.srt import Cue, compose_srt
from translation_pipeline.localcloud.engine import natural_voice
from translation_pipeline.localcloud.engine.burn_in import SubtitleStyle
from translation_pipeline.localcloud.engine.dubbing import DubbingSpec, dub
from translation_pipeline.localcloud.engine.encode import encode_sound
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.sound import (
    RATE_HZ,
    Samples,
    channels_of,
    sound_blocks,
    sound_duration_s,
    stretched,
)
from translation_pipeline.localcloud.engine.voices import voice_for
from translation_pipeline.localcloud.engine.work import VideoTranslationSpec, translate_video
from translation_pipeline.media import probe
from translation_pipeline_tests.integration.engine_clips import ffmpeg, lumas
from translation_pipeline_tests.integration.speech_clips import decibels, part, sound_of

CUES = (Cue(1000, 2600, "Good morning."), Cue(3000, 4600, "Where is my letter?"))
DURATION_S = 6.0
PICTURE = ("-f", "lavfi", "-i", f"smptehdbars=s=320x180:r=25:d={DURATION_S}")
TONE = ("-f", "lavfi", "-i", f"sine=f=440:r=48000:d={DURATION_S}")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")

# What stands between the inputs (picture, 440 Hz tone) and the file, and the file's name.
SOUNDS = {
    "mono": (("-ac", "1", "-c:a", "aac"), "mono.mp4"),
    "surround": (("-ac", "6", "-c:a", "ac3"), "surround.mp4"),
    "low rate": (("-ar", "22050", "-c:a", "aac"), "low.mp4"),
    "opus in webm": (("-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "libopus"), "o.webm"),
    "pcm in mov": (("-c:a", "pcm_s16le"), "pcm.mov"),
    "short": (("-af", "atrim=0:4.9", "-c:a", "aac"), "short.mp4"),
}


def clip(folder: Path, kind: str) -> Path:
    options, name = SOUNDS[kind]
    ffmpeg(*PICTURE, *TONE, *H264, *options, folder / name)
    return folder / name


def dubbed(video: Path, folder: Path, burn_in: SubtitleStyle | None = None) -> Path:
    given = folder / "given.srt"
    given.write_text(compose_srt(list(CUES)), encoding="utf-8")
    output = folder / "output"
    output.mkdir()
    spec = VideoTranslationSpec(
        video, output, "pt", "en", "SubtitleFile", given, "TargetSrt", dubbing=DubbingSpec()
    )
    return translate_video(replace(spec, burn_in=burn_in)).video


@pytest.mark.parametrize("kind", SOUNDS)
def test_whatever_the_sound_the_voice_is_there_and_the_rest_stays(
    kind: str, tmp_path: Path
) -> None:
    source = clip(tmp_path, kind)
    video = dubbed(source, tmp_path)

    assert probe(video).duration_s == pytest.approx(probe(source).duration_s, abs=0.1)
    assert channels_of(video) == channels_of(source)
    before, after = sound_of(source), sound_of(video)
    assert float(np.abs(after).max()) < 0.99
    for cue in CUES:
        spoken = part(after, cue.start_ms + 100, cue.start_ms + 800)
        assert decibels(spoken) > -27, "the voice"
    assert decibels(part(after, 200, 700)) == pytest.approx(
        decibels(part(before, 200, 700)), abs=0.7
    )


def test_a_sound_that_begins_late_stays_where_it_was(tmp_path: Path) -> None:
    source = tmp_path / "late.mp4"
    ffmpeg(*PICTURE, "-itsoffset", "2.8", *TONE, "-t", "6", *H264, "-c:a", "aac", source)
    sound = sound_of(source)
    assert decibels(part(sound, 0, 2700)) < -60
    assert decibels(part(sound, 2900, 3500)) > -25

    after = sound_of(dubbed(source, tmp_path))

    assert decibels(part(after, 0, 800)) < -60
    onset_ms = 4900.0  # the tone alone, behind the last caption
    assert decibels(part(after, onset_ms, 5900)) == pytest.approx(
        decibels(part(sound, onset_ms, 5900)), abs=0.7
    )


def test_burning_in_keeps_the_dubbed_sound(tmp_path: Path) -> None:
    source = clip(tmp_path, "mono")
    video = dubbed(source, tmp_path, burn_in=SubtitleStyle(font_size=95))
    assert decibels(part(sound_of(video), 1100, 1800)) > -27
    with_caption, without = lumas(video)[40], lumas(source)[40]
    assert np.abs(with_caption[120:].astype(int) - without[120:]).max() > 60


def test_a_voice_over_full_scale_noise_does_not_clip(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    loud = rng.uniform(-1, 1, (2, round(DURATION_S * RATE_HZ))).astype(np.float32)
    source, output = tmp_path / "loud.wav", tmp_path / "out.wav"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=RATE_HZ, layout="stereo")
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(loud.T).reshape(1, -1), format="flt", layout="stereo"
        )
        frame.sample_rate = RATE_HZ
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    dub(source, CUES, "en", DubbingSpec(), output, duration_s=DURATION_S)
    assert sound_duration_s(output) == pytest.approx(DURATION_S, abs=0.01)
    blocks = sound_blocks(output, channels=2, duration_s=DURATION_S)
    assert max(float(np.abs(block).max()) for block in blocks) < 0.9


@pytest.mark.parametrize("duration_s", [0.5, 1.0, 3.7])
def test_blocks_are_even_and_end_where_they_are_told(tmp_path: Path, duration_s: float) -> None:
    tone = (0.2 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE_HZ) / RATE_HZ)).astype(np.float32)
    encode_sound([tone[None, :]], 1, tmp_path / "tone.wav")
    blocks: list[Samples] = list(
        sound_blocks(tmp_path / "tone.wav", channels=1, duration_s=duration_s)
    )
    assert [block.shape[1] for block in blocks[:-1]] == [RATE_HZ] * (len(blocks) - 1)
    sound = np.concatenate(blocks, axis=1)
    assert sound.shape[1] == round(duration_s * RATE_HZ)
    assert decibels(sound[:, : RATE_HZ // 2]) == pytest.approx(-17, abs=0.5)
    if duration_s > 2:
        assert not sound[:, 2 * RATE_HZ + 100 :].any(), "silence behind the end"


@pytest.mark.parametrize("tempo", [1.3, 1.7])
def test_stretching_keeps_the_pitch_and_takes_the_time_it_should(tempo: float) -> None:
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    tone = (0.2 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)[None, :]
    fast = stretched(tone, tempo)
    assert fast.shape[1] == pytest.approx(tone.shape[1] / tempo, rel=0.01)
    spectrum = np.abs(np.fft.rfft(fast[0]))
    assert np.fft.rfftfreq(fast.shape[1], 1 / RATE_HZ)[spectrum.argmax()] == pytest.approx(440, 5)


def test_a_natural_voice_that_is_not_there_is_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(natural_voice.SETTING, str(tmp_path / "gone"))
    with pytest.raises(JobFailed, match=r"^VoiceMissing: TRANSLATION_PIPELINE_VOICE_MODEL is "):
        voice_for("en")
    assert str(voice_for("ko")) == "eSpeak NG ko", "a language that it does not know"
    monkeypatch.delenv(natural_voice.SETTING)
    assert str(voice_for("en")) == "eSpeak NG en-us"


def test_a_natural_voice_speaks_and_fits(tmp_path: Path) -> None:
    if not os.environ.get(natural_voice.SETTING) or find_spec("kokoro_onnx") is None:
        pytest.skip(f"{natural_voice.SETTING} and kokoro-onnx are not set up")
    name = natural_voice._kokoro(Path(os.environ[natural_voice.SETTING])).get_voices()[0]
    source, output = clip(tmp_path, "mono"), tmp_path / "out.wav"
    report = dub(source, CUES, "en", DubbingSpec(name), output, duration_s=DURATION_S)
    assert (report.voice, report.not_honoured) == (f"Kokoro {name}", ())
    assert report.misfits == []
    blocks = list(sound_blocks(output, channels=1, duration_s=DURATION_S))
    sound = np.concatenate(blocks, axis=1)
    for cue in CUES:
        assert decibels(part(sound, cue.start_ms + 100, cue.start_ms + 800)) > -27


def test_nothing_to_say_is_no_success(tmp_path: Path) -> None:
    source = clip(tmp_path, "mono")
    with pytest.raises(JobFailed, match=r"^NothingToSay"):
        dub(source, [Cue(0, 900, "…")], "en", DubbingSpec(), tmp_path / "o.wav", duration_s=1)


def test_what_is_no_sound_is_said_to_be_unreadable(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.wav"
    garbage.write_bytes(bytes(range(256)) * 40)
    with pytest.raises(JobFailed, match=r"^UnreadableSound: The sound of garbage\.wav"):
        dub(garbage, CUES, "en", DubbingSpec(), tmp_path / "o.wav", duration_s=1)
