"""Every character gets a font that has it, or the job fails."""

from __future__ import annotations

from pathlib import Path

import fontpkg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translation_pipeline.localcloud.engine import fonts
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.fonts import CJK_FONT_VARIABLE, runs_of


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without installed fonts."""
    monkeypatch.setattr(fonts, "_installed_font_files", lambda: ())
    monkeypatch.delenv(CJK_FONT_VARIABLE, raising=False)
    fonts._font_with.cache_clear()


@pytest.mark.usefixtures("bare_machine")
@pytest.mark.parametrize(
    ("line", "families"),
    [
        ("Olá, ação! Đường về nhà", ["Noto Sans"]),
        ("Мы уходим. Ελλάδα", ["Noto Sans"]),
        ("السلام عليكم، Netflix 42؟", ["Noto Sans Arabic"]),
        ("สวัสดีครับ", ["Noto Sans Thai"]),
        ("नमस्ते", ["Noto Sans"]),
        ("Привет, สวัสดี!", ["Noto Sans", "Noto Sans Thai", "Noto Sans"]),
    ],
)
def test_scripts_have_fonts(line: str, families: list[str]) -> None:
    runs = runs_of(line)

    assert [run.font.family for run in runs] == families
    assert "".join(run.text for run in runs) == line


@pytest.mark.usefixtures("bare_machine")
def test_a_script_without_a_font_fails_the_job_and_says_what_to_do() -> None:
    with pytest.raises(JobFailed, match="U\\+4F60.*Noto Sans CJK.*" + CJK_FONT_VARIABLE) as caught:
        runs_of("Olá 你好")
    assert caught.value.code == "FontMissing"


@pytest.mark.usefixtures("bare_machine")
def test_symbols_without_a_font_are_left_out() -> None:
    assert "".join(run.text for run in runs_of("♪ Lá 😀\ufe0f\u200b!")) == " Lá !"


@pytest.mark.usefixtures("bare_machine")
def test_a_configured_font_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    thai = fontpkg.path("noto-sans-thai")
    monkeypatch.setattr(fonts, "bundled_fonts", lambda: (fonts._read_font(NOTO_SANS),))
    monkeypatch.setenv(CJK_FONT_VARIABLE, str(thai))

    assert [run.font.path for run in runs_of("สวัสดี")] == [thai]


@pytest.mark.usefixtures("bare_machine")
def test_a_configured_file_that_is_no_font_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "font.ttf").write_bytes(b"no font")
    monkeypatch.setenv(CJK_FONT_VARIABLE, str(tmp_path / "font.ttf"))

    with pytest.raises(JobFailed, match=r"font\.ttf, which is no font file"):
        runs_of("你好")


NOTO_SANS = fontpkg.path("noto-sans")


@given(st.text(st.sampled_from("aЯع ไก!क9é"), max_size=20))
def test_no_character_is_lost_and_each_is_covered(line: str) -> None:
    runs = runs_of(line)

    assert "".join(run.text for run in runs) == line
    assert all(run.font.covers(character) for run in runs for character in run.text)
