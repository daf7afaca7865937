"""Stand-ins for media work that misbehave on command; worker processes import them by name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from translation_pipeline.localcloud.engine.errors import JobFailed

MODULE = __name__


def _note(order: dict[str, Any], text: str) -> None:
    """Append a line to the log file whose path the job carries."""
    with Path(order["work"]["log"]).open("a") as log:
        log.write(f"{text}\n")


def finish(order: dict[str, Any]) -> dict[str, Any]:
    """Work well, noting which job it was."""
    _note(order, order["work"]["name"])
    print("libraries print what they like")
    captions = Path(order["output_dir"]) / "captions.srt"
    captions.write_text("1\n00:00:00,000 --> 00:00:01,000\nOlá\n", encoding="utf-8")
    paths = {"target_srt": str(captions), "video": order["inputs"]["video"]}
    files = [
        {"role": role, "language": language, "path": path}
        for language in order["work"]["target_keys"]
        for role, path in paths.items()
    ]
    return {"files": files, "duration_s": 60.0}


def finish_slowly(order: dict[str, Any]) -> dict[str, Any]:
    """As `finish`, after half a second."""
    time.sleep(0.5)
    return finish(order)


def refuse(order: dict[str, Any]) -> dict[str, Any]:
    """Fail as the engine fails for input that cannot be used."""
    raise JobFailed("UnreadableVideo", f"{Path(order['inputs']['video']).name} is empty.")


def crash(order: dict[str, Any]) -> dict[str, Any]:
    """A defect in the engine."""
    raise ZeroDivisionError("by zero")


def die(order: dict[str, Any]) -> dict[str, Any]:
    """As if the system had run out of memory."""
    _note(order, "died")
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def die_once(order: dict[str, Any]) -> dict[str, Any]:
    """Die at the first try of a job."""
    if not Path(order["work"]["log"]).exists():
        die(order)
    return finish(order)


def encode_for_ever(order: dict[str, Any]) -> dict[str, Any]:
    """Wait for a program of our own, as for an encoder; both process ids are noted."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    _note(order, f"{os.getpid()} {child.pid}")
    child.wait()
    return finish(order)
