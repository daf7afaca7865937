"""Videos as they are found in the field: each is translated whole, or refused with its reason.

One run over a catalog of short clips with the real media engine: read, erase, translate, burn in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from translation_pipeline import media
from translation_pipeline.captions.cue import Cue
from translation_pipeline.captions.srt import parse_srt
from translation_pipeline.catalog.addresses import ObjectAddress
from translation_pipeline.ledger.models import Video, Wanted
from translation_pipeline.localcloud.config import LocalCloudConfig
from translation_pipeline.localcloud.engine.burn_in import (
    OverlayLine,
    SubtitleStyle,
    write_overlay,
)
from translation_pipeline.localcloud.engine.encode import burn_into
from translation_pipeline.localcloud.process import running_server
from translation_pipeline.stages import work
from translation_pipeline.stages.checks import outputs_verified
from translation_pipeline.stages.delivery import sidecar_of
from translation_pipeline.stages.sources import see_sources
from translation_pipeline.stages.work import Box
from translation_pipeline_tests.integration.engine_clips import ffmpeg
from translation_pipeline_tests.integration.product import Product, product

SECONDS = 4.0
CUES = (Cue(600, 1800, "Where is the old bridge?"), Cue(2200, 3600, "Close to the river."))
ABOVE = (Cue(600, 1800, "The next morning"),)

RULE = """\
  - match: "incoming/{{title}}/{{video}}.{extension}"
    level: subtitle
    captions: direct
    {region}
    erase: auto
    burn_in: {{style: small}}
    source_language: en
    target_languages: [pt]
