"""Whether captions may be paid for, and what a reviewer should look at.

Errors are what a service refuses or what cannot belong to the video; a person or a repair must
act before money is spent. Warnings are about comfort and doubt. Which is which, and every limit,
is data of the language's `Profile`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from translation_pipeline.captions.columns import Columns, columns_of
from translation_pipeline.captions.cue import (
    Cue,
    format_timestamp,
    has_visible_text,
    visible_text,
)
from translation_pipeline.captions.findings import Finding
from translation_pipeline.captions.languages import languages, letters_by_script
from translation_pipeline.captions.profiles import Profile, profile_of

MIN_LETTERS_FOR_SCRIPT: Final = 20  # fewer may be names or numbers of another language
MIN_SHARE_OF_SCRIPT: Final = 0.1
END_TOLERANCE_MS: Final = 500  # containers round their duration
DEFAULT_FPS: Final = 25.0
# Controls, what is left of undecodable bytes, and halves of characters.
_UNDISPLAYABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd\ufffe\uffff\ud800-\udfff]")
_MARKUP_LEFT: Final = re.compile(r"\{\\|\\N|<(?!/?[ibu]>)/?[a-z]+[^<>]*>", re.IGNORECASE)
_SAMPLED_CUES: Final = 60  # of a file tell its script


def judge(
    cues: Sequence[Cue],
    *,
    language: str,
    duration_s: float | None = None,
    profile: Profile | None = None,
    fps: float = DEFAULT_FPS,
    columns: Columns | None = None,
) -> list[Finding]:
    """All findings about captions in `language`.

    `duration_s` is the length of their video, `fps` its frames a second; `profile` replaces the
    language's own limits. `columns` are those of the cues, where they are known already.
    """
    found = _Findings(profile or profile_of(language))
    if not cues:
        found.about_file("no_cues", "There are no captions in the file.")
        return found.items
    columns = columns or columns_of(cues)
    _judge_text(cues, columns, found)
    _judge_times(cues, columns, found, fps)
    if duration_s is not None:
        _judge_end(cues, columns, found, duration_s)
    _judge_script(columns, found, language)
    return found.items


class _Findings:
    """Collects findings with the severities of a profile."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.items: list[Finding] = []

    def about_cue(self, rule: str, number: int, cue: Cue, what: str) -> None:
        severity = self.profile.severity(rule)
        if severity is not None:
            message = f"Cue {number} at {format_timestamp(cue.start_ms)} {what}."
            self.items.append(Finding(rule, severity, message, number))

    def about_file(self, rule: str, message: str) -> None:
        severity = self.profile.severity(rule)
        if severity is not None:
            self.items.append(Finding(rule, severity, message))


def _judge_text(cues: Sequence[Cue], columns: Columns, found: _Findings) -> None:
    import numpy as np  # late, as in columns

    profile, texts = found.profile, columns.texts
    # A text has at least as many code points as characters: few cues need to be looked at.
    points = np.array(list(map(len, texts)))
    doubtful = (points > profile.max_line_length) | (
        points * 1000 > profile.max_cps * columns.durations_ms
    )
    if not columns.are_plain:
        doubtful |= np.array([not text[:1].isalnum() for text in texts])
    if columns.joined.count("\n") > len(texts) - 1:
        doubtful |= np.array([text.count("\n") >= profile.max_lines for text in texts])
    for at in doubtful.nonzero()[0].tolist():
        _judge_one_text(at + 1, cues[at], found)
    if not columns.are_plain:
        _judge_odd_text(cues, columns, found)


def _judge_one_text(number: int, cue: Cue, found: _Findings) -> None:
    if not has_visible_text(cue.text):
        found.about_cue("empty_text", number, cue, "has no text")
        return
    lines, max_lines = visible_text(cue.text).split("\n"), found.profile.max_lines
    if len(lines) > max_lines:
        what = f"has {len(lines)} lines; {max_lines} fit below the picture"
        found.about_cue("too_many_lines", number, cue, what)
    _judge_lengths(number, cue, lines, found)


def _judge_lengths(number: int, cue: Cue, lines: Sequence[str], found: _Findings) -> None:
    profile, shown_ms = found.profile, cue.end_ms - cue.start_ms
    points = list(map(len, lines))
    if max(points) <= profile.max_line_length and sum(points) * 1000 <= profile.max_cps * shown_ms:
        return
    lengths = [profile.length(line) for line in lines]
    if max(lengths) > profile.max_line_length:
        what = (
            f"has a line of {max(lengths):g} characters; {profile.max_line_length:g} are easy to "
            "read"
        )
        found.about_cue("long_line", number, cue, what)
    if shown_ms > 0:
        cps = sum(lengths) * 1000 / shown_ms
        if cps > profile.max_cps:
            what = f"needs {cps:.0f} characters a second; {profile.max_cps:g} are easy to read"
            found.about_cue("reading_speed", number, cue, what)


