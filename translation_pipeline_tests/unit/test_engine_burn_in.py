"""The style of captions and the ASS file that says it to libass."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.burn_in import (
    OverlayLine,
    SubtitleStyle,
    write_overlay,
)
from translation_pipeline.localcloud.engine.errors import JobFailed


def overlay(folder: Path, text: str, style: SubtitleStyle, second: str = "") -> str:
    line = OverlayLine(Cue(1234, 3661_005, text), second)
    write_overlay([line], style, folder, width=1280, height=720)
    return (folder / "captions.ass").read_text(encoding="utf-8")


def style_fields(ass: str) -> dict[str, str]:
    names, values = (re.search(rf"^{name}: (.*)$", ass, re.M) for name in ("Format", "Style"))
    assert names and values
    return dict(zip(names[1].split(", "), values[1].split(","), strict=True))


def test_the_style_of_the_service_is_understood() -> None:
    style = SubtitleStyle.from_ims(
        {
            "Type": "Text",
            "FontSize": 95,
            "Font": "Alibaba PuHuiTi",
            "FontColor": "#12aBef",
            "FontColorOpacity": 0.5,
            "X": 0.5,
            "Y": 0.15,
            "TextWidth": 0.8,
            "Alignment": "Center",
            "BorderStyle": 1,
            "Outline": 2,
            "AdaptMode": "AutoWrap",
        }
    )

    assert style == SubtitleStyle("Alibaba PuHuiTi", 95, "#12aBef", 0.5, 0.5, 0.15, 0.8, outline=2)
    assert SubtitleStyle.from_ims({}) == SubtitleStyle()
    assert SubtitleStyle.from_ims({"FontSize": 0}).is_hidden


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("FontColor", "white"),
        ("FontSize", "big"),
        ("FontSize", -1),
        ("Y", 1.2),
        ("FontColorOpacity", 255),
        ("Alignment", "Middle"),
        ("BorderStyle", 2),
        ("Type", "Sticker"),
        ("X", None),
        ("Y", float("nan")),
    ],
)
def test_a_wrong_style_names_its_field(field: str, value: Any) -> None:
    with pytest.raises(JobFailed, match=rf"SubtitleConfig\.{field} is ") as caught:
        SubtitleStyle.from_ims({field: value})
    assert caught.value.code == "InvalidParameter"


def test_colour_position_and_width_reach_the_file(tmp_path: Path) -> None:
    style = SubtitleStyle(colour="#102030", opacity=0.5, y=0.85, text_width=0.8, font_size=60)
    fields = style_fields(overlay(tmp_path, "Olá", style))

    assert fields["PrimaryColour"] == "&H80302010"
    assert fields["Alignment"] == "2"
    assert (fields["MarginL"], fields["MarginR"]) == ("192", "192")
    assert 0.85 * 1080 < 1080 - float(fields["MarginV"]) < 0.9 * 1080


def test_captions_at_the_top_grow_downwards(tmp_path: Path) -> None:
    fields = style_fields(overlay(tmp_path, "Olá", SubtitleStyle(y=0.15, alignment="Left")))

    assert fields["Alignment"] == "7"
    assert 0.1 * 1080 < float(fields["MarginV"]) < 0.15 * 1080


def test_a_block_stays_inside_the_picture(tmp_path: Path) -> None:
    fields = style_fields(overlay(tmp_path, "Olá", SubtitleStyle(x=0.05, text_width=0.9)))

    assert (fields["MarginL"], fields["MarginR"]) == ("0", "192")


def test_times_and_both_languages_are_in_one_event(tmp_path: Path) -> None:
    ass = overlay(tmp_path, "Um\nDois", SubtitleStyle(), "One")

    event = ass.splitlines()[-1]
    assert event.startswith("Dialogue: 0,0:00:01.23,1:01:01.00,")
    sizes = [float(size) for size in re.findall(r"\\fs([0-9.]+)", event)]
    assert event.count("\\N") == 2
    assert sizes[0] == sizes[1] > sizes[2]


@given(st.text(st.sampled_from("ab{}\\Nnh,;:'[]% \n<i>/é"), min_size=1, max_size=30))
def test_no_text_becomes_a_command(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    ass = overlay(tmp_path_factory.mktemp("overlay"), text, SubtitleStyle())

    events = [line for line in ass.splitlines() if line.startswith("Dialogue")]
    assert len(events) == 1
    shown = events[0].split(",", 9)[9]
    commands = re.findall(r"(?<!\\)\{[^}]*\}", shown)
    assert all(re.fullmatch(r"\{\\fn[\w ]+\\fs[0-9.]+\}", command) for command in commands)
    breaks = re.sub(r"(?<!\\)\{[^}]*\}", "", shown)
    assert breaks.count("\\N") <= text.count("\n")
    assert "\\n" not in breaks and "\\h" not in breaks
