"""Fit spoken captions into the time that there is for them.

A line is spoken at its own pace when that fits the time of its caption, else faster, at first
only as much as nobody minds. When that is not enough it may go on into the pause behind the
caption, then faster still, up to a limit. What does not fit even so is spoken whole, the next
line waits for it, and the report says so: words are never cut, but by the end of the video.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.sound import RATE_HZ, Samples

COMFORTABLE_TEMPO = 1.25
FASTEST_TEMPO = 1.7
PAUSE_S = 0.08  # between one line and the next
LONGEST_SPILL_S = 1.5  # into the pause behind a caption
TOLERANCE_S = 0.03
TRIES = 3  # the pace of a synthesizer is not exactly what was asked for
FADE_S = 0.03  # where the end of the video cuts a line off


class Speaker(Protocol):
    """Speaks one language with one voice."""

    def speak(self, text: str, tempo: float) -> Samples:
        """The text as one channel at `RATE_HZ`, `tempo` times as fast as usual.

        Raises:
            JobFailed: the voice cannot speak the text.
        """


@dataclass(frozen=True)
class Line:
    """What is to be said in place of a cue; `number` counts the cues of the file from 1."""

    number: int
    cue: Cue
    text: str


@dataclass(frozen=True)
class Placement:
    """Where a line was put. Times are milliseconds from the start of the video.

    `late_ms`: how long after its caption the line begins, because the one before took so long.
    `overrun_ms`: how long it goes on behind the time it had. `cut_ms`: what the end of the video
    cut off. `fits` says that none of them is more than nobody would notice.
    """

    cue: int
    start_ms: int
    end_ms: int
    tempo: float
    late_ms: int
    overrun_ms: int
    cut_ms: int
    fits: bool


def placed(
    lines: Sequence[Line], speaker: Speaker, *, duration_s: float, inside_captions: bool
) -> Iterator[tuple[Placement, Samples]]:
    """Each line with its place and its sound, in order; lines without words are left out.

    `inside_captions`: no line may use the pause behind its caption (SubtitleTimeForce).
    """
    free_from_s = 0.0
    for index, line in enumerate(lines):
        following = lines[index + 1] if index + 1 < len(lines) else None
        start_s = max(line.cue.start_ms / 1000, free_from_s)
        limit_s = _limit_s(line, following, duration_s, inside_captions=inside_captions)
        tempo, sound = _fitted(line, speaker, start_s, limit_s)
        if not sound.shape[1]:
            continue
        end_s = start_s + sound.shape[1] / RATE_HZ
        sound = _cut(sound, duration_s - start_s)
        yield _placement(line, start_s, end_s, limit_s, duration_s, tempo), sound
        free_from_s = end_s + PAUSE_S


def _limit_s(
    line: Line, following: Line | None, duration_s: float, *, inside_captions: bool
) -> float:
    """Until when the line may be spoken."""
    end_s = line.cue.end_ms / 1000
    if inside_captions:
        return min(end_s, duration_s)
    next_s = following.cue.start_ms / 1000 - PAUSE_S if following else duration_s
    return min(max(end_s, min(next_s, end_s + LONGEST_SPILL_S)), duration_s)


def _fitted(line: Line, speaker: Speaker, start_s: float, limit_s: float) -> tuple[float, Samples]:
    """The sound of the line at the slowest tempo that fits, and that tempo."""
    sound = speaker.speak(line.text, 1.0)
    natural_s = sound.shape[1] / RATE_HZ
    own_s = min(line.cue.end_ms / 1000, limit_s) - start_s
    if natural_s <= own_s or not natural_s:
        return 1.0, sound
    tempo = _tempo(natural_s, own_s)
    room_s = own_s
    if tempo > COMFORTABLE_TEMPO:
        room_s = limit_s - start_s
        tempo = min(max(_tempo(natural_s, room_s), COMFORTABLE_TEMPO), FASTEST_TEMPO)
    for _ in range(TRIES):
        sound = speaker.speak(line.text, tempo)
        spoken_s = sound.shape[1] / RATE_HZ
        if spoken_s <= room_s + TOLERANCE_S or tempo >= FASTEST_TEMPO:
            break
        tempo = min(tempo * _tempo(spoken_s, room_s) * 1.01, FASTEST_TEMPO)
    return tempo, sound


def _tempo(spoken_s: float, room_s: float) -> float:
    return spoken_s / room_s if room_s > 0 else float("inf")


def _cut(sound: Samples, room_s: float) -> Samples:
    room = max(0, round(room_s * RATE_HZ))
    if sound.shape[1] <= room:
        return sound
    kept = sound[:, :room].copy()
    fade = min(room, round(FADE_S * RATE_HZ))
    if fade:
        kept[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return kept


def _placement(
    line: Line, start_s: float, end_s: float, limit_s: float, duration_s: float, tempo: float
) -> Placement:
    late_s = max(0.0, start_s - line.cue.start_ms / 1000)
    overrun_s, cut_s = max(0.0, end_s - limit_s), max(0.0, end_s - duration_s)
    return Placement(
        cue=line.number,
        start_ms=round(start_s * 1000),
        end_ms=round(min(end_s, duration_s) * 1000),
        tempo=round(tempo, 3),
        late_ms=round(late_s * 1000),
        overrun_ms=round(overrun_s * 1000),
        cut_ms=round(cut_s * 1000),
        fits=max(overrun_s, cut_s) <= TOLERANCE_S,
    )
