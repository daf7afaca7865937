"""What a language's viewers can read, as data with sources; a catalog may override each figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal

from translation_pipeline.captions.findings import Severity
from translation_pipeline.captions.language_detection import main_code
from translation_pipeline.captions.languages import read_data
from translation_pipeline.errors import ConfigurationError

SeverityOrOff = Literal["error", "warning", "off"]


@dataclass(frozen=True, slots=True)
class Profile:
    """The limits for captions of one language, and how bad it is to pass them.

    With `counts` of `widths`, full-width characters count one and others a half; with
    `graphemes`, whatever a reader sees as one character counts one.
    """

    max_cps: float
    max_line_length: float
    max_lines: int
    min_duration_ms: int
    max_duration_ms: int
    min_gap_frames: float
    counts: Literal["graphemes", "widths"]
    sources: tuple[str, ...]
    severities: Mapping[str, SeverityOrOff]

    def length(self, text: str) -> float:
        """The length of a text in the characters that the limits count."""
        if text.isascii():
            return len(text) / 2 if self.counts == "widths" else len(text)
        import wcwidth  # late: its tables take a tenth of a second, and Dagster judges nothing

        if self.counts == "widths":
            return wcwidth.width(text) / 2
        return sum(1 for _ in wcwidth.iter_graphemes(text))

    def severity(self, rule: str) -> Severity | None:
        """How bad a finding of `rule` is; None when it is not looked for."""
        severity = self.severities[rule]
        return None if severity == "off" else severity

    def overridden(self, changes: Mapping[str, Any]) -> Profile:
        """This profile with figures and `severities` from a catalog file.

        Raises `ConfigurationError` naming every field that is unknown or has no sensible value.
        """
        problems = [*_problems(changes), *_severity_problems(self, changes.get("severities", {}))]
        if problems:
            raise ConfigurationError("Caption profile: " + "; ".join(problems) + ".")
        severities = MappingProxyType({**self.severities, **changes.get("severities", {})})
        figures = {name: value for name, value in changes.items() if name != "severities"}
        return replace(self, **figures, severities=severities, sources=("catalog", *self.sources))


_FIGURES: Final = (
    "max_cps",
    "max_line_length",
    "max_lines",
    "min_duration_ms",
    "max_duration_ms",
    "min_gap_frames",
)


@lru_cache(maxsize=256)
def profile_of(language: str) -> Profile:
    """The profile for a language code; a dialect or region takes that of its language."""
    data = read_data("profiles.yaml")
    languages = data["languages"]
    own = languages.get(language) or languages.get(main_code(language)) or {}
    figures = {**data["default"], **own}
    figures["sources"] = tuple(figures["sources"])
    return Profile(**figures, severities=MappingProxyType(data["severities"]))


@lru_cache(maxsize=1)
def sources() -> Mapping[str, str]:
    """The sources that profiles name: what they say, and where."""
    return MappingProxyType(read_data("profiles.yaml")["sources"])


def _problems(changes: Mapping[str, Any]) -> list[str]:
    known = {field.name for field in fields(Profile)} - {"sources"}
    problems = [
        f"{name} is no field (fields: {', '.join(sorted(known))})"
        for name in changes
        if name not in known
    ]
    for name in _FIGURES:
        value = changes.get(name, 1)
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
            problems.append(f"{name} must be a number from 0, not {value!r}")
    if changes.get("counts", "widths") not in ("graphemes", "widths"):
        problems.append(f"counts must be graphemes or widths, not {changes['counts']!r}")
    return problems


def _severity_problems(profile: Profile, severities: Any) -> list[str]:
    if not isinstance(severities, Mapping):
        return [f"severities must be a table of rules, not {severities!r}"]
    problems = []
    for rule, severity in severities.items():
        if rule not in profile.severities:
            problems.append(
                f"severities.{rule} is no rule (rules: {', '.join(profile.severities)})"
            )
        elif severity not in ("error", "warning", "off"):
            problems.append(f"severities.{rule} must be error, warning or off, not {severity!r}")
    return problems
