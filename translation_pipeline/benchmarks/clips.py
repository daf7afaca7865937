"""Videos with burnt-in captions whose texts and times are known, rendered anew each time.

Everything is drawn by the FFmpeg binary and libass from a seed: a moving background, and white
text with a black outline over it, at times that fall on no sampling grid. No clip is stored.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

import cv2
import fontpkg
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.geometry import Region

Background = Literal["mandelbrot", "test card", "photo", "animation", "plain"]
Language = Literal["ch", "en"]

BOTTOM = Region(top=0.75, bottom=1, left=0, right=1)
TOP = Region(top=0, bottom=0.25, left=0, right=1)

FRAMES_PER_SECOND = 25
FONT_SHARE = 0.078  # font size as a share of the shorter side: 56 px at 720p
OUTLINE_SHARE = 0.06  # outline as a share of the font size
MARGIN_SHARE = 0.055  # distance from the edge as a share of the height
RENDER_TIMEOUT_S = 300

# Milliseconds. A gap of 0 is a hard change from one caption to the next.
SHOWN_MS = (900, 3200)
SHORT_SHOWN_MS = (440, 900)  # for one-word captions
GAPS_MS = (0, 0, 130, 330, 520, 840)

_BACKGROUNDS = {
    "mandelbrot": "mandelbrot=size=640x360:rate=25:maxiter=900,scale={w}:{h}",
    "test card": "testsrc2=size={w}x{h}:rate=25",
    "animation": "gradients=size={w}x{h}:rate=25:nb_colors=5:seed=3:speed=0.04,"
    "drawgrid=w=97:h=61:t=5:c=white@0.5,scroll=h=0.003:v=0.002",
    "plain": "color=c=gray:size={w}x{h}:rate=25",
    "photo": "loop=loop=-1:size=1,fps=25,crop={w}:{h}:'160+150*sin(t/2.3)':'120+110*cos(t/3.1)'",
}


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip to render. `name` may be any text; equal clips give equal captions."""

    name: str
    language: Language
    background: Background
    seed: int
    duration_s: int = 30
    width: int = 1280
    height: int = 720
    at_top: bool = False
    fade_ms: int = 0

    @property
    def region(self) -> Region:
        """Where to look for the captions: a quarter of the frame."""
        return TOP if self.at_top else BOTTOM


