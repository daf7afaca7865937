"""Pictures of real files: a good output has no finding, and each fault is found."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from translation_pipeline.captions.srt import Cue, compose_srt, parse_srt
from translation_pipeline.localcloud.engine.burn_in import SubtitleStyle
from translation_pipeline.localcloud.engine.work import VideoTranslationSpec, translate_video
from translation_pipeline.media import UnreadableVideo
from translation_pipeline.verification import verify
from translation_pipeline_tests.integration.engine_clips import STILL, ffmpeg
from translation_pipeline_tests.integration.verified_clips import (
    NEW,
    OLD,
    Clips,
    burnt,
    later,
    make_clips,
    names,
    verified,
)

TEXTS = (
    "La carta es de tu hermano.",
    "Hace diez años que no lo veo.",
    "Se fue sin despedirse.",
)
EPISODE = Path(verify.__file__).parents[1] / "sample_title" / "episode-2.mp4"


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def good(clips: Clips) -> Path:
    """The old captions are gone, the new ones are there."""
    return burnt(clips.clean, clips.clean.with_name("good.mp4"))


@pytest.fixture(scope="module")
def both(clips: Clips) -> Path:
    """The new captions stand over the old ones."""
    return burnt(clips.source, clips.clean.with_name("both.mp4"))


@pytest.fixture
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where rapidocr is not installed."""
    monkeypatch.setattr(verify, "installed_reader", lambda: None)


def test_a_good_output_has_no_finding(clips: Clips, good: Path) -> None:
    found = verified(clips.source, good)

    assert found.findings == () and found.is_good
    assert found.worst_frame is None
    assert found.facts["old_captions_judged"] >= 3
    assert found.facts["new_captions_shown"] == found.facts["new_captions_due"] == 4
    assert found.facts["letters_checked_by"] == "shape and rapidocr"
    assert found.facts["captions_read_as_written"] > 0.9
    assert json.loads(json.dumps(found.facts)) == found.facts


def test_nothing_is_claimed_that_was_not_asked_for(clips: Clips, both: Path) -> None:
    assert names(verified(clips.source, both, erase=None)) == []
    assert names(verified(clips.source, clips.clean, burn_in=False)) == []
    assert names(verified(clips.source, clips.source, erase=None, burn_in=False)) == []


@pytest.mark.parametrize("erase", ["auto", ((0.1, 0.75, 0.8, 0.25),)], ids=["auto", "boxes"])
def test_old_captions_that_are_still_there(clips: Clips, both: Path, erase: object) -> None:
    found = verified(clips.source, both, erase=erase)

    assert names(found) == ["old_captions_remain"]
    assert found.worst_frame is not None and found.worst_frame[:2] == b"\xff\xd8"
    at_ms = found.findings[0].at_ms
    assert at_ms is not None and any(cue.start_ms < at_ms < cue.end_ms for cue in OLD)
    assert names(verified(clips.source, clips.source, burn_in=False)) == ["old_captions_remain"]


def test_old_captions_are_looked_for_where_they_are(clips: Clips, both: Path) -> None:
    top, bottom = ((0.0, 0.3), (0.0, 1.0)), ((0.7, 1.0), (0.0, 1.0))

    assert names(verified(clips.source, both, caption_region=top)) == []
    assert names(verified(clips.source, both, caption_region=bottom)) == ["old_captions_remain"]


def test_old_captions_without_a_file_of_them(clips: Clips, good: Path, both: Path) -> None:
    """The times of the new ones stand in."""
    assert names(verified(clips.source, good, source_cues=())) == []
    assert names(verified(clips.source, both, source_cues=())) == ["old_captions_remain"]


def test_a_name_that_stays_the_same_is_no_old_caption(clips: Clips) -> None:
    """Where the translation says the same, it looks the same."""
    assert names(verified(clips.source, clips.source, target_cues=OLD)) == []


def test_new_captions_that_do_not_show(clips: Clips) -> None:
    assert names(verified(clips.source, clips.clean)) == ["captions_missing"]


