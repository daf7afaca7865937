"""What reading and judging captions found out, in one shape for all rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation. An error blocks the next spend for the video; a warning is only shown.

    `cue_number` counts the cues that were kept, from 1; `line` counts the lines of the file,
    from 1. Both are None for a finding about the whole file.
    """

    rule: str
    severity: Severity
    message: str
    cue_number: int | None = None
    line: int | None = None
