"""The one way in: what is known about an output after looking at it and listening to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, Literal, TypeAlias

from translation_pipeline.captions.cue import Cue
from translation_pipeline.media import info_of, opened_video, picture
from translation_pipeline.verification.areas import LOWER_PART, Area, area_of_region
from translation_pipeline.verification.findings import Checked, FindingName, OutputFinding, clock
from translation_pipeline.verification.frames import FrameReader, working_size
from translation_pipeline.verification.glyphs import check_glyphs
from translation_pipeline.verification.look import SceneLook, look_at
from translation_pipeline.verification.moments import Scene, chosen_scenes
from translation_pipeline.verification.new_captions import check_new_captions
from translation_pipeline.verification.old_captions import check_old_captions
from translation_pipeline.verification.reading import can_be_read, check_text, installed_reader
from translation_pipeline.verification.sound import Recogniser, SoundCheck
from translation_pipeline.verification.streams import Timing, check_timing

Erase: TypeAlias = Literal["auto"] | Sequence[Area] | None
"""What was to be erased: nothing, what the service finds, or boxes of x, y, width, height."""

CaptionRegion: TypeAlias = tuple[tuple[float, float], tuple[float, float]]
"""Where the source's captions are: (top, bottom), (left, right) as fractions."""

OTHER_PICTURE = 0.5  # likeness from afar; the same picture has 0.95 and more, any two have 0.2

# Findings that a picture shows, the gravest first.
SHOWN_BY_A_PICTURE: Final[tuple[FindingName, ...]] = (
    "other_picture",
    "missing_glyphs",
    "wrong_script",
    "captions_missing",
    "old_captions_remain",
    "captions_outside_cues",
    "captions_cut_off",
    "other_text",
)


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found out about an output.

    `facts` are plain JSON data. `worst_frame` is a JPEG of the gravest finding that a picture can
    show; None where there is none.
    """

    findings: tuple[OutputFinding, ...]
    facts: dict[str, Any]
    worst_frame: bytes | None

    @property
    def is_good(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def verify_output(
    source: str | Path,
    output: str | Path,
    *,
    source_cues: Sequence[Cue],
    target_cues: Sequence[Cue],
    target_language: str,
    erase: Erase,
    burn_in: bool,
    speech: bool,
    caption_region: CaptionRegion | None = None,
    recogniser: Recogniser | None = None,
) -> Verification:
    """Compare an output with its source at a few moments; both are paths or addresses.

    `source_cues` may be empty where nobody knows them: the times of the target cues stand in.
    What cannot be told for sure is not reported; `facts` say how much was looked at.

    Raises:
        UnreadableVideo: one of the two does not open or decode.
    """
    asked = _Asked(
        source_cues=tuple(source_cues) or _unknown_text(target_cues),
        target_cues=tuple(target_cues),
        language=target_language,
        erase=erase,
        burn_in=burn_in,
        region=caption_region,
    )
    with opened_video(source) as opened_source:
        source_info = info_of(*opened_source, source)
        size = working_size(source_info.width, source_info.height)
        with opened_video(output) as opened_output:
            output_info = info_of(*opened_output, output)
            from_source = FrameReader(*opened_source, size, "The source")
            from_output = FrameReader(*opened_output, size, "The output")
            timing = check_timing(
                Timing.of(source_info, from_source.stream),
                Timing.of(output_info, from_output.stream),
            )
            duration_s = min(source_info.duration_s, output_info.duration_s)
            looks = _looks(asked, from_source, from_output, duration_s)
    sound = SoundCheck(
        source, output, asked.target_cues, target_language, speech, recogniser, duration_s
    ).run(source_has_sound=source_info.has_audio, output_has_sound=output_info.has_audio)
    return _verification(output, [*_check_pictures(asked, looks), sound, timing])


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the output should be, as far as pictures show it."""

    source_cues: tuple[Cue, ...]
    target_cues: tuple[Cue, ...]
    language: str
    erase: Erase
    burn_in: bool
    region: CaptionRegion | None

    @property
    def areas(self) -> Sequence[Area]:
        """Where old captions are looked for."""
        if self.erase is not None and self.erase != "auto":
            return self.erase
        return [LOWER_PART if self.region is None else area_of_region(*self.region)]


def _unknown_text(cues: Sequence[Cue]) -> tuple[Cue, ...]:
    return tuple(Cue(cue.start_ms, cue.end_ms, "") for cue in cues)


def _looks(
    asked: _Asked, source: FrameReader, output: FrameReader, duration_s: float
) -> list[SceneLook]:
    def cost_s(scene: Scene) -> float:
        run_up_s = source.run_up_s(scene.start_s) + output.run_up_s(scene.start_s)
        return run_up_s + 2 * (scene.end_s - scene.start_s)

    shown = asked.target_cues if asked.burn_in else ()
    scenes = chosen_scenes(asked.source_cues, shown, duration_s, cost_s)
    found = (look_at(scene, source, output) for scene in scenes)
    return [look for look in found if look is not None]


def _check_pictures(asked: _Asked, looks: Sequence[SceneLook]) -> list[Checked]:
    same = [look for look in looks if look.inside.likeness >= OTHER_PICTURE]
    likeness = _check_likeness(looks)
    if likeness.findings:
        return [likeness]  # nothing else can be told from other pictures
    checks = [likeness]
    if asked.burn_in:
        checks += [check_new_captions(same), *_check_letters(asked, same)]
    if asked.erase is not None:
        checks.append(check_old_captions(same, asked.areas))
    return checks


def _check_likeness(looks: Sequence[SceneLook]) -> Checked:
    checked = Checked(facts={"scenes_looked_at": len(looks)})
    if not looks:
        return checked
    likeness = [look.inside.likeness for look in looks]
    checked.facts["likeness_to_source"] = round(median(likeness), 3)
    if median(likeness) < OTHER_PICTURE:
        at_s = looks[likeness.index(min(likeness))].inside.moment.first_s
        checked.found(
            "other_picture",
            f"The output does not show its source's picture, for example at {clock(at_s)}: it is "
            "another video, out of step, or framed otherwise.",
            at_s,
        )
    return checked


def _check_letters(asked: _Asked, looks: Sequence[SceneLook]) -> list[Checked]:
    """Boxes first: a reader that knows better what it reads is not always there."""
    boxes = check_glyphs(looks)
    reader = installed_reader() if can_be_read(asked.language) else None
    boxes.facts["letters_checked_by"] = "shape" if reader is None else "shape and rapidocr"
    if reader is None or boxes.findings:
        return [boxes]
    return [boxes, check_text(looks, asked.language, reader)]


def _verification(output: str | Path, checks: Sequence[Checked]) -> Verification:
    findings = tuple(finding for checked in checks for finding in checked.findings)
    facts = {name: value for checked in checks for name, value in checked.facts.items()}
    worst = min(
        (finding for finding in findings if finding.name in SHOWN_BY_A_PICTURE),
        key=lambda finding: SHOWN_BY_A_PICTURE.index(finding.name),
        default=None,
    )
    at_ms = worst.at_ms if worst is not None else None
    frame = None if at_ms is None else picture(output, at_ms / 1000)
    return Verification(findings, facts, frame)
