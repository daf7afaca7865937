"""The terms of a title: what is not translated, and what has one fixed translation per language.

A glossary has a version that follows from what it demands, so that a note or the order of its
terms changes nothing that was paid for.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

import yaml

from translation_pipeline.captions.cue import Cue, visible_text
from translation_pipeline.captions.languages import languages
from translation_pipeline.errors import ConfigurationError

_TERM_FIELDS: Final = ("term", "translations", "do_not_translate", "spoken", "note")


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase of the source language, and what must become of it.

    With `do_not_translate` it stays as it is in every language; `translations` are by language
    code; `spoken` says how a voice reads it.
    """

    term: str
    translations: Mapping[str, str] = field(default_factory=dict)
    do_not_translate: bool = False
    spoken: str | None = None
    note: str | None = None

    def required(self, language: str) -> str | None:
        """What the term must be in a language; None where the glossary leaves it open."""
        return self.term if self.do_not_translate else self.translations.get(language)


@dataclass(frozen=True, slots=True)
class Glossary:
    """The terms of one title."""

    terms: tuple[Term, ...] = ()

    @property
    def version(self) -> str:
        """SHA-256 of what the glossary demands; notes and order do not count."""
        demands = sorted(
            [item.term, item.do_not_translate, item.spoken or "", sorted(item.translations.items())]
            for item in self.terms
        )
        data = json.dumps(demands, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(data.encode()).hexdigest()

    def of_captions(self) -> Glossary:
        """What the glossary says of written translations: how a voice reads a term is left out."""
        return Glossary(tuple(replace(item, spoken=None) for item in self.terms))

    def terms_in(self, text: str) -> tuple[Term, ...]:
        """The terms that occur in a text; of terms inside each other only the longest."""
        folded = _folded(text)
        found = [item for item in self.terms if occurs(item.term, folded)]
        return tuple(
            item
            for item in found
            if not any(
                item is not other
                and _folded(item.term) in _folded(other.term)
                and _count(item.term, folded) == _count(other.term, folded)
                for other in found
            )
        )


@dataclass(frozen=True, slots=True)
class Touched:
    """What a change of a glossary touches in one video: cues by number, terms, languages."""

    video: str
    cue_numbers: tuple[int, ...]
    terms: tuple[str, ...]
    languages: tuple[str, ...]


def parse_glossary(text: str, name: str = "glossary") -> Glossary:
    """The glossary in a YAML text. Raises `ConfigurationError` that lists every problem.

    `name` is what messages call the file.
    """
    try:
        data = yaml.load(text, _PlainLoader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{name} is not plain YAML: {error}") from error
    entries = data.get("terms") if isinstance(data, Mapping) else None
    if data is None or (isinstance(data, Mapping) and entries is None and not data):
        return Glossary()
    if not isinstance(entries, list):
        raise ConfigurationError(f"{name} needs a list `terms:` with entries such as - term: 林晚.")
    problems: list[str] = []
    terms = [_term(entry, f"{name}: terms[{at}]", problems) for at, entry in enumerate(entries)]
    seen: set[str] = set()
    for at, item in enumerate(terms):
        if item.term and _folded(item.term) in seen:
            problems.append(f"{name}: terms[{at}]: {item.term!r} is there twice")
        seen.add(_folded(item.term))
    if problems:
        raise ConfigurationError("\n".join(problems))
    return Glossary(tuple(terms))


class _PlainLoader(yaml.SafeLoader):
    """Without aliases, by which a few lines can stand for billions."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """See PyYAML's Composer."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "write aliases (*name) out", mark)
        return super().compose_node(parent, index)


def occurrences(glossary: Glossary, cues: Sequence[Cue]) -> dict[str, tuple[int, ...]]:
    """The terms that captions hold, each with the numbers of the cues where it counts."""
    texts = [visible_text(cue.text) for cue in cues]
    everything = _folded("\n".join(texts))
    likely = Glossary(tuple(item for item in glossary.terms if _count(item.term, everything)))
    found: dict[str, list[int]] = defaultdict(list)
    for number, text in enumerate(texts if likely.terms else (), start=1):
        for item in likely.terms_in(text):
            found[item.term].append(number)
    return {term: tuple(numbers) for term, numbers in sorted(found.items())}


def demands_version(
    glossary: Glossary, found: Mapping[str, Sequence[int]], language: str
) -> str | None:
    """SHA-256 of all that a glossary demands of the translation of certain captions.

    `found` are the terms that `occurrences` tells of them. Whatever else changes in the glossary
    leaves it as it is. None where nothing is demanded.
    """
    demands = sorted(_demands(glossary, found, language))
    if not demands:
        return None
    data = json.dumps(demands, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(data.encode()).hexdigest()


def impact(
    old: Glossary,
    new: Glossary,
    videos: Mapping[str, Sequence[Cue]],
    target_languages: Collection[str],
) -> list[Touched]:
    """Which videos, cues and languages a change of glossary touches, by their source captions.

    They are those whose `demands_version` changes.
    """
    touched = []
    for video, cues in videos.items():
        before, after = occurrences(old, cues), occurrences(new, cues)
        changed = {
            code: _demands(old, before, code) ^ _demands(new, after, code)
            for code in sorted(target_languages)
        }
        demands = set[_Demand]().union(*changed.values())
        if demands:
            numbers = sorted({demand.cue_number for demand in demands})
            terms = sorted({demand.term for demand in demands})
            codes = tuple(code for code, some in changed.items() if some)
            touched.append(Touched(video, tuple(numbers), tuple(terms), codes))
    return touched


class _Demand(NamedTuple):
    """What a term demands of one cue's translation."""

    term: str
    do_not_translate: bool
    required: str
    spoken: str
    cue_number: int


def _demands(glossary: Glossary, found: Mapping[str, Sequence[int]], language: str) -> set[_Demand]:
    return {
        _Demand(item.term, item.do_not_translate, required, item.spoken or "", number)
        for item in glossary.terms
        if (required := item.required(language) or "") or item.spoken
        for number in found.get(item.term, ())
    }


def occurs(term: str, text: str) -> bool:
    """Whether a term is in a text, in any case and width; as a word in scripts with spaces."""
    return _pattern(term).search(_folded(text)) is not None


def _count(term: str, folded: str) -> int:
    return len(_pattern(term).findall(folded))


# Letters of scripts that put no spaces between words: a term may stand inside of them.
_UNSPACED: Final = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
_WORD_LETTER: Final = rf"[^\W{_UNSPACED}]"


@lru_cache(maxsize=4096)
def _pattern(term: str) -> re.Pattern[str]:
    folded = _folded(term)
    before = rf"(?<!{_WORD_LETTER})" if re.match(_WORD_LETTER, folded) else ""
    after = rf"(?!{_WORD_LETTER})" if re.match(_WORD_LETTER, folded[-1:]) else ""
    return re.compile(before + r"\s+".join(map(re.escape, folded.split())) + after)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _term(entry: Any, where: str, problems: list[str]) -> Term:
    if not isinstance(entry, Mapping):
        problems.append(f"{where}: must be a table such as {{term: 林晚}}, not {entry!r}")
        return Term("")
    unknown = sorted(set(map(str, entry)) - set(_TERM_FIELDS))
    if unknown:
        problems.append(f"{where}: unknown {', '.join(unknown)} (known: {', '.join(_TERM_FIELDS)})")
    term = entry.get("term")
    if not isinstance(term, str) or not term.strip():
        problems.append(f"{where}: `term` must be a word of the source language, not {term!r}")
        term = ""
    keep = entry.get("do_not_translate", False)
    if not isinstance(keep, bool):
        problems.append(f"{where}: do_not_translate must be true or false, not {keep!r}")
    translations = entry.get("translations") or {}
    if not isinstance(translations, Mapping):
        problems.append(f"{where}: translations must be a table of languages, not {translations!r}")
        translations = {}
    if keep is True and translations:
        problems.append(f"{where}: {term!r} has translations and do_not_translate; choose one")
    for code, text in translations.items():
        if not isinstance(code, str):
            problems.append(f"{where}: language {code!r} must be text: write it in quotes")
        elif code.split("-")[0] not in languages() and code not in languages():
            problems.append(f"{where}: {code!r} is no known language code")
        if not isinstance(text, str) or not text.strip():
            problems.append(f"{where}: the translation for {code} must be text, not {text!r}")
    spoken, note = entry.get("spoken"), entry.get("note")
    for name, value in (("spoken", spoken), ("note", note)):
        if value is not None and not isinstance(value, str):
            problems.append(f"{where}: {name} must be text, not {value!r}")
    return Term(
        term.strip(),
        {str(code): str(text).strip() for code, text in translations.items()},
        bool(keep),
        None if spoken is None else str(spoken).strip(),
        None if note is None else str(note),
    )