def _judge_odd_text(cues: Sequence[Cue], columns: Columns, found: _Findings) -> None:
    if not _UNDISPLAYABLE.search(columns.joined) and not _MARKUP_LEFT.search(columns.joined):
        return
    for number, cue in enumerate(cues, start=1):
        odd = _UNDISPLAYABLE.search(cue.text)
        if odd:
            what = f"has a character that cannot be shown (U+{ord(odd[0]):04X})"
            found.about_cue("undisplayable_text", number, cue, what)
        markup = _MARKUP_LEFT.search(cue.text)
        if markup:
            what = f"has markup that may be shown or translated as words: {markup[0][:40]}"
            found.about_cue("markup_in_text", number, cue, what)


def _judge_times(cues: Sequence[Cue], columns: Columns, found: _Findings, fps: float) -> None:
    profile, shown_ms = found.profile, columns.durations_ms
    odd = (shown_ms < profile.min_duration_ms) | (shown_ms > profile.max_duration_ms)
    for at in odd.nonzero()[0].tolist():
        _judge_duration(at + 1, cues[at], found)
    for at in (columns.starts_ms < 0).nonzero()[0].tolist():
        found.about_cue("negative_time", at + 1, cues[at], "starts before the video")
    min_gap_ms = round(profile.min_gap_frames * 1000 / fps)
    for number, cue, last_number, gap_ms in _close_neighbours(cues, columns, min_gap_ms):
        if gap_ms < 0:
            what = f"starts {-gap_ms} ms before cue {last_number} ends"
            found.about_cue("overlap", number, cue, what)
        else:
            what = (
                f"starts {gap_ms} ms after cue {last_number} ends, which flickers; let them touch "
                f"or leave {profile.min_gap_frames:g} frames ({min_gap_ms} ms)"
            )
            found.about_cue("small_gap", number, cue, what)


def _close_neighbours(
    cues: Sequence[Cue], columns: Columns, min_gap_ms: int
) -> Iterator[tuple[int, Cue, int, int]]:
    """Cues nearer than `min_gap_ms` to the one that ends last before them, that one, and the gap.

    Cues that touch are not near; they are where one caption follows the other.
    """
    import numpy as np  # late, as in columns

    order = np.argsort(columns.starts_ms, kind="stable")
    starts_ms, ends_ms = columns.starts_ms[order], columns.ends_ms[order]
    last_ms = np.maximum.accumulate(ends_ms)[:-1]
    gaps_ms = starts_ms[1:] - last_ms
    for at in ((gaps_ms < min_gap_ms) & (gaps_ms != 0)).nonzero()[0].tolist():
        last = int(order[np.argmax(ends_ms[: at + 1])])
        number = int(order[at + 1])
        yield number + 1, cues[number], last + 1, int(gaps_ms[at])


def _judge_duration(number: int, cue: Cue, found: _Findings) -> None:
    profile, shown_ms = found.profile, cue.end_ms - cue.start_ms
    if shown_ms <= 0:
        what = f"ends at {format_timestamp(cue.end_ms)}, not after its start"
        found.about_cue("end_before_start", number, cue, what)
    elif shown_ms < profile.min_duration_ms:
        what = f"is shown for {shown_ms} ms; {profile.min_duration_ms} ms can be noticed and read"
        found.about_cue("short_cue", number, cue, what)
    else:
        longest_s = profile.max_duration_ms / 1000
        what = f"is shown for {shown_ms / 1000:.1f} s, longer than {longest_s:g} s"
        found.about_cue("long_cue", number, cue, what)


def _judge_end(cues: Sequence[Cue], columns: Columns, found: _Findings, duration_s: float) -> None:
    duration_ms = round(duration_s * 1000)
    end = f"the video's end at {format_timestamp(duration_ms)}"
    late = (columns.ends_ms > duration_ms + END_TOLERANCE_MS) | (columns.starts_ms >= duration_ms)
    for at in late.nonzero()[0].tolist():
        number, cue = at + 1, cues[at]
        if cue.start_ms >= duration_ms:
            found.about_cue("starts_beyond_video", number, cue, f"starts after {end}")
        else:
            what = f"is shown until {format_timestamp(cue.end_ms)}, after {end}"
            found.about_cue("beyond_video", number, cue, what)


def _judge_script(columns: Columns, found: _Findings, language: str) -> None:
    known = languages().get(language) or languages().get(language.split("-", 1)[0])
    step = max(1, len(columns.texts) // _SAMPLED_CUES)
    letters = letters_by_script(visible_text("\n".join(columns.texts[::step])))
    count = letters.total()
    if known is None or count < MIN_LETTERS_FOR_SCRIPT:
        return
    share = sum(letters[script] for script in known.scripts) / count
    if share < MIN_SHARE_OF_SCRIPT:
        message = (
            f"The captions are to be {known.english_name}, but {1 - share:.0%} of their letters "
            f"are in another script ({letters.most_common(1)[0][0]}). Is it the right file?"
        )
        found.about_file("wrong_script", message)
