"""Under which object keys the files of a job are stored."""

from __future__ import annotations

import time
from pathlib import PurePosixPath
from typing import Any

SIDECAR_SUFFIXES = {"target_srt": ".srt", "bilingual_srt": ".bilingual.srt", "fix_srt": ".fix.srt"}


def output_key(work: dict[str, Any], role: str, language: str, number: int) -> str:
    """The key of one result file; `number` counts the files of the job from 1.

    Captions: the placeholders of ims.md section 7.1 filled in. Sidecar captions of a translated
    video: next to it, same key, other extension.
    """
    if role == "captions":
        return _filled(work["key"], work["source_key"], language, number)
    key: str = work["target_keys"][language]
    if role in SIDECAR_SUFFIXES:
        return key[: key.rindex(".")] + SIDECAR_SUFFIXES[role]
    return key


def _filled(key: str, source_key: str, result_type: str, number: int) -> str:
    values = {
        "source": PurePosixPath(source_key).stem,
        "timestamp": str(int(time.time())),
        "sequenceId": str(number),
        "resultType": result_type,
    }
    for name, value in values.items():
        key = key.replace("{" + name + "}", value)
    return key
