"""What `doctor` says of the stand-in cloud's media engine on this machine: parts, fonts, models.

It lives here and not in `doctor/`, because only the command line may import the stand-in cloud.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from translation_pipeline.captions.languages import languages
from translation_pipeline.catalog.config import Catalog, TitleRule
from translation_pipeline.doctor.findings import Finding, well, wrong

FILTER_THAT_DRAWS_CAPTIONS = "ass"  # of libass
INSTALL = "pip install 'translation-pipeline[local]'"
FFMPEG_TIMEOUT_S = 20
MODEL_FILE = "model.bin"  # of a Whisper model in CTranslate2 format

# A few letters of each script (ISO 15924), Latin with the marks of Vietnamese.
LETTERS = {
    "Arab": "عربيةپ",
    "Beng": "বাংলা",
    "Cyrl": "Жяђғ",
    "Deva": "हिन्दी",
    "Hang": "한국어",
    "Hani": "漢字们说",
    "Hira": "ひらがな",
    "Kana": "カタカナ",
    "Latn": "Aéñøßğệ",
    "Mong": "ᠮᠣᠩ",
    "Thai": "ภาษาไทย",
}


def check_engine(
    catalog: Catalog | None, modules: Iterable[str], *, is_used: bool
) -> Iterator[Finding]:
    """Everything that the engine needs for this catalog.

    `modules` are those of the extra `local`. `is_used` says that the endpoint is a stand-in
    cloud; without one, what is missing is told and nothing has to be mended.
    """
    missing = sorted(name for name in modules if find_spec(name) is None)
    if missing:
        words = f"The extra `local` is not installed ({', '.join(missing)})."
        yield well("media engine", words, f"Only demo, dev and localcloud need it: {INSTALL}")
        return
    for finding in _parts(catalog):
        yield finding if is_used else _unneeded(finding)


def missing_fonts(codes: Iterable[str]) -> list[str]:
    """The languages of these that no font on this machine draws."""
    from translation_pipeline.localcloud.engine.errors import JobFailed
    from translation_pipeline.localcloud.engine.fonts import runs_of

    missing = []
    for code in codes:
        known = languages().get(code)
        letters = "".join(LETTERS[script] for script in known.scripts) if known else ""
        try:
            runs_of(letters or "A")
        except JobFailed:
            missing.append(code)
    return missing


def _unneeded(finding: Finding) -> Finding:
    if finding.ok:
        return finding
    return well(finding.name, finding.words, f"Only the stand-in cloud needs it. {finding.advice}")


def _parts(catalog: Catalog | None) -> Iterator[Finding]:
    yield _ffmpeg()
    yield _caption_models()
    if catalog is not None:
        yield _fonts(catalog)
        yield _translation(catalog)
        yield from _speech([rule for rule in catalog.titles if rule.level == "speech"])


def _ffmpeg() -> Finding:
    import imageio_ffmpeg

    advice = f"{INSTALL} brings one; IMAGEIO_FFMPEG_EXE names another, which needs libass."
    try:
        program = imageio_ffmpeg.get_ffmpeg_exe()
        listed = subprocess.run(
            [program, "-hide_banner", "-filters"],
            capture_output=True,
            text=True,
            check=True,
            timeout=FFMPEG_TIMEOUT_S,
        ).stdout
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        return wrong("ffmpeg", f"It cannot be started: {error}.", advice)
    if not any(FILTER_THAT_DRAWS_CAPTIONS in line.split()[1:2] for line in listed.splitlines()):
        return wrong("ffmpeg", f"{program} was built without libass.", advice)
    return well("ffmpeg", f"{program} runs and has libass.")


def _caption_models() -> Finding:
    from translation_pipeline.localcloud.engine.ocr import Ocr

    try:
        Ocr(threads=1)
    except Exception as error:  # whatever two libraries raise for files that are not theirs
        return wrong("models", f"The models that read captions do not load: {error}.", INSTALL)
    return well("models", "The models that read captions load.")


def _fonts(catalog: Catalog) -> Finding:
    missing = missing_fonts(catalog.languages)
    if missing:
        return wrong(
            "fonts",
            f"No font draws captions in {', '.join(missing)}.",
            "Install one, such as Noto Sans CJK (package fonts-noto-cjk) for Chinese, Japanese and "
            "Korean, or set TRANSLATION_PIPELINE_CJK_FONT to a font file.",
        )
    return well("fonts", f"There are fonts for {', '.join(catalog.languages)}.")


def _translation(catalog: Catalog) -> Finding:
    from translation_pipeline.localcloud.engine.errors import JobFailed
    from translation_pipeline.localcloud.engine.translate import (
        TranslationSettings,
        translator_for,
    )

    settings = TranslationSettings.from_environment()
    pairs = {
        (rule.source_language, code) for rule in catalog.titles for code in rule.target_languages
    }
    missing = []
    for source, target in sorted(pairs):
        try:
            translator_for(source, target, settings)
        except JobFailed:  # noqa: PERF203 - each pair has an outcome of its own
            missing.append(f"{source} to {target}")
    if missing:
        return wrong(
            "translation",
            f"Nothing here translates {', '.join(missing)}.",
            "Set TRANSLATION_PIPELINE_LLM_ENDPOINT and TRANSLATION_PIPELINE_LLM_MODEL, or install "
            "Argos Translate with the packages of these pairs.",
        )
    where = f"the endpoint {settings.endpoint}" if settings.endpoint else "models on this machine"
    return well("translation", f"{len(pairs)} pairs of languages, by {where}.")


def _speech(rules: Sequence[TitleRule]) -> Iterator[Finding]:
    """Voices and the model that listens, for rules at speech level."""
    from translation_pipeline.localcloud.engine.errors import JobFailed
    from translation_pipeline.localcloud.engine.voices import voice_for

    if not rules:
        return
    mute = []
    codes = sorted({code for rule in rules for code in rule.target_languages})
    for code in codes:
        try:
            voice_for(code)
        except JobFailed:  # noqa: PERF203 - each language has an outcome of its own
            mute.append(code)
    if mute:
        yield wrong("voices", f"No voice speaks {', '.join(mute)}.", "Leave these languages out.")
    else:
        yield well("voices", f"There are voices for {', '.join(codes)}.")
    yield _recogniser()


def _recogniser() -> Finding:
    from translation_pipeline.localcloud.engine.recognise import SETTING, RecogniserSettings

    name, model = "speech recognition", RecogniserSettings.from_environment().model
    if not model:
        return well(
            name,
            f"{SETTING} is not set, so nobody listens: the text has to come from captions.",
            "Set it to the folder of a Whisper model for faster-whisper if speech is all there is.",
        )
    folder = Path(model).expanduser()
    if folder.is_dir() and not (folder / MODEL_FILE).is_file():
        return wrong(
            name,
            f"{SETTING} names {folder}, where there is no {MODEL_FILE}.",
            "Name the folder of a Whisper model in CTranslate2 format.",
        )
    return well(name, f"The model {model} listens.")
