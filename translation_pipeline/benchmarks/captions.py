"""How well and how fast burnt-in captions are read, beside reading every sampled picture.

Every clip is rendered (`clips`), then read twice by the same engine, each time in a process of
its own: gated as the product does it, and naively, with recognition on every sampled picture.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from translation_pipeline.benchmarks.clips import Clip, cues_of, render
from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.caption_reader import read_captions
from translation_pipeline.localcloud.engine.ocr import shared_ocr

SAMPLES_PER_SECOND = 5

CLIPS = (
    Clip("Chinese over a fractal zoom", "ch", "mandelbrot", seed=11),
    Clip("English over a fractal zoom", "en", "mandelbrot", seed=16),
    Clip("Chinese over a test card", "ch", "test card", seed=17),
    Clip("English over a test card", "en", "test card", seed=12),
    Clip("Chinese over a drifting photograph", "ch", "photo", seed=13),
    Clip("English over a drifting photograph, fading", "en", "photo", seed=18, fade_ms=200),
    Clip("English over an animation", "en", "animation", seed=14),
    Clip("Chinese at the top of a vertical video", "ch", "photo", 15, 30, 720, 1280, at_top=True),
)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How a reading differs from the truth.

    `cer_percent` counts every wrong, missing and added character, those of missing and false
    captions too, against the characters of the truth; a line break counts as a space.
    """

    cues_true: int
    cues_read: int
    missing_cues: int
    false_cues: int
    cer_percent: float
    start_error_ms_mean: float
    end_error_ms_mean: float


@dataclass(frozen=True, slots=True)
class _Run:
    cues: list[Cue]
    seconds: float
    cpu_seconds: float
    peak_memory_mb: float


def run(*, progress: Callable[[str], None]) -> dict[str, Any]:
    """Render and read all clips; returns the figures as JSON values.

    `clips` has one object for each clip, `summary` the medians and the worst. `progress` gets
    one line for each step. Takes about four minutes on two cores.
    """
    with tempfile.TemporaryDirectory(prefix="captions-bench-") as folder:
        clips = [
            _measure(clip, Path(folder), number, progress)
            for number, clip in enumerate(CLIPS, start=1)
        ]
    return {"clips": clips, "summary": _summary(clips)}


def compare(truth: list[Cue], read: list[Cue]) -> Accuracy:
    """Match the read captions to the true ones by time, each at most once."""
    pairs = _matched(truth, read)
    wrong = sum(edit_distance(_plain(true), _plain(seen)) for true, seen in pairs)
    wrong += sum(len(_plain(cue)) for cue in truth if cue not in [true for true, _ in pairs])
    wrong += sum(len(_plain(cue)) for cue in read if cue not in [seen for _, seen in pairs])
    start_errors_ms = [abs(seen.start_ms - true.start_ms) for true, seen in pairs]
    end_errors_ms = [abs(seen.end_ms - true.end_ms) for true, seen in pairs]
    matches = max(len(pairs), 1)
    return Accuracy(
        cues_true=len(truth),
        cues_read=len(read),
        missing_cues=len(truth) - len(pairs),
        false_cues=len(read) - len(pairs),
        cer_percent=round(100 * wrong / max(sum(len(_plain(cue)) for cue in truth), 1), 2),
        start_error_ms_mean=round(sum(start_errors_ms) / matches, 1),
        end_error_ms_mean=round(sum(end_errors_ms) / matches, 1),
    )


def edit_distance(one: str, other: str) -> int:
    """Levenshtein distance: how many characters must be put in, left out or replaced."""
    distances = list(range(len(other) + 1))
    for row, character in enumerate(one, start=1):
        diagonal, distances[0] = distances[0], row
        for column, other_character in enumerate(other, start=1):
            replaced = diagonal + (character != other_character)
            diagonal = distances[column]
            distances[column] = min(diagonal + 1, distances[column - 1] + 1, replaced)
    return distances[-1]


def _plain(cue: Cue) -> str:
    return " ".join(cue.text.split())


