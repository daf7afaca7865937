"""Is the sound there, loud enough where somebody speaks, not clipped, in the right language?

Only stretches of a few cues are decoded, so that a long video costs no more than a short one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from numpy.typing import NDArray

from translation_pipeline.captions.cue import Cue, visible_text
from translation_pipeline.captions.language_detection import detector_codes, main_code
from translation_pipeline.captions.languages import languages, script_of
from translation_pipeline.media import opened_video
from translation_pipeline.verification.findings import Checked, clock

Samples: TypeAlias = NDArray[np.float32]
"""Channels x time; 1.0 is full scale."""

Recogniser: TypeAlias = Callable[[Samples, int], "str | None"]
"""Samples of one channel and their rate in Hz, to the code of the language that is spoken in them;
None when it is not sure."""

MOST_STRETCHES = 6
LONGEST_S = 4.0  # of each stretch
SILENT_DB = -55.0  # below full scale: quiet speech has -40, a quiet room -60
CLIPPED_LEVEL = 0.999  # of full scale
MOST_CLIPPED = 0.01  # share of samples; loud music, mastered to the limit, has a tenth of that
LOUDER_THAN_SOURCE = 2.0  # times as many as in the source: what was clipped already is no fault
RECOGNISER_RATE_HZ = 16_000
SONG_MARKS = "♪♫♬"


@dataclass(frozen=True, slots=True)
class Stretch:
    """The sound of a part of a file; empty where its stream has none there."""

    start_s: float
    samples: Samples
    rate_hz: int

    @property
    def level_db(self) -> float:
        """Root mean square, in decibels below full scale; -120 for silence."""
        if not self.samples.size:
            return -120.0
        mean_square = float(np.mean(np.square(self.samples, dtype=np.float64)))
        return max(-120.0, 10 * float(np.log10(mean_square + 1e-12)))

    @property
    def is_silent(self) -> bool:
        """Whether nobody can be heard in it."""
        return self.level_db < SILENT_DB


@dataclass(frozen=True)
class SoundCheck:
    """What is compared: two videos, when somebody speaks, and what was asked for."""

    source: str | Path
    output: str | Path
    cues: Sequence[Cue]
    target_language: str
    speech: bool
    recogniser: Recogniser | None
    duration_s: float

    def run(self, *, source_has_sound: bool, output_has_sound: bool) -> Checked:
        """Listen. Raises `UnreadableVideo`."""
        checked = Checked(facts={"sound": output_has_sound})
        if not output_has_sound:
            if source_has_sound or self.speech:
                checked.found(
                    "no_audio", "The output has no sound; its source has, or speech was asked for."
                )
            return checked
        spans = self._spans()
        stretches = stretches_of(self.output, spans)
        self._check_level(checked, stretches, spans, source_has_sound)
        self._check_clipping(checked, stretches, spans, source_has_sound)
        if self.speech and self.recogniser is not None:
            self._check_language(checked, stretches, self.recogniser)
        return checked

    def _spans(self) -> list[tuple[float, float]]:
        """Start and end of a few spoken cues, spread over the video; without cues, of any part."""
        spoken = [cue for cue in sorted(self.cues) if _is_spoken(cue)]
        spans = [(cue.start_ms / 1000, cue.end_ms / 1000) for cue in spoken]
        if not spans:
            step_s = self.duration_s / MOST_STRETCHES
            spans = [(step_s * n, step_s * (n + 1)) for n in range(MOST_STRETCHES)]
        count = min(MOST_STRETCHES, len(spans))
        picked = (spans[(2 * n + 1) * len(spans) // (2 * count)] for n in range(count))
        return [
            (start_s, min(end_s, start_s + LONGEST_S, self.duration_s))
            for start_s, end_s in picked
            if start_s < self.duration_s
        ]

    def _check_level(
        self,
        checked: Checked,
        stretches: Sequence[Stretch],
        spans: Sequence[tuple[float, float]],
        source_has_sound: bool,
    ) -> None:
        silent = [stretch for stretch in stretches if stretch.is_silent]
        checked.facts["sound_looked_at"] = len(stretches)
        checked.facts["sound_silent"] = len(silent)
        checked.facts["sound_level_db"] = [round(each.level_db, 1) for each in stretches]
        if not silent or len(silent) * 2 < len(stretches):
            return  # a single one may be a pause, a song or a sign
        at_s = silent[0].start_s
        if self.speech:
            checked.found(
                "silent_speech",
                f"Nothing is heard in {len(silent)} of {len(stretches)} captions that should be "
                f"spoken, first at {clock(at_s)}.",
                at_s,
            )
        elif source_has_sound and len(silent) == len(stretches):
            before = stretches_of(self.source, spans)
            if not all(stretch.is_silent for stretch in before):
                checked.found(
                    "lost_sound",
                    f"The output is silent where its source is not, first at {clock(at_s)}.",
                    at_s,
                )

    def _check_clipping(
        self,
        checked: Checked,
        stretches: Sequence[Stretch],
        spans: Sequence[tuple[float, float]],
        source_has_sound: bool,
    ) -> None:
        share = _clipped_share(stretches)
        checked.facts["sound_clipped_share"] = round(share, 5)
        if share <= MOST_CLIPPED:
            return
        before = _clipped_share(stretches_of(self.source, spans)) if source_has_sound else 0.0
        if share > LOUDER_THAN_SOURCE * before:
            worst = max(stretches, key=lambda stretch: _clipped_share([stretch]))
            checked.found(
                "clipped_sound",
                f"The sound is distorted: {share:.0%} of its samples are at full scale, and "
                f"{before:.0%} in the source, most at {clock(worst.start_s)}. Lower its volume.",
                worst.start_s,
            )

    def _check_language(
        self, checked: Checked, stretches: Sequence[Stretch], recogniser: Recogniser
    ) -> None:
        loud = [stretch for stretch in stretches if not stretch.is_silent]
        if not loud:
            return
        heard = recogniser(_for_recogniser(loud), RECOGNISER_RATE_HZ)
        checked.facts["language_heard"] = heard
        if not heard:
            return
        same = {main_code(self.target_language), *detector_codes(self.target_language)}
        if main_code(heard) not in same:
            checked.found(
                "wrong_language",
                f"The voice speaks {_name(heard)} instead of {_name(self.target_language)}, as the "
                f"recogniser hears it from {clock(loud[0].start_s)} on.",
                loud[0].start_s,
            )


def stretches_of(video: str | Path, spans: Sequence[tuple[float, float]]) -> list[Stretch]:
    """The sound of the first audio stream from start to end, in seconds, of each span.

    Raises `UnreadableVideo`.
    """
    with opened_video(video) as (container, _):
        return [_stretch(container, start_s, end_s) for start_s, end_s in spans]


def _stretch(container: InputContainer, start_s: float, end_s: float) -> Stretch:
    stream = container.streams.audio[0]
    origin_s = (container.start_time or 0) / av.time_base
    base = stream.time_base
    if base is not None:
        container.seek(int((origin_s + start_s) / base), stream=stream)
    resampler = AudioResampler(format="fltp")
    pieces: list[Samples] = []
    rate_hz = stream.rate or RECOGNISER_RATE_HZ
    for frame in container.decode(stream):
        at_s = (frame.time or 0.0) - origin_s
        if at_s >= end_s:
            break
        if at_s + frame.samples / frame.sample_rate > start_s:
            pieces += [_array(piece) for piece in resampler.resample(frame)]
            rate_hz = frame.sample_rate
    channels = min((piece.shape[0] for piece in pieces), default=1)
    joined = [np.zeros((channels, 0), np.float32), *(piece[:channels] for piece in pieces)]
    return Stretch(start_s, np.concatenate(joined, axis=1), rate_hz)


def _array(frame: AudioFrame) -> Samples:
    return frame.to_ndarray().astype(np.float32, copy=False)


def _clipped_share(stretches: Sequence[Stretch]) -> float:
    size = sum(stretch.samples.size for stretch in stretches)
    clipped = sum(int((np.abs(each.samples) >= CLIPPED_LEVEL).sum()) for each in stretches)
    return clipped / size if size else 0.0


def _for_recogniser(stretches: Sequence[Stretch]) -> Samples:
    """All of them, one after the other, as one channel at the recogniser's rate."""
    return np.concatenate([piece for each in stretches for piece in _mono(each)])


def _mono(stretch: Stretch) -> Iterator[Samples]:
    mono = np.ascontiguousarray(stretch.samples.mean(axis=0, keepdims=True), np.float32)
    frame = AudioFrame.from_ndarray(mono, format="fltp", layout="mono")
    frame.sample_rate = stretch.rate_hz
    resampler = AudioResampler(format="fltp", layout="mono", rate=RECOGNISER_RATE_HZ)
    for piece in (*resampler.resample(frame), *resampler.resample(None)):
        yield _array(piece)[0]


def _is_spoken(cue: Cue) -> bool:
    text = visible_text(cue.text)
    return script_of(text) is not None and not any(mark in text for mark in SONG_MARKS)


def _name(code: str) -> str:
    known = languages().get(code) or languages().get(main_code(code))
    return f"{known.english_name} ({code})" if known else code
