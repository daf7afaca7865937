"""How doubtful captions are, from the SRT alone: the signatures of misread pictures and speech.

Reading captions from the picture (OCR) takes scenery, watermarks and texture for captions and
misses others; recognising speech (ASR) loops and invents. Each sign gives a score; together they
say which files, and which cues, a reviewer should look at first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from statistics import median
from typing import Final

from translation_pipeline.captions.columns import Columns, columns_of
from translation_pipeline.captions.cue import Cue, format_timestamp, visible_text
from translation_pipeline.captions.languages import languages, letters_outside, scripts_of
from translation_pipeline.captions.phrases import credit_in, credits_among
from translation_pipeline.captions.repair_rules import FLASH_MS, is_flash
from translation_pipeline.captions.similarity import are_alike

LONG_GAP_S: Final = 60.0  # without any caption, in a video that has them elsewhere
DENSITY_RATIO: Final = 0.4  # of the title's median: below, captions are missing
MAX_DENSITY_RATIO: Final = 2.5  # of the title's median: above, something else is read too
LONG_CUE_MS: Final = 15_000  # speech never stands so long; signs and watermarks do
MIN_FILES: Final = 3  # of a title; fewer have no usual density
MIN_CUES: Final = 10  # fewer say nothing about variety
LOW_VARIETY: Final = 0.6  # different texts per cue
OFTEN: Final = 4  # the same text, in separate places of a file
FLICKER_GAP_MS: Final = 300  # between two readings of one caption


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of misread captions: its rule, how much it says (0 to 1), and where."""

    rule: str
    weight: float
    message: str
    cue_numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Doubt:
    """How doubtful a file is, from 0 (no sign at all) towards 1; the gravest sign first."""

    score: float
    signs: tuple[Sign, ...]

    @classmethod
    def of(cls, signs: Iterable[Sign]) -> Doubt:
        """The doubt that signs come to together."""
        ordered = sorted(signs, key=lambda sign: -sign.weight)
        trust = prod(1 - sign.weight for sign in ordered)
        return cls(round(1 - trust, 3), tuple(ordered))

    def in_title(self, density: float, title_density: float | None) -> Doubt:
        """With the sign of a density (cues a minute) that is far from the title's median."""
        return Doubt.of([*self.signs, *density_signs(density, title_density)])


def usual_density(densities: Collection[float]) -> float | None:
    """The median of a title's files; None for so few that it says nothing."""
    return median(densities) if len(densities) >= MIN_FILES else None


def cues_per_minute(cues: Sequence[Cue], duration_s: float | None = None) -> float:
    """How dense captions are over the video, or from the first cue to the last."""
    if not cues:
        return 0.0
    covered_s = duration_s or (max(cue.end_ms for cue in cues) - cues[0].start_ms) / 1000
    return len(cues) * 60 / max(covered_s, 1.0)


def doubt(
    cues: Sequence[Cue],
    *,
    language: str,
    duration_s: float | None = None,
    title_density: float | None = None,
    columns: Columns | None = None,
) -> Doubt:
    """The signs of misread captions in one file of a title.

    `duration_s` is the length of the video, `title_density` the title's median of
    `cues_per_minute`; without them their signs are not looked for. `columns` are those of the
    cues, where they are known already.
    """
    columns = columns or columns_of(cues)
    density = cues_per_minute(cues, duration_s)
    signs = [
        *([] if cues else [Sign("no_captions", 0.9, "No captions were found in the video.")]),
        *(density_signs(density, title_density) if cues else ()),
        *_gaps(columns, duration_s),
        *_flicker(columns),
        *_flashes(cues, columns),
        *_variety(columns),
        *_scenery(columns),
        *_inventions(cues, columns),
        *_foreign_scripts(columns, language),
    ]
    return Doubt.of(signs)


def doubts_of_title(
    files: Mapping[str, Sequence[Cue]],
    *,
    language: str,
    durations_s: Mapping[str, float | None] | None = None,
) -> dict[str, Doubt]:
    """The doubts of all files of a title by name, the most doubtful first."""
    durations = durations_s or {}
    densities = [cues_per_minute(cues, durations.get(name)) for name, cues in files.items()]
    usual = usual_density(densities)
    found = {
        name: doubt(cues, language=language, duration_s=durations.get(name), title_density=usual)
        for name, cues in files.items()
    }
    return dict(sorted(found.items(), key=lambda item: (-item[1].score, item[0])))


def density_signs(density: float, title_density: float | None) -> list[Sign]:
    """The sign of a file with far fewer or more cues a minute than the title's median."""
    if not title_density:
        return []
    ratio = density / title_density
    beside = f"{density:.1f} cues a minute; half of the title's files have {title_density:.1f}"
    if ratio < DENSITY_RATIO:
        return [Sign("few_captions", min(0.7, 0.7 * (1 - ratio)), f"Only {beside} and more.")]
    if ratio > MAX_DENSITY_RATIO:
        return [Sign("many_captions", min(0.6, 0.1 * ratio), f"{beside} and fewer.")]
    return []


def _gaps(columns: Columns, duration_s: float | None) -> list[Sign]:
    if not columns.texts:
        return []
    limit_ms = LONG_GAP_S * 1000
    gaps_ms = [int(columns.starts_ms[0]), *columns.gaps_ms[columns.gaps_ms > limit_ms].tolist()]
    numbers = (columns.gaps_ms > limit_ms).nonzero()[0] + 2
    if duration_s is not None:
        gaps_ms.append(round(duration_s * 1000) - int(columns.ends_ms[-1]))
    long_ms = [gap_ms for gap_ms in gaps_ms if gap_ms > limit_ms]
    if not long_ms:
        return []
    total_s, whole_s = sum(long_ms) / 1000, duration_s or int(columns.ends_ms[-1]) / 1000
    message = f"{len(long_ms)} gaps without captions, together {total_s:.0f} s."
    weight = min(0.6, 0.8 * total_s / max(whole_s, 1))
    return [Sign("long_gaps", weight, message, tuple(numbers.tolist()))]


