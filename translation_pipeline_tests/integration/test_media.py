"""What `media` says about real files, good and bad, from disk and over HTTP."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import av
import numpy as np
import pytest

from translation_pipeline.media import UnreadableVideo, frame_png, picture, probe
from translation_pipeline_tests.integration.engine_clips import clean_clip, ffmpeg, lumas


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    """Two seconds whose left upper corner differs from all others; an index at the front."""
    original = clean_clip(folder / "original.mp4", seconds=2)
    path = folder / "第一集 100% + é.mp4"
    corner = "drawbox=w=60:h=40:t=fill:c=red"
    ffmpeg("-i", original, "-vf", corner, "-movflags", "+faststart", "-c:a", "copy", path)
    return path


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """The folder over HTTP, with ranges, as object stores serve it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = folder / unquote(urlsplit(self.path).path).lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            data = path.read_bytes()
            first, _, last = self.headers.get("Range", "bytes=0-")[6:].partition("-")
            begin, end = int(first), min(int(last or len(data) - 1), len(data) - 1)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{end}/{len(data)}")
            self.send_header("Content-Length", str(end - begin + 1))
            self.end_headers()
            self.wfile.write(data[begin : end + 1])

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_video_is_described(clip: Path) -> None:
    info = probe(clip)

    assert info.duration_s == pytest.approx(2, abs=0.05)
    assert (info.width, info.height, info.fps, info.rotation) == (640, 360, 25, 0)
    assert (info.video_codec, info.has_audio, info.audio_codec) == ("h264", True, "aac")
    assert "mp4" in info.container


def test_a_video_without_sound_is_fine(clip: Path, folder: Path) -> None:
    silent = folder / "silent.webm"
    ffmpeg("-i", clip, "-an", "-c:v", "libvpx", "-deadline", "realtime", "-t", "0.5", silent)

    assert not probe(silent).has_audio


def test_a_signed_address_reads_like_a_file(clip: Path, address: str) -> None:
    url = f"{address}/%E7%AC%AC%E4%B8%80%E9%9B%86%20100%25%20%2B%20%C3%A9.mp4?Signature=a%2Fb"

    assert probe(url) == probe(clip)
    assert picture(url, 1.0) == picture(clip, 1.0)


def test_the_signature_of_an_address_is_in_no_message(address: str) -> None:
    with pytest.raises(UnreadableVideo, match=r"gone 1\.mp4 .*404") as caught:
        probe(f"{address}/gone%201.mp4?Signature=secret")
    assert "secret" not in str(caught.value)


def _damaged(clip: Path, kind: str) -> bytes:
    data = clip.read_bytes()
    content = data.index(b"mdat") + 8
    return {
        "empty": b"",
        "text": "这不是视频。 ".encode() * 300,
        "half": data[: len(data) // 2],
        "without its end": data[: len(data) * 8 // 10],
        "garbage": data[:content] + random.Random(1).randbytes(len(data) - content),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("empty", "0 bytes"),
        ("text", "not a video"),
        ("half", r"truncated: it declares 2\.0 s"),
        ("without its end", "truncated"),
        ("garbage", "damaged"),
    ],
)
def test_a_damaged_file_is_refused_with_its_reason(
    clip: Path, tmp_path: Path, kind: str, reason: str
) -> None:
    bad = tmp_path / "episode 1.mp4"
    bad.write_bytes(_damaged(clip, kind))

    with pytest.raises(UnreadableVideo, match=rf"^episode 1\.mp4 .*{reason}"):
        probe(bad)


def test_sound_with_a_cover_picture_is_no_video(clip: Path, tmp_path: Path) -> None:
    cover, song = tmp_path / "cover.png", tmp_path / "song.mp3"
    ffmpeg("-i", clip, "-frames:v", "1", "-update", "1", cover)
    maps = ("-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v", "attached_pic")
    ffmpeg("-i", clip, "-i", cover, *maps, song)

    with pytest.raises(UnreadableVideo, match="no video stream"):
        probe(song)


def _pixels(encoded: bytes) -> np.ndarray:
    with av.open(BytesIO(encoded), "r") as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def test_a_picture_is_that_of_its_time(clip: Path) -> None:
    shown = _pixels(frame_png(clip, 1.0)).mean(axis=2)
    frames = lumas(clip)
    distances = [float(np.abs(shown - frame).mean()) for frame in frames[20:31]]

    assert 20 + int(np.argmin(distances)) == 25


def test_a_picture_behind_the_end_is_the_last_one(clip: Path) -> None:
    assert frame_png(clip, 99) == frame_png(clip, 1.96)


def test_a_picture_is_scaled_and_small(clip: Path) -> None:
    encoded = picture(clip, 0.5, 320)

    assert _pixels(encoded).shape == (180, 320, 3)
    assert len(encoded) < 40_000


@pytest.mark.parametrize(
    ("turn", "corner"),
    [(90, (-20, 20)), (180, (-20, -20)), (270, (20, -20))],
    ids=["left", "over", "right"],
)
def test_a_turned_video_is_upright(
    clip: Path, tmp_path: Path, turn: int, corner: tuple[int, int]
) -> None:
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", str(turn), "-i", clip, "-c", "copy", turned)

    info, shown = probe(turned), _pixels(frame_png(turned, 0))

    assert (info.height, info.width) == shown.shape[:2]
    assert info.rotation == turn
    red, green, blue = shown[corner]
    assert red > 180 > 100 > max(green, blue)
