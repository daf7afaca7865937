"""Many cues as columns: questions about all of them at once, answered without a loop in Python.

Most files are clean. A rule asks here first whether it has anything to do at all, and looks at
single cues only then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from translation_pipeline.captions.cue import Cue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEPARATOR: Final = "|"
_LONGEST_GAP_MS: Final = 1000  # nobody asks about cues further apart
# Printable, to Python, but showing nothing, or a character that was lost.
_ODD_LETTERS: Final = "\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe0e\ufe0f\uffa0\ufffc\ufffd"


@dataclass(frozen=True)
class Columns:
    """The texts and times (milliseconds) of cues, in their order."""

    texts: list[str]
    starts_ms: NDArray[np.int64]
    ends_ms: NDArray[np.int64]

    @cached_property
    def joined(self) -> str:
        """All texts in one, with line ends as separators."""
        return "\n".join(self.texts)

    @cached_property
    def separated(self) -> str:
        """All texts in one, with a separator between them that no text ends with by rule."""
        return SEPARATOR.join(self.texts)

    @cached_property
    def durations_ms(self) -> NDArray[np.int64]:
        """How long each cue is shown."""
        return self.ends_ms - self.starts_ms

    @cached_property
    def gaps_ms(self) -> NDArray[np.int64]:
        """From the end of each cue but the last to the start of the next one."""
        return self.starts_ms[1:] - self.ends_ms[:-1]

    @cached_property
    def _akin(self) -> NDArray[np.int64]:
        """Positions of texts that start or end like the next one."""
        texts = self.texts
        near = (self.gaps_ms <= _LONGEST_GAP_MS).nonzero()[0].tolist()
        akin = [
            at
            for at in near
            if texts[at][:2] == texts[at + 1][:2] or texts[at][-2:] == texts[at + 1][-2:]
        ]
        return _column(akin)

    def akin_after_gap(self, longest_ms: int) -> list[int]:
        """Positions of texts that start or end like the next one, which is at most so far away.

        Two readings of one caption are always akin; hardly any others are.
        """
        akin = self._akin
        found: list[int] = akin[self.gaps_ms[akin] <= longest_ms].tolist()
        return found

    @cached_property
    def are_sorted(self) -> bool:
        """Whether no cue starts before the one above it."""
        return bool((self.starts_ms[1:] >= self.starts_ms[:-1]).all())

    @cached_property
    def are_plain(self) -> bool:
        """Whether all texts are visible letters, without markup, controls and odd white space."""
        text = self.joined.replace("\n", SEPARATOR)
        return (
            text.isprintable()
            and not any(sign in text for sign in ("<", "{", "&", "\\", " |", "| ", "||"))
            and not (text[:1] in (SEPARATOR, " ", "") or text[-1:] in (SEPARATOR, " "))
            and (text.isascii() or not any(letter in text for letter in _ODD_LETTERS))
        )


def columns_of(cues: Sequence[Cue]) -> Columns:
    """The columns of a list of cues."""
    return Columns(
        [cue.text for cue in cues],
        _column([cue.start_ms for cue in cues]),
        _column([cue.end_ms for cue in cues]),
    )


def _column(values: Iterable[int]) -> NDArray[np.int64]:
    import numpy as np  # late: to load it takes longer than most files

    return np.array(values, dtype=np.int64)
