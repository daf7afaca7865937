"""Small clips for the tests of the media engine, made with the encoder that the engine uses."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import numpy.typing as npt

from translation_pipeline.captions.srt import Cue
from translation_pipeline.localcloud.engine.burn_in import (
    OverlayLine,
    SubtitleStyle,
    write_overlay,
)
from translation_pipeline.localcloud.engine.encode import burn_into

WIDTH, HEIGHT = 640, 360

# A picture of 1600 pixels that slides to the left under the camera by three pixels a frame.
PANNING = (
    "cellauto=s=160x36:rule=110:seed=7:full=1,trim=end_frame=1,scale=1600:360:flags=bicubic,"
    "gblur=2,loop=loop=-1:size=1,setpts=N/25/TB,crop=640:360:x='3*n':y=0"
)
STILL = "smptehdbars=s=640x360:r=25"

CUES = (
    Cue(600, 1800, "Where is the old bridge?"),
    Cue(2200, 3600, "It is behind the house,\nclose to the river."),
)


def ffmpeg(*arguments: str | Path) -> None:
    """Run the encoder; its complaint is the error."""
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-nostdin"]
    subprocess.run([*program, *map(str, arguments)], check=True, timeout=60)


def clean_clip(path: Path, background: str = PANNING, *, seconds: float = 4.4) -> Path:
    """A clip with a tone and no captions."""
    sources = ("-f", "lavfi", "-i", background, "-f", "lavfi", "-i", "sine=f=330")
    codecs = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-pix_fmt", "yuv420p")
    ffmpeg(*sources, "-t", str(seconds), *codecs, "-c:a", "aac", path)
    return path


def captioned(clean: Path, path: Path, cues: Sequence[Cue] = CUES) -> Path:
    """The clip with captions burnt in."""
    overlay = path.with_suffix(".overlay")
    overlay.mkdir()
    lines = [OverlayLine(cue) for cue in cues]
    write_overlay(lines, SubtitleStyle(font_size=75), overlay, width=WIDTH, height=HEIGHT)
    burn_into(clean, overlay, path)
    return path


def lumas(video: Path) -> list[npt.NDArray[np.uint8]]:
    """The brightness of all frames."""
    with av.open(str(video)) as container:
        return [
            frame.to_ndarray(format="yuv420p")[: frame.height].astype(np.uint8)
            for frame in container.decode(video=0)
        ]


def frame_times_ms(video: Path) -> list[int]:
    """When each frame shows, from the start of the file."""
    with av.open(str(video)) as container:
        return [round((frame.time or 0) * 1000) for frame in container.decode(video=0)]


def psnr_db(one: Sequence[npt.NDArray[np.uint8]], other: Sequence[npt.NDArray[np.uint8]]) -> float:
    """How alike two series of pictures are, in decibels."""
    squares = [np.mean((a.astype(np.float64) - b) ** 2) for a, b in zip(one, other, strict=True)]
    return float(10 * np.log10(255**2 / max(float(np.mean(squares)), 1e-9)))
