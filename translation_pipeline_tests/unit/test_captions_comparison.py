"""A translation against its source: good ones are left alone, each fault is told as itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translation_pipeline.captions.alignment import align
from translation_pipeline.captions.consistency import consistency
from translation_pipeline.captions.cue import Cue
from translation_pipeline.captions.glossary import Glossary, Term, parse_glossary
from translation_pipeline.captions.numbers import missing_numbers, missing_units
from translation_pipeline.captions.translation_quality import compare

SOURCE = (
    "我们今天晚上到底去哪里吃饭？", "谁也不知道，别再问我了。", "林晚，我等了你整整三年。",
    "现在你告诉我这一切都是假的？", "你听我解释，事情不是你想的那样。", "好的。",
    "妈，我回来了，今天的饭做好了吗？", "外面下这么大的雨，你怎么还出去？",
)  # fmt: skip
ENGLISH = (
    "Where are we going to eat tonight?", "Nobody knows, stop asking me.",
    "Lin Wan, I waited three whole years for you.", "And now you tell me it was all a lie?",
    "Let me explain, it is not what you think.", "All right.",
    "Mom, I am home, is dinner ready yet?", "Why would you go out in such heavy rain?",
)  # fmt: skip
OTHERS = {
    "es": ("¿Adónde vamos a cenar esta noche?", "Nadie lo sabe, deja de preguntarme."),
    "ja": ("今夜はどこへ食べに行くのですか？", "誰も知らないよ、もう聞かないで。"),
    "ar": ("إلى أين سنذهب لتناول العشاء الليلة؟", "لا أحد يعرف، توقف عن سؤالي."),
    "th": ("คืนนี้เราจะไปกินข้าวที่ไหนกัน", "ไม่มีใครรู้ เลิกถามฉันได้แล้ว"),
    "hi": ("आज रात हम खाना खाने कहाँ जा रहे हैं?", "कोई नहीं जानता, मुझसे पूछना बंद करो।"),
    "ru": ("Куда мы пойдём ужинать сегодня вечером?", "Никто не знает, перестань меня спрашивать."),
}


def cues(lines: tuple[str, ...] | list[str], *, offset_ms: int = 0) -> list[Cue]:
    return [
        Cue(at * 2500 + offset_ms, at * 2500 + 2000 + offset_ms, line)
        for at, line in enumerate(lines)
    ]


def told(
    source: list[Cue], target: list[Cue], language: str = "en", glossary: Glossary | None = None
) -> list[tuple[str, int | None]]:
    findings = compare(
        source, target, source_language="zh", target_language=language, glossary=glossary
    )
    return [(finding.rule, finding.cue_number) for finding in findings]


def one(
    source: str, target: str, glossary: Glossary | None = None, language: str = "en"
) -> list[str]:
    """What is told of one cue among good ones."""
    found = told(cues([*SOURCE, source]), cues([*ENGLISH, target]), language, glossary)
    return [rule for rule, number in found if number == len(SOURCE) + 1]


def test_a_good_translation_has_no_findings() -> None:
    assert told(cues(SOURCE), cues(ENGLISH)) == []


@pytest.mark.parametrize("language", OTHERS)
def test_good_translations_of_other_scripts_have_no_findings(language: str) -> None:
    lines = OTHERS[language] * 2
    assert told(cues(SOURCE[:2] * 2), cues(lines), language) == []


@pytest.mark.parametrize("spoken", [*OTHERS, "en"])
@pytest.mark.parametrize("language", ["es", "ja", "ru", "en"])
def test_a_translation_into_another_language_is_told(language: str, spoken: str) -> None:
    lines = {"en": ENGLISH[:2], **OTHERS}[spoken] * 2
    rules = {rule for rule, _ in told(cues(SOURCE[:2] * 2), cues(lines), language)}
    assert ("wrong_language" in rules) == (language != spoken)


def test_the_other_chinese_characters_are_told() -> None:
    source, simplified = cues(ENGLISH), cues([line * 2 for line in SOURCE])
    for language, wrong in (("zh", False), ("zh-tw", True)):
        findings = compare(source, simplified, source_language="en", target_language=language)
        assert ("wrong_language" in {finding.rule for finding in findings}) == wrong


@pytest.mark.parametrize(
    ("source", "target", "rules"),
    [
        ("请付3500元给他。", "Please pay him 3,500 yuan.", []),
        ("请付3500元给他。", "Please pay him 3,600 yuan.", ["number_changed"]),
        ("我只有3个朋友。", "I only have three friends.", []),
        ("增长了百分之20。", "It grew by 20.", ["unit_changed"]),
        ("增长了20%。", "It grew by 20 percent.", []),
        ("<i>你好吗我的朋友</i>", "How are you, my friend?", ["markup_changed"]),
        ("你好{name}，欢迎你来", "Hello, welcome here", ["placeholder_changed"]),
        ("你好{name}，欢迎你来", "Hello {name}, welcome here", []),
        ("-你去哪里？\n-我要回家。", "Where to? Home.", ["speakers_changed"]),
        ("-你去哪里？\n-我要回家。", "- Where to?\n- Home.", []),
        ("他怎么还不来呢？", "ERROR", ["failure_text"]),
        ("他怎么还不来呢？", "null", ["failure_text"]),
        ("他怎么还不来呢？", "[object Object]", ["failure_text"]),
        ("他怎么还不来呢？", "I'm sorry, but I can't translate that.", ["failure_text"]),
        ("他怎么还不来呢？", "Here is the translation: Why?", ["failure_text"]),
        ("他说对不起，我不能去。", "He said: I'm sorry, I can't go.", []),
        ("他怎么还不来呢？", "", ["missing_translation"]),
        ("他怎么还不来呢？", "他怎么还不来呢？", ["untranslated"]),
        ("他怎么还不来呢？", "他为什么没有来", ["wrong_language_cue"]),
        ("我们明天早上八点钟在老地方见面，不见不散，好吗？", "OK.", ["length_ratio"]),
        ("没有意义。", "None of that matters.", []),
        ("没有。", "None.", ["failure_text"]),
    ],
)  # fmt: skip
def test_each_fault_of_a_cue(source: str, target: str, rules: list[str]) -> None:
    assert one(source, target) == rules


def test_a_line_of_the_source_that_reads_like_a_failure_may_be_translated() -> None:
    assert one("ERROR", "ERROR") == []


def test_a_translation_filled_in_from_its_neighbour_is_told() -> None:
    lines = [*ENGLISH[:3], ENGLISH[2], *ENGLISH[4:]]
    assert told(cues(SOURCE), cues(lines)) == [("repeated_neighbour", 4)]


def test_a_short_answer_said_twice_is_not_filled_in() -> None:
    assert told(cues([*SOURCE, "是的。", "没错。"]), cues([*ENGLISH, "Yes.", "Yes."])) == []


def test_cues_that_are_missing_merged_or_made_up_are_told() -> None:
    source, target = cues(SOURCE), cues(ENGLISH)
    missing = told(source, target[:3] + target[4:])
    assert missing == [("missing_translation", None)]
    longer = Cue(target[2].start_ms, target[3].end_ms, f"{target[2].text} {target[3].text}")
    assert told(source, [*target[:2], longer, *target[4:]]) == [("merged_cues", None)]
    assert told(source[:3] + source[4:], target) == [("extra_cue", 4)]


@pytest.mark.parametrize(("offset_ms", "drifts"), [(300, False), (301, True), (-2000, True)])
def test_drift_is_told_from_where_it_is_seen(offset_ms: int, drifts: bool) -> None:
    found = told(cues(SOURCE), cues(ENGLISH, offset_ms=offset_ms))
    assert found == ([("timing_drift", None)] if drifts else [])


def test_lines_that_slipped_by_one_are_told() -> None:
    lengths = [5, 23, 9, 30, 14, 3, 27, 11, 19, 7, 25, 16, 2, 29, 8, 21, 12, 4, 26, 10] * 3
    source = cues(["你" * length for length in lengths])
    straight = cues(["word " * (length // 2 + 1) for length in lengths])
    slipped = cues(["word", *(cue.text for cue in straight[:-1])])
    assert "shifted_lines" not in {rule for rule, _ in told(source, straight)}
    assert "shifted_lines" in {rule for rule, _ in told(source, slipped)}


def test_most_lines_left_as_they_were_block() -> None:
    findings = compare(cues(ENGLISH), cues(ENGLISH), source_language="en", target_language="es")
    assert ("mostly_untranslated", "error") in {(f.rule, f.severity) for f in findings}


def test_names_alone_may_stay_the_same() -> None:
    source = [*ENGLISH, "Maria!", "OK", "Taxi"]
    target = [*OTHERS["es"] * 4, "Maria!", "OK", "Taxi"]
    findings = compare(cues(source), cues(target), source_language="en", target_language="es")
    assert "untranslated" not in {finding.rule for finding in findings}


GLOSSARY = parse_glossary(
    """