def _flicker(columns: Columns) -> list[Sign]:
    """Neighbours that are the same caption, read twice with another letter."""
    texts = columns.texts
    akin = columns.akin_after_gap(FLICKER_GAP_MS)
    numbers = tuple([at + 2 for at in akin if are_alike(texts[at], texts[at + 1])])
    message = f"{len(numbers)} cues are nearly the one before: the same caption, read twice."
    return _sign("near_duplicates", 4.0, message, numbers, len(texts))


def _flashes(cues: Sequence[Cue], columns: Columns) -> list[Sign]:
    short = (columns.durations_ms < FLASH_MS).nonzero()[0].tolist()
    numbers = tuple([at + 1 for at in short if is_flash(cues[at])])
    message = f"{len(numbers)} single characters that flash up: texture read as text."
    return _sign("flashes", 5.0, message, numbers, len(cues))


def _variety(columns: Columns) -> list[Sign]:
    texts = columns.texts
    variety = len(set(texts)) / max(len(texts), 1)
    if len(texts) < MIN_CUES or variety >= LOW_VARIETY:
        return []
    text, count = Counter(texts).most_common(1)[0]
    message = (
        f"Only {len(set(texts))} different texts in {len(texts)} cues; {text[:40]!r} {count} times."
    )
    numbers = tuple([number for number, other in enumerate(texts, start=1) if other == text])
    return [Sign("low_variety", min(0.8, 1.2 * (1 - variety)), message, numbers)]


# Number plates, telephone numbers, clocks, prices, web addresses, names of channels.
_SIGN_TEXT: Final = re.compile(
    r"[\d\s:./\-+()%¥$€#]{4,}|\d{1,2}:\d{2}(?::\d{2})?|@\w{3,}|\S+\.(?:com|cn|net|tv)\S*"
    r"|[A-Z]{1,3}[-·\s]?[A-Z0-9]{4,6}|[\u4e00-\u9fff][A-Z][·\s]?[A-Z0-9]{5}|[■□●○◆▲▼]+"
)
_DIGIT_OR_SHAPE: Final = re.compile("[0-9@■□●○◆▲▼]")
_CAPITALS: Final = re.compile("[A-Z][A-Z]")
_DOMAINS: Final = (".com", ".cn", ".net", ".tv")
_LONG_TEXT: Final = 6  # shorter answers are said again and again; longer ones are watermarks


def _scenery(columns: Columns) -> list[Sign]:
    """Texts that stand like signs, look like them, or come back like watermarks."""
    texts = columns.texts
    numbers = set(((columns.durations_ms > LONG_CUE_MS).nonzero()[0] + 1).tolist())
    if _may_have_signs(columns.joined):
        numbers.update(
            number
            for number, text in enumerate(texts, start=1)
            if len(text) < 30 and not text.islower() and _SIGN_TEXT.fullmatch(text.strip())
        )
    if len(set(texts)) + OFTEN <= len(texts):
        often = {text for text, count in Counter(texts).items() if count >= OFTEN}
        for text in often:
            at = [number for number, other in enumerate(texts, start=1) if other == text]
            if len(text) >= _LONG_TEXT and at[-1] - at[0] >= len(at) * 2:
                numbers.update(at)
    message = f"{len(numbers)} cues look like signs, clocks or watermarks in the picture."
    return _sign("scenery", 3.0, message, tuple(sorted(numbers)), len(texts))


def _may_have_signs(text: str) -> bool:
    return bool(
        _DIGIT_OR_SHAPE.search(text)
        or _CAPITALS.search(text)
        or any(domain in text for domain in _DOMAINS)
    )


def _inventions(cues: Sequence[Cue], columns: Columns) -> list[Sign]:
    phrases = credits_among(columns.joined)
    if not phrases:
        return []
    texts = columns.texts
    numbers = tuple(
        [number for number, text in enumerate(texts, start=1) if credit_in(text, phrases)]
    )
    if not numbers:
        return []
    first = cues[numbers[0] - 1]
    message = (
        f"{len(numbers)} cues are credits, addresses or invented farewells, such as "
        f"{first.text[:40]!r} at {format_timestamp(first.start_ms)}."
    )
    return _sign("credits", 4.0, message, numbers, len(texts))


def _foreign_scripts(columns: Columns, language: str) -> list[Sign]:
    """Cues with letters that neither the language nor a name in Latin letters is written in."""
    known = languages().get(language) or languages().get(language.split("-", 1)[0])
    if known is None or columns.joined.isascii():
        return []
    expected = frozenset((*known.scripts, "Latn"))
    if not letters_outside(expected).search(columns.joined):
        return []
    numbers = tuple(
        [
            number
            for number, text in enumerate(columns.texts, start=1)
            if scripts_of(visible_text(text)) - expected
        ]
    )
    message = f"{len(numbers)} cues mix in letters of another script."
    return _sign("mixed_scripts", 2.0, message, numbers, len(columns.texts))


def _sign(
    rule: str, factor: float, message: str, numbers: tuple[int, ...], cues: int
) -> list[Sign]:
    """A sign whose weight grows with its share of the cues; none without any cue."""
    if not numbers:
        return []
    return [Sign(rule, round(min(0.8, factor * len(numbers) / cues), 3), message, numbers)]
