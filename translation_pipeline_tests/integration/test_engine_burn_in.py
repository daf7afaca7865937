"""Captions as they stand in the picture."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.burn_in import (
    OverlayLine,
    SubtitleStyle,
    write_overlay,
)
from translation_pipeline.localcloud.engine.caption_reader import read_captions
from translation_pipeline.localcloud.engine.encode import burn_into
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.geometry import Region
from translation_pipeline.media import frame_png, probe
from translation_pipeline_tests.integration.engine_clips import (
    HEIGHT,
    PANNING,
    WIDTH,
    clean_clip,
    ffmpeg,
    frame_times_ms,
)

LARGE = SubtitleStyle(font_size=130)
PLAIN = "color=c=0x305070:s=640x360:r=25"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames of one colour."""
    return clean_clip(tmp_path_factory.mktemp("plain") / "plain.mp4", PLAIN, seconds=0.4)


def burn(
    video: Path, folder: Path, text: str, style: SubtitleStyle | None = None, second: str = ""
) -> Path:
    overlay, output = folder / "overlay", folder / "out.mp4"
    overlay.mkdir(parents=True)
    info = probe(video)
    lines = [OverlayLine(Cue(0, 60_000, text), second)]
    write_overlay(lines, style or SubtitleStyle(), overlay, width=info.width, height=info.height)
    burn_into(video, overlay, output)
    return output


def drawn(video: Path) -> npt.NDArray[np.bool_]:
    """Which pixels of the first frame are white."""
    with av.open(BytesIO(frame_png(video, 0)), "r") as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    return np.asarray(picture.min(axis=2) > 180)


def rows_and_columns(pixels: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(pixels)
    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ação", "pães"),
        ("Đường", "nhà ở"),
        ("рассвет", "правда"),
        ("καλημέρα", "ευχαριστώ"),
        ("السلام", "كتاب"),
        ("สวัสดี", "ขอบคุณ"),
        ("नमस्ते", "धन्यवाद"),
    ],
)
def test_each_script_shows_as_letters_and_not_as_boxes(
    plain: Path, tmp_path: Path, one: str, other: str
) -> None:
    length = min(len(one), len(other))
    first = drawn(burn(plain, tmp_path / "1", one[:length], LARGE))
    second = drawn(burn(plain, tmp_path / "2", other[:length], LARGE))

    assert first.sum() > 300
    assert (first ^ second).sum() > 150  # boxes for missing letters would all look the same


def test_arabic_is_joined_and_runs_to_the_left(plain: Path, tmp_path: Path) -> None:
    """Joined letters are narrower than separate ones; a final mark stands at the left."""
    joined = rows_and_columns(drawn(burn(plain, tmp_path / "1", "بببببببب", LARGE)))
    apart = rows_and_columns(drawn(burn(plain, tmp_path / "2", "\u200c".join("بببببببب"), LARGE)))
    assert joined[3] - joined[2] < 0.8 * (apart[3] - apart[2])

    columns = np.nonzero(drawn(burn(plain, tmp_path / "3", "السلام!", LARGE)).any(axis=0))[0]
    leftmost = np.split(columns, np.nonzero(np.diff(columns) > 1)[0] + 1)[0]
    assert len(leftmost) < 10  # the mark is a narrow stroke


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("{chaves}", None),
        ("{\\b1}ok", "ok"),
        ("<i>ok</i>", "ok"),
        ("a\\Nb", None),
        ("um  dois", "um dois"),
    ],
)
def test_text_is_shown_as_it_is_written(
    plain: Path, tmp_path: Path, text: str, same_as: str | None
) -> None:
    pixels = drawn(burn(plain, tmp_path / "1", text, LARGE))
    if same_as is not None:
        assert (pixels == drawn(burn(plain, tmp_path / "2", same_as, LARGE))).all()
    else:
        top, bottom, left, right = rows_and_columns(pixels)
        assert bottom - top < 60  # one line
        assert right - left > 15 * len(text)


def test_the_line_stands_at_its_place_and_size_in_any_resolution(tmp_path: Path) -> None:
    for size in ("640x360", "1280x720", "360x640"):
        folder = tmp_path / size
        folder.mkdir()
        clip = clean_clip(folder / "clip.mp4", f"color=c=0x305070:s={size}:r=25", seconds=0.2)
        pixels = drawn(burn(clip, folder / "burnt", "H", SubtitleStyle(font_size=95)))
        height, width = pixels.shape
        top, bottom, left, right = rows_and_columns(pixels)

        letter = (bottom - top) / min(width, height)
        assert letter == pytest.approx(0.714 * 95 / 1080, rel=0.15)  # cap height of Noto Sans
        assert (top + bottom) / 2 / height == pytest.approx(0.85, abs=0.02)
        assert (left + right) / 2 / width == pytest.approx(0.5, abs=0.01)


def test_a_long_line_wraps_inside_its_width(plain: Path, tmp_path: Path) -> None:
    style = SubtitleStyle(text_width=0.5)
    pixels = drawn(burn(plain, tmp_path, "palavras que não cabem em uma linha curta", style))
    top, bottom, left, right = rows_and_columns(pixels)

    assert left > 0.25 * WIDTH - 2 and right < 0.75 * WIDTH + 2
    assert bottom - top > 30
    assert bottom < HEIGHT


def test_the_second_language_stands_below_and_is_smaller(plain: Path, tmp_path: Path) -> None:
    pixels = drawn(burn(plain, tmp_path, "HHHH", second="HHHH"))
    filled = np.nonzero(pixels.any(axis=1))[0]
    upper, lower = np.split(filled, np.nonzero(np.diff(filled) > 3)[0] + 1)

    assert len(lower) / len(upper) == pytest.approx(0.75, abs=0.12)


def test_a_path_with_odd_characters_is_no_filter_syntax(plain: Path, tmp_path: Path) -> None:
    folder = tmp_path / "it's, [a]; 100%: x=\\y é 漢"
    folder.mkdir()
    video = folder / "in: 'x'.mp4"
    video.write_bytes(plain.read_bytes())

    assert drawn(burn(video, folder / "job", "Olá")).sum() > 100


def test_rate_sound_and_portuguese_survive(tmp_path: Path) -> None:
    clean = clean_clip(tmp_path / "clean.mp4", PANNING, seconds=1.5)
    video = tmp_path / "with-opus.mkv"
    ffmpeg("-i", clean, "-c:v", "copy", "-c:a", "libopus", video)

    result = burn(video, tmp_path, "Não há ninguém aqui, então vamos.", SubtitleStyle(font_size=75))

    info = probe(result)
    assert (info.video_codec, info.audio_codec) == ("h264", "aac")
    assert info.duration_s == pytest.approx(1.5, rel=0.02)
    assert frame_times_ms(result) == frame_times_ms(clean)
    readings = read_captions(result, Region(0.6, 1, 0, 1))
    assert [r.cue.text for r in readings] == ["Não há ninguém aqui, então vamos."]


def test_what_the_encoder_says_is_in_the_error(plain: Path, tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match="The encoder stopped with code") as caught:
        burn_into(plain, tmp_path, tmp_path / "out.mp4")  # a folder without captions
    assert caught.value.code == "EncodingFailed"
    assert list(tmp_path.glob("*.mp4*")) == []
