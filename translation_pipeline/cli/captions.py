"""`captions`: check, repair, compare and convert caption files on this machine, and tell what a
glossary touches.

Exit codes: 0 all files are usable, 1 some are blocked or could not be read, 2 wrong use.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from translation_pipeline.captions.checking import CheckedCaptions, check_captions
from translation_pipeline.captions.cue import Cue, format_timestamp
from translation_pipeline.captions.diff import Difference, diff_captions
from translation_pipeline.captions.findings import Finding
from translation_pipeline.captions.formats import compose_webvtt
from translation_pipeline.captions.glossary import Glossary, parse_glossary
from translation_pipeline.captions.glossary_forms import ims_hotword_libraries, too_long_for_ims
from translation_pipeline.captions.repair import applied_from_json, applied_to_json, undo
from translation_pipeline.captions.report import file_report, html_report, refused_report
from translation_pipeline.captions.srt import compose_srt, parse_srt
from translation_pipeline.captions.translation_quality import compare
from translation_pipeline.cli.output import err, out, print_json
from translation_pipeline.errors import CaptionsUnreadable, ConfigurationError

SUFFIXES = (".srt", ".vtt", ".ass", ".ssa", ".sub")

captions_app = typer.Typer(
    help="Check, repair, compare and convert caption files.", no_args_is_help=True
)

Files = Annotated[
    list[Path], typer.Argument(help="Caption files, or folders of them.", exists=True)
]
Language = Annotated[
    str, typer.Option("--language", "-l", help="Language of the captions, such as zh or en.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print data as JSON on one line.")]
Html = Annotated[Path | None, typer.Option(help="Write a report as one HTML page to this file.")]
Accept = Annotated[
    list[str] | None,
    typer.Option(help="A rule of repair that needs a person's word; give it again for more."),
]
Skip = Annotated[
    list[str] | None, typer.Option(help="A rule of repair to leave out; give it again for more.")
]


@captions_app.command("check")
def check(
    files: Files,
    language: Language,
    against: Annotated[
        Path | None,
        typer.Option(
            help="The source captions, or their folder, to compare translations with.", exists=True
        ),
    ] = None,
    source_language: Annotated[str, typer.Option(help="Language of the source.")] = "zh",
    glossary: Annotated[
        Path | None, typer.Option(help="Glossary of the title (YAML).", exists=True)
    ] = None,
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with captions, and with translations against their source."""
    terms = None if glossary is None else parse_glossary(_text(glossary), glossary.name)
    reports = []
    for file in _all_files(files):
        try:
            checked = check_captions(file.read_bytes(), language=language)
        except CaptionsUnreadable as error:
            reports.append(refused_report(str(file), language, str(error)))
            continue
        compared = _compared(file, checked, against, (source_language, language), terms)
        reports.append(file_report(str(file), language, checked, compared))
    if html is not None:
        html.write_text(html_report(reports), "utf-8")
        err.print(f"Report: {html}")
    if as_json:
        print_json(reports)
    else:
        for report in reports:
            _print_report(report)
    if any(report["blocked"] for report in reports):
        raise typer.Exit(1)


