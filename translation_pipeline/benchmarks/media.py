"""What each step of the stand-in cloud's media engine takes, at 720p and 1080p.

The clip is the beginning of the sample title's first episode: burnt-in captions over a moving
picture, speech over music. Each step runs in a process of its own, so that its peak of memory is
its own; what a step needs of an earlier one is handed to it.
"""

from __future__ import annotations

import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from translation_pipeline.captions.srt import Cue, parse_srt
from translation_pipeline.localcloud.engine.burn_in import OverlayLine, SubtitleStyle, write_overlay
from translation_pipeline.localcloud.engine.caption_reader import CaptionReading, read_captions
from translation_pipeline.localcloud.engine.dubbing import DubbingSpec, dub
from translation_pipeline.localcloud.engine.encode import burn_into, copy_to_mp4, encode_frames
from translation_pipeline.localcloud.engine.erase import erased, erasures_of
from translation_pipeline.localcloud.engine.geometry import Region
from translation_pipeline.localcloud.engine.recognise import (
    SETTING,
    RecogniserSettings,
    recognise,
)
from translation_pipeline.media import probe
from translation_pipeline.sample_title import EPISODES

SECONDS = 12.5
HEIGHTS = (720, 1080)
AREA = Region(top=0.6, bottom=1, left=0, right=1)
LANGUAGE = "en"
MB = 2**20


@dataclass(frozen=True)
class _Clip:
    video: Path
    cues: tuple[Cue, ...]
    folder: Path


def run(*, progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure all steps; returns the figures as JSON values.

    Per size and step `seconds` of work with the loading of models, `realtime_factor` (seconds for
    one of video) and `peak_memory_mb` (of the process and the largest program that it started).
    Recognition is None where no model is configured. Takes one to two minutes on two cores.
    """
    with tempfile.TemporaryDirectory(prefix="media-bench-") as folder:
        sizes = {f"{height}p": _size(Path(folder), height, progress) for height in HEIGHTS}
    return {"clip_seconds": SECONDS, "sizes": sizes}


def _size(folder: Path, height: int, progress: Callable[[str], None]) -> dict[str, Any]:
    clip = _clip(folder / str(height), height)
    figures: dict[str, Any] = {}
    readings, figures["read_captions"] = _measured(_read, clip)
    _, figures["erase"] = _measured(_erase, clip, readings)
    _, figures["burn_in"] = _measured(_burn_in, clip)
    figures["recognise_speech"] = None
    if RecogniserSettings.from_environment().model:
        _, figures["recognise_speech"] = _measured(_recognise, clip)
    _, figures["speak_and_dub"] = _measured(_dub, clip)
    for step, figure in figures.items():
        progress(f"{height}p {step}: {_told(figure)}")
    return figures


def _told(figure: dict[str, float] | None) -> str:
    if figure is None:
        return f"not measured, {SETTING} is not set"
    return f"{figure['realtime_factor']} x real time, {figure['peak_memory_mb']} MB"


def _clip(folder: Path, height: int) -> _Clip:
    folder.mkdir()
    episode, video = EPISODES[0], folder / "clip.mp4"
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin", "-y"]
    scaled = ("-vf", f"scale=-2:{height}", "-c:v", "libx264", "-preset", "veryfast", "-crf", "18")
    cut = ("-i", str(episode.video), "-t", str(SECONDS), *scaled, "-c:a", "copy", str(video))
    subprocess.run([*program, *cut], check=True)
    cues = parse_srt(episode.truth.read_bytes()).cues
    return _Clip(video, tuple(cue for cue in cues if cue.end_ms < SECONDS * 1000), folder)


def _measured(step: Callable[..., Any], *arguments: Any) -> tuple[Any, dict[str, float]]:
    """What the step returns, and what it took, in a fresh process."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=fresh) as process:
        result, seconds, peak_mb = process.submit(_timed, step, arguments).result()
    return result, {
        "seconds": round(seconds, 2),
        "realtime_factor": round(seconds / SECONDS, 3),
        "peak_memory_mb": round(peak_mb),
    }


def _timed(step: Callable[..., Any], arguments: Sequence[Any]) -> tuple[Any, float, float]:
    started = time.perf_counter()
    result = step(*arguments)
    seconds = time.perf_counter() - started
    return result, seconds, _peak_mb(resource.RUSAGE_SELF) + _peak_mb(resource.RUSAGE_CHILDREN)


def _peak_mb(who: int) -> float:
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(who).ru_maxrss * unit / MB


def _read(clip: _Clip) -> list[CaptionReading]:
    return read_captions(clip.video, AREA, language=LANGUAGE)


def _erase(clip: _Clip, readings: list[CaptionReading]) -> None:
    frames = erased(clip.video, erasures_of(readings))
    encode_frames(frames, clip.video, clip.folder / "erased.mp4")


def _burn_in(clip: _Clip) -> None:
    overlay, info = clip.folder / "overlay", probe(clip.video)
    overlay.mkdir()
    lines = [OverlayLine(cue) for cue in clip.cues]
    write_overlay(lines, SubtitleStyle(), overlay, width=info.width, height=info.height)
    burn_into(clip.video, overlay, clip.folder / "burnt-in.mp4")


def _recognise(clip: _Clip) -> int:
    settings = RecogniserSettings.from_environment()
    return len(recognise(clip.video, LANGUAGE, settings, duration_s=SECONDS))


def _dub(clip: _Clip) -> None:
    sound, output = clip.folder / "sound.m4a", clip.folder / "dubbed.mp4"
    dub(clip.video, clip.cues, LANGUAGE, DubbingSpec(), sound, duration_s=SECONDS)
    copy_to_mp4(clip.video, output, sound=sound)