def test_new_captions_at_the_wrong_time(clips: Clips, good: Path) -> None:
    found = verified(clips.source, good, source_cues=later(OLD, 2000), target_cues=later(NEW, 2000))
    assert "captions_outside_cues" in names(found)

    once = (Cue(4300, 5800, NEW[2].text),)
    found = verified(clips.source, good, source_cues=once, target_cues=once, erase=None)
    assert names(found) == ["captions_outside_cues"]


@pytest.mark.parametrize(
    "style",
    [SubtitleStyle(y=1.0), SubtitleStyle(font_size=190, text_width=1.0, wraps=False)],
    ids=["below", "beside"],
)
def test_captions_that_leave_the_picture(
    clips: Clips, tmp_path: Path, style: SubtitleStyle
) -> None:
    cut = burnt(clips.clean, tmp_path / "cut.mp4", style=style)

    assert "captions_cut_off" in names(verified(clips.source, cut))


@pytest.mark.parametrize("size", ["640:360", "1280:720"])
def test_boxes_for_letters_that_the_font_lacks(
    clips: Clips, tmp_path: Path, no_reader: None, size: str
) -> None:
    sized = tmp_path / "sized.mp4"
    ffmpeg("-i", clips.clean, "-t", "4.2", "-vf", f"scale={size}", "-c:v", "libx264", sized)
    cues = tuple(Cue(cue.start_ms, cue.end_ms, "漫长的冬天终于过去了") for cue in NEW[:2])
    # Letters of a private use area: no font of any machine has them.
    output = burnt(sized, tmp_path / "boxes.mp4", cues, instead="\U000f1234" * 10)

    found = verified(sized, output, source_cues=(), target_cues=cues, erase=None)

    assert names(found) == ["missing_glyphs"]
    assert found.facts["letters_checked_by"] == "shape"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Größe über alles: Öl, Oboe, HOHE OHREN, 0800"),
        ("ru", "Под старым дубом он проснулся"),
        ("th", "สวัสดีครับ ขอบคุณมาก"),
        ("ar", "السلام عليكم يا صديقي"),
        ("hi", "नमस्ते मेरे दोस्त"),
        ("vi", "Đường về nhà ở đâu"),
    ],
)
def test_letters_of_a_script_are_no_boxes(
    clips: Clips, tmp_path: Path, language: str, text: str
) -> None:
    cues = tuple(Cue(cue.start_ms, cue.end_ms, text) for cue in NEW[:2])
    output = burnt(clips.clean, tmp_path / "output.mp4", cues)

    found = verified(
        clips.clean,
        output,
        source_cues=cues,
        target_cues=cues,
        erase=None,
        target_language=language,
    )

    assert names(found) == []


def test_a_reader_finds_other_text_and_another_script(clips: Clips, good: Path) -> None:
    german = ("Hilfe!", "Niemand kommt zu uns", "Wo bleibt Ihr nur?", "Schnell, versteckt Euch")
    other = tuple(
        Cue(cue.start_ms, cue.end_ms, text) for cue, text in zip(NEW, german, strict=True)
    )
    assert names(verified(clips.source, good, target_cues=other)) == ["other_text"]

    chinese = tuple(Cue(cue.start_ms, cue.end_ms, "漫长的冬天终于过去了") for cue in NEW)
    found = verified(clips.source, good, target_cues=chinese, target_language="zh")
    assert names(found) == ["wrong_script"]


@pytest.mark.parametrize(
    "background",
    [
        "testsrc2=s=360x640:r=30000/1001",
        "testsrc2=s=1280x720:r=24",
        STILL,
        "color=c=black:s=640x360:r=25",
    ],
    ids=["vertical", "720p", "still", "black"],
)
def test_other_sizes_rates_and_backgrounds(
    tmp_path: Path, no_reader: None, background: str
) -> None:
    clips = make_clips(tmp_path, background)
    good = burnt(clips.clean, tmp_path / "good.mp4")
    poor = tmp_path / "poor.mp4"
    ffmpeg("-i", good, "-c:v", "libx264", "-preset", "veryfast", "-crf", "33", poor)
    both = burnt(clips.source, tmp_path / "both.mp4")

    assert names(verified(clips.source, poor)) == []
    assert names(verified(clips.clean, poor)) == []  # a source without captions
    assert names(verified(clips.source, both)) == ["old_captions_remain"]
    assert names(verified(clips.source, clips.clean)) == ["captions_missing"]


