"""The sample title: three short episodes that `translation-pipeline demo` translates.

Package data only: the videos with burnt-in English captions, the SRT files of exactly what was
burnt in, and the attribution. `screenplay.py` and `make.py` say how the files came to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent

TITLE = "the-letter"
"""The name of the title, safe as a folder name and as a partition key."""

CATALOG = _FOLDER / "catalog.yaml"
"""A catalog file for it: reviewed captions, subtitle level."""

ATTRIBUTION = _FOLDER / "ATTRIBUTION.md"
"""Who made the pictures and under which licence; travels with every copy of the videos."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One video of the sample title and the captions that were burnt into it."""

    name: str
    video: Path
    truth: Path


EPISODES: tuple[Episode, ...] = tuple(
    Episode(name, video=_FOLDER / f"{name}.mp4", truth=_FOLDER / f"{name}.srt")
    for name in ("episode-1", "episode-2", "episode-3")
)
