"""A glossary in the form that each service takes, which the comparison enforces in any case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from translation_pipeline.captions.glossary import Glossary

# Limits of IMS hotword libraries, from the models of its SDK (alibabacloud_ice20201109, classes
# CreateHotwordLibraryRequest, Hotword, TranspositionResult).
MAX_HOTWORDS: Final = 300
MAX_TEXT_LENGTH: Final = 100
MAX_NAME_LENGTH: Final = 100
HOTWORD_WEIGHT: Final = 2  # of -6 to 5; 2 is recommended


def ims_hotword_libraries(
    glossary: Glossary, *, name: str, source_language: str, target_languages: Sequence[str]
) -> list[dict[str, Any]]:
    """The requests of CreateHotwordLibrary that hold a glossary, as many as its size needs.

    Terms without a demand for any of the languages, and those too long for IMS, are left out:
    `too_long_for_ims` names the latter. A library's scenario cannot be changed later.
    """
    hotwords = []
    for item in glossary.terms:
        results = [
            {"TargetLanguage": language, "TranslatedText": required}
            for language in target_languages
            if (required := item.required(language)) and len(required) <= MAX_TEXT_LENGTH
        ]
        if results and len(item.term) <= MAX_TEXT_LENGTH:
            hotwords.append(
                {
                    "Language": source_language,
                    "Text": item.term,
                    "TranspositionResultList": results,
                    "Weight": HOTWORD_WEIGHT,
                }
            )
    parts = [hotwords[at : at + MAX_HOTWORDS] for at in range(0, len(hotwords), MAX_HOTWORDS)]
    return [
        {
            "Name": _library_name(name, glossary.version, part),
            "Description": f"Glossary {glossary.version}",
            "UsageScenario": "VideoTranslation",
            "Hotwords": some,
        }
        for part, some in enumerate(parts, start=1)
    ]


def too_long_for_ims(glossary: Glossary, target_languages: Sequence[str]) -> list[str]:
    """The terms that IMS has no room for; only the comparison enforces them."""
    return [
        item.term
        for item in glossary.terms
        if max(len(item.term), *(len(item.required(code) or "") for code in target_languages), 0)
        > MAX_TEXT_LENGTH
    ]


def akool_word_lists(glossary: Glossary, language: str) -> dict[str, Any]:
    """The fields of AKOOL's `studio_voice` for one target language (akool.md section 3)."""
    fixed = {
        item.term: item.translations[language]
        for item in glossary.terms
        if not item.do_not_translate and language in item.translations
    }
    lists: dict[str, Any] = {
        "no_translate_words": [item.term for item in glossary.terms if item.do_not_translate],
        "fixed_words": fixed,
        "pronounced_words": {
            item.required(language) or item.term: item.spoken
            for item in glossary.terms
            if item.spoken
        },
    }
    return {field: words for field, words in lists.items() if words}


def _library_name(name: str, version: str, part: int) -> str:
    """A name that tells title, version and part, within IMS' length."""
    suffix = f"-{version[:8]}-{part}"
    return name[: MAX_NAME_LENGTH - len(suffix)] + suffix