def test_a_video_with_a_rotation_flag_is_looked_at_upright(tmp_path: Path) -> None:
    clips = make_clips(tmp_path, "testsrc2=s=360x640:r=25")
    output = burnt(clips.clean, tmp_path / "good.mp4")
    lying, source = tmp_path / "lying.mp4", tmp_path / "rotated.mp4"
    turn = ("-vf", "transpose=clock", "-c:v", "libx264", "-crf", "16", "-c:a", "copy")
    ffmpeg("-i", clips.source, *turn, lying)
    ffmpeg("-display_rotation:v:0", "90", "-i", lying, "-c", "copy", source)

    assert names(verified(source, output)) == []
    assert names(verified(lying, output)) == ["other_picture"]


def test_another_video(clips: Clips, tmp_path: Path) -> None:
    other = make_clips(tmp_path, "mandelbrot=s=640x360:r=25:start_scale=0.3:maxiter=200")

    assert "other_picture" in names(verified(clips.source, other.clean))


def test_a_smaller_output_is_compared_all_the_same(
    clips: Clips, good: Path, tmp_path: Path
) -> None:
    smaller = tmp_path / "smaller.mp4"
    ffmpeg("-i", good, "-vf", "scale=480:270", "-c:v", "libx264", smaller)

    assert names(verified(clips.source, smaller)) == []


def test_the_media_engine_erases_and_burns_in_a_real_scene(tmp_path: Path) -> None:
    """Nine seconds of the sample title, through the whole engine."""
    source, subtitle = tmp_path / "source.mp4", tmp_path / "old.srt"
    encoded = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-c:a", "copy")
    ffmpeg("-i", EPISODE, "-t", "8.6", "-vf", "scale=640:360", *encoded, source)
    old = parse_srt(EPISODE.with_suffix(".srt").read_bytes()).cues[:3]
    new = tuple(Cue(cue.start_ms, cue.end_ms, text) for cue, text in zip(old, TEXTS, strict=True))
    subtitle.write_text(compose_srt(new), "utf-8")
    spec = VideoTranslationSpec(
        video=source,
        output_dir=tmp_path,
        source_language="en",
        target_language="es",
        text_source="SubtitleFile",
        subtitle=subtitle,
        subtitle_type="TargetSrt",
        erase="auto",
        burn_in=SubtitleStyle(),
    )

    output = translate_video(spec).video

    found = verified(source, output, source_cues=old, target_cues=new)
    assert names(found) == [] and found.facts["old_captions_judged"] >= 1
    kept = verified(source, source, source_cues=old, target_cues=new)
    assert names(kept) == ["captions_missing", "old_captions_remain"]


def test_a_minute_takes_seconds(tmp_path: Path, no_reader: None) -> None:
    """A limit far above what is normal (under 2 s), for machines that are busy."""
    list_file, minute = tmp_path / "list.txt", tmp_path / "minute.mp4"
    list_file.write_text("".join(f"file '{EPISODE}'\n" for _ in range(3)), "utf-8")
    ffmpeg("-f", "concat", "-safe", "0", "-i", list_file, "-c", "copy", minute)
    once = parse_srt(EPISODE.with_suffix(".srt").read_bytes()).cues
    cues = [cue for number in range(3) for cue in later(once, 21_200 * number)]

    started_s = time.process_time()
    found = verified(minute, minute, source_cues=cues, target_cues=cues, erase=None, burn_in=False)

    assert found.facts["scenes_looked_at"] == 5 and found.is_good
    assert time.process_time() - started_s < 6


def test_what_cannot_be_read_says_so(clips: Clips, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")

    with pytest.raises(UnreadableVideo, match=r"broken\.mp4"):
        verified(clips.source, broken)
