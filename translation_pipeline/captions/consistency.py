"""Whether a title says the same thing in the same words, across all of its episodes.

The glossary's fixed terms are enforced cue by cue. Here are the terms that it leaves open, such
as a name that was not thought of: whatever word goes with the term most often is taken for its
translation, and the cues without it are told. And lines that come back word for word.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from translation_pipeline.captions.alignment import Pair
from translation_pipeline.captions.comparison import quoted
from translation_pipeline.captions.cue import visible_text
from translation_pipeline.captions.findings import Finding
from translation_pipeline.captions.glossary import Glossary, occurs

MIN_OCCURRENCES: Final = 3  # of a term or a line; fewer show no habit
MIN_EXCLUSIVE: Final = 0.6  # of the cues with a word have the term: the word is its translation
USUAL_SHARE: Final = 0.5  # of the cues with the term have the word: it is the usual one
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_MIN_LINE: Final = 6  # characters; shorter lines mean different things in different places


@dataclass(frozen=True, slots=True)
class _Place:
    video: str
    pair: Pair
    source: str
    target: str


def consistency(
    videos: Mapping[str, Sequence[Pair]], glossary: Glossary, *, target_language: str
) -> dict[str, list[Finding]]:
    """Findings by video about terms and lines that the title's translations do not share."""
    places = [
        _Place(video, pair, visible_text(pair.source.text), visible_text(pair.target.text))
        for video, pairs in videos.items()
        for pair in pairs
        if pair.source and pair.target
    ]
    found: dict[str, list[Finding]] = defaultdict(list)
    everywhere = Counter(word for place in places for word in _words(place.target))
    for term in glossary.terms:
        if term.required(target_language) is None:
            _open_term(term.term, places, everywhere, found)
    _same_lines(places, found)
    return dict(found)


def _open_term(
    term: str, places: Sequence[_Place], everywhere: Counter[str], found: dict[str, list[Finding]]
) -> None:
    with_term = [place for place in places if occurs(term, place.source)]
    if len(with_term) < MIN_OCCURRENCES:
        return
    beside = Counter(word for place in with_term for word in _words(place.target))
    candidates = [
        (count, word)
        for word, count in beside.items()
        if count >= USUAL_SHARE * len(with_term) and count >= MIN_EXCLUSIVE * everywhere[word]
    ]
    if not candidates:
        return
    count, usual = max(candidates, key=lambda item: (item[0], len(item[1])))
    for place in with_term:
        if usual not in _words(place.target):
            message = (
                f"Cue {place.pair.target_number} does not say {usual!r} for {term!r}, as {count} "
                f"of {len(with_term)} cues of the title do: {quoted(place.target)}. Fix it in the "
                "glossary."
            )
            found[place.video].append(
                Finding("inconsistent_term", "warning", message, place.pair.target_number)
            )


def _same_lines(places: Sequence[_Place], found: dict[str, list[Finding]]) -> None:
    by_source: dict[str, list[_Place]] = defaultdict(list)
    for place in places:
        if len(place.source) >= _MIN_LINE:
            by_source[place.source].append(place)
    for source, same in by_source.items():
        targets = Counter(place.target for place in same)
        usual, count = targets.most_common(1)[0]
        if len(same) < MIN_OCCURRENCES or len(targets) == 1 or count <= len(same) / 2:
            continue
        for place in same:
            if place.target != usual:
                message = (
                    f"Cue {place.pair.target_number} says {quoted(place.target)} for "
                    f"{quoted(source)}; {count} of {len(same)} cues of the title say "
                    f"{quoted(usual)}."
                )
                found[place.video].append(
                    Finding("inconsistent_line", "warning", message, place.pair.target_number)
                )


def _words(text: str) -> frozenset[str]:
    """The words of a text; runs of two letters where words have no spaces."""
    words: set[str] = set()
    for word in _WORD.findall(text.casefold()):
        if re.match(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]", word):
            words.update(word[at : at + 2] for at in range(len(word) - 1))
        else:
            words.add(word)
    return frozenset(words)
