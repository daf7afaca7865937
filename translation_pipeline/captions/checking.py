"""One caption file from bytes to a verdict: read, repaired, judged, and how doubtful it is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from translation_pipeline.captions.findings import Finding
from translation_pipeline.captions.profiles import Profile
from translation_pipeline.captions.quality import DEFAULT_FPS, judge
from translation_pipeline.captions.repair import RepairResult, repair
from translation_pipeline.captions.signatures import Doubt, doubt
from translation_pipeline.captions.srt import ParsedCaptions, parse_srt


@dataclass(frozen=True, slots=True)
class CheckedCaptions:
    """What became of a file. Findings of reading number the cues of `parsed`, findings of judging
    those of `repaired`.
    """

    parsed: ParsedCaptions
    repaired: RepairResult
    judged: tuple[Finding, ...]
    doubt: Doubt

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, those of reading first."""
        return (*self.parsed.findings, *self.judged)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What blocks the next spend."""
        return tuple([finding for finding in self.findings if finding.severity == "error"])


def check_captions(
    data: bytes,
    *,
    language: str,
    duration_s: float | None = None,
    profile: Profile | None = None,
    fps: float = DEFAULT_FPS,
    accept: Collection[str] = (),
    skip: Collection[str] = (),
) -> CheckedCaptions:
    """Read, repair and judge the bytes of one file in `language`.

    `duration_s` is the length of its video; `accept` and `skip` name rules of repair. Raises
    `CaptionsUnreadable` when the file holds no captions.
    """
    parsed = parse_srt(data, language)
    repaired = repair(parsed.cues, accept=accept, skip=skip, duration_s=duration_s)
    judged = judge(
        repaired.cues,
        language=language,
        duration_s=duration_s,
        profile=profile,
        fps=fps,
        columns=repaired.columns,
    )
    doubts = doubt(
        repaired.cues, language=language, duration_s=duration_s, columns=repaired.columns
    )
    return CheckedCaptions(parsed, repaired, tuple(judged), doubts)
