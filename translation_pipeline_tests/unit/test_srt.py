"""Reading SRT: any bytes become cues and findings or one clear refusal, and nothing gets lost."""

import contextlib

import pysrt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from translation_pipeline.captions.srt import (
    Cue,
    compose_srt,
    from_pysrt,
    has_visible_text,
    parse_srt,
    to_pysrt,
)
from translation_pipeline.errors import CaptionsUnreadable

PLAIN = """\
1
00:00:01,000 --> 00:00:02,500
Hello there

2
00:00:03,000 --> 00:00:04,000
Two
lines
"""
PLAIN_CUES = (Cue(1000, 2500, "Hello there"), Cue(3000, 4000, "Two\nlines"))

# A valid text has no control characters, no byte order marks, and nothing that starts a cue. Nor
# does it end with a number that stands alone after a blank line: that is read as a stray cue
# number, and told.
lines = st.text(
    st.characters(exclude_characters="\ufeff", exclude_categories=("Cc", "Cs")), max_size=30
).filter(lambda line: "-->" not in line)
texts = (
    st.lists(lines, min_size=1, max_size=4)
    .map("\n".join)
    .filter(lambda text: text.split("\n")[0].strip() and text.split("\n")[-1].strip())
    .filter(lambda text: "\n\n" not in text or not text.rpartition("\n\n")[2].isdecimal())
)
times = st.integers(0, 100 * 3_600_000)
cue_lists = st.lists(st.builds(Cue, times, times, texts), min_size=1, max_size=8)


def rules_of(data: bytes) -> list[str]:
    return [finding.rule for finding in parse_srt(data).findings]


@given(cue_lists)
@example([Cue(0, 1, "```")])
@example([Cue(0, 1, "Say ~{~} or ~{this~}")])
@example([Cue(0, 1, "~{VPND~} 中")])
@example([Cue(0, 1, "\ue000\uf8ff\U000f0000\U0010fffd")])
def test_what_was_composed_is_read_back(cues: list[Cue]) -> None:
    parsed = parse_srt(compose_srt(cues).encode())
    assert list(parsed.cues) == cues
    assert not [finding for finding in parsed.findings if finding.severity == "error"]


@given(st.binary(max_size=200))
@settings(deadline=None)  # the first guess of an encoding loads the language model
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(CaptionsUnreadable):
        parse_srt(data)


@given(
    cue_lists,
    st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=4)), min_size=1, max_size=6),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030"]),
)
@settings(max_examples=200, deadline=None)
def test_damaged_files_are_read_or_refused(
    cues: list[Cue], damages: list[tuple[int, bytes]], encoding: str
) -> None:
    data = compose_srt(cues).encode(encoding)
    for position, replacement in damages:
        data = data[:position] + replacement + data[position + 2 :]
    with contextlib.suppress(CaptionsUnreadable):
        parsed = parse_srt(data)
        assert parsed.cues


# Pieces that SRT files are made of, in any order: what a mutated file looks like to the parser.
pieces = st.sampled_from(
    [
        *("\n", "\n\n", "\r\n", " ", "\t", "word", "<i></i>", "1", "2", "7"),
        *("00:00:01,000 --> 00:00:02,000", "00:00:01,000 -->", "00:00:0x --> 00:00:02"),
        "00:03.5 --> 00:04.5 align:start",
    ]
)


# A finding quotes at most 80 characters.
@given(st.lists(pieces, max_size=12).map("".join).filter(lambda text: len(text) <= 80))
def test_no_word_disappears_without_a_finding(text: str) -> None:
    try:
        parsed = parse_srt(text.encode())
    except CaptionsUnreadable:
        return
    told = "".join(cue.text for cue in parsed.cues) + "".join(
        finding.message for finding in parsed.findings
    )
    assert told.count("word") == text.count("word")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"],
)
def test_line_ends_and_encodings_make_no_difference(encoding: str, newline: str) -> None:
    text = PLAIN.replace("Hello", "Olá 你好").replace("\n", newline)
    first, second = parse_srt(text.encode(encoding)).cues
    assert first == Cue(1000, 2500, "Olá 你好 there")
    assert second == PLAIN_CUES[1]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", "我们今天去哪里吃饭？他说的话你别当真"),
        ("big5", "我們今天去哪裡吃飯？他說的話你別當真"),
        ("cp932", "今日はどこへ行きますか？そうですね"),
        ("cp949", "오늘 어디로 갈까요? 그냥 집에 있자"),
        ("cp1251", "Куда мы сегодня пойдём? Останемся дома"),
        ("cp1256", "إلى أين نذهب اليوم؟ لنبق في البيت"),
        ("cp874", "วันนี้เราจะไปไหนกันดี อยู่บ้านดีกว่า"),
    ],
)
def test_older_encodings_are_recognised_and_told(encoding: str, text: str) -> None:
    parsed = parse_srt(PLAIN.replace("Hello there", text).encode(encoding))
    assert parsed.cues[0].text == text
    assert parsed.encoding == encoding
    assert [finding.rule for finding in parsed.findings] == ["encoding_guessed"]


