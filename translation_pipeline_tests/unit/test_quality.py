"""Judging captions: what blocks money, what is only shown, and limits per language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translation_pipeline.captions.languages import (
    languages,
    level_languages,
    script_of,
)
from translation_pipeline.captions.profiles import profile_of, sources
from translation_pipeline.captions.quality import judge
from translation_pipeline.captions.srt import Cue
from translation_pipeline.errors import ConfigurationError

GOOD = [Cue(0, 2000, "Where are we going?"), Cue(2000, 4000, "<i>Nobody knows.</i>")]


def found(
    cues: list[Cue], language: str = "en", duration_s: float | None = None
) -> list[tuple[str, str, int | None]]:
    findings = judge(cues, language=language, duration_s=duration_s)
    return [(finding.rule, finding.severity, finding.cue_number) for finding in findings]


def test_good_captions_have_no_findings() -> None:
    assert found(GOOD, duration_s=4.0) == []


@pytest.mark.parametrize(
    ("cues", "expected"),
    [
        ([], [("no_cues", "error", None)]),
        ([Cue(0, 1000, "<i> </i>")], [("empty_text", "error", 1)]),
        ([GOOD[0], Cue(3000, 3000, "a")], [("end_before_start", "error", 2)]),
        ([Cue(-500, 1000, "a")], [("negative_time", "error", 1)]),
        ([Cue(0, 2000, "a\ufffdb")], [("undisplayable_text", "error", 1)]),
        ([Cue(0, 2000, "{\\an8}a")], [("markup_in_text", "warning", 1)]),
        ([Cue(0, 2000, "<font color=red>a</font>")], [("markup_in_text", "warning", 1)]),
        ([Cue(0, 2000, "a"), Cue(1000, 3000, "b")], [("overlap", "warning", 2)]),
        ([Cue(0, 6000, "x" * 43)], [("long_line", "warning", 1)]),
        ([Cue(0, 1000, "x" * 21)], [("reading_speed", "warning", 1)]),
        ([Cue(0, 3000, "a\nb\nc")], [("too_many_lines", "warning", 1)]),
        ([Cue(0, 832, "a")], [("short_cue", "warning", 1)]),
        ([Cue(0, 833, "a")], []),
        ([Cue(0, 7001, "a")], [("long_cue", "warning", 1)]),
        ([Cue(0, 7000, "a")], []),
        ([Cue(0, 2000, "a"), Cue(2079, 4000, "b")], [("small_gap", "warning", 2)]),
        ([Cue(0, 2000, "a"), Cue(2080, 4000, "b")], []),
        (
            [Cue(0, 6000, "a"), Cue(1000, 2000, "b"), Cue(3000, 4000, "c")],
            [("overlap", "warning", 2), ("overlap", "warning", 3)],
        ),
        (
            [Cue(5000, 6000, "later"), Cue(0, 2000, "a"), Cue(1000, 3000, "b")],
            [("overlap", "warning", 3)],
        ),
    ],
)
def test_findings(cues: list[Cue], expected: list[tuple[str, str, int | None]]) -> None:
    assert found(cues) == expected


def test_gaps_are_counted_in_frames_of_the_video() -> None:
    cues = [Cue(0, 2000, "a"), Cue(2040, 4000, "b")]
    assert [f.rule for f in judge(cues, language="en", fps=25)] == ["small_gap"]
    assert judge(cues, language="en", fps=60) == []


def test_two_short_lines_are_not_one_long_line() -> None:
    assert found([Cue(0, 7000, "x" * 40 + "\n" + "y" * 40)]) == []


@pytest.mark.parametrize(
    ("duration_s", "expected"),
    [
        (4.0, []),
        (3.5, []),
        (3.4, [("beyond_video", "warning", 2)]),
        (2.0, [("starts_beyond_video", "error", 2)]),
    ],
)
def test_cues_beyond_the_end_of_the_video(
    duration_s: float, expected: list[tuple[str, str, int | None]]
) -> None:
    assert found(GOOD, duration_s=duration_s) == expected


@pytest.mark.parametrize(
    ("language", "text", "fits"),
    [
        ("en", "x" * 42, True),
        ("en", "x" * 43, False),
        ("zh", "爱" * 16, True),
        ("zh", "爱" * 17, False),
        ("zh", "x" * 32, True),  # two Latin letters take the room of one Chinese
        ("zh-tw", "愛" * 17, False),
        ("sichuan", "爱" * 17, False),
        ("ja", "愛" * 13, True),
        ("ja", "愛" * 14, False),
        ("ko", "사" * 16, True),
        ("ko", "사" * 17, False),
        ("th", "ก" * 35, True),
        ("th", "ก" * 36, False),
        ("th", "กิ" * 35, True),  # marks above a letter take no room
        ("ar", "ش" * 43, False),
        ("hi", "क" * 42, True),
        ("hi", "हिन्दी" * 21, True),  # six code points, two characters
        ("hi", "हिन्दी" * 22, False),
        ("ar", "شَ" * 42, True),  # a vowel mark takes no room
        ("en", "👩‍👩‍👧" * 42, True),  # a family is one character
        ("en", "é" * 43, False),
        ("vi", "ệ" * 42, True),
        ("zh", "，" * 17, False),  # full-width punctuation
        ("ko", "안녕하세요 " * 3, False),
        ("de", "x" * 42, True),
        ("xx", "x" * 43, False),
    ],
)
def test_line_length_depends_on_the_language(language: str, text: str, fits: bool) -> None:
    rules = [rule for rule, _, _ in found([Cue(0, 60_000, text)], language)]
    assert ("long_line" not in rules) == fits


@pytest.mark.parametrize(
    ("language", "characters_per_s"),
    [("en", 20), ("pt", 17), ("zh", 9), ("ja", 4), ("ko", 12), ("hi", 22), ("ar", 20)],
)
def test_reading_speed_depends_on_the_language(language: str, characters_per_s: int) -> None:
    letter = "爱" if profile_of(language).counts == "widths" else "x"
    for speed, expected in ((characters_per_s, False), (characters_per_s + 1, True)):
        cue = Cue(0, 1000, letter * speed)
        rules = [rule for rule, _, _ in found([cue], language)]
        assert ("reading_speed" in rules) == expected


SAMPLES = {
    "en": "Where are we going tonight? Nobody knows.",
    "zh": "我们今天晚上到底去哪里？谁也不知道，别再问我了。",
    "ja": "今夜はどこへ行きますか？ダレも知りませんよ。もう聞かないで。",
    "ko": "오늘 밤 우리는 어디로 가나요? 아무도 몰라요. 묻지 마세요.",
    "ru": "Куда мы идём сегодня вечером? Никто не знает.",
    "ar": "إلى أين نذهب الليلة؟ لا أحد يعرف ذلك أبدا.",
    "th": "คืนนี้เราจะไปไหนกัน ไม่มีใครรู้เลยสักคน",
    "hi": "हम आज रात कहाँ जा रहे हैं? कोई नहीं जानता है यहाँ।",
}


@pytest.mark.parametrize("spoken", SAMPLES)
@pytest.mark.parametrize("language", SAMPLES)
def test_a_script_that_the_language_is_not_written_in_is_told(language: str, spoken: str) -> None:
    rules = [rule for rule, _, _ in found([Cue(0, 60_000, SAMPLES[spoken])], language)]
    shared = {frozenset(("zh", "ja"))}  # Japanese has Chinese characters too
    is_right = language == spoken or frozenset((language, spoken)) in shared
    assert ("wrong_script" not in rules) == is_right


def test_a_few_foreign_words_say_nothing_about_the_script() -> None:
    assert found([Cue(0, 2000, "OK, Google")], "zh") == []


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Olá", "Latn"),
        ("ＡＢＣ", "Latn"),
        ("Привет", "Cyrl"),
        ("爱", "Hani"),
        ("한국", "Hang"),
        ("ｶﾅ", "Kana"),
        ("123 !?", None),
        ("", None),
    ],
)
def test_script_of(text: str, script: str | None) -> None:
    assert script_of(text) == script


def test_every_code_that_a_service_takes_is_a_known_language() -> None:
    for provider in ("ims", "vod"):
        for level in ("subtitle", "speech"):
            codes = level_languages(provider, level)
            assert codes is not None
            assert set(codes.source + codes.target) <= set(languages())
    assert level_languages("akool", "subtitle") is None


def test_codes_are_text_and_not_what_yaml_makes_of_them() -> None:
    assert languages()["no"].english_name == "Norwegian"


@given(
    st.lists(
        st.builds(Cue, st.integers(-9, 10**7), st.integers(-9, 10**7), st.text(max_size=40)),
        max_size=6,
    ),
    st.sampled_from(["en", "zh", "ja", "xx-YY", ""]),
    st.none() | st.floats(0, 1e5),
)
def test_any_cues_can_be_judged(cues: list[Cue], language: str, duration_s: float | None) -> None:
    for finding in judge(cues, language=language, duration_s=duration_s):
        assert finding.message.endswith((".", "?"))
        assert finding.cue_number is None or 1 <= finding.cue_number <= len(cues)


@pytest.mark.parametrize(
    "language", ["en", "zh", "sichuan", "ja", "ko", "ar", "th", "hi", "de", "xx"]
)
def test_every_profile_names_sources_that_are_known(language: str) -> None:
    profile = profile_of(language)
    assert profile.sources
    assert set(profile.sources) <= set(sources())


def test_a_catalog_may_override_figures_and_severities() -> None:
    profile = profile_of("en").overridden(
        {"max_cps": 5, "severities": {"reading_speed": "error", "short_cue": "off"}}
    )
    cues = [Cue(0, 500, "Too fast"), Cue(1000, 2000, "Too")]
    findings = judge(cues, language="en", profile=profile)
    assert [(f.rule, f.severity) for f in findings] == [("reading_speed", "error")]
    assert judge(cues, language="en")[0].severity == "warning"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_speed": 3}, "max_speed is no field .*max_cps"),
        ({"max_cps": "fast"}, "max_cps must be a number"),
        ({"max_lines": -1}, "max_lines must be a number from 0"),
        ({"counts": "bytes"}, "counts must be graphemes or widths"),
        ({"severities": {"overlaps": "off"}}, "severities.overlaps is no rule .*overlap"),
        ({"severities": {"overlap": "fatal"}}, "must be error, warning or off"),
        ({"severities": "off"}, "severities must be a table"),
    ],
)
def test_a_wrong_override_is_refused_by_its_field(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        profile_of("en").overridden(changes)
