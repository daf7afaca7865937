"""eSpeak NG, loaded as the shared library that the package espeakng-loader ships.

The library keeps one voice and one stream of sound for the whole process, so calls go through a
lock. It is GPL-3.0 (docs/licences.md): it is loaded at run time, by the local engine alone.
"""

from __future__ import annotations

import ctypes
import tempfile
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

from translation_pipeline.localcloud.engine.errors import JobFailed

WORDS_PER_MINUTE = 165  # at tempo 1
SLOWEST, FASTEST = 80, 450  # words per minute that the library takes

LONGEST_DATA_PATH = 140  # characters; the library has 160 for the path of a file in the folder

# From espeak-ng/speak_lib.h.
_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_UTF8 = 1
_RATE = 1
_POSITION_CHARACTER = 1
_OK = 0

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
_lock = threading.Lock()


class _Library:
    """The initialised library, and the sound that the present call has made so far."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self.rate_hz = int(
            self._library.espeak_Initialize(_SYNCHRONOUS, 0, _data_path().encode(), _DO_NOT_EXIT)
        )
        if self.rate_hz <= 0:
            raise JobFailed(
                "VoiceMissing",
                "eSpeak NG does not start: its data is missing. Install espeakng-loader again.",
            )
        self._library.espeak_Synth.argtypes = [
            *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int),
            *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
        ]
        self._pieces: list[NDArray[np.int16]] = []
        self._callback = self._receiver()  # kept: the library holds only its address
        self._library.espeak_SetSynthCallback(self._callback)

    def has(self, voice: str) -> bool:
        """Make `voice` the one that speaks; False when there is none of that name."""
        return int(self._library.espeak_SetVoiceByName(voice.encode())) == _OK

    def spoken(self, text: str, words_per_minute: int) -> NDArray[np.int16]:
        """The text in the voice that was chosen last."""
        self._pieces.clear()
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        data = text.encode()
        self._library.espeak_Synth(
            data, len(data) + 1, 0, _POSITION_CHARACTER, 0, _UTF8, None, None
        )
        return np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.int16)

    def _receiver(self) -> Callable[..., Any]:
        def receive(samples: Any, count: int, _events: Any) -> int:
            if count > 0:
                self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
            return 0

        return _Callback(receive)


@lru_cache(maxsize=1)
def _library() -> _Library:
    return _Library()


@lru_cache(maxsize=1)
def _data_path() -> str:
    """The folder of voices, through a link where its own path is longer than the library takes."""
    path = Path(espeakng_loader.get_data_path())
    if len(str(path)) <= LONGEST_DATA_PATH:
        return str(path)
    link = Path(tempfile.mkdtemp(prefix="espeak-")) / path.name
    link.symlink_to(path)
    return str(link)


def has_voice(voice: str) -> bool:
    """Whether eSpeak NG has a voice of this name."""
    with _lock:
        return _library().has(voice)


def speak(text: str, voice: str, tempo: float) -> tuple[NDArray[np.int16], int]:
    """The text as mono samples, and their rate in hertz; `tempo` 1 is the usual pace.

    Raises:
        JobFailed: `VoiceMissing`.
    """
    words_per_minute = round(min(max(WORDS_PER_MINUTE * tempo, SLOWEST), FASTEST))
    with _lock:
        library = _library()
        if not library.has(voice):
            raise JobFailed("VoiceMissing", f"eSpeak NG has no voice {voice!r}.")
        return library.spoken(text, words_per_minute), library.rate_hz