@captions_app.command("repair")
def repair(
    files: Files,
    language: Language = "en",
    accept: Accept = None,
    skip: Skip = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the repaired files.")
    ] = None,
    undo_repair: Annotated[
        bool, typer.Option("--undo", help="Restore the cues from NAME.repair.json beside a file.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write NAME.repaired.srt and, to undo it, NAME.repaired.repair.json; say what was done."""
    results = []
    for file in _all_files(files):
        if undo_repair:
            results.append(_undone(file, output))
        else:
            results.append(_repaired(file, language, accept or (), skip or (), output))
    if as_json:
        print_json(results)
    else:
        for result in results:
            out.print(f"{result['file']}: {_done(result)}", markup=False)
    if any("refused" in result for result in results):
        raise typer.Exit(1)


@captions_app.command("diff")
def diff(
    before: Annotated[Path, typer.Argument(help="The earlier version.", exists=True)],
    after: Annotated[Path, typer.Argument(help="The later version.", exists=True)],
    as_json: AsJson = False,
) -> None:
    """Show which cues differ between two versions; exit code 1 when any does."""
    found = diff_captions(*(parse_srt(file.read_bytes()).cues for file in (before, after)))
    if as_json:
        print_json([_difference(item) for item in found])
    else:
        for item in found:
            for line in _difference_lines(item):
                out.print(line, markup=False)
        err.print(f"{len(found)} cues differ.")
    if found:
        raise typer.Exit(1)


@captions_app.command("convert")
def convert(
    source: Annotated[Path, typer.Argument(help="Captions in any readable form.", exists=True)],
    target: Annotated[Path, typer.Argument(help="File to write; .srt or .vtt decides the form.")],
    language: Language = "en",
) -> None:
    """Convert between SRT and WebVTT, or from ASS and MicroDVD; UTF-8 comes out."""
    compose = {".srt": compose_srt, ".vtt": compose_webvtt}.get(target.suffix.lower())
    if compose is None:
        raise ConfigurationError(f"{target} must end in .srt or .vtt.")
    parsed = parse_srt(source.read_bytes(), language)
    target.write_text(compose(parsed.cues), "utf-8", newline="\n")
    for finding in parsed.findings:
        err.print(f"{source}: {finding.message}", markup=False)
    out.print(f"{target}: {len(parsed.cues)} cues", markup=False)
    if any(finding.severity == "error" for finding in parsed.findings):
        raise typer.Exit(1)


@captions_app.command("impact")
def impact(
    glossary: Annotated[Path, typer.Argument(help="The glossary as it shall be.", exists=True)],
    title: Annotated[
        list[str], typer.Option(help="A title that it is for; give it again for more.")
    ],
    home: Annotated[Path | None, typer.Option(help="Folder of a local ledger.")] = None,
    as_json: AsJson = False,
) -> None:
    """Name the videos and cues that a changed glossary touches. Nothing is planned or sent."""
    from translation_pipeline.cli.ledger import open_pipeline
    from translation_pipeline.stages.glossaries import require_glossary, touched_by

    new = parse_glossary(_text(glossary), glossary.name)
    pipeline = open_pipeline(home)
    require_glossary(pipeline, title)
    touched = list(touched_by(pipeline, new, title))
    if as_json:
        print_json([asdict(item) for item in touched])
        return
    for item in touched:
        cues = ", ".join(map(str, item.cue_numbers))
        out.print(
            f"{item.title}/{item.video} into {', '.join(item.languages)}: cues {cues} "
            f"({', '.join(item.terms)})",
            markup=False,
        )
    count = sum(len(item.languages) for item in touched)
    err.print(f"{len(touched)} videos, {count} translations would be made anew. Nothing was sent.")


@captions_app.command("hotwords")
def hotwords(
    glossary: Annotated[Path, typer.Argument(help="Glossary of the title (YAML).", exists=True)],
    language: Language,
    target: Annotated[list[str], typer.Option(help="A target language; give it again for more.")],
    name: Annotated[str, typer.Option(help="Name of the libraries, such as the title's.")],
) -> None:
    """Print a glossary as the requests of IMS' CreateHotwordLibrary, one JSON object a line."""
    terms = parse_glossary(_text(glossary), glossary.name)
    for request in ims_hotword_libraries(
        terms, name=name, source_language=language, target_languages=target
    ):
        print_json(request)
    for term in too_long_for_ims(terms, target):
        err.print(f"{term}: too long for IMS; only the comparison enforces it.", markup=False)


def _all_files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files, and the caption files below the folders, by name."""
    for path in paths:
        if path.is_dir():
            found = [file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES]
            if not found:
                raise ConfigurationError(f"{path} holds no caption files ({', '.join(SUFFIXES)}).")
            yield from sorted(found)
        else:
            yield path


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file} is no UTF-8 text ({error}). Save it as UTF-8.") from None


def _compared(
    file: Path,
    checked: CheckedCaptions,
    against: Path | None,
    languages: tuple[str, str],
    glossary: Glossary | None,
) -> list[Finding]:
    if against is None:
        return []
    source = against / file.name if against.is_dir() else against
    if not source.exists():
        message = f"There is no source {source} to compare with."
        return [Finding("no_source", "error", message)]
    source_language, target_language = languages
    return compare(
        parse_srt(source.read_bytes(), source_language).cues,
        checked.repaired.cues,
        source_language=source_language,
        target_language=target_language,
        glossary=glossary,
    )


def _print_report(report: dict[str, Any]) -> None:
    state = "BLOCKED" if report["blocked"] else "usable"
    out.print(
        f"{report['file']}: {state}, {report['cues']} cues, doubt {report['doubt']:.2f}",
        markup=False,
    )
    for finding in report["findings"]:
        place = f" (line {finding['line']})" if "line" in finding else ""
        message = f"  {finding['severity']}: {finding['message']}{place} [{finding['rule']}]"
        out.print(message, markup=False)
    for sign in report["signs"]:
        out.print(f"  doubtful: {sign['message']} [{sign['rule']}]", markup=False)
    for rule, cues in report["repaired"].items():
        out.print(f"  repair: {rule} changes {len(cues)} cues", markup=False)
    for rule in report["proposed"]:
        count = len(rule["cue_numbers"])
        out.print(f"  needs a person: {rule['rule']} would change {count} cues", markup=False)


def _repaired(
    file: Path, language: str, accept: Sequence[str], skip: Sequence[str], output: Path | None
) -> dict[str, Any]:
    try:
        checked = check_captions(file.read_bytes(), language=language, accept=accept, skip=skip)
    except CaptionsUnreadable as error:
        return {"file": str(file), "refused": str(error)}
    written = _beside(file, f"{file.stem}.repaired.srt", output)
    written.write_text(compose_srt(checked.repaired.cues), "utf-8", newline="\n")
    applied = applied_to_json(checked.repaired.applied)
    _undo_file(written).write_text(json.dumps(applied, ensure_ascii=False), "utf-8")
    return {
        "file": str(file),
        "written": str(written),
        "cues": len(checked.repaired.cues),
        "applied": {rule.rule: list(rule.cue_numbers) for rule in checked.repaired.applied},
        "proposed": {rule.rule: list(rule.cue_numbers) for rule in checked.repaired.proposed},
    }


def _undone(file: Path, output: Path | None) -> dict[str, Any]:
    record = _undo_file(file)
    if not record.exists():
        raise ConfigurationError(f"{record} is missing: it says how {file} was repaired.")
    applied = applied_from_json(json.loads(_text(record)))
    data = file.read_bytes()  # empty when every cue was
    cues = undo(parse_srt(data).cues if data.strip() else (), applied)
    written = _beside(file, f"{file.stem}.restored.srt", output)
    written.write_text(compose_srt(cues), "utf-8", newline="\n")
    return {"file": str(file), "written": str(written), "cues": len(cues), "applied": {}}


def _beside(file: Path, name: str, output: Path | None) -> Path:
    folder = output or file.parent
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def _undo_file(repaired: Path) -> Path:
    return repaired.with_suffix(".repair.json")


def _done(result: dict[str, Any]) -> str:
    if "refused" in result:
        return str(result["refused"])
    applied = [f"{rule} ({len(cues)})" for rule, cues in result["applied"].items()]
    waiting = [f"{rule} ({len(cues)})" for rule, cues in result.get("proposed", {}).items()]
    said = f"{result['written']}, {result['cues']} cues; "
    said += "changed: " + ", ".join(applied) if applied else "nothing to change"
    return said + (f"; needs a person: {', '.join(waiting)}" if waiting else "")


def _difference(item: Difference) -> dict[str, Any]:
    return {
        "change": item.change,
        "before_number": item.before_number,
        "before": item.before and _cue(item.before),
        "after_number": item.after_number,
        "after": item.after and _cue(item.after),
    }


def _cue(cue: Cue) -> dict[str, Any]:
    return {"start_ms": cue.start_ms, "end_ms": cue.end_ms, "text": cue.text}


def _difference_lines(item: Difference) -> Iterator[str]:
    for sign, number, cue in (
        ("-", item.before_number, item.before),
        ("+", item.after_number, item.after),
    ):
        if cue is not None:
            times = f"{format_timestamp(cue.start_ms)} --> {format_timestamp(cue.end_ms)}"
            yield f"{sign} {number}  {times}  {' / '.join(cue.text.split(chr(10)))}"
