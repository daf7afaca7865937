"""A more natural voice than eSpeak NG's: Kokoro, where its library and files are set up.

Nothing is downloaded: `TRANSLATION_PIPELINE_VOICE_MODEL` names a folder with one model (`*.onnx`)
and one file of voices (`voices*.bin`), as the makers of kokoro-onnx publish them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from translation_pipeline.localcloud.engine.errors import JobFailed

if TYPE_CHECKING:
    from kokoro_onnx import Kokoro

SETTING = "TRANSLATION_PIPELINE_VOICE_MODEL"

# Target languages -> how Kokoro calls them, and how the names of their voices begin. Chinese and
# Japanese are left to eSpeak NG: Kokoro reads them by libraries that are not used here.
LANGUAGES = {
    "en": ("en-us", ("af_", "am_", "bf_", "bm_")),
    "es": ("es", ("ef_", "em_")),
    "fr": ("fr-fr", ("ff_",)),
    "pt": ("pt-br", ("pf_", "pm_")),
}


@dataclass(frozen=True)
class NaturalVoice:
    """One voice of Kokoro in one language."""

    folder: Path
    language: str
    name: str

    def __str__(self) -> str:
        return f"Kokoro {self.name}"

    def spoken(self, text: str) -> tuple[NDArray[np.int16], int]:
        """The text at the voice's own pace as mono samples, and their rate in hertz."""
        code, _ = LANGUAGES[self.language]
        samples, rate_hz = _kokoro(self.folder).create(text, voice=self.name, lang=code)
        return (np.clip(samples, -1, 1) * 32767).astype(np.int16), rate_hz


def natural_voice(language: str, wanted: str | None) -> NaturalVoice | None:
    """The voice named `wanted` if there is one, else the first for the language; None: no such
    voice, or none is set up.

    Raises:
        JobFailed: `VoiceMissing`, the setting names a folder that cannot be used.
    """
    folder = os.environ.get(SETTING, "").strip()
    if not folder or language not in LANGUAGES:
        return None
    names: list[str] = _kokoro(Path(folder)).get_voices()
    _, beginnings = LANGUAGES[language]
    fitting = [name for name in names if name == wanted or name.startswith(beginnings)]
    if not fitting:
        return None
    return NaturalVoice(Path(folder), language, wanted if wanted in fitting else fitting[0])


@lru_cache(maxsize=1)
def _kokoro(folder: Path) -> Kokoro:
    if find_spec("kokoro_onnx") is None:
        raise _unusable(folder, "the library is missing: pip install 'translation-pipeline[voice]'")
    from kokoro_onnx import Kokoro

    try:
        return Kokoro(_only(folder, "*.onnx"), _only(folder, "voices*.bin"))
    except JobFailed:
        raise
    except Exception as error:  # the libraries below raise errors of many kinds
        raise _unusable(folder, f"its files cannot be loaded: {error}") from error


def _only(folder: Path, pattern: str) -> str:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise _unusable(folder, f"it has to hold one file {pattern}, and holds {len(found)}")
    return str(found[0])


def _unusable(folder: Path, reason: str) -> JobFailed:
    return JobFailed(
        "VoiceMissing",
        f"{SETTING} is {str(folder)!r}, but {reason}. Mend it, or unset it for eSpeak NG.",
    )
