"""Reports on caption files: as data, and as one HTML page that a reviewer can be sent."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from typing import Any

from translation_pipeline.captions.checking import CheckedCaptions
from translation_pipeline.captions.cue import Cue, format_timestamp
from translation_pipeline.captions.findings import Finding


def file_report(
    name: str, language: str, checked: CheckedCaptions, compared: Sequence[Finding] = ()
) -> dict[str, Any]:
    """What there is to say of one file, as JSON data; `compared` are findings against its source.

    Findings of reading number the cues of the file, the others those after repair.
    """
    parsed, repaired = checked.parsed, checked.repaired
    findings = [
        *(_finding(finding, parsed.cues) for finding in parsed.findings),
        *(_finding(finding, repaired.cues) for finding in (*checked.judged, *compared)),
    ]
    return {
        "file": name,
        "language": language,
        "blocked": any(finding["severity"] == "error" for finding in findings),
        "format": parsed.format,
        "encoding": parsed.encoding,
        "encoding_confidence": parsed.encoding_confidence,
        "cues": len(parsed.cues),
        "repaired_cues": len(repaired.cues),
        "doubt": checked.doubt.score,
        "signs": [asdict(sign) for sign in checked.doubt.signs],
        "repaired": {rule.rule: list(rule.cue_numbers) for rule in repaired.applied},
        "proposed": [asdict(rule) for rule in repaired.proposed],
        "findings": findings,
    }


def refused_report(name: str, language: str, reason: str) -> dict[str, Any]:
    """What there is to say of a file that could not be read."""
    finding = {"rule": "refused", "severity": "error", "message": reason}
    return {
        "file": name,
        "language": language,
        "blocked": True,
        "cues": 0,
        "doubt": 1.0,
        "signs": [],
        "repaired": {},
        "proposed": [],
        "findings": [finding],
    }


def html_report(reports: Sequence[Mapping[str, Any]], title: str = "Captions") -> str:
    """One page without anything to load: blocked files first, then the most doubtful ones."""
    in_order = sorted(reports, key=lambda item: (not item["blocked"], -item["doubt"], item["file"]))
    blocked = sum(1 for report in reports if report["blocked"])
    summary = (
        f"{len(reports)} files, {sum(report['cues'] for report in reports)} cues, "
        f"{blocked} blocked, {sum(len(report['findings']) for report in reports)} findings"
    )
    template = (resources.files(__package__) / "data" / "report.html").read_text("utf-8")
    parts = {
        "{{title}}": html.escape(title),
        "{{summary}}": html.escape(summary),
        "{{rows}}": "\n".join(_row(number, item) for number, item in enumerate(in_order)),
        "{{files}}": "\n".join(_section(number, item) for number, item in enumerate(in_order)),
    }
    return re.sub(r"\{\{\w+\}\}", lambda mark: parts[mark[0]], template)


def _finding(finding: Finding, cues: Sequence[Cue]) -> dict[str, Any]:
    data: dict[str, Any] = {
        name: value for name, value in asdict(finding).items() if value is not None
    }
    if finding.cue_number is not None and finding.cue_number <= len(cues):
        cue = cues[finding.cue_number - 1]
        data["at"] = format_timestamp(cue.start_ms)
        data["text"] = cue.text
    return data


def _row(number: int, report: Mapping[str, Any]) -> str:
    errors = sum(1 for finding in report["findings"] if finding["severity"] == "error")
    state = "blocked" if report["blocked"] else "usable"
    return (
        f'<tr class="{state}"><td><a href="#file-{number}">{html.escape(report["file"])}</a></td>'
        f"<td>{state}</td><td>{report['cues']}</td><td>{errors}</td>"
        f"<td>{len(report['findings']) - errors}</td><td>{report['doubt']:.2f}</td></tr>"
    )


def _section(number: int, report: Mapping[str, Any]) -> str:
    lines = [f'<section id="file-{number}"><h2>{html.escape(report["file"])}</h2>']
    lines += [
        f"<p>Repaired: {html.escape(name)}, {_cues(cues)}.</p>"
        for name, cues in report["repaired"].items()
    ]
    lines += [
        f"<p>Needs a person: {html.escape(rule['rule'])}, {_cues(rule['cue_numbers'])}. "
        f"{html.escape(rule['why'])}</p>"
        for rule in report["proposed"]
    ]
    lines += [
        f"<p>Doubtful ({sign['weight']:.2f}): {html.escape(sign['message'])}</p>"
        for sign in report["signs"]
    ]
    if report["findings"]:
        lines.append("<table><tr><th>Finding</th><th>Cue</th><th>Time</th><th>Text</th></tr>")
        lines += [_finding_row(finding, report["language"]) for finding in report["findings"]]
        lines.append("</table>")
    return "\n".join([*lines, "</section>"])


def _finding_row(finding: Mapping[str, Any], language: str) -> str:
    place = finding.get("cue_number") or (f"line {finding['line']}" if "line" in finding else "")
    text = html.escape(finding.get("text", "")).replace("\n", "<br>")
    return (
        f'<tr class="{finding["severity"]}"><td><b>{html.escape(finding["rule"])}</b> '
        f"{html.escape(finding['message'])}</td><td>{place}</td><td>{finding.get('at', '')}</td>"
        f'<td dir="auto" lang="{html.escape(language)}">{text}</td></tr>'
    )


def _cues(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:12])) + (", …" if len(numbers) > 12 else "")
    return f"cue {shown}" if len(numbers) == 1 else f"{len(numbers)} cues ({shown})"
