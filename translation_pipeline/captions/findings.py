"""What reading and judging captions found out, in one shape for all rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Errors before warnings, otherwise in their order."""
    return sorted(findings, key=lambda finding: finding.severity != "error")


def in_words(findings: Sequence[Finding], most: int = 3) -> str:
    """The first of these findings in words, and how many more there are."""
    told = " ".join(
        finding.message if finding.line is None else f"{finding.message} (line {finding.line})"
        for finding in findings[:most]
    )
    more = len(findings) - most
    return f"{told} And {more} more." if more > 0 else told
