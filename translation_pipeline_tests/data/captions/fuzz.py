"""Feed mutated corpus files to the whole check, guided by coverage; run by hand, with atheris.

    pip install atheris
    python translation_pipeline_tests/data/captions/fuzz.py -max_total_time=600 -rss_limit_mb=0

Whatever the bytes are, they become cues and findings or `CaptionsUnreadable`; repair can be
undone and, again, changes nothing. Anything else ends the run with the input that did it. The
fuzzer itself grows by some kilobytes a run, hence no limit.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["translation_pipeline.captions"]):
    import yaml

    from translation_pipeline.captions.checking import check_captions
    from translation_pipeline.captions.repair import repair, undo
    from translation_pipeline.errors import CaptionsUnreadable

HERE = Path(__file__).parent
LANGUAGES = ("zh", "en", "ja", "ar", "th", "hi")


def check(data: bytes) -> None:
    """One input: the first byte chooses the language."""
    language = LANGUAGES[data[0] % len(LANGUAGES)] if data else "en"
    try:
        checked = check_captions(data[1:], language=language, duration_s=60.0)
    except CaptionsUnreadable:
        return
    repaired = checked.repaired
    assert undo(repaired.cues, repaired.applied) == checked.parsed.cues
    assert repair(repaired.cues, duration_s=60.0).applied == ()


def seeds(folder: Path) -> None:
    """The corpus as files that the fuzzer starts from."""
    for source in HERE.glob("*.yaml"):
        for number, case in enumerate(yaml.safe_load(source.read_text("utf-8"))):
            data = case.get("bytes") or case["text"].encode(case.get("encoding", "utf-8"))
            (folder / f"{source.stem}-{number}").write_bytes(b"\0" + data)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        seeds(Path(folder))
        atheris.Setup([*sys.argv, folder], check)
        atheris.Fuzz()
