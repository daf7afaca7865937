"""Does the output last as long as its source, with as many pictures a second?"""

from __future__ import annotations

from dataclasses import dataclass

from av.video.stream import VideoStream

from translation_pipeline.media import MediaInfo
from translation_pipeline.verification.findings import Checked

# Encoders pad the sound to whole frames and round the last picture: up to a tenth of a second.
# Later captions stay in step with half a second; a service that cuts or stretches changes more.
DURATION_TOLERANCE_S = 0.5
DURATION_TOLERANCE = 0.01  # share of the source, for long videos whose rate was rounded

# 24 and 23.976, or 30 and 29.97, differ by 0.1 %; the nearest pair that is another rate, 24 and
# 25, by 4 %. Averages of a few seconds are a picture or two off.
RATE_TOLERANCE = 0.02
RATE_TOLERANCE_FRAMES = 2


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a video lasts, its average rate, and whether all its pictures last the same."""

    duration_s: float
    fps: float
    is_constant: bool

    @classmethod
    def of(cls, info: MediaInfo, stream: VideoStream) -> Timing:
        """From what the container says; a base rate unlike the average means that it varies."""
        base = float(stream.base_rate or 0)
        return cls(info.duration_s, info.fps, abs(base - info.fps) <= RATE_TOLERANCE * base)


def check_timing(source: Timing, output: Timing) -> Checked:
    """Compares durations, and rates where the source has a constant one."""
    checked = Checked(
        facts={
            "source_duration_s": round(source.duration_s, 3),
            "duration_s": round(output.duration_s, 3),
            "source_fps": round(source.fps, 3),
            "fps": round(output.fps, 3),
        }
    )
    difference_s = output.duration_s - source.duration_s
    if abs(difference_s) > max(DURATION_TOLERANCE_S, DURATION_TOLERANCE * source.duration_s):
        word = "longer" if difference_s > 0 else "shorter"
        checked.found(
            "wrong_duration",
            f"The output lasts {output.duration_s:.1f} s, {abs(difference_s):.1f} s {word} than "
            f"its source ({source.duration_s:.1f} s).",
        )
    if source.is_constant and source.fps and output.fps:
        shortest_s = max(0.1, min(source.duration_s, output.duration_s))
        tolerance = max(RATE_TOLERANCE * source.fps, RATE_TOLERANCE_FRAMES / shortest_s)
        if abs(output.fps - source.fps) > tolerance:
            checked.found(
                "wrong_frame_rate",
                f"The output has {output.fps:.3f} pictures a second, its source {source.fps:.3f}.",
            )
    return checked
