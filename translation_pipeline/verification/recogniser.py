"""Which language is spoken, by faster-whisper, where it is installed and a model was named."""

from __future__ import annotations

from functools import lru_cache

from translation_pipeline.verification.sound import Recogniser, Samples

SURE = 0.6  # of a language; below, a song or a noise is as likely


@lru_cache(maxsize=1)
def installed_recogniser(model: str | None) -> Recogniser | None:
    """A listener with this model (a folder or a name in the local cache); None without one.

    Nothing is downloaded. A model that knows one language only cannot tell others apart.
    """
    if model is None:
        return None
    try:
        from faster_whisper import WhisperModel

        whisper = WhisperModel(model, device="cpu", compute_type="int8", local_files_only=True)
    except (ImportError, OSError, ValueError, RuntimeError):
        return None  # the doctor says what is wrong with it; outputs are checked without ears
    if not whisper.model.is_multilingual:
        return None

    def listen(samples: Samples, rate_hz: int) -> str | None:
        language, probability, _ = whisper.detect_language(samples)
        return language if probability >= SURE else None

    return listen
