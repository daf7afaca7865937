"""Repairs: named, reported, undone without loss, idempotent, and never at the cost of text."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translation_pipeline.captions.quality import judge
from translation_pipeline.captions.repair import (
    MAX_TIME_CHANGE_MS,
    RepairResult,
    applied_from_json,
    applied_to_json,
    repair,
    undo,
)
from translation_pipeline.captions.repair_rules import RULES
from translation_pipeline.captions.srt import Cue, compose_srt, parse_srt
from translation_pipeline.errors import ConfigurationError

AUTOMATIC = {rule.name for rule in RULES if rule.is_automatic}
FOR_A_PERSON = {rule.name for rule in RULES} - AUTOMATIC

times = st.integers(-3000, 9000)
texts = st.sampled_from(
    [
        *("", " ", "<i></i>", "one", "two\n\nlines", "\n\nthree\n", "1984", " a ", "口"),
        *("four<br>five", "{\\an8}six", "<font color='red'>seven</font>", "eight\x07", "\x01"),
        *("nine\u2028ten", "Where are we going?", "Where are we goin9?", "Where are we goimg?"),
        *("Tom &amp;amp; Jerry", "&nbsp;", "Thanks for watching!", "cafÃ©", "<f<b >ont>x", "a|b "),
    ]
)
cue_lists = st.lists(st.builds(Cue, times, times, texts), max_size=8)
accepted = st.sets(st.sampled_from([rule.name for rule in RULES]))


def rules_of(result: RepairResult) -> list[str]:
    return [applied.rule for applied in result.applied]


def seen(cues: list[Cue] | tuple[Cue, ...]) -> set[str]:
    """Every word that is on the screen at some time."""
    return {word for cue in repair(cues).cues for word in cue.text.split()}


@given(cue_lists, accepted)
def test_repairing_again_changes_nothing(cues: list[Cue], accept: set[str]) -> None:
    once = repair(cues, accept=accept, duration_s=6.0)
    again = repair(once.cues, accept=accept, duration_s=6.0)
    assert again.cues == once.cues
    assert again.applied == ()
    assert {item.rule for item in again.proposed} == {item.rule for item in once.proposed}


@given(cue_lists, accepted, st.sets(st.sampled_from([rule.name for rule in RULES])))
def test_undoing_gives_back_every_cue(cues: list[Cue], accept: set[str], skip: set[str]) -> None:
    result = repair(cues, accept=accept, skip=skip, duration_s=6.0)
    kept = applied_from_json(json.loads(json.dumps(applied_to_json(result.applied))))
    assert kept == result.applied
    assert undo(result.cues, kept) == tuple(cues)
    assert not set(rules_of(result)) & skip


@given(cue_lists)
def test_no_visible_word_is_lost_without_a_person(cues: list[Cue]) -> None:
    words = {
        word
        for cue in repair(cues, skip={"merge_duplicates", "sort_by_start"}).cues
        for word in cue.text.split()
    }
    visible = {
        word
        for cue in cues
        for word in ("one", "two", "lines", "three", "1984", "口", "six", "seven", "watching!")
        if word in cue.text
    }
    assert visible <= {word.strip("<>") for word in words} | {
        part for word in words for part in visible if part in word
    }
    assert seen(cues) == words


@given(cue_lists)
def test_no_time_moves_further_than_allowed(cues: list[Cue]) -> None:
    result = repair(cues, skip={"merge_duplicates"})
    for applied in result.applied:
        if applied.rule in ("start_at_zero", "fix_end_before_start", "clip_overlaps"):
            for (_, before), (_, after) in zip(applied.removed, applied.added, strict=True):
                assert abs(before.start_ms - after.start_ms) <= MAX_TIME_CHANGE_MS
                assert abs(before.end_ms - after.end_ms) <= MAX_TIME_CHANGE_MS
                assert before.text == after.text


@given(cue_lists)
def test_what_changed_is_reported_and_only_that(cues: list[Cue]) -> None:
    result = repair(cues)
    reported = {number for applied in result.applied for number in applied.cue_numbers}
    unreported = [cue for number, cue in enumerate(cues, start=1) if number not in reported]
    assert not Counter(unreported) - Counter(result.cues)
    assert bool(result.applied) == (result.cues != tuple(cues))
    assert set(rules_of(result)) <= AUTOMATIC


@given(cue_lists)
def test_what_is_left_wrong_after_repair_is_proposed(cues: list[Cue]) -> None:
    result = repair(cues)
    errors = {f.rule for f in judge(result.cues, language="en") if f.severity == "error"}
    proposed = {item.rule for item in result.proposed}
    if "end_before_start" in errors:
        assert "fix_end_before_start" in proposed
    assert "empty_text" not in errors
    if result.cues and all(cue.start_ms >= 0 and cue.end_ms >= 0 for cue in result.cues):
        parsed = parse_srt(compose_srt(result.cues).encode())
        assert parsed.cues == result.cues
        assert parsed.findings == ()


HELLO = Cue(1000, 2000, "Hello")


@pytest.mark.parametrize(
    ("rule", "cues", "repaired", "numbers"),
    [
        ("drop_empty_cues", [Cue(0, 900, " "), HELLO, Cue(3000, 4000, "<b></b>")], [HELLO], (1, 3)),
        ("close_blank_lines", [Cue(0, 900, "a\n\n\nb")], [Cue(0, 900, "a\nb")], (1,)),
        ("trim_lines", [Cue(0, 900, " a\u3000\n b")], [Cue(0, 900, "a\nb")], (1,)),
        ("break_lines", [Cue(0, 900, "a<br />b\\Nc")], [Cue(0, 900, "a\nb\nc")], (1,)),
        (
            "strip_markup",
            [Cue(0, 900, '{\\an8}<font color="red"><i>a</i></font>')],
            [Cue(0, 900, "<i>a</i>")],
            (1,),
        ),
        ("remove_control_characters", [Cue(0, 900, "a\x07b\u2028c")], [Cue(0, 900, "ab\nc")], (1,)),
        (
            "sort_by_start",
            [Cue(0, 900, "a"), Cue(4000, 5000, "c"), Cue(2000, 3000, "b")],
            [Cue(0, 900, "a"), Cue(2000, 3000, "b"), Cue(4000, 5000, "c")],
            (2, 3),
        ),
        ("start_at_zero", [Cue(-300, 900, "a")], [Cue(0, 900, "a")], (1,)),
        ("fix_end_before_start", [Cue(2000, 1000, "a")], [Cue(2000, 3000, "a")], (1,)),
        (
            "fix_end_before_start",
            [Cue(2000, 2000, "a"), Cue(2400, 3000, "b")],
            [Cue(2000, 2400, "a"), Cue(2400, 3000, "b")],
            (1,),
        ),
        (
            "merge_duplicates",
            [Cue(0, 1000, "a"), Cue(1040, 2000, "a"), Cue(2500, 3000, "a")],
            [Cue(0, 2000, "a"), Cue(2500, 3000, "a")],
            (1, 2),
        ),
        (
            "clip_overlaps",
            [Cue(0, 1500, "a"), Cue(1000, 2000, "b")],
            [Cue(0, 1000, "a"), Cue(1000, 2000, "b")],
            (1,),
        ),
    ],
)
def test_each_automatic_rule(
    rule: str, cues: list[Cue], repaired: list[Cue], numbers: tuple[int, ...]
) -> None:
    result = repair(cues)
    assert list(result.cues) == repaired
    assert [(applied.rule, applied.cue_numbers) for applied in result.applied] == [(rule, numbers)]
    assert repair(cues, skip=AUTOMATIC).applied == ()


@pytest.mark.parametrize(
    ("rule", "cues", "accepted"),
    [
        (
            "clip_overlaps",
            [Cue(0, 1501, "a"), Cue(1000, 2000, "b")],
            [Cue(0, 1000, "a"), Cue(1000, 2000, "b")],
        ),
        ("fix_end_before_start", [Cue(6000, 1000, "a")], [Cue(6000, 7000, "a")]),
        ("start_at_zero", [Cue(-3000, 1000, "a")], [Cue(0, 1000, "a")]),
        ("unescape_entities", [Cue(0, 1000, "Tom &amp; Jerry")], [Cue(0, 1000, "Tom & Jerry")]),
        ("fix_misread_utf8", [Cue(0, 1000, "cafÃ© â€¦")], [Cue(0, 1000, "café …")]),
        (
            "merge_near_duplicates",
            [Cue(0, 1000, "我等了你三年了"), Cue(1000, 2000, "我等了你三午了")],
            [Cue(0, 2000, "我等了你三年了")],
        ),
        ("drop_credits", [HELLO, Cue(3000, 4000, "字幕由Amara.org社区提供")], [HELLO]),
        ("drop_flashes", [HELLO, Cue(3000, 3100, "口")], [HELLO]),
        ("drop_beyond_video", [HELLO, Cue(8000, 9000, "b")], [HELLO]),
    ],
)
def test_what_changes_meaning_waits_for_a_person(
    rule: str, cues: list[Cue], accepted: list[Cue]
) -> None:
    waiting = repair(cues, duration_s=8.0)
    assert waiting.cues == tuple(cues)
    assert [item.rule for item in waiting.proposed] == [rule]
    assert list(repair(cues, accept={rule}, duration_s=8.0).cues) == accepted


@pytest.mark.parametrize(
    "cues",
    [
        [Cue(0, 1000, "top"), Cue(0, 1000, "bottom")],  # two places at once
        [Cue(0, 1000, "a"), Cue(1000, 2000, "b")],
        [Cue(0, 1000, "Scene 1 begins"), Cue(1000, 2000, "Scene 2 begins")],  # counting
        [Cue(0, 1000, "No!"), Cue(1200, 2000, "No!")],  # said twice
        [Cue(0, 1000, "if a < b then {x}")],
        [Cue(0, 1000, "می‌روم")],  # a joiner that Persian is written with
    ],
)
def test_what_may_be_meant_is_left_alone(cues: list[Cue]) -> None:
    result = repair(cues)
    assert result.cues == tuple(cues)
    assert result.proposed == ()


def test_an_unknown_rule_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"drop_everything.*drop_empty_cues"):
        repair([HELLO], accept={"drop_everything"})


def test_the_original_is_not_touched() -> None:
    cues = [Cue(2000, 1000, "b"), Cue(0, 900, "")]
    repair(cues)
    assert cues == [Cue(2000, 1000, "b"), Cue(0, 900, "")]
