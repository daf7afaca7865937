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
from translation_pipeline.localcloud.engine.dubbing import (
    DubbingReport,
    DubbingSpec,
    dub,
    require_voice,
)
from translation_pipeline.localcloud.engine.encode import burn_into, copy_to_mp4, encode_frames
from translation_pipeline.localcloud.engine.erase import Erasure, erased, erasures_of
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.geometry import Box, Region
from translation_pipeline.localcloud.engine.recognise import (
    RecogniserSettings,
    recognise,
    require_recogniser,
)
from translation_pipeline.localcloud.engine.sound import (
    channels_of,
    no_audio,
    sound_duration_s,
)
from translation_pipeline.localcloud.engine.text_source import Captions, TextSource
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
    """A SubmitVideoTranslationJob for one target language (ims.md section 4).

    With `dubbing` it is one at speech level: the translation is spoken, too.
    """

    video: Path  # or a sound file, for `translate_audio`
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
    dubbing: DubbingSpec | None = None
    threads: int | None = None  # for reading pictures and listening; None: all cores


@dataclass(frozen=True)
class TranslationResult:
    """The files of a finished translation; the source SRT is missing where nobody knows it."""

    video: Path  # the translated file: a video, or sound where sound was translated
    target_srt: Path
    source_srt: Path | None
    bilingual_srt: Path | None
    dubbing: DubbingReport | None = None  # at speech level


def extract_captions(spec: CaptionExtractionSpec) -> ExtractionResult:
    """Read the captions of a video into SRT files.

    Raises:
        JobFailed: `UnreadableVideo`; `NoCaptionsFound`, since an empty SRT that counts as success
            would make every later step fail for a reason that nobody sees.
    """
    with readable_video():
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
    """Translate the captions of a video, and speak them if asked; erase the old captions and burn
    in the new ones if asked.

    Raises:
        JobFailed: with any code that `JobFailed` lists.
    """
    with readable_video():
        return _VideoTranslation(spec, probe(spec.video)).run()


def translate_audio(spec: VideoTranslationSpec) -> TranslationResult:
    """Translate the speech of a sound file into a WAV file.

    Raises:
        JobFailed: with any code that `JobFailed` lists.
    """
    return _Translation(spec, sound_duration_s(spec.video)).run()


class _Translation:
    """One job at work, on a file that has sound alone: the `Senses` of its text source, too."""

    def __init__(self, spec: VideoTranslationSpec, duration_s: float) -> None:
        self.spec = spec
        self.duration_s = duration_s

    def run(self) -> TranslationResult:
        spec = self.spec
        if spec.dubbing is not None:
            require_voice(spec.target_language)
        captions = self._captions()
        if spec.bilingual and not captions.source:
            raise JobFailed(
                "InvalidParameter",
                "BilingualSubtitle needs the source text, and a TargetSrt holds none: send a "
                "BilingualSrtSrcFirst or BilingualSrtTgtFirst file.",
            )
        folder = spec.output_dir
        media, dubbing = self._write_media(captions)
        return TranslationResult(
            video=media,
            target_srt=_write_srt(captions.target, folder / f"{spec.target_language}.srt"),
            source_srt=_write_srt(captions.source, folder / "source.srt")
            if captions.source
            else None,
            bilingual_srt=_write_srt(captions.bilingual, folder / "bilingual.srt")
            if spec.bilingual
            else None,
            dubbing=dubbing,
        )

    def read(self) -> list[Cue]:
        return []

    def hear(self) -> list[Cue]:
        spec = self.spec
        return recognise(
            spec.video,
            spec.source_language,
            RecogniserSettings.from_environment(),
            duration_s=self.duration_s,
            threads=spec.threads,
        )

    def require_hearing(self) -> None:
        if not channels_of(self.spec.video):
            raise no_audio(self.spec.video)
        require_recogniser(
            RecogniserSettings.from_environment(),
            f"TextSource {self.spec.text_source} takes the text from speech",
        )

    def no_text(self, also: str) -> JobFailed:
        return JobFailed("NoSpeechFound", f"Nobody was understood in {self.spec.video.name}.{also}")

    def _captions(self) -> Captions:
        spec = self.spec
        return TextSource(
            name=spec.text_source,
            source_language=spec.source_language,
            target_language=spec.target_language,
            senses=self,
            subtitle=spec.subtitle,
            subtitle_type=spec.subtitle_type,
        ).captions()

    def _write_media(self, captions: Captions) -> tuple[Path, DubbingReport | None]:
        output = self.spec.output_dir / f"{self.spec.target_language}.wav"
        return output, self._dub(captions, self.spec.dubbing or DubbingSpec(), output)

    def _dub(self, captions: Captions, dubbing: DubbingSpec, output: Path) -> DubbingReport:
        spec = self.spec
        return dub(
            spec.video,
            captions.target,
            spec.target_language,
            dubbing,
            output,
            duration_s=self.duration_s,
        )


class _VideoTranslation(_Translation):
    """One job on a video; what was read from the picture serves translating and erasing."""

    def __init__(self, spec: VideoTranslationSpec, info: MediaInfo) -> None:
        super().__init__(spec, info.duration_s)
        self.info = info

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

    def read(self) -> list[Cue]:
        return [reading.cue for reading in self.readings]

    def no_text(self, also: str) -> JobFailed:
        return _no_captions(self.spec.video, self._area, also)

    def _write_media(self, captions: Captions) -> tuple[Path, DubbingReport | None]:
        spec, output = self.spec, self.spec.output_dir / f"{self.spec.target_language}.mp4"
        with tempfile.TemporaryDirectory(prefix="translation-") as folder:
            overlay = self._write_overlay(captions, Path(folder))
            sound, report = None, None
            if spec.dubbing is not None:
                sound = Path(folder) / "sound.m4a"
                report = self._dub(captions, spec.dubbing, sound)
            self._write_video(output, overlay, sound)
        return output, report

    def _write_video(self, output: Path, overlay: Path | None, sound: Path | None) -> None:
        video, erasures = self.spec.video, self._erasures()
        if erasures:
            encode_frames(erased(video, erasures), sound or video, output, overlay=overlay)
        elif overlay:
            burn_into(video, overlay, output, sound=sound)
        else:
            copy_to_mp4(video, output, sound=sound)

    def _write_overlay(self, captions: Captions, folder: Path) -> Path | None:
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
def readable_video() -> Iterator[None]:
    """Turns what is wrong with a video into JobFailed `UnreadableVideo`."""
    try:
        yield
    except UnreadableVideo as error:
        raise JobFailed("UnreadableVideo", str(error)) from error


def _no_captions(video: Path, region: Region, also: str = "") -> JobFailed:
    return JobFailed(
        "NoCaptionsFound",
        f"No text was read in {video.name} between {region.top:.0%} and {region.bottom:.0%} of "
        f"its height and {region.left:.0%} and {region.right:.0%} of its width. Look at a frame "
        f"and choose the area that holds the captions.{also}",
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
