"""Sources with captions, good outputs of them, and what a service may get wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.burn_in import (
    OverlayLine,
    SubtitleStyle,
    write_overlay,
)
from translation_pipeline.localcloud.engine.encode import burn_into
from translation_pipeline.media import probe
from translation_pipeline.verification.verify import Verification, verify_output
from translation_pipeline_tests.integration.engine_clips import clean_clip

MOVING = "testsrc2=s=640x360:r=25"
SECONDS = 8.6
OLD = (
    Cue(700, 2300, "Where is the old bridge?"),
    Cue(2700, 3900, "It is behind the house."),
    Cue(4300, 5800, "Close to the river,\nnear the tall trees."),
    Cue(6400, 8200, "Thank you, my friend."),
)
TRANSLATED = (
    "¿Dónde está el viejo puente?",
    "Está detrás de la casa.",
    "Cerca del río,\njunto a los árboles altos.",
    "Gracias, amigo mío.",
)
NEW = tuple(Cue(cue.start_ms, cue.end_ms, text) for cue, text in zip(OLD, TRANSLATED, strict=True))
OLD_STYLE = SubtitleStyle(font_size=70, y=0.9)
NEW_STYLE = SubtitleStyle()


@dataclass(frozen=True)
class Clips:
    """A scene without captions, and with the old ones."""

    clean: Path
    source: Path


def make_clips(folder: Path, background: str = MOVING) -> Clips:
    clean = clean_clip(folder / "clean.mp4", background, seconds=SECONDS)
    return Clips(clean, burnt(clean, folder / "source.mp4", OLD, OLD_STYLE))


def burnt(
    video: Path,
    output: Path,
    cues: Sequence[Cue] = NEW,
    style: SubtitleStyle = NEW_STYLE,
    *,
    instead: str = "",
) -> Path:
    """`video` with captions; each text is `instead` if given, with no regard to fonts."""
    overlay = output.with_suffix(".overlay")
    overlay.mkdir(parents=True)
    info = probe(video)
    shown = [Cue(cue.start_ms, cue.end_ms, "@") if instead else cue for cue in cues]
    lines = [OverlayLine(cue) for cue in shown]
    write_overlay(lines, style, overlay, width=info.width, height=info.height)
    if instead:
        file = overlay / "captions.ass"
        file.write_text(file.read_text("utf-8").replace("@", instead), "utf-8")
    burn_into(video, overlay, output)
    return output


def later(cues: Sequence[Cue], by_ms: int) -> tuple[Cue, ...]:
    return tuple(Cue(cue.start_ms + by_ms, cue.end_ms + by_ms, cue.text) for cue in cues)


def verified(source: Path, output: Path, **changes: Any) -> Verification:
    """What is found when captions were to be erased and replaced, or with these changes."""
    asked: dict[str, Any] = {
        "source_cues": OLD,
        "target_cues": NEW,
        "target_language": "es",
        "erase": "auto",
        "burn_in": True,
        "speech": False,
        **changes,
    }
    return verify_output(str(source), str(output), **asked)


def names(verification: Verification) -> list[str]:
    return [finding.name for finding in verification.findings]
