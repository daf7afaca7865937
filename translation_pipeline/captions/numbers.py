"""Numbers and units in captions, compared across languages and ways of writing them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from translation_pipeline.captions.languages import read_data

SPELLED_OUT: Final = 12  # numbers up to this are often words in the translation
_NUMBER: Final = re.compile(r"\d+(?:[.,'’٫٬\u00a0\u202f ]\d+)*")
_MAGNITUDES: Final = {
    **{"百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "만": 10**4, "亿": 10**8, "億": 10**8},
    **{"억": 10**8, "천": 1000, "k": 1000, "m": 10**6, "thousand": 1000, "million": 10**6},
    **{"billion": 10**9, "mil": 1000, "ribu": 1000, "juta": 10**6, "тысяч": 1000, "тыс": 1000},
    **{"миллион": 10**6, "millones": 10**6, "milhões": 10**6, "milhão": 10**6, "millón": 10**6},
    **{"tausend": 1000, "millionen": 10**6, "mille": 1000, "millions": 10**6, "bin": 1000},
    **{"milyon": 10**6, "nghìn": 1000, "ngàn": 1000, "triệu": 10**6, "พัน": 1000, "หมื่น": 10**4},
    **{"แสน": 10**5, "ล้าน": 10**6, "ألف": 1000, "مليون": 10**6},
}  # fmt: skip
_MAGNITUDE: Final = re.compile(
    r"\s*(" + "|".join(sorted(map(re.escape, _MAGNITUDES), key=len, reverse=True)) + r")(?![a-z])"
)


def missing_numbers(source: str, target: str) -> list[str]:
    """Numbers of `source`, as written, that are not in `target` in any form.

    Small whole numbers may have become words, and are not missed.
    """
    if not _has_digit(source):
        return []
    found = [values for _, values in _numbers(target)]
    return [
        written
        for written, values in _numbers(source)
        if not any(values & other for other in found) and max(values) > SPELLED_OUT
    ]


def missing_units(source: str, target: str) -> list[str]:
    """Units that follow (or precede) a number in `source` and have no word in `target`."""
    if not _has_digit(source):
        return []
    lowered, target_lowered = source.lower(), target.lower()
    return [
        unit
        for unit, words in _units().items()
        if any(_is_unit_in(word, lowered) for word in words)
        and not any(word in target_lowered for word in words)
    ]


def _is_unit_in(word: str, text: str) -> bool:
    if word not in text:
        return False
    escaped = re.escape(word)
    return re.search(rf"\d\s*{escaped}|{escaped}\s*\d", text) is not None


@lru_cache(maxsize=1)
def _units() -> dict[str, list[str]]:
    units: dict[str, list[str]] = read_data("comparison.yaml")["units"]
    return units


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _numbers(text: str) -> list[tuple[str, frozenset[float]]]:
    """Every number as written, with all values it may have: 1.500 is 1500 or 1.5."""
    lowered = unicodedata.normalize("NFKC", text).lower()
    found = []
    for match in _NUMBER.finditer(lowered):
        values = _values(match[0])
        magnitude = _MAGNITUDE.match(lowered, match.end())
        if magnitude:
            values |= {value * _MAGNITUDES[magnitude[1]] for value in values}
        found.append((match[0], frozenset(values)))
    return found


def _values(written: str) -> set[float]:
    parts = re.split(r"\D", written)
    values: set[float] = set()
    if all(len(part) == 3 for part in parts[1:]):
        values.add(float(int("".join(parts))))
    if len(parts) == 2:
        values.add(float(f"{int(parts[0])}.{_ascii(parts[1])}"))
    if len(parts) > 2 and all(len(part) == 3 for part in parts[1:-1]):
        values.add(float(f"{int(''.join(parts[:-1]))}.{_ascii(parts[-1])}"))
    return values or {float(int(part)) for part in parts}


def _ascii(digits: str) -> str:
    return "".join(str(unicodedata.digit(digit, 0)) for digit in digits)
