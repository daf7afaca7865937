"""Source and output side by side at one moment, and which strokes of letters are new."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from translation_pipeline.verification.frames import FrameReader, Luma
from translation_pipeline.verification.moments import Moment, Scene
from translation_pipeline.verification.strokes import (
    Detail,
    Mask,
    Strokes,
    cell_means,
    detail,
    text_only,
)

CHANGED = 40  # grey levels between source and output that no encoder makes of a standing stroke
OTHER_TONE = 16.0  # grey levels of difference on average, at which a plain picture is another


@dataclass(frozen=True)
class Look:
    """The two pictures of a moment in the source and in the output, all of one size."""

    moment: Moment
    source: tuple[Luma, Luma]
    output: tuple[Luma, Luma]

    @cached_property
    def source_details(self) -> tuple[Detail, Detail]:
        """The details of both pictures of the source."""
        return detail(self.source[0]), detail(self.source[1])

    @cached_property
    def output_details(self) -> tuple[Detail, Detail]:
        """The details of both pictures of the output."""
        return detail(self.output[0]), detail(self.output[1])

    @cached_property
    def source_strokes(self) -> Strokes:
        """What stands still in the source."""
        return Strokes.standing(*self.source_details)

    @cached_property
    def output_strokes(self) -> Strokes:
        """What stands still in the output."""
        return Strokes.standing(*self.output_details)

    @cached_property
    def new_strokes(self) -> Mask:
        """Letters that stand in the output and not in the source."""
        changed = [
            np.abs(source.astype(np.int16) - output) > CHANGED
            for source, output in zip(self.source, self.output, strict=True)
        ]
        return text_only(self.output_strokes.both & changed[0] & changed[1])

    @cached_property
    def likeness(self) -> float:
        """How alike source and output are from afar: 1 the same picture, 0 nothing in common."""
        return min(
            _likeness(cell_means(source), cell_means(output))
            for source, output in zip(self.source, self.output, strict=True)
        )


@dataclass(frozen=True)
class SceneLook:
    """What was seen of a scene."""

    scene: Scene
    inside: Look
    outside: Look | None


def look_at(scene: Scene, source: FrameReader, output: FrameReader) -> SceneLook | None:
    """The pictures of the scene; None where a video has none. Raises `UnreadableVideo`."""
    moments = [scene.inside, *([scene.outside] if scene.outside else [])]
    looks = {moment: _look(moment, source, output) for moment in sorted(moments)}
    inside = looks[scene.inside]
    if inside is None:
        return None
    return SceneLook(scene, inside, looks[scene.outside] if scene.outside else None)


def _look(moment: Moment, source: FrameReader, output: FrameReader) -> Look | None:
    from_source = [source.luma_at(at_s) for at_s in moment]
    from_output = [output.luma_at(at_s) for at_s in moment]
    match from_source, from_output:
        case [np.ndarray() as a, np.ndarray() as b], [np.ndarray() as c, np.ndarray() as d]:
            return Look(moment, (a, b), (c, d))
    return None


def _likeness(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The correlation of two pictures; of plain ones, in which captions stand out, their tone."""
    same_tone = 1 - float(np.abs(one - other).mean()) / OTHER_TONE
    spread = float(one.std() * other.std())
    if spread < 1e-6:
        return same_tone
    return max(same_tone, float(((one - one.mean()) * (other - other.mean())).mean()) / spread)