def test_one_damaged_byte_does_not_change_the_encoding_of_the_rest() -> None:
    data = PLAIN.replace("Hello there", "今天我们去哪里吃饭").encode()
    parsed = parse_srt(data.replace("吃".encode(), b"\xe5\x90"))
    assert parsed.cues[0].text == "今天我们去哪里\ufffd饭"
    assert [(f.rule, f.severity) for f in parsed.findings] == [("undecodable_bytes", "error")]


@pytest.mark.parametrize(
    ("times", "start_ms", "end_ms"),
    [
        ("00:00:01.000 --> 00:00:02.500", 1000, 2500),
        ("0:0:1,0 --> 0:0:2,5", 1000, 2500),
        ("00:01,000 --> 00:02,50", 1000, 2500),
        ("00:00:01 --> 00:00:02,500", 1000, 2500),
        ("  00:00:01,000-->00:00:02,500  ", 1000, 2500),
        ("100:00:01,000 --> 100:00:02,500", 360_001_000, 360_002_500),
        ("00:00:01,000000 --> 00:00:02,500999", 1000, 2500),
        ("00:00:61,000 --> 00:75:00,000", 61_000, 4_500_000),
        ("-00:00:01,000 --> 00:00:02,500", -1000, 2500),
    ],
)
def test_times_in_odd_forms_are_read(times: str, start_ms: int, end_ms: int) -> None:
    parsed = parse_srt(f"1\n{times}\nHello\n".encode())
    assert parsed.cues == (Cue(start_ms, end_ms, "Hello"),)


@pytest.mark.parametrize(
    "times",
    [
        "00: 00: 01,000 --> 00: 00: 02,500",
        "00 : 00 : 01 , 000 - -> 00:00:02,500",
        "00:00:01,000 -> 00:00:02,500",
        "00:00:01,000 → 00:00:02,500",
        "00:00:01,000 –> 00:00:02,500",
        "00:00:01,000 --&gt; 00:00:02,500",
        "00:00:01,000 > 00:00:02,500",
        "００：００：０１，０００ --> ００：００：０２，５００",
        "\u200f00:00:01,000\u200f --> \u200f00:00:02,500",
        "OO:00:0l,000 --> 00:00:02,5O0",
        "00:00:01:000 --> 00:00:02:500",
        "00:00:01;000 --> 00:00:02;500",
        "00.00.01,000 --> 00.00.02,500",
        "00:00:01 000 --> 00:00:02 500",
        "[00:00:01.000 --> 00:00:02.500]",
        "7 00:00:01,000 --> 00:00:02,500",
    ],
)
def test_times_that_players_refuse_are_mended_and_told(times: str) -> None:
    parsed = parse_srt(f"1\n{times}\nHello\n\n2\n00:00:03,000 --> 00:00:04,000\nBye\n".encode())
    assert parsed.cues == (Cue(1000, 2500, "Hello"), Cue(3000, 4000, "Bye"))
    assert [finding.rule for finding in parsed.findings] == ["mended"]


def test_blank_lines_inside_a_cue_belong_to_it() -> None:
    data = PLAIN.replace("Two\nlines", "Two\n\n\nlines\n\n1984").encode()
    assert parse_srt(data).cues[1].text == "Two\n\n\nlines\n\n1984"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("1\n00", "00").replace("2\n00", "00"),  # no numbers
        PLAIN.replace("2\n00", "1\n00"),  # repeated
        PLAIN.replace("1\n00", "0\n00").replace("2\n00", "9\n00"),
    ],
)
def test_numbers_do_not_matter_but_are_told(text: str) -> None:
    parsed = parse_srt(text.encode())
    assert parsed.cues == PLAIN_CUES
    assert [(f.rule, f.severity) for f in parsed.findings] == [("numbering", "warning")]


def test_without_blank_lines_between_cues_the_due_numbers_separate_them() -> None:
    parsed = parse_srt(PLAIN.replace("\n\n", "\n").encode())
    assert parsed.cues == PLAIN_CUES
    assert parsed.findings == ()


def test_with_a_blank_line_after_every_line_the_cues_are_the_same() -> None:
    parsed = parse_srt(PLAIN.replace("Two\nlines", "Two lines").replace("\n", "\n\n").encode())
    assert parsed.cues == (PLAIN_CUES[0], Cue(3000, 4000, "Two lines"))
    assert parsed.findings == ()


def test_digits_as_the_last_line_of_a_text_stay_text() -> None:
    text = "00:00:01,000 --> 00:00:02,000\nSince\n1984\n00:00:03,000 --> 00:00:04,000\nNow\n"
    first, second = parse_srt(text.encode()).cues
    assert (first.text, second.text) == ("Since\n1984", "Now")


