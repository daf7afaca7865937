"""The subtitle file of a job, taken as strictly as the service takes it (ims.md section 12)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from translation_pipeline.captions.srt import Cue, has_visible_text, parse_srt
from translation_pipeline.errors import CaptionsUnreadable
from translation_pipeline.localcloud.engine.errors import JobFailed


def read_subtitle(path: Path | None) -> list[Cue]:
    """The cues of an SRT file, in the order of the file.

    Raises:
        JobFailed: `InvalidSubtitle`; one cue without text makes the whole file invalid.
    """
    if path is None:
        raise _invalid("there is none, although TextSource is SubtitleFile.")
    try:
        parsed = parse_srt(path.read_bytes())
    except OSError as error:
        raise _invalid(f"it cannot be read ({error.strerror}).") from error
    except CaptionsUnreadable as error:
        raise _invalid(str(error)) from error
    for finding in parsed.findings:
        if finding.severity == "error" or finding.rule == "empty_cue":
            raise _invalid(finding.message)
    for number, cue in enumerate(parsed.cues, start=1):
        if not has_visible_text(cue.text):
            raise _invalid(f"Cue {number} has no text.")
        if cue.end_ms <= cue.start_ms:
            raise _invalid(f"Cue {number} does not end after it starts.")
    return list(parsed.cues)


def split_bilingual(cues: Sequence[Cue]) -> tuple[list[Cue], list[Cue]]:
    """The first and the second language of bilingual cues: the upper and the lower half of lines.

    Raises:
        JobFailed: `InvalidSubtitle`, a cue cannot be halved.
    """
    upper, lower = [], []
    for number, cue in enumerate(cues, start=1):
        lines = cue.text.split("\n")
        half, odd = divmod(len(lines), 2)
        if odd:
            raise _invalid(
                f"Cue {number} has {len(lines)} lines; a bilingual cue has as many in one "
                "language as in the other."
            )
        upper.append(Cue(cue.start_ms, cue.end_ms, "\n".join(lines[:half])))
        lower.append(Cue(cue.start_ms, cue.end_ms, "\n".join(lines[half:])))
    return upper, lower


def _invalid(reason: str) -> JobFailed:
    return JobFailed("InvalidSubtitle", f"InputConfig.Subtitle is invalid: {reason}")
