"""When to look: inside captions and beside them, spread over the video, few and cheap to reach.

Pure functions over times in seconds from the start of the video.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from translation_pipeline.captions.cue import Cue, has_visible_text, visible_text
from translation_pipeline.captions.similarity import are_alike

MOST_SCENES = 5  # each costs a seek and a few seconds of decoding in both videos
EDGE_S = 0.15  # captions fade, and their times are rounded to frames: keep off their edges
SHORTEST_S = 0.12  # between the two pictures of a moment: less shows nothing moving
LONGEST_S = 1.0  # more and the camera may have cut in between
INNER_SHARE = 0.4  # of a caption's time lies between its two pictures


class Moment(NamedTuple):
    """Two pictures close together: what stands alike in both is no part of a moving picture."""

    first_s: float
    second_s: float

    @property
    def middle_s(self) -> float:
        """Halfway between the two."""
        return (self.first_s + self.second_s) / 2


@dataclass(frozen=True, slots=True)
class Scene:
    """A moment inside a caption, the nearest one outside all captions, and what should show.

    `source_cue` shows in the source all through `inside`, `target_cue` in the output; either is
    None where there is none.
    """

    inside: Moment
    outside: Moment | None
    source_cue: Cue | None
    target_cue: Cue | None

    @property
    def start_s(self) -> float:
        """The first picture that is needed."""
        return min(self.inside.first_s, self.outside.first_s if self.outside else self.inside[0])

    @property
    def end_s(self) -> float:
        """The last picture that is needed."""
        return max(self.inside.second_s, self.outside.second_s if self.outside else 0.0)

    @property
    def keeps_text(self) -> bool:
        """Whether source and target say the same, such as a name: they look alike, too."""
        if self.source_cue is None or self.target_cue is None:
            return False
        one, other = (
            visible_text(cue.text).casefold().strip() for cue in (self.source_cue, self.target_cue)
        )
        return one == other or are_alike(one, other)


def chosen_scenes(
    source_cues: Sequence[Cue],
    target_cues: Sequence[Cue],
    duration_s: float,
    cost: Callable[[Scene], float],
) -> list[Scene]:
    """At most `MOST_SCENES`, in order of time: the cheapest of each section of the video."""
    gaps = _gaps([*source_cues, *target_cues], duration_s)
    found = [
        scene
        for cue in sorted(target_cues or source_cues)
        if (scene := _scene(cue, source_cues, bool(target_cues), gaps, duration_s)) is not None
    ]
    sections = min(MOST_SCENES, len(found))
    return [
        min(found[len(found) * n // sections : len(found) * (n + 1) // sections], key=cost)
        for n in range(sections)
    ]


def _scene(
    cue: Cue, source_cues: Sequence[Cue], is_target: bool, gaps: Sequence[Moment], duration_s: float
) -> Scene | None:
    if not has_visible_text(cue.text):
        return None
    source_cue = max(source_cues, key=lambda other: _shared_ms(cue, other), default=None)
    inside = _inside(cue, source_cue, duration_s) if source_cue is not None else None
    if inside is None:
        source_cue, inside = None, _inside(cue, cue, duration_s)
    if inside is None:
        return None
    middle_s = inside.middle_s
    outside = min(gaps, key=lambda gap: abs(gap.middle_s - middle_s), default=None)
    return Scene(inside, outside, source_cue, cue if is_target else None)


def _inside(cue: Cue, other: Cue, duration_s: float) -> Moment | None:
    """The middle of the time that both show; None when that is too short."""
    start_s = max(cue.start_ms, other.start_ms) / 1000 + EDGE_S
    end_s = min(cue.end_ms / 1000, other.end_ms / 1000, duration_s) - EDGE_S
    length_s = min((end_s - start_s) * INNER_SHARE, LONGEST_S)
    if length_s < SHORTEST_S:
        return None
    middle_s = (start_s + end_s) / 2
    return Moment(middle_s - length_s / 2, middle_s + length_s / 2)


def _gaps(cues: Sequence[Cue], duration_s: float) -> list[Moment]:
    """The middle of each stretch without any caption that is long enough."""
    gaps = []
    free_from_s = 0.0
    for start_s, end_s in [
        *sorted((cue.start_ms / 1000, cue.end_ms / 1000) for cue in cues),
        (duration_s, duration_s),
    ]:
        start_s = min(start_s, duration_s)
        length_s = min(start_s - free_from_s - 2 * EDGE_S, LONGEST_S)
        if length_s >= SHORTEST_S:
            middle_s = (free_from_s + start_s) / 2
            gaps.append(Moment(middle_s - length_s / 2, middle_s + length_s / 2))
        free_from_s = max(free_from_s, end_s)
    return gaps


def _shared_ms(one: Cue, other: Cue) -> int:
    return min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms)