def test_arrows_in_a_text_are_text() -> None:
    data = PLAIN.replace("Hello there", "left --> right\n12:30 --> noon").encode()
    assert parse_srt(data).cues[0].text == "left --> right\n12:30 --> noon"


def test_a_cue_without_text_is_kept_and_told_with_its_line() -> None:
    parsed = parse_srt(PLAIN.replace("Hello there", " ").encode())
    assert parsed.cues == (Cue(1000, 2500, ""), PLAIN_CUES[1])
    (finding,) = parsed.findings
    assert (finding.rule, finding.severity) == ("empty_cue", "warning")
    assert (finding.cue_number, finding.line) == (1, 2)


@pytest.mark.parametrize(
    "times",
    [
        "00:00:0x,000 --> 00:00:02,000",
        "00:0x:01,000 --> 00:00:02,000 align:start",
        "00:00:01:12 --> 00:00:02:12",
        "00:00:01,000 -->",
        "--> 00:00:02,000",
        "00:00:01,000 --> 00:00:02,000 00:00:02,000 --> 00:00:03,000",
    ],
)
def test_a_cue_whose_times_cannot_be_read_blocks_with_its_text(times: str) -> None:
    parsed = parse_srt(PLAIN.replace("00:00:01,000 --> 00:00:02,500", times).encode())
    assert parsed.cues == (PLAIN_CUES[1],)
    (finding,) = [finding for finding in parsed.findings if finding.severity == "error"]
    assert (finding.rule, finding.line) == ("times_unreadable", 2)
    assert "Hello there" in finding.message


def test_positions_are_dropped_and_text_beside_times_is_kept() -> None:
    data = PLAIN.replace("02,500", "02,500 X1:40 X2:600 Y1:20 Y2:50").replace("04,000", "04,000 Oh")
    parsed = parse_srt(data.encode())
    assert parsed.cues == (PLAIN_CUES[0], Cue(3000, 4000, "Oh\nTwo\nlines"))
    assert [finding.rule for finding in parsed.findings] == ["position", "text_beside_times"]


def test_text_before_the_first_cue_is_told() -> None:
    assert rules_of(f"Subtitles by me\n\n{PLAIN}".encode()) == ["text_before_first_cue"]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "empty"),
        (b"\r\n \n", "empty"),
        (b"\x00" * 64, "empty"),
        (b"\x00\x00\x00\x18ftypmp42\xff\xfe\x00", "an MP4 or MOV video"),
        (b"PK\x03\x04\xff\xff\x00", "a ZIP archive"),
        (bytes(range(256)), "binary data"),
        (b"\xc0\xc1\xff no arrow", "no caption time"),
        (b"WEBVTT\n\nNOTE nothing\n", "WebVTT"),
        (b"[Script Info]\nTitle: x\n", "ASS"),
        (b"{10}{20}Hello\n", "MicroDVD"),
        (
            b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>",
            "an error message of a storage service",
        ),
        (b'{"message": "no"}', "JSON"),
        (b"Just a text about 12:30.\n", "no caption time"),
        (b"1\n00:00:aa --> 00:00:02,000\nHi\n", "no caption time"),
    ],
)
def test_what_is_no_srt_is_refused_by_its_name(data: bytes, what: str) -> None:
    with pytest.raises(CaptionsUnreadable, match=what):
        parse_srt(data)


def test_long_odd_lines_are_read_in_linear_time() -> None:
    odd = [":1" * 50_000 + " x -->", "00:00:01,000 --> 00:00:02,000" + " " * 100_000 + "x"]
    odd += ["<i" * 50_000, "{\\" * 50_000, "\r" * 100_000, "1" * 100_000]
    text = PLAIN + "".join(f"\n{line}\n{PLAIN}" for line in odd)
    assert len(parse_srt(text.encode()).cues) == 2 * (len(odd) + 1) + 1


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("Hi", True),
        ("<3", True),
        ("<i>Hi</i>", True),
        ("<hello>", True),
        ("♪", True),
        ("", False),
        (" \n\t", False),
        ("<i> </i>", False),
        ('<font color="red"></font>', False),
        ("{\\an8}", False),
        ("\u200b\ufeff", False),
    ],
)
def test_visible_text(text: str, visible: bool) -> None:
    assert has_visible_text(text) == visible


@given(st.lists(st.builds(Cue, times, times, st.text("ab é中", min_size=1)), max_size=5))
def test_cues_go_through_pysrt_unchanged(cues: list[Cue]) -> None:
    assert list(from_pysrt(to_pysrt(cues))) == cues


def test_pysrt_reads_what_is_composed() -> None:
    assert from_pysrt(pysrt.from_string(compose_srt(PLAIN_CUES))) == PLAIN_CUES
