"""The corpus of broken files: each is read, or refused by its name, exactly as it says."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from translation_pipeline.captions.checking import check_captions
from translation_pipeline.captions.findings import Finding
from translation_pipeline.captions.reader import read_cues, read_strictly, read_thoroughly
from translation_pipeline.captions.repair import repair, undo
from translation_pipeline.captions.srt import Cue, compose_srt, parse_srt
from translation_pipeline.errors import CaptionsUnreadable

CORPUS = Path(__file__).parent.parent / "data" / "captions"
CASES: dict[str, dict[str, Any]] = {
    f"{file.stem}: {case['name']}": case
    for file in sorted(CORPUS.glob("*.yaml"))
    for case in yaml.safe_load(file.read_text("utf-8"))
}


def data_of(case: dict[str, Any]) -> bytes:
    if "bytes" in case:
        return bytes(case["bytes"])
    return str(case["text"]).encode(case.get("encoding", "utf-8"))


def written(finding: Finding) -> str:
    severity = " error" if finding.severity == "error" else ""
    return finding.rule + severity + (f" line {finding.line}" if finding.line else "")


@pytest.mark.parametrize("name", CASES)
def test_a_broken_file_becomes_what_the_corpus_says(name: str) -> None:
    case = CASES[name]
    data, language = data_of(case), case.get("language")
    if "refused" in case:
        with pytest.raises(CaptionsUnreadable) as caught:
            parse_srt(data, language)
        assert str(caught.value).startswith(case["refused"])
        return
    parsed = parse_srt(data, language)
    assert [[cue.start_ms, cue.end_ms, cue.text] for cue in parsed.cues] == case["cues"]
    assert [written(finding) for finding in parsed.findings] == case.get("findings", [])
    assert parsed.encoding == case.get("read_as", "utf-8")


@pytest.mark.parametrize("name", [name for name in CASES if "cues" in CASES[name]])
def test_a_broken_file_is_repaired_to_what_players_and_services_take(name: str) -> None:
    case = CASES[name]
    checked = check_captions(data_of(case), language=case.get("language", "en"))
    repaired = checked.repaired
    assert undo(repaired.cues, repaired.applied) == checked.parsed.cues
    assert repair(repaired.cues).applied == ()
    left = [cue for cue in repaired.cues if cue.start_ms >= 0 and cue.end_ms >= 0]
    if left:
        again = parse_srt(compose_srt(left).encode())
        assert list(again.cues) == left
        assert again.findings == ()


def test_the_corpus_is_as_large_and_as_foreign_as_it_should_be() -> None:
    sources = Counter(case["source"] for case in CASES.values())
    assert len(CASES) >= 120
    assert sources["listed"] <= len(CASES) / 2


def test_no_two_cases_are_the_same() -> None:
    assert len({(data_of(case), case.get("language")) for case in CASES.values()}) == len(CASES)


# Pieces of captions in any order: what mutated files look like.
pieces = st.sampled_from(
    [
        *(
            "\n",
            "\n\n",
            "\n\n\n",
            " ",
            "\t",
            "word",
            "<i></i>",
            "1",
            "2",
            "3",
            "7",
            "-",
            "♪",
            "\u3000",
        ),
        *("\n1\n00:00:01,000 --> 00:00:02,000\n", "\n\n2\n00:00:02,000 --> 00:00:03,000\n"),
        *("00:00:01,000 -->", "00:00:03,000 -> 00:00:04,000", "00:03.5 --> 00:04.5 line:0"),
        *("\n3\n00:00:61,000 --> 00:00:62,000\nyes\n", "12:30", "-00:00:01,000 --> 00:00:02,000"),
    ]
)


@given(st.lists(pieces, max_size=14).map("".join))
@settings(max_examples=300)
def test_the_quick_way_to_read_is_the_same_as_the_thorough_one(text: str) -> None:
    strict = read_strictly(text)
    if strict is not None:
        assert strict == read_thoroughly(text)


# A finding quotes at most 200 characters.
@given(st.lists(pieces, max_size=14).map("".join).filter(lambda text: len(text) <= 200))
@settings(max_examples=300)
def test_no_text_disappears_without_being_told(text: str) -> None:
    cues, findings = read_cues(text)
    if cues:
        kept = "\n".join(cue.text for cue in cues)
        told = kept + "".join(finding.message for finding in findings)
        for word in ("word", "yes", "♪"):
            assert told.count(word) >= min(text.count(word), 3)


valid_lines = st.text(
    st.characters(exclude_characters="\ufeff", exclude_categories=("Cc", "Cs")),
    min_size=1,
    max_size=20,
).filter(lambda line: "-->" not in line and line.strip() == line)
valid_cues = st.lists(
    st.builds(
        Cue,
        st.integers(0, 359_999_999),
        st.integers(0, 359_999_999),
        st.lists(valid_lines, min_size=1, max_size=3).map("\n".join),
    ),
    min_size=1,
    max_size=6,
)


@given(valid_cues, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]))
@settings(deadline=None)
def test_any_valid_captions_come_back_from_their_file(cues: list[Cue], encoding: str) -> None:
    text = compose_srt(cues)
    if encoding == "gb18030" and not text.isascii():
        encoding = "utf-8"  # a guess cannot be held to random letters
    assert list(parse_srt(text.encode(encoding)).cues) == cues
