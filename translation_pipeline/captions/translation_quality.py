"""A translation against its source: what is missing, left, changed, made up or forgotten.

Findings count the cues of the translation, except that what is missing there is told by the
source's number in the message.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from translation_pipeline.captions.alignment import Pair, align, drift, shifted_lines
from translation_pipeline.captions.comparison import Languages, Told, length_factor, quoted
from translation_pipeline.captions.cue import MARKUP, Cue, has_visible_text, visible_text
from translation_pipeline.captions.findings import Finding
from translation_pipeline.captions.glossary import Glossary, occurs
from translation_pipeline.captions.numbers import missing_numbers, missing_units
from translation_pipeline.captions.phrases import failure_in
from translation_pipeline.captions.profiles import Profile, profile_of
from translation_pipeline.captions.similarity import are_alike
from translation_pipeline.captions.translated_language import language_findings

MAX_RATIO: Final = 3.0  # of lengths, to what is expected
MIN_ENGLISH_LENGTH: Final = 15  # shorter texts vary too much in length
MIN_REPEATED_ENGLISH_LENGTH: Final = 12  # shorter answers are said twice
_PLACEHOLDER: Final = re.compile(
    r"\{\{?[\w.]*\}?\}|%(?:\(\w+\)|\d+\$)?[sd](?!\w)|\$\{\w+\}|<[A-Z][A-Z_]+\d*>|__\w+__"
    r"|⟦[^⟧]*⟧|\[\[\w+\]\]|@@\w*@@"
)
_DASH: Final = re.compile(r"(?m)^\s*[-–—‐]\s*\S")


def compare(
    source: Sequence[Cue],
    target: Sequence[Cue],
    *,
    source_language: str,
    target_language: str,
    glossary: Glossary | None = None,
    profile: Profile | None = None,
) -> list[Finding]:
    """All findings about `target` as a translation of `source`.

    `profile` gives the severities; by default that of the target language.
    """
    codes = Languages(source_language, target_language)
    severities = profile or profile_of(target_language)
    pairs = align(source, target)
    told = list(language_findings(pairs, codes, glossary or Glossary()))
    # The length of what is in another language says nothing about the translation.
    foreign = {item.cue_number for item in told}
    told += [*_parity(pairs), *_timing(pairs), *_repeated(pairs, codes)]
    for pair in pairs:
        if pair.source and pair.target and has_visible_text(pair.source.text):
            told += _content(pair, pair.source.text, pair.target.text, codes, glossary)
            if pair.target_number not in foreign:
                told += _length(pair, codes)
    findings = [
        Finding(rule, severity, message, number)
        for rule, number, message in told
        if (severity := severities.severity(rule)) is not None
    ]
    return sorted(findings, key=lambda finding: finding.cue_number or 0)


def _parity(pairs: Sequence[Pair]) -> Iterator[Told]:
    for pair in pairs:
        if pair.source and (pair.target is None or not has_visible_text(pair.target.text)):
            if not has_visible_text(pair.source.text):
                continue
            text = quoted(pair.source.text)
            rule = "merged_cues" if pair.is_merged else "missing_translation"
            what = "is inside that of the cue before" if pair.is_merged else "is missing"
            message = f"The translation of source cue {pair.source_number} ({text}) {what}."
            yield Told(rule, pair.target_number, message)
        elif pair.source is None and pair.target is not None:
            message = f"Cue {pair.target_number} ({quoted(pair.target.text)}) has no source."
            yield Told("extra_cue", pair.target_number, message)


def _timing(pairs: Sequence[Pair]) -> Iterator[Told]:
    offsets = drift(pairs)
    if offsets:
        first_ms, last_ms = offsets
        message = (
            f"Cues start {first_ms:+d} ms off their source at the beginning and {last_ms:+d} ms "
            "at the end."
        )
        yield Told("timing_drift", None, message)
    shifted = shifted_lines(pairs)
    if shifted:
        first, last, shift = shifted
        neighbour = "before" if shift > 0 else "after"
        message = f"Cues {first} to {last} seem to translate the line {neighbour} their own."
        yield Told("shifted_lines", first, message)


def _content(
    pair: Pair, source: str, target: str, codes: Languages, glossary: Glossary | None
) -> Iterator[Told]:
    """What can be said of one cue and its translation."""
    number = pair.target_number
    if not has_visible_text(target):
        return
    failure = failure_in(target)
    if failure and failure_in(source) is None:
        message = f"Cue {number} holds a failure, not a translation ({failure}): {quoted(target)}."
        yield Told("failure_text", number, message)
        return
    yield from _form(number, source, target)
    source, target = visible_text(source), visible_text(target)
    for missing in missing_numbers(source, target):
        yield Told("number_changed", number, f"Cue {number} lost the number {missing}.")
    for unit in missing_units(source, target):
        yield Told("unit_changed", number, f"Cue {number} lost the unit {unit}.")
    if glossary:
        yield from _terms(number, source, target, codes, glossary)


def _form(number: int | None, source: str, target: str) -> Iterator[Told]:
    for rule, name, parts in (
        ("markup_changed", "tags", _tags),
        ("placeholder_changed", "placeholders", _PLACEHOLDER.findall),
    ):
        before, after = Counter(parts(source)), Counter(parts(target))
        if before != after:
            lost, added = sorted(before - after), sorted(after - before)
            what = [f"lost {' '.join(lost)}"] * bool(lost) + [f"got {' '.join(added)}"] * bool(
                added
            )
            yield Told(rule, number, f"Cue {number} {' and '.join(what)}: {name} must stay.")
    speakers, now = len(_DASH.findall(source)), len(_DASH.findall(target))
    if speakers > 1 and now < speakers:
        message = f"Cue {number} has {now} lines with a dash where {speakers} speak."
        yield Told("speakers_changed", number, message)


def _tags(text: str) -> list[str]:
    if "<" not in text and "{" not in text:
        return []
    return [tag[0].lower() for tag in MARKUP.finditer(text)]


def _length(pair: Pair, codes: Languages) -> Iterator[Told]:
    if pair.source is None or pair.target is None or failure_in(pair.target.text):
        return
    source, target = visible_text(pair.source.text), visible_text(pair.target.text)
    if source == target or not has_visible_text(target):
        return
    number = pair.target_number
    expected = len(source) / length_factor(codes.source) * length_factor(codes.target)
    if expected / length_factor(codes.target) < MIN_ENGLISH_LENGTH:
        return
    ratio = len(target) / expected
    if not 1 / MAX_RATIO <= ratio <= MAX_RATIO:
        size = f"{ratio:.1f} times as long as" if ratio > 1 else f"only {ratio:.0%} as long as"
        message = f"Cue {number} is {size} a translation of its source would be."
        yield Told("length_ratio", number, message)


def _terms(
    number: int | None, source: str, target: str, codes: Languages, glossary: Glossary
) -> Iterator[Told]:
    for term in glossary.terms_in(source):
        required = term.required(codes.target)
        if required is None or occurs(required, target):
            continue
        if term.do_not_translate:
            message = f"Cue {number} must keep {term.term!r} as it is: {quoted(target)}."
            yield Told("do_not_translate", number, message)
        elif not _occurs_inflected(required, target):
            message = f"Cue {number} must say {required!r} for {term.term!r}: {quoted(target)}."
            yield Told("fixed_term", number, message)


_MIN_STEM: Final = 5  # letters; shorter words have no ending that could change


def _occurs_inflected(required: str, target: str) -> bool:
    """Whether every word of a term is there, but for last letters that inflection changes."""
    lowered = target.lower()
    stems = [
        word[: max(_MIN_STEM, len(word) - 2)] if len(word) > _MIN_STEM else word
        for word in required.lower().split()
    ]
    return any(len(stem) >= _MIN_STEM for stem in stems) and all(stem in lowered for stem in stems)


def _repeated(pairs: Sequence[Pair], codes: Languages) -> Iterator[Told]:
    """Neighbours with the same translation of different sources: one filled in for the other."""
    least = MIN_REPEATED_ENGLISH_LENGTH * length_factor(codes.target)
    for pair, after in pairwise(pairs):
        if not (pair.source and pair.target and after.source and after.target):
            continue
        text = visible_text(pair.target.text).strip()
        if (
            len(text) >= least
            and text == visible_text(after.target.text).strip()
            and pair.source.text != after.source.text
            and not are_alike(pair.source.text, after.source.text)
        ):
            message = (
                f"Cue {after.target_number} repeats the one before ({quoted(text)}), but its "
                f"source is another: {quoted(after.source.text)}."
            )
            yield Told("repeated_neighbour", after.target_number, message)
