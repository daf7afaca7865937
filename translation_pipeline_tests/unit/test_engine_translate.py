"""What happens to caption text before and after a translator sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.translate import (
    SentenceTranslator,
    TranslationSettings,
    lay_out,
    translate_cues,
    translator_for,
)


@dataclass
class Answering:
    """A translator with given answers that remembers what it was asked."""

    answers: list[str]
    asked: list[str] = field(default_factory=list)

    def translate(self, lines: Sequence[str]) -> list[str]:
        self.asked += lines
        return self.answers


def texts(source: str, answers: list[str], *, language: str = "en") -> tuple[list[str], list[str]]:
    """What the translator is asked for one cue, and the lines of the translated cue."""
    translator = Answering(answers)
    cues = translate_cues([Cue(1000, 2000, source)], translator, source_language=language)
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(1000, 2000)]
    return translator.asked, cues[0].text.split("\n")


def test_lines_of_a_cue_are_one_sentence() -> None:
    assert texts("We leave\nat dawn.", ["Partimos."]) == (["We leave at dawn."], ["Partimos."])
    assert texts("我们明天\n出发", ["x"], language="zh")[0] == ["我们明天出发"]


def test_speakers_of_one_cue_stay_apart() -> None:
    asked, lines = texts("- Who?\n- Me.", ["- Quem?", "- Eu."])

    assert (asked, lines) == (["- Who?", "- Me."], ["- Quem?", "- Eu."])


def test_a_long_translation_gets_two_even_lines() -> None:
    _, lines = texts("x", ["Precisamos sair daqui antes que a ponte velha desabe no rio."])

    assert len(lines) == 2
    assert max(map(len, lines)) <= 42
    assert abs(len(lines[0]) - len(lines[1])) < 12


def test_wide_characters_count_twice() -> None:
    assert lay_out("我们必须在黎明之前离开这里") == "我们必须在黎明之前离开这里"
    lines = lay_out("我们必须在黎明之前离开这里，否则那座旧桥就会塌进河里，谁也走不了。").split(
        "\n"
    )
    assert [len(line) for line in lines] in ([17, 17], [16, 18], [18, 16], [16, 17], [17, 16])
    assert not lines[1].startswith(("，", "。"))


@given(st.text(st.sampled_from("ab, .你好\n"), max_size=120))
def test_laying_out_loses_nothing(text: str) -> None:
    laid_out = lay_out(text)

    assert laid_out.count("\n") <= 1
    assert "".join(laid_out.split()) == "".join(text.split())


@pytest.mark.parametrize("answers", [[], ["um", "dois"], [""], ["  "]])
def test_an_answer_with_a_gap_fails_the_job(answers: list[str]) -> None:
    with pytest.raises(JobFailed) as caught:
        texts("One.", answers)
    assert caught.value.code == "TranslationFailed"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("<i>go home</i>", "<i>GO HOME</i>"),
        ("{\\an8}go %s home {name}!", "{\\an8}GO %s HOME {name}!"),
        ("♪ la la ♪", "♪ LA LA ♪"),
        ("- see https://a.b/c?d now", "- SEE https://a.b/c?d NOW"),
        ("12:30", "12:30"),
    ],
)
def test_markup_and_placeholders_never_reach_the_model(line: str, expected: str) -> None:
    asked: list[str] = []

    def sentence(text: str) -> str:
        asked.append(text)
        return text.upper()

    assert SentenceTranslator(sentence).translate([line]) == [expected]
    assert not any(mark in text for text in asked for mark in "<>{}%♪/")


def test_capitals_are_kept() -> None:
    translator = SentenceTranslator({"The end": "O fim", "I run": "corro"}.__getitem__)

    assert translator.translate(["THE END", "I run"]) == ["O FIM", "Corro"]


def test_a_pair_that_nothing_serves_is_explained() -> None:
    with pytest.raises(JobFailed, match=r"'zh' into 'fr'.*English and Portuguese.*ENDPOINT") as no:
        translator_for("zh", "fr", TranslationSettings())
    assert no.value.code == "TranslationPairUnsupported"


@pytest.mark.parametrize(
    ("source", "target", "settings"),
    [
        ("en", "en", TranslationSettings()),
        ("zh", "en", TranslationSettings(endpoint="http://127.0.0.1:9/v1")),
    ],
)
def test_contradictions_are_refused(
    source: str, target: str, settings: TranslationSettings
) -> None:
    with pytest.raises(JobFailed) as caught:
        translator_for(source, target, settings)
    assert caught.value.code == "InvalidParameter"


def test_the_key_is_not_shown() -> None:
    assert "sk-secret" not in repr(TranslationSettings("http://x", "m", "sk-secret"))