def cues_of(clip: Clip) -> list[Cue]:
    """The captions of the clip, in centiseconds (the grain of the ASS format), as it shows them.

    One text is shown twice with a gap of 400 ms: two captions, not one.
    """
    rng = random.Random(clip.seed)  # noqa: S311  (repeatable texts, no secret)
    lines = _lines(clip.language)
    rng.shuffle(lines)
    if clip.width < clip.height:
        lines = [line for line in lines if len(line) <= clip.width * 25 // 720]
    cues: list[Cue] = []
    start_ms = rng.randrange(300, 900, 10)
    for number, line in enumerate(lines):
        shown_ms = rng.randrange(*(SHOWN_MS if len(line) > 4 else SHORT_SHOWN_MS), 10)
        end_ms = start_ms + shown_ms
        if end_ms > clip.duration_s * 1000 - 300:
            break
        text = line.replace("\\N", "\n")
        cues.append(Cue(start_ms, end_ms, text))
        start_ms = end_ms + rng.choice(GAPS_MS)
        if number == 1:
            cues.append(Cue(end_ms + 400, end_ms + 1590, text))
            start_ms = end_ms + 1590 + 270
    return cues


def render(clip: Clip, folder: Path) -> Path:
    """Write the clip as H.264 into `folder` and return its path.

    Raises:
        RuntimeError: FFmpeg failed; the text is what it said.
    """
    work = Path(tempfile.mkdtemp(dir=folder))
    (work / "fonts").mkdir()
    family = _place_font(clip.language, work / "fonts")
    (work / "captions.ass").write_text(_ass(clip, family), encoding="utf-8")
    background = _BACKGROUNDS[clip.background].format(w=clip.width, h=clip.height)
    source = ["-f", "lavfi", "-i", background]
    filters = "ass=captions.ass:fontsdir=fonts"
    if clip.background == "photo":
        _draw_photo(work / "photo.png", clip)
        source, filters = ["-i", "photo.png"], f"{background},{filters}"
    output = work / "clip.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *source]
    command += ["-t", str(clip.duration_s), "-vf", filters, "-c:v", "libx264"]
    command += ["-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p", output.name]
    done = subprocess.run(
        command, cwd=work, capture_output=True, text=True, timeout=RENDER_TIMEOUT_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"FFmpeg could not render the clip {clip.name!r}: {done.stderr.strip()}")
    return output


@cache
def _data(name: str) -> bytes:
    return files("translation_pipeline.benchmarks").joinpath("data", name).read_bytes()


def _lines(language: Language) -> list[str]:
    name = {"ch": "lines.zh.txt", "en": "lines.en.txt"}[language]
    return _data(name).decode("utf-8").splitlines()


def _place_font(language: Language, folder: Path) -> str:
    """Put the font of the language into `folder`; returns its family name."""
    if language == "ch":
        (folder / "captions.otf").write_bytes(_data("NotoSansCJKsc-Captions.otf"))
        return "Noto Sans CJK SC"
    shutil.copy(fontpkg.path("Noto Sans"), folder / "captions.ttf")
    return "Noto Sans"


def _ass(clip: Clip, family: str) -> str:
    """The captions in the ASS format, for a picture of the size of the clip."""
    size = round(min(clip.width, clip.height) * FONT_SHARE)
    outline = round(size * OUTLINE_SHARE, 1)
    margin = round(clip.height * MARGIN_SHARE)
    alignment = 8 if clip.at_top else 2
    fade = f"{{\\fad({clip.fade_ms},{clip.fade_ms})}}" if clip.fade_ms else ""
    events = [
        f"Dialogue: 0,{_ass_time(cue.start_ms)},{_ass_time(cue.end_ms)},D,,0,0,0,,"
        + fade
        + cue.text.replace("\n", "\\N")
        for cue in cues_of(clip)
    ]
    return "\n".join(
        [
            "[Script Info]",
            f"PlayResX: {clip.width}",
            f"PlayResY: {clip.height}",
            "[V4+ Styles]",
            "Format: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, BackColour, "
            "BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV",
            f"Style: D,{family},{size},&H00FFFFFF,&H00000000,&H00000000,1,{outline},0,"
            f"{alignment},20,20,{margin}",
            "[Events]",
            "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text",
            *events,
            "",
        ]
    )


def _ass_time(ms: int) -> str:
    seconds, centis = divmod(ms // 10, 100)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{centis:02d}"


def _draw_photo(path: Path, clip: Clip) -> None:
    """A picture with the statistics of a photograph: all scales of detail, hard silhouettes."""
    rng = np.random.default_rng(clip.seed)
    width, height = clip.width + 320, clip.height + 240
    channels = [_natural_noise(rng, width, height) for _ in range(3)]
    light = _natural_noise(rng, width, height)
    image = np.stack([0.65 * light + 0.35 * channel for channel in channels], axis=2)
    image[_natural_noise(rng, width, height) > 0.62] *= 0.45
    cv2.imwrite(str(path), (image * 255).astype(np.uint8))


def _natural_noise(rng: np.random.Generator, width: int, height: int) -> NDArray[np.float64]:
    """Noise whose amplitude falls with frequency as in photographs, scaled to 0..1."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    spectrum = np.fft.rfft2(rng.standard_normal((height, width)))
    noise = np.fft.irfft2(spectrum / np.maximum(frequency, 1 / width) ** 1.1, s=(height, width))
    low, high = np.percentile(noise, (1, 99))
    return np.asarray(np.clip((noise - low) / (high - low), 0, 1), np.float64)
