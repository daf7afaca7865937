"""From lines to captions, without pictures."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.cue_track import (
    Line,
    cues_from_lines,
    is_in_language,
    is_plausible,
    same_letters,
    similar,
)
from translation_pipeline.localcloud.engine.ocr import Rect, join_lines

LOWER = Rect(left=400, top=120, right=880, bottom=170)
UPPER = Rect(left=420, top=60, right=860, bottom=110)


def line(
    start_ms: float, end_ms: float, text: str, rect: Rect = LOWER, score: float = 0.98
) -> Line:
    return Line(start_ms, end_ms, text, rect, score)


def cues(*lines: Line) -> list[Cue]:
    return [tracked.cue for tracked in cues_from_lines(lines)]


def test_readings_of_one_text_that_touch_in_time_are_one_caption_with_the_surer_text() -> None:
    read = cues(
        Line(1000, 2000, "Where have you heen?", LOWER, 0.8, is_sure=False),
        line(2040, 3500, "Where have you been?", score=0.99),
    )
    assert read == [Cue(1000, 3500, "Where have you been?")]


def test_two_showings_of_one_text_with_a_gap_stay_two_captions() -> None:
    read = cues(line(1000, 2000, "好的好的"), line(2200, 3000, "好的好的"))
    assert read == [Cue(1000, 2000, "好的好的"), Cue(2200, 3000, "好的好的")]


def test_different_texts_that_touch_stay_two_captions_with_their_own_times() -> None:
    read = cues(line(1000, 2000, "I know."), line(2040, 3000, "You do not."))
    assert read == [Cue(1000, 2000, "I know."), Cue(2040, 3000, "You do not.")]


def test_similar_texts_that_were_both_read_with_certainty_stay_two_captions() -> None:
    read = cues(line(1000, 2000, "Chapter 10 begins"), line(2000, 3000, "Chapter 11 begins"))
    assert [cue.text for cue in read] == ["Chapter 10 begins", "Chapter 11 begins"]


def test_equal_text_at_another_place_is_another_line() -> None:
    read = cues(line(1000, 2000, "Hello", UPPER), line(2040, 3000, "Hello", LOWER))
    assert len(read) == 2


def test_two_lines_shown_together_are_one_caption_from_top_to_bottom() -> None:
    (tracked,) = cues_from_lines(
        [line(1000, 3000, "it is not so.", LOWER, 0.9), line(1040, 2960, "Listen,", UPPER)]
    )
    assert tracked.cue == Cue(1000, 2960, "Listen,\nit is not so.")
    assert tracked.rects == (UPPER, LOWER)
    assert tracked.score == 0.9


def test_pieces_of_one_row_are_one_line() -> None:
    left, right = Rect(400, 120, 600, 170), Rect(640, 122, 880, 170)
    (tracked,) = cues_from_lines(
        [line(1000, 3000, "like that", right), line(1000, 3000, "Not", left)]
    )
    assert tracked.cue.text == "Not like that"
    assert tracked.rects == (Rect(400, 120, 880, 170),)


def test_a_line_that_joins_later_starts_a_new_caption() -> None:
    read = cues(line(1000, 5000, "First speaker", UPPER), line(3000, 5000, "Second speaker"))
    assert read == [
        Cue(1000, 3000, "First speaker"),
        Cue(3000, 5000, "First speaker\nSecond speaker"),
    ]


def test_a_line_fading_out_while_the_next_comes_does_not_share_a_caption_with_it() -> None:
    read = cues(line(1000, 2100, "Going", UPPER), line(2000, 3000, "Coming"))
    assert [cue.text for cue in read] == ["Going", "Coming"]


def test_texture_that_flickers_is_no_caption() -> None:
    assert cues(line(1000, 1120, "Texture like text")) == []
    assert cues(line(1000, 1280, "国")) == []
    assert cues(line(1000, 3000, "国", score=0.55)) == []


def test_a_single_letter_where_captions_stand_is_one() -> None:
    letter = Rect(left=620, top=122, right=664, bottom=168)
    read = cues(line(1000, 3000, "我等了你一个晚上"), line(3400, 3800, "好", letter, 0.97))
    assert read[1] == Cue(3400, 3800, "好")


def test_a_single_letter_of_another_size_or_elsewhere_is_texture() -> None:
    small = Rect(left=800, top=130, right=818, bottom=150)
    elsewhere = Rect(left=620, top=5, right=664, bottom=51)
    caption = line(1000, 3000, "我等了你一个晚上")
    read = cues(caption, line(4000, 6000, "國", small), line(7000, 9000, "國", elsewhere))
    assert [cue.text for cue in read] == ["我等了你一个晚上"]


def test_single_letters_are_kept_when_there_is_nothing_else_to_compare_with() -> None:
    assert cues(line(1000, 1500, "好")) == [Cue(1000, 1500, "好")]


def test_the_mark_of_a_channel_is_not_in_the_captions() -> None:
    mark = line(0, 60_000, "Channel 5", UPPER)
    shown = [line(2000 * n, 2000 * n + 1500, f"Caption number {n}") for n in range(5)]
    read = cues(mark, *shown)
    assert [cue.text for cue in read] == [f"Caption number {n}" for n in range(5)]


def test_a_long_caption_alone_on_the_screen_is_kept() -> None:
    assert cues(line(0, 60_000, "Directed by nobody")) == [Cue(0, 60_000, "Directed by nobody")]


def test_marks_without_a_letter_are_not_plausible() -> None:
    assert not is_plausible("...", 0.99)
    assert not is_plausible("", 0.99)
    assert is_plausible("走", 0.9)


def test_texts_alike_but_for_marks_have_the_same_letters() -> None:
    assert same_letters("Thank you, Sir!", "Thankyou Sir")
    assert not same_letters("他走了", "她走了")


def test_only_english_leaves_lines_of_other_scripts_out() -> None:
    assert is_in_language("Café at 8", "en")
    assert not is_in_language("你去哪儿了", "en")
    assert is_in_language("你去哪儿了", "ch")
    assert is_in_language("Where?", None)


def test_similar_texts() -> None:
    assert similar("Thank you for saving me.", "Thankyou for saving me")
    assert not similar("第一章", "第二节")


def test_pieces_of_a_line_are_joined_and_lines_above_each_other_are_not() -> None:
    left, right = Rect(100, 100, 300, 150), Rect(340, 104, 600, 152)
    assert join_lines([right, left, UPPER]) == [UPPER, Rect(100, 100, 600, 152)]


def test_a_speck_beside_a_line_does_not_join_it() -> None:
    speck = Rect(610, 120, 625, 135)
    assert len(join_lines([Rect(100, 100, 600, 150), speck])) == 2


TEXTS = ("Where are you?", "I am at home.", "好", "你到底去哪儿了？", "Never mind that now.")


@given(
    st.lists(
        st.tuples(
            st.integers(0, 30_000), st.integers(1, 5000), st.sampled_from(TEXTS), st.booleans()
        ),
        max_size=12,
    )
)
def test_captions_are_ordered_last_a_while_and_hold_only_what_was_read(
    shown: list[tuple[int, int, str, bool]],
) -> None:
    lines = [
        line(start, start + length, text, UPPER if upper else LOWER)
        for start, length, text, upper in shown
    ]
    tracked = cues_from_lines(lines)
    read = [one.cue for one in tracked]
    assert read == sorted(read)
    assert all(cue.start_ms < cue.end_ms for cue in read)
    known_words = {word for text in TEXTS for word in text.split()}
    assert {word for cue in read for word in cue.text.split()} <= known_words
    assert all(len(one.rects) == len(one.cue.text.split("\n")) for one in tracked)
