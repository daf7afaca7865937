"""The two kinds of job that the services sell, as functions from files to files.

Cue times always are those of the source video. Everything that can be wrong with the input comes
out as `JobFailed`.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from translation_pipeline.captions.srt import Cue, compose_srt
from translation_pipeline.localcloud.engine.burn_in import OverlayLine, SubtitleStyle, write_overlay
from translation_pipeline.localcloud.engine.caption_reader import CaptionReading, read_captions
from translation_pipeline.localcloud.engine.encode import burn_into, copy_to_mp4, encode_frames
from translation_pipeline.localcloud.engine.erase import Erasure, erased, erasures_of
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.geometry import Box, Region
from translation_pipeline.localcloud.engine.subtitle_file import read_subtitle, split_bilingual
from translation_pipeline.localcloud.engine.translate import (
    TranslationSettings,
    Translator,
    translate_cues,
    translator_for,
)
from translation_pipeline.media import MediaInfo, UnreadableVideo, probe

BOTTOM_QUARTER = Region(0.75, 1, 0, 1)  # the service's default `roi`
LIKELY_AREA = Region(0.6, 1, 0, 1)  # where OcrArea `Auto` looks: two lines in a tall video fit

# What the reader calls the languages of the service; None lets it find out.
READER_LANGUAGES = {"zh": "ch", "zh-tw": "ch", "en": "en"}


@dataclass(frozen=True)
class CaptionExtractionSpec:
    """A CaptionExtraction job (ims.md section 7.2)."""

    video: Path
    output_dir: Path
    fps: int = 5
    region: Region = BOTTOM_QUARTER
    separate_languages: bool = False
    formatter: str = ""  # put before the text of each cue
    language: str | None = None  # ch, en, ch_ml
    threads: int | None = None  # for reading pictures; None: all cores


@dataclass(frozen=True)
class ExtractionResult:
    """The SRT files by language: "" for all in one, else "zh" and "en" as far as they occur."""

    files: dict[str, Path]
    cue_count: int


@dataclass(frozen=True)
class VideoTranslationSpec:
    """A SubmitVideoTranslationJob at subtitle level for one target language (ims.md section 4)."""

    video: Path
    output_dir: Path
    source_language: str
    target_language: str
    text_source: str  # OCR_ASR, OCR, ASR, ALL, SubtitleFile
    subtitle: Path | None = None
    subtitle_type: str | None = None  # SourceSrt, TargetSrt, BilingualSrt{Src,Tgt}First
    ocr_area: Box | None = None  # None: the lower part of the picture
    erase: Literal["auto"] | tuple[Box, ...] | None = None
    burn_in: SubtitleStyle | None = None
    bilingual: bool = False
    threads: int | None = None  # for reading pictures; None: all cores


@dataclass(frozen=True)
class TranslationResult:
    """The files of a finished translation; the source SRT is missing where nobody knows it."""

    video: Path
    target_srt: Path
    source_srt: Path | None
    bilingual_srt: Path | None


def extract_captions(spec: CaptionExtractionSpec) -> ExtractionResult:
    """Read the captions of a video into SRT files.

    Raises:
        JobFailed: `UnreadableVideo`; `NoCaptionsFound`, since an empty SRT that counts as success
            would make every later step fail for a reason that nobody sees.
    """
    with _readable(spec.video):
        readings = read_captions(
            spec.video, spec.region, fps=spec.fps, language=spec.language, threads=spec.threads
        )
    cues = [reading.cue for reading in readings]
    if not cues:
        raise _no_captions(spec.video, spec.region)
    by_language = _by_script(cues) if spec.separate_languages else {"": cues}
    files = {
        language: _write_srt(
            [Cue(c.start_ms, c.end_ms, f"{spec.formatter}{c.text}") for c in of_language],
            spec.output_dir / ".".join(filter(None, ("captions", language, "srt"))),
        )
        for language, of_language in by_language.items()
        if of_language
    }
    return ExtractionResult(files, len(cues))


def translate_video(spec: VideoTranslationSpec) -> TranslationResult:
    """Translate the captions of a video; erase the old ones and burn in the new ones if asked.

    Raises:
        JobFailed: with any code that `JobFailed` lists.
    """
    with _readable(spec.video):
        return _Translation(spec, probe(spec.video)).run()


@dataclass(frozen=True)
class _Captions:
    """The cues in both languages, one for one; the source is empty where nobody knows it."""

    source: Sequence[Cue]
    target: Sequence[Cue]

    @property
    def bilingual(self) -> list[Cue]:
        return [
            Cue(target.start_ms, target.end_ms, f"{target.text}\n{source.text}")
            for source, target in zip(self.source, self.target, strict=True)
        ]


class _Translation:
    """One job at work; what was read from the picture serves translating and erasing."""

    def __init__(self, spec: VideoTranslationSpec, info: MediaInfo) -> None:
        self.spec = spec
        self.info = info

    def run(self) -> TranslationResult:
        spec = self.spec
        captions = self._captions()
        if spec.bilingual and not captions.source:
            raise JobFailed(
                "InvalidParameter",
                "BilingualSubtitle needs the source text, and a TargetSrt holds none: send a "
                "BilingualSrtSrcFirst or BilingualSrtTgtFirst file.",
            )
        folder = spec.output_dir
        return TranslationResult(
            video=self._write_video(captions),
            target_srt=_write_srt(captions.target, folder / f"{spec.target_language}.srt"),
            source_srt=_write_srt(captions.source, folder / "source.srt")
            if captions.source
            else None,
            bilingual_srt=_write_srt(captions.bilingual, folder / "bilingual.srt")
            if spec.bilingual
            else None,
        )

    @property
    def _area(self) -> Region:
        return LIKELY_AREA if self.spec.ocr_area is None else _region(self.spec.ocr_area)

    @cached_property
    def readings(self) -> list[CaptionReading]:
        """The captions in the caption area."""
        return self._read(self._area)

    def _read(self, region: Region) -> list[CaptionReading]:
        language = READER_LANGUAGES.get(self.spec.source_language)
        return read_captions(self.spec.video, region, language=language, threads=self.spec.threads)

    def _captions(self) -> _Captions:
        spec = self.spec
        if spec.text_source == "SubtitleFile":
            return self._captions_of_file()
        if spec.text_source not in ("OCR", "OCR_ASR", "ALL"):
            raise JobFailed(
                "SpeechRecognitionUnavailable",
                f"TextSource {spec.text_source} takes the text from speech, which is not set up "
                "here. Use OCR for burnt-in captions, or SubtitleFile.",
            )
        translator = self._translator()  # before the long reading, since it may not exist
        if not self.readings:
            raise _no_captions(spec.video, self._area)
        return self._translated([reading.cue for reading in self.readings], translator)

    def _captions_of_file(self) -> _Captions:
        cues = read_subtitle(self.spec.subtitle)
        match self.spec.subtitle_type:
            case "SourceSrt":
                return self._translated(cues, self._translator())
            case "TargetSrt":
                return _Captions(source=(), target=cues)
            case "BilingualSrtSrcFirst":
                return _Captions(*split_bilingual(cues))
            case "BilingualSrtTgtFirst":
                target, source = split_bilingual(cues)
                return _Captions(source, target)
            case other:
                raise JobFailed(
                    "InvalidParameter",
                    f"CustomSrtType is {other!r}; with TextSource SubtitleFile it has to be "
                    "SourceSrt, TargetSrt, BilingualSrtSrcFirst or BilingualSrtTgtFirst.",
                )

    def _translator(self) -> Translator:
        settings = TranslationSettings.from_environment()
        return translator_for(self.spec.source_language, self.spec.target_language, settings)

    def _translated(self, cues: Sequence[Cue], translator: Translator) -> _Captions:
        source = self.spec.source_language
        return _Captions(cues, translate_cues(cues, translator, source_language=source))

    def _write_video(self, captions: _Captions) -> Path:
        video, output = self.spec.video, self.spec.output_dir / f"{self.spec.target_language}.mp4"
        erasures = self._erasures()
        with tempfile.TemporaryDirectory(prefix="captions-") as folder:
            overlay = self._write_overlay(captions, Path(folder))
            if erasures:
                encode_frames(erased(video, erasures), video, output, overlay=overlay)
            elif overlay:
                burn_into(video, overlay, output)
            else:
                copy_to_mp4(video, output)
        return output

    def _write_overlay(self, captions: _Captions, folder: Path) -> Path | None:
        style = self.spec.burn_in
        if style is None or style.is_hidden:
            return None
        second = [cue.text for cue in captions.source] if self.spec.bilingual else []
        second += [""] * (len(captions.target) - len(second))
        lines = [OverlayLine(cue, text) for cue, text in zip(captions.target, second, strict=True)]
        write_overlay(lines, style, folder, width=self.info.width, height=self.info.height)
        return folder

    def _erasures(self) -> list[Erasure]:
        if self.spec.erase is None:
            return []
        if self.spec.erase == "auto":
            return erasures_of(self.readings)
        found = [erasure for box in self.spec.erase for erasure in self._erasures_in(box)]
        return sorted(found, key=lambda erasure: erasure.start_s)

    def _erasures_in(self, box: Box) -> list[Erasure]:
        """A given box is cleared of the text in it; one without readable text (a logo) as a whole.

        Filling the whole box all the time would smear what lies between two captions.
        """
        readings = self._read(_region(box))
        return erasures_of(readings) or [Erasure(0.0, math.inf, (box,), whole=True)]


@contextmanager
def _readable(video: Path) -> Iterator[None]:
    try:
        yield
    except UnreadableVideo as error:
        raise JobFailed("UnreadableVideo", str(error)) from error


def _no_captions(video: Path, region: Region) -> JobFailed:
    return JobFailed(
        "NoCaptionsFound",
        f"No text was read in {video.name} between {region.top:.0%} and {region.bottom:.0%} of "
        f"its height and {region.left:.0%} and {region.right:.0%} of its width. Look at a frame "
        "and choose the area that holds the captions.",
    )


def _region(box: Box) -> Region:
    bottom, right = min(1.0, box.y + box.height), min(1.0, box.x + box.width)
    return Region(top=box.y, bottom=bottom, left=box.x, right=right)


def _by_script(cues: Sequence[Cue]) -> dict[str, list[Cue]]:
    """Each line goes to "zh" if it has a Chinese character, else to "en"."""
    separated: dict[str, list[Cue]] = {"zh": [], "en": []}
    for cue in cues:
        lines = cue.text.split("\n")
        chinese = [line for line in lines if any("\u3400" <= c <= "\u9fff" for c in line)]
        other = [line for line in lines if line not in chinese]
        for language, of_language in (("zh", chinese), ("en", other)):
            if of_language:
                text = "\n".join(of_language)
                separated[language].append(Cue(cue.start_ms, cue.end_ms, text))
    return separated


def _write_srt(cues: Sequence[Cue], path: Path) -> Path:
    path.write_text(compose_srt(list(cues)), encoding="utf-8")
    return path