"""
CATALOG = (
    "bucket: {source}\noutput_bucket: {results}\ntitles:\n"
    + "".join(RULE.replace("{extension}", ext) for ext in ("mp4", "mov", "webm", "m3u8"))
).replace("    {region}\n", "    caption_region: [[0, 1], [0, 1]]\n")


@dataclass(frozen=True)
class Input:
    """A clip: how it is made from a captioned one, and what must come out."""

    make: Callable[[Path, Path], None]
    extension: str = "mp4"
    refused: str | None = None
    has_audio: bool = True
    says: tuple[str, ...] = ("ponte", "rio")


def captioned(
    folder: Path, name: str, *, size: str = "640x360", rate: str = "25", y: float = 0.85,
    above: bool = False,
) -> Path:  # fmt: skip
    """A clip with sound and captions in the picture."""
    clean = folder / f"{name}.clean.mp4"
    sources = ("-f", "lavfi", "-i", f"gradients=s={size}:r={rate}:speed=0.01:seed=3")
    tone = ("-f", "lavfi", "-i", "sine=f=330")
    codecs = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-pix_fmt", "yuv420p")
    ffmpeg(*sources, *tone, "-t", str(SECONDS), *codecs, "-c:a", "aac", "-ac", "2", clean)
    path = _burnt(clean, CUES, y, size)
    return _burnt(path, ABOVE, 0.12, size) if above else path


def _burnt(clean: Path, cues: tuple[Cue, ...], y: float, size: str) -> Path:
    width, height = map(int, size.split("x"))
    overlay = clean.with_suffix(".overlay")
    overlay.mkdir()
    style = SubtitleStyle(font_size=80, y=y)
    write_overlay([OverlayLine(cue) for cue in cues], style, overlay, width=width, height=height)
    path = clean.with_suffix(".burnt.mp4")
    burn_into(clean, overlay, path)
    return path


def encoded(*options: str) -> Callable[[Path, Path], None]:
    """The standard clip, encoded otherwise."""

    def make(folder: Path, path: Path) -> None:
        ffmpeg("-i", captioned(folder, path.stem), *options, path)

    return make


def drawn(**options: str | float | bool) -> Callable[[Path, Path], None]:
    """A clip of another size, rate or place of the captions."""

    def make(folder: Path, path: Path) -> None:
        captioned(folder, path.stem, **options).rename(path)  # type: ignore[arg-type]

    return make


def turned(folder: Path, path: Path) -> None:
    """Stored on its side, with the flag that players turn it by."""
    side = folder / "side.mp4"
    ffmpeg("-i", captioned(folder, path.stem), "-vf", "transpose=cclock", "-c:a", "copy", side)
    ffmpeg("-display_rotation", "-90", "-i", side, "-c", "copy", path)


X264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-c:a", "copy")
INPUTS = {
    "vertical": Input(drawn(size="360x640")),
    "captions_at_the_top": Input(drawn(y=0.12)),
    "two_positions_at_once": Input(drawn(above=True), says=("ponte", "rio", "manhã")),
    "fps_24": Input(drawn(rate="24")),
    "fps_29_97": Input(drawn(rate="30000/1001")),
    "fps_60": Input(drawn(rate="60")),
    "variable_rate": Input(encoded("-vf", "select='mod(n,3)'", "-fps_mode", "vfr", *X264)),
    "mono": Input(encoded("-c:v", "copy", "-ac", "1")),
    "no_audio": Input(encoded("-c:v", "copy", "-an"), has_audio=False),
    "rotated": Input(turned),
    "hevc": Input(
        encoded("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error")
    ),
    "mov": Input(encoded("-c", "copy"), extension="mov"),
    "vp9": Input(
        encoded("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M",
                "-c:a", "libopus"),
        extension="webm",
    ),
    "playlist": Input(
        encoded("-c", "copy", "-hls_time", "2", "-f", "hls"), extension="m3u8", refused="playlist"
    ),
    "sound_alone": Input(encoded("-vn", "-c:a", "copy"), refused="no video stream"),
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """All clips uploaded, and one run over them."""
    folder = tmp_path_factory.mktemp("inputs")
    config = LocalCloudConfig(data_dir=folder / "cloud", workers=2)
    with (
        running_server(config) as cloud,
        product(cloud, folder / "home", "inputs", catalog=CATALOG) as opened,
    ):
        for name, one in INPUTS.items():
            path = folder / f"{name}.{one.extension}"
            one.make(folder, path)
            opened.put(f"incoming/field/{path.name}", path.read_bytes())
            for segment in sorted(folder.glob(f"{name}*.ts")):
                opened.put(f"incoming/field/{segment.name}", segment.read_bytes())
        see_sources(opened.pipeline)
        asyncio.run(work.translate(opened.pipeline, Box(), "run"))
        yield opened


def found(shop: Product, name: str) -> tuple[Video, Wanted]:
    video = shop.pipeline.inventory.video("field", name)
    assert video is not None, f"{name} was not seen"
    (wanted,) = [
        wanted for wanted, _ in shop.pipeline.inventory.wanted(["field"]) if wanted.video == name
    ]
    return video, wanted


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [name for name, one in INPUTS.items() if not one.refused])
def test_it_is_translated_whole(shop: Product, name: str) -> None:
    video, wanted = found(shop, name)
    (job,) = shop.pipeline.ledger.jobs([wanted.job_id or ""])
    assert wanted.delivered_at is not None, f"{video.problem} {wanted.blocked} {job.reason}"
    output = ObjectAddress(wanted.output_bucket, wanted.output_key)
    made = media.probe(shop.pipeline.storage.signed_url(output))
    assert video.duration_s is not None
    assert video.fps is not None
    assert made.duration_s == pytest.approx(video.duration_s, rel=0.02)
    assert made.fps == pytest.approx(video.fps, rel=0.02)
    assert (made.width, made.height) == (video.width, video.height)
    assert made.has_audio is INPUTS[name].has_audio
    text = " ".join(
        cue.text for cue in parse_srt(shop.pipeline.storage.get(sidecar_of(output))).cues
    )
    for word in INPUTS[name].says:
        assert word in text.lower(), text


@pytest.mark.parametrize("name", [name for name, one in INPUTS.items() if one.refused])
def test_it_is_refused_with_its_reason_before_anything_is_paid(shop: Product, name: str) -> None:
    video, wanted = found(shop, name)
    assert video.problem is not None
    assert INPUTS[name].refused in video.problem  # type: ignore[operator]
    assert wanted.job_id is None


def test_looking_at_the_outputs_finds_nothing_wrong(shop: Product) -> None:
    outcome = outputs_verified(shop.pipeline)
    assert outcome.findings == ()
    assert outcome.checked == sum(not one.refused for one in INPUTS.values())
    looked = [
        (wanted.facts or {})["looked_at"]["facts"]
        for wanted, job in shop.pipeline.inventory.wanted(["field"])
        if job is not None
    ]
    assert all(facts["sound"] is not None for facts in looked)
