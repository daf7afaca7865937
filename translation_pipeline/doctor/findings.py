"""What one check found out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: `words` say what is so, `advice` what a person should do.

    Advice may come with what is ok, too. `is_configuration` tells that a setting, a file or keys
    are wrong, rather than something out in the world.
    """

    name: str
    ok: bool
    words: str
    advice: str = ""
    is_configuration: bool = False


def well(name: str, words: str, advice: str = "") -> Finding:
    """Something is in order."""
    return Finding(name, True, words, advice)


def wrong(name: str, words: str, advice: str) -> Finding:
    """Something must be mended."""
    return Finding(name, False, words, advice)


def misconfigured(name: str, words: str, advice: str) -> Finding:
    """A setting, a file or keys must be changed."""
    return Finding(name, False, words, advice, is_configuration=True)
