"""What looking at an output and listening to it found out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

FindingName = Literal[
    "other_picture",
    "captions_missing",
    "captions_outside_cues",
    "captions_cut_off",
    "missing_glyphs",
    "wrong_script",
    "other_text",
    "old_captions_remain",
    "no_audio",
    "silent_speech",
    "lost_sound",
    "clipped_sound",
    "wrong_language",
    "wrong_duration",
    "wrong_frame_rate",
]


@dataclass(frozen=True, slots=True)
class OutputFinding:
    """Something that is not as it was asked for, in words for a person.

    `at_ms` is where to look or listen; None for a finding about the whole file.
    """

    name: FindingName
    message: str
    at_ms: int | None = None


@dataclass
class Checked:
    """The findings of one kind of check and the numbers behind them (plain JSON data)."""

    findings: list[OutputFinding] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def found(self, name: FindingName, message: str, at_s: float | None = None) -> None:
        """Note a finding, with its time in seconds if it has one."""
        at_ms = None if at_s is None else round(at_s * 1000)
        self.findings.append(OutputFinding(name, message, at_ms))


def clock(at_s: float) -> str:
    """A time as people write it: `1:02:03.5` or `2:03.5`."""
    tenths = round(at_s * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{start}:{tenths // 10:02d}.{tenths % 10}"
