"""Whether a translation is in its language: untranslated lines, wrong languages and scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from translation_pipeline.captions.alignment import Pair
from translation_pipeline.captions.comparison import Languages, Told, length_factor, quoted
from translation_pipeline.captions.cue import visible_text
from translation_pipeline.captions.glossary import Glossary
from translation_pipeline.captions.language_detection import (
    detect_language,
    detector_codes,
    main_code,
)
from translation_pipeline.captions.languages import languages, letters_by_script

MIN_LETTERS_OF_FILE: Final = 60  # for the language of a file
MIN_LETTERS_OF_CUE: Final = 25  # for the language of one cue
MIN_PROBABILITY: Final = 0.9  # of a detected language
MOSTLY_UNTRANSLATED: Final = 0.2  # share of cues
_SAMPLE: Final = 3000  # characters of a file that tell its language


def language_findings(
    pairs: Sequence[Pair], codes: Languages, glossary: Glossary
) -> Iterator[Told]:
    """What is not in the target language; words that the glossary keeps do not count."""
    if main_code(codes.source) == main_code(codes.target):
        return
    without_terms = _term_remover(glossary)
    texts = [
        (pair, without_terms(visible_text(pair.target.text)))
        for pair in pairs
        if pair.source and pair.target
    ]
    untranslated = [
        (pair, text)
        for pair, text in texts
        if pair.source and _is_untranslated(pair.source.text, text, codes)
    ]
    for pair, text in untranslated:
        message = f"Cue {pair.target_number} was not translated: {quoted(text)}."
        yield Told("untranslated", pair.target_number, message)
    spoken = sum(1 for _, text in texts if any(letter.isalpha() for letter in text))
    if len(untranslated) > MOSTLY_UNTRANSLATED * spoken and len(untranslated) > 1:
        message = f"{len(untranslated)} of {spoken} cues were not translated."
        yield Told("mostly_untranslated", None, message)
        return
    yield from _language_of_file("\n".join(text for _, text in texts), codes)
    left = {pair.target_number for pair, _ in untranslated}
    for pair, text in texts:
        wrong = _wrong_language(text, codes) if pair.target_number not in left else None
        if wrong:
            message = f"Cue {pair.target_number} is {wrong}: {quoted(text)}."
            yield Told("wrong_language_cue", pair.target_number, message)


def _term_remover(glossary: Glossary) -> Callable[[str], str]:
    """Takes out the words that belong in every language."""
    kept = [re.escape(term.term) for term in glossary.terms if term.do_not_translate]
    if not kept:
        return lambda text: text
    pattern = re.compile("|".join(sorted(kept, key=len, reverse=True)), re.IGNORECASE)
    return lambda text: pattern.sub("", text)


def _is_untranslated(source: str, target: str, codes: Languages) -> bool:
    target = target.strip()
    if _bare(source) != _bare(target):
        return False
    letters = letters_by_script(target)
    known = languages().get(codes.target)
    if known and letters and not sum(letters[script] for script in known.scripts):
        return True
    # Names and cries are the same in languages of one script: two words, or a long one.
    return letters.total() >= 4 and (len(target.split()) > 2 or letters.total() >= 12)


def _bare(text: str) -> str:
    return "".join([letter for letter in visible_text(text).casefold() if letter.isalnum()])


def _language_of_file(text: str, codes: Languages) -> Iterator[Told]:
    known = languages().get(codes.target)
    name = known.english_name if known else codes.target
    wanted = detector_codes(codes.target)
    detected = detect_language(text[:_SAMPLE])
    letters = letters_by_script(text).total()
    if letters < MIN_LETTERS_OF_FILE * length_factor(detected.code):
        return
    if wanted and detected.code not in wanted and detected.probability >= MIN_PROBABILITY:
        message = f"The translation is to be {name}, but reads like {_name(detected.code)}."
        yield Told("wrong_language", None, message)
    elif codes.target in ("zh", "zh-tw") and _is_simplified(text) == (codes.target == "zh-tw"):
        message = f"The translation is to be {name}, but is written in the other characters."
        yield Told("wrong_language", None, message)


def _is_simplified(text: str) -> bool | None:
    """Whether Chinese is written in simplified characters; None where both write the same."""
    simplified = sum(_only_in(letter, "gb2312", "big5") for letter in set(text))
    traditional = sum(_only_in(letter, "big5", "gb2312") for letter in set(text))
    if simplified + traditional < 5 or simplified == traditional:
        return None
    return simplified > traditional


def _only_in(letter: str, encoding: str, other: str) -> bool:
    return _is_in(letter, encoding) and not _is_in(letter, other)


def _is_in(letter: str, encoding: str) -> bool:
    try:
        return len(letter.encode(encoding)) == 2 and "\u4e00" <= letter <= "\u9fff"
    except UnicodeEncodeError:
        return False


def _wrong_language(text: str, codes: Languages) -> str | None:
    """What one cue is instead of its language; None where it seems right."""
    letters = letters_by_script(text)
    known = languages().get(codes.target)
    if known is None or not letters:
        return None
    right = sum(letters[script] for script in known.scripts)
    foreign = letters.total() - right - (letters["Latn"] if "Latn" not in known.scripts else 0)
    if foreign > right:
        return f"in another script than {known.english_name} is written in"
    if letters.total() < MIN_LETTERS_OF_CUE or "Latn" not in known.scripts:
        return None
    detected = detect_language(text)
    suspects = {main_code(codes.source), "en"} - detector_codes(codes.target)
    if detected.code in suspects and detected.probability >= MIN_PROBABILITY:
        return _name(detected.code)
    return None


def _name(code: str) -> str:
    known = languages().get(code)
    return known.english_name if known else code