terms:
  - {term: 林晚, translations: {en: Lin Wan, ru: Линь Вань, de: Krankenschwester}}
  - {term: WeChat, do_not_translate: true}
  - {term: 老王}
"""
)


@pytest.mark.parametrize(
    ("source", "target", "language", "rules"),
    [
        ("林晚在哪里？", "Where is Lin Wan?", "en", []),
        ("林晚在哪里？", "Where is lin wan's bag?", "en", []),
        ("林晚在哪里？", "Where is Lin Night?", "en", ["fixed_term"]),
        ("用WeChat付吧。", "Pay with WeChat.", "en", []),
        ("用WeChat付吧。", "Pay with Weixin.", "en", ["do_not_translate"]),
    ],
)
def test_the_glossary_is_enforced(
    source: str, target: str, language: str, rules: list[str]
) -> None:
    assert one(source, target, GLOSSARY, language) == rules


def test_inflection_is_no_breach_of_the_glossary() -> None:
    source, target = cues(["林晚来了"]), cues(["Die Krankenschwestern kommen"])
    findings = compare(
        source, target, source_language="zh", target_language="de", glossary=GLOSSARY
    )
    assert "fixed_term" not in {finding.rule for finding in findings}


def test_a_term_that_the_glossary_leaves_open_must_be_the_same_in_all_episodes() -> None:
    source = ["老王去哪里了", "我看见老王了", "老王是好人", "今天下雨了"]
    target = ["Where did Wang go", "I saw Wang", "Wang is a good man", "It rains today"]
    videos = {
        "01": align(cues(source), cues(target)),
        "02": align(cues(source), cues([*target[:2], "King is a good man", target[3]])),
    }
    found = consistency(videos, GLOSSARY, target_language="en")
    assert [(video, [(f.rule, f.cue_number) for f in items]) for video, items in found.items()] == [
        ("02", [("inconsistent_term", 3)])
    ]


def test_a_line_that_comes_back_must_be_translated_the_same() -> None:
    source = cues(["我会永远等你回来"])
    lines = {"01": "I will wait for you", "02": "I will wait for you", "03": "I'll be waiting"}
    videos = {video: align(source, cues([line])) for video, line in lines.items()}
    found = consistency(videos, Glossary((Term("x"),)), target_language="en")
    assert {video: [f.rule for f in items] for video, items in found.items()} == {
        "03": ["inconsistent_line"]
    }


@pytest.mark.parametrize(
    ("source", "target", "missing"),
    [
        ("3万元", "30,000 yuan", []),
        ("3.5万", "35 thousand", []),
        ("2亿", "200 million", []),
        ("1,500", "1.500", []),
        ("1.5", "1,5", []),
        ("1 000 000", "1,000,000", []),
        ("٢٠٢٤", "2024", []),
        ("１９８４年", "1984", []),
        ("8:30", "08:30 AM", []),
        ("8:30", "half past eight", ["30"]),
        ("12", "twelve", []),
        ("13", "many", ["13"]),
        ("1984", "1948", ["1984"]),
        ("100-200", "100 to 300", ["200"]),
    ],
)
def test_numbers_across_ways_of_writing(source: str, target: str, missing: list[str]) -> None:
    assert missing_numbers(source, target) == missing


@pytest.mark.parametrize(
    ("source", "target", "missing"),
    [
        ("5公里", "5 kilometers", []),
        ("5公里", "5 miles", ["kilometre"]),
        ("$100", "100 dólares", []),
        ("100美元", "100 euros", ["us_dollar"]),
        ("公里", "miles", []),  # no number
        ("30°", "30 degrees", []),
    ],
)
def test_units(source: str, target: str, missing: list[str]) -> None:
    assert missing_units(source, target) == missing


any_cues = st.lists(
    st.builds(Cue, st.integers(-9, 10**5), st.integers(-9, 10**5), st.text(max_size=30)), max_size=6
)


@given(any_cues, any_cues, st.sampled_from(["en", "zh-tw", "xx", "ja"]))
def test_any_cues_can_be_compared(source: list[Cue], target: list[Cue], language: str) -> None:
    for finding in compare(
        source, target, source_language="zh", target_language=language, glossary=GLOSSARY
    ):
        assert finding.cue_number is None or 1 <= finding.cue_number <= len(target)


@given(any_cues, any_cues)
def test_every_cue_is_in_exactly_one_pair(source: list[Cue], target: list[Cue]) -> None:
    pairs = align(source, target)
    assert [pair.source_number for pair in pairs if pair.source] == list(range(1, len(source) + 1))
    assert [pair.target_number for pair in pairs if pair.target] == list(range(1, len(target) + 1))
