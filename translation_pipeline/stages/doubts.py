"""How doubtful the captions of a title are, so that a reviewer sees the worst first.

What each file says by itself was kept when it was judged; the title's median is added here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from translation_pipeline.captions.signatures import Doubt, Sign, usual_density
from translation_pipeline.ledger.models import Captions
from translation_pipeline.pipeline import Pipeline

DOUBTFUL = 0.4  # a score from which a reviewer should look


@dataclass(frozen=True)
class DoubtedFile:
    """A caption file with its doubt beside the other files of its title."""

    captions: Captions
    doubt: Doubt

    @property
    def is_doubtful(self) -> bool:
        """Whether a reviewer should look at it before the others."""
        return self.doubt.score >= DOUBTFUL

    @property
    def cues(self) -> list[dict[str, Any]]:
        """Its doubtful cues: number, time, text and signs; `cue_count` counts all."""
        return list((self.captions.doubt or {}).get("cues", ()))

    @property
    def cue_count(self) -> int:
        """How many of its cues look doubtful."""
        return int((self.captions.doubt or {}).get("cue_count", 0))

    def in_words(self) -> str:
        """The signs, the gravest first."""
        return " ".join(sign.message for sign in self.doubt.signs)


def doubted_files(pipeline: Pipeline, titles: Collection[str] | None = None) -> list[DoubtedFile]:
    """All caption files of these titles that were judged, the most doubtful first."""
    alike: dict[tuple[str, str, str], list[Captions]] = defaultdict(list)
    for row in pipeline.inventory.captions(titles):
        if row.doubt is not None:
            alike[row.title, row.origin, row.language].append(row)
    files = [file for rows in alike.values() for file in _beside_each_other(rows)]
    return sorted(
        files, key=lambda file: (-file.doubt.score, file.captions.title, file.captions.video)
    )


def _beside_each_other(rows: Collection[Captions]) -> list[DoubtedFile]:
    usual = usual_density([_density(row) for row in rows])
    return [DoubtedFile(row, _own(row).in_title(_density(row), usual)) for row in rows]


def _density(row: Captions) -> float:
    return float((row.doubt or {}).get("density", 0.0))


def _own(row: Captions) -> Doubt:
    signs = (row.doubt or {}).get("signs", ())
    return Doubt.of(Sign(**{**sign, "cue_numbers": tuple(sign["cue_numbers"])}) for sign in signs)
