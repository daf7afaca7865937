"""What a finished translation job says of its outputs, in all documented shapes (ims.md 5.2).

Every field may be absent, the whole result may be an empty text, and the languages may stand in a
map or, for a single one, at the top. None of it is proof: that is the object itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class NamedMedia:
    """A file as the service names it: by address, by media id, or by both."""

    url: str | None = None
    media_id: str | None = None

    def __bool__(self) -> bool:
        return bool(self.url or self.media_id)


@dataclass(frozen=True, slots=True)
class TranslationResult:
    """The outputs of one language. `has_language` is False when others are there, and it is not."""

    video: NamedMedia = NamedMedia()
    captions: NamedMedia = NamedMedia()
    captions_to_fix: NamedMedia = NamedMedia()
    has_language: bool = True


def read_translation_result(job_result: Mapping[str, Any], language: str) -> TranslationResult:
    """The outputs of `language` out of a GetSmartHandleJob's JobResult."""
    ai_result = _json_object(job_result.get("AiResult"))
    languages = _json_object(ai_result.get("VideoTranslationAiResultMap"))
    if languages and language not in languages:
        return TranslationResult(has_language=False)
    found = _json_object(languages.get(language)) if languages else ai_result
    video = _media(found, "MediaURL", "MediaId")
    return TranslationResult(
        video=video or _media(job_result, "MediaUrl", "MediaId"),
        captions=_media(found, "SpeechTranslatedSubtitleURL", "SpeechTranslatedSubtitleMediaId"),
        captions_to_fix=_media(
            found, "SpeechTranslatedSubtitleURLForFix", "SpeechTranslatedSubtitleMediaIdForFix"
        ),
    )


def _media(fields: Mapping[str, Any], url: str, media_id: str) -> NamedMedia:
    return NamedMedia(_text(fields.get(url)), _text(fields.get(media_id)))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _json_object(value: Any) -> dict[str, Any]:
    """An object that may have travelled as JSON text; empty for anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}
