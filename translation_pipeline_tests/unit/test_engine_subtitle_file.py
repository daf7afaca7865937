"""Subtitle files of jobs: strict where the service is strict."""

from __future__ import annotations

from pathlib import Path

import pytest

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.subtitle_file import read_subtitle, split_bilingual

GOOD = "1\n00:00:01,000 --> 00:00:02,000\nHello\nthere\n\n2\n00:00:03,000 --> 00:00:04,500\nBye\n"


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())

    assert read_subtitle(path) == [Cue(1000, 2000, "Hello\nthere"), Cue(3000, 4500, "Bye")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (GOOD.replace("Bye\n", "\n"), "no text"),
        (GOOD.replace("Bye\n", "<i> </i>\n"), "no text"),
        (GOOD.replace("00:00:04,500", "00:00:03,000"), "does not end"),
        (GOOD.replace("00:00:03,000 -->", "00:xx:03,000 -->"), "cannot be read"),
        ("", "0 bytes"),
        ("hello", "no caption time"),
    ],
)
def test_one_bad_cue_makes_the_file_invalid(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "a.srt"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(JobFailed, match=rf"InputConfig\.Subtitle is invalid: .*{reason}") as caught:
        read_subtitle(path)
    assert caught.value.code == "InvalidSubtitle"


@pytest.mark.parametrize("path", [None, Path("/nowhere/a.srt")])
def test_a_missing_file_is_invalid(path: Path | None) -> None:
    with pytest.raises(JobFailed) as caught:
        read_subtitle(path)
    assert caught.value.code == "InvalidSubtitle"


def test_bilingual_cues_are_halved() -> None:
    upper, lower = split_bilingual([Cue(0, 1, "a\nb\nc\nd"), Cue(2, 3, "e\nf")])

    assert (upper, lower) == (
        [Cue(0, 1, "a\nb"), Cue(2, 3, "e")],
        [Cue(0, 1, "c\nd"), Cue(2, 3, "f")],
    )


def test_a_cue_in_one_language_cannot_be_halved() -> None:
    with pytest.raises(JobFailed, match="Cue 2 has 1 lines"):
        split_bilingual([Cue(0, 1, "a\nb"), Cue(2, 3, "c")])
