"""What a worker process does for each kind of job: from an order to finished files.

An order is plain JSON: `work` (written by `ims_orders`), `inputs` (role -> path), `output_dir`.
The answer lists the files in the order in which they are to be stored, video last, so that a
video in the bucket means that all that belongs to it is there:
`{"files": [{"role", "language", "path"}, …], "duration_s": …}`, at speech level also with
`"dubbing"`: by language how the voice fits the captions (`dubbing.DubbingReport`).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from translation_pipeline import media
from translation_pipeline.captions.srt import compose_srt
from translation_pipeline.localcloud.engine.burn_in import SubtitleStyle
from translation_pipeline.localcloud.engine.dubbing import DubbingReport, DubbingSpec
from translation_pipeline.localcloud.engine.errors import JobFailed
from translation_pipeline.localcloud.engine.geometry import Box, Region
from translation_pipeline.localcloud.engine.sound import sound_duration_s
from translation_pipeline.localcloud.engine.subtitle_file import read_subtitle
from translation_pipeline.localcloud.engine.translate import (
    TranslationSettings,
    translate_cues,
    translator_for,
)
from translation_pipeline.localcloud.engine.work import (
    CaptionExtractionSpec,
    VideoTranslationSpec,
    extract_captions,
    readable_video,
    translate_audio,
    translate_video,
)

MAX_DURATION_S = 2 * 3600  # ims.md section 4.8

logger = logging.getLogger(__name__)


def caption_extraction(order: dict[str, Any]) -> dict[str, Any]:
    """Read the captions of a video into one SRT, or one for each language (ims.md section 7)."""
    work, video = order["work"], Path(order["inputs"]["video"])
    duration_s = _duration_s(order["inputs"])
    _require_length(duration_s)
    result = extract_captions(
        CaptionExtractionSpec(
            video=video,
            output_dir=Path(order["output_dir"]),
            fps=work["fps"],
            region=Region(*work["region"]),
            separate_languages=work["separate"],
            formatter=work["formatter"],
            language=work["language"],
            threads=order.get("threads"),
        )
    )
    return {
        "files": [_file("captions", language, path) for language, path in result.files.items()],
        "duration_s": duration_s,
    }


def video_translation(order: dict[str, Any]) -> dict[str, Any]:
    """Translate a video into each wanted language (ims.md section 4).

    A language that fails is absent from the answer while others succeed, as the service does it;
    when none succeeds, the first failure is the job's.
    """
    duration_s = _duration_s(order["inputs"])
    _require_length(duration_s)
    files: list[dict[str, str]] = []
    reports: dict[str, Any] = {}
    failures: dict[str, JobFailed] = {}
    for language in order["work"]["target_keys"]:
        try:
            of_language, report = _translated(order, language)
            files += of_language
            if report is not None:
                reports[language] = report.as_json()
        except JobFailed as failure:  # noqa: PERF203  (a few languages, minutes each)
            logger.warning("%s was not translated: %s", language, failure)
            failures[language] = failure
    if not files:
        raise next(iter(failures.values()))
    return {"files": files, "duration_s": duration_s, **({"dubbing": reports} if reports else {})}


def _translated(
    order: dict[str, Any], language: str
) -> tuple[list[dict[str, str]], DubbingReport | None]:
    """The files of one language, and how its voice fits where there is one."""
    output_dir, inputs = Path(order["output_dir"]) / language, order["inputs"]
    output_dir.mkdir(parents=True)
    if "video" not in inputs and "audio" not in inputs:
        path = _translate_subtitle(order, language, output_dir)
        return [_file("subtitle", language, path)], None
    role, translate = (
        ("video", translate_video) if "video" in inputs else ("audio", translate_audio)
    )
    result = translate(_translation_spec(order, Path(inputs[role]), language, output_dir))
    files = [_file("target_srt", language, result.target_srt)]
    if order["work"].get("for_fix"):
        files.append(_file("fix_srt", language, result.target_srt))
    if result.bilingual_srt is not None:
        files.append(_file("bilingual_srt", language, result.bilingual_srt))
    return [*files, _file(role, language, result.video)], result.dubbing


def _translate_subtitle(order: dict[str, Any], language: str, output_dir: Path) -> Path:
    """InputConfig.Type Subtitle: a file in, the same file in another language out."""
    source = order["work"]["source_language"]
    cues = read_subtitle(Path(order["inputs"]["subtitle"]))
    translator = translator_for(source, language, TranslationSettings.from_environment())
    path = output_dir / f"{language}.srt"
    translated = translate_cues(cues, translator, source_language=source)
    path.write_text(compose_srt(translated), encoding="utf-8")
    return path


def _duration_s(inputs: dict[str, str]) -> float:
    if "video" in inputs:
        with readable_video():
            return media.probe(Path(inputs["video"])).duration_s
    if "audio" in inputs:
        return sound_duration_s(Path(inputs["audio"]))
    return read_subtitle(Path(inputs["subtitle"]))[-1].end_ms / 1000


def _require_length(duration_s: float) -> None:
    if duration_s > MAX_DURATION_S:
        raise JobFailed(
            "VideoTooLong",
            f"The input plays for {duration_s / 3600:.2f} hours; the service takes "
            f"{MAX_DURATION_S // 3600} hours at the most. Cut it into parts.",
        )


def _translation_spec(
    order: dict[str, Any], source: Path, language: str, output_dir: Path
) -> VideoTranslationSpec:
    work, inputs = order["work"], order["inputs"]
    erase, ocr_area, style = work["erase"], work["ocr_area"], work["burn_in"]
    return VideoTranslationSpec(
        video=source,
        output_dir=output_dir,
        source_language=work["source_language"],
        target_language=language,
        text_source=work["text_source"],
        subtitle=Path(inputs["subtitle"]) if "subtitle" in inputs else None,
        subtitle_type=work["subtitle_type"],
        ocr_area=None if ocr_area is None else Box(*ocr_area),
        erase=tuple(Box(*box) for box in erase) if isinstance(erase, list) else erase,
        burn_in=None if style is None else SubtitleStyle.from_ims(style),
        bilingual=work["bilingual"],
        dubbing=DubbingSpec(**work["dubbing"]) if work.get("dubbing") else None,
        threads=order.get("threads"),
    )


def _file(role: str, language: str, path: Path) -> dict[str, str]:
    return {"role": role, "language": language, "path": str(path)}