def _matched(truth: list[Cue], read: list[Cue]) -> list[tuple[Cue, Cue]]:
    """Pairs that share the most time, as long as that is half of the shorter of the two."""

    def shared_ms(true: Cue, seen: Cue) -> int:
        return min(true.end_ms, seen.end_ms) - max(true.start_ms, seen.start_ms)

    def belong(true: Cue, seen: Cue) -> bool:
        shorter_ms = min(true.end_ms - true.start_ms, seen.end_ms - seen.start_ms)
        return shared_ms(true, seen) > shorter_ms / 2

    candidates = [(true, seen) for true in truth for seen in read if belong(true, seen)]
    pairs: list[tuple[Cue, Cue]] = []
    for true, seen in sorted(candidates, key=lambda pair: shared_ms(*pair), reverse=True):
        if all(true != taken and seen != used for taken, used in pairs):
            pairs.append((true, seen))
    return sorted(pairs)


def _measure(
    clip: Clip, folder: Path, number: int, progress: Callable[[str], None]
) -> dict[str, Any]:
    place = f"{number}/{len(CLIPS)} {clip.name}"
    progress(f"{place}: rendering {clip.duration_s} s")
    video = render(clip, folder)
    progress(f"{place}: reading gated")
    gated = _read_in_own_process(video, clip, gated=True)
    progress(f"{place}: reading every sampled picture")
    naive = _read_in_own_process(video, clip, gated=False)
    video.unlink()
    truth = cues_of(clip)
    figures = {
        "name": clip.name,
        **asdict(compare(truth, gated.cues)),
        "seconds": round(gated.seconds, 2),
        "naive_seconds": round(naive.seconds, 2),
        "realtime_factor": round(gated.seconds / clip.duration_s, 3),
        "naive_realtime_factor": round(naive.seconds / clip.duration_s, 3),
        "times_faster": round(naive.seconds / gated.seconds, 2),
        "times_less_cpu": round(naive.cpu_seconds / gated.cpu_seconds, 2),
        "naive_cer_percent": compare(truth, naive.cues).cer_percent,
        "peak_memory_mb": round(gated.peak_memory_mb),
        "duration_s": clip.duration_s,
    }
    progress(
        f"{place}: {figures['cues_read']} of {figures['cues_true']} captions, "
        f"{figures['cer_percent']} % wrong, {figures['times_faster']} times faster"
    )
    return figures


def _read_in_own_process(video: Path, clip: Clip, *, gated: bool) -> _Run:
    """In a process of its own, whose memory is then that of this reading."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as process:
        return process.submit(_read, video, clip, gated).result()


def _read(video: Path, clip: Clip, gated: bool) -> _Run:
    """The models are loaded before the clock starts, as in a worker that has read before."""
    shared_ocr(None)
    started_s, cpu_started_s = time.perf_counter(), time.process_time()
    readings = read_captions(
        video, clip.region, fps=SAMPLES_PER_SECOND, language=clip.language, gated=gated
    )
    return _Run(
        cues=[reading.cue for reading in readings],
        seconds=time.perf_counter() - started_s,
        cpu_seconds=time.process_time() - cpu_started_s,
        peak_memory_mb=_peak_memory_mb(),
    )


def _peak_memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bytes_per_unit = 1 if sys.platform == "darwin" else 1024
    return peak * bytes_per_unit / 1e6


def _summary(clips: list[dict[str, Any]]) -> dict[str, Any]:
    minutes = sum(clip["duration_s"] for clip in clips) / 60
    wrong_cues = sum(clip["missing_cues"] + clip["false_cues"] for clip in clips)
    return {
        "cpu_count": os.cpu_count(),
        "cer_percent_median": median(clip["cer_percent"] for clip in clips),
        "cer_percent_worst": max(clip["cer_percent"] for clip in clips),
        "false_or_missing_cues_per_minute": round(wrong_cues / minutes, 2),
        "start_error_ms_worst_mean": max(clip["start_error_ms_mean"] for clip in clips),
        "end_error_ms_worst_mean": max(clip["end_error_ms_mean"] for clip in clips),
        "realtime_factor_median": median(clip["realtime_factor"] for clip in clips),
        "times_faster_median": median(clip["times_faster"] for clip in clips),
        "times_faster_worst": min(clip["times_faster"] for clip in clips),
        "peak_memory_mb_worst": max(clip["peak_memory_mb"] for clip in clips),
    }
