"""Captions as an ASS file that libass draws into the picture.

Sizes are in units of a picture whose shorter side is 1080, so that a style looks the same at 720p,
at 4K and in a vertical video.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from translation_pipeline.captions.srt import Cue, visible_text
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.fonts import Font, bundled_fonts, runs_of

REFERENCE_SIDE = 1080  # the shorter side of the picture in style units
SECOND_LANGUAGE_SCALE = 0.75  # size of the source line under the translated one
LINE_SPACING_EM = 1.36  # height of a line, for placing only
FONTS_FOLDER = "fonts"
CAPTIONS_FILE = "captions.ass"

LINE_BREAK = "\\N"

Alignment = Literal["Left", "Center", "Right"]


@dataclass(frozen=True)
class SubtitleStyle:
    """How captions look: the service's SubtitleConfig (ims.md section 4.6).

    The sheet's sources disagree on the origin of Y. Here it is the top left (0.85 is near the
    bottom), as for DetextArea and OcrArea. The point (x, y) is the middle of a single line; a
    block of several lines grows upwards in the lower half and downwards in the upper half. A
    block that would leave the picture sideways is moved inside.
    """

    font: str = ""  # a family name; a script that it does not cover takes the bundled font
    font_size: float = 60  # em in units of the reference side; 60, 95, 130: small, medium, large
    colour: str = "#ffffff"
    opacity: float = 1.0
    x: float = 0.5
    y: float = 0.85
    text_width: float = 0.9
    alignment: Alignment = "Center"
    border_style: int = 1  # 1 outline, 3 opaque box
    outline: float = 3
    wraps: bool = True

    @classmethod
    def from_ims(cls, config: Mapping[str, Any]) -> SubtitleStyle:
        """The style that a SubtitleConfig object asks for; absent fields take the defaults.

        Raises:
            JobFailed: `InvalidParameter`, naming the field.
        """
        kind = config.get("Type", "Text")
        if kind != "Text":
            raise _invalid("Type", kind, "Text")
        default = cls()
        alignment = config.get("Alignment", default.alignment)
        if alignment not in ("Left", "Center", "Right"):
            raise _invalid("Alignment", alignment, "Left, Center or Right")
        border_style = config.get("BorderStyle", default.border_style)
        if border_style not in (1, 3):
            raise _invalid("BorderStyle", border_style, "1 (outline) or 3 (box)")
        colour = str(config.get("FontColor", default.colour))
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
            raise _invalid("FontColor", colour, "a colour such as #ffffff")
        return cls(
            font=str(config.get("Font", default.font)),
            font_size=_number(config, "FontSize", default.font_size, 0, REFERENCE_SIDE / 2),
            colour=colour,
            opacity=_number(config, "FontColorOpacity", default.opacity, 0, 1),
            x=_number(config, "X", default.x, 0, 1),
            y=_number(config, "Y", default.y, 0, 1),
            text_width=_number(config, "TextWidth", default.text_width, 0.05, 1),
            alignment=alignment,
            border_style=border_style,
            outline=_number(config, "Outline", default.outline, 0, 100),
            wraps=config.get("AdaptMode", "AutoWrap") == "AutoWrap",
        )

    @property
    def is_hidden(self) -> bool:
        """Size 0 asks for no burnt-in text (ims.md section 4.5, SpeechTranslate)."""
        return self.font_size == 0


@dataclass(frozen=True)
class OverlayLine:
    """One caption on screen: the text, and below it the text in the second language if any."""

    cue: Cue
    second_text: str = ""


def write_overlay(
    lines: Iterable[OverlayLine], style: SubtitleStyle, folder: Path, *, width: int, height: int
) -> None:
    """Write `captions.ass` and the needed fonts into `folder` for a picture of that size.

    Raises:
        JobFailed: `FontMissing`.
    """
    play_width, play_height = _play_size(width, height)
    fonts: dict[Path, Font] = {}
    events = [_event(line, style, fonts) for line in lines]
    header = _header(style, play_width, play_height)
    text = header + "".join(f"{event}\n" for event in events)
    (folder / CAPTIONS_FILE).write_text(text, encoding="utf-8")
    fonts_folder = folder / FONTS_FOLDER
    fonts_folder.mkdir(exist_ok=True)
    for number, path in enumerate(fonts):
        shutil.copyfile(path, fonts_folder / f"{number}{path.suffix}")


def _invalid(field: str, value: object, expected: str) -> JobFailed:
    return JobFailed(
        "InvalidParameter", f"SubtitleConfig.{field} is {value!r}; it has to be {expected}."
    )


def _number(
    config: Mapping[str, Any], field: str, default: float, least: float, most: float
) -> float:
    value = config.get(field, default)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise _invalid(field, value, f"a number from {least} to {most:g}") from None
    if not least <= number <= most:
        raise _invalid(field, value, f"a number from {least} to {most:g}")
    return number


def _play_size(width: int, height: int) -> tuple[int, int]:
    scale = REFERENCE_SIDE / min(width, height)
    return round(width * scale), round(height * scale)


def _header(style: SubtitleStyle, play_width: int, play_height: int) -> str:
    half = style.text_width / 2
    centre_x = min(max(style.x, half), 1 - half)
    left = round((centre_x - half) * play_width)
    right = round((1 - centre_x - half) * play_width)
    in_upper_half = style.y < 0.5
    edge = style.y if in_upper_half else 1 - style.y
    margin = max(0, round(edge * play_height - style.font_size * LINE_SPACING_EM / 2))
    column = {"Left": 1, "Center": 2, "Right": 3}[style.alignment]
    alignment = column + 6 if in_upper_half else column
    font = bundled_fonts()[0]
    size = style.font_size * font.line_height_em
    colour = _ass_colour(style.colour, style.opacity)
    outline_colour = _ass_colour("#000000", style.opacity)
    wrap_style = 0 if style.wraps else 2
    # Encoding -1 lets libass find the base direction of each line (Arabic, Hebrew).
    return (
        "[Script Info]\n"
        "ScriptType: v4.00+\n"
        f"PlayResX: {play_width}\nPlayResY: {play_height}\n"
        f"WrapStyle: {wrap_style}\nScaledBorderAndShadow: yes\nYCbCr Matrix: None\n\n"
        "[V4+ Styles]\n"
        "Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, "
        "BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, "
        "BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\n"
        f"Style: Default,{font.family},{size:.2f},{colour},{colour},{outline_colour},"
        f"{outline_colour},0,0,0,0,100,100,0,0,{style.border_style},{style.outline:g},0,"
        f"{alignment},{left},{right},{margin},-1\n\n"
        "[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    )


def _ass_colour(colour: str, opacity: float) -> str:
    """ASS wants transparency, blue, green, red."""
    red, green, blue = colour[1:3], colour[3:5], colour[5:7]
    return f"&H{round((1 - opacity) * 255):02X}{blue}{green}{red}".upper()


def _event(line: OverlayLine, style: SubtitleStyle, fonts: dict[Path, Font]) -> str:
    rows = _rows(line.cue.text, style, style.font_size, fonts)
    if line.second_text:
        second_size = style.font_size * SECOND_LANGUAGE_SCALE
        rows += _rows(line.second_text, style, second_size, fonts)
    start, end = _ass_time(line.cue.start_ms), _ass_time(line.cue.end_ms)
    return f"Dialogue: 0,{start},{end},Default,,0,0,0,,{LINE_BREAK.join(rows)}"


def _rows(text: str, style: SubtitleStyle, size: float, fonts: dict[Path, Font]) -> list[str]:
    return [_row(row, style, size, fonts) for row in visible_text(text).splitlines() if row.strip()]


def _row(row: str, style: SubtitleStyle, size: float, fonts: dict[Path, Font]) -> str:
    parts = []
    for run in runs_of(" ".join(row.split()), preferred_family=style.font):
        fonts.setdefault(run.font.path, run.font)
        scaled = size * run.font.line_height_em
        parts.append(f"{{\\fn{run.font.family}\\fs{scaled:.2f}}}{_escaped(run.text)}")
    return "".join(parts)


def _escaped(text: str) -> str:
    r"""Text that libass shows literally.

    A backslash before n, N, h or a brace would start a command: a word joiner parts the two.
    """
    return text.replace("\\", "\\\u2060").replace("{", "\\{").replace("}", "\\}")


def _ass_time(ms: int) -> str:
    """`H:MM:SS.cc`, rounded to hundredths of a second, the finest that ASS knows."""
    hundredths = round(max(ms, 0) / 10)
    seconds, hundredths = divmod(hundredths, 100)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}.{hundredths:02d}"
