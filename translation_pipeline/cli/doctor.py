"""`translation-pipeline doctor`: one line per check, and what to do where something is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.text import Text

from translation_pipeline.cli.commands import MODULES_OF_LOCAL_EXTRA
from translation_pipeline.cli.local_engine import check_engine
from translation_pipeline.cli.local_home import LocalHome
from translation_pipeline.cli.output import err, out, print_json
from translation_pipeline.cli.processes import answers
from translation_pipeline.doctor.examination import check_catalog, examine, exit_code
from translation_pipeline.doctor.findings import Finding
from translation_pipeline.localcloud.config import CONTROL_PREFIX
from translation_pipeline.settings import Settings


def run_doctor(home: Path | None, *, write: bool, as_json: bool) -> int:
    """Print the findings; returns the exit code. Raises `ConfigurationError` for settings."""
    environment = dict(os.environ) if home is None else LocalHome(home.resolve()).environment()
    settings = Settings.from_environment(environment)
    findings = []
    for finding in _findings(settings, write=write):
        findings.append(finding)
        if not as_json:
            _print(finding)
    code = exit_code(findings)
    if as_json:
        print_json({"ok": code == 0, "findings": [asdict(finding) for finding in findings]})
    else:
        err.print(_summary(findings), markup=False)
    return code


def _findings(settings: Settings, *, write: bool) -> Iterator[Finding]:
    catalog, found = check_catalog(settings)
    yield found
    yield from examine(settings, catalog, write=write)
    is_stand_in = answers(f"{settings.oss_endpoint}{CONTROL_PREFIX}health")
    yield from check_engine(catalog, MODULES_OF_LOCAL_EXTRA, is_used=is_stand_in)


def _print(finding: Finding) -> None:
    mark = Text("ok  ", "green") if finding.ok else Text("MEND", "bold red")
    out.print(Text.assemble(mark, f"  {finding.name}: {finding.words}"))
    if finding.advice:
        out.print(Text(f"      -> {finding.advice}"))


def _summary(findings: Sequence[Finding]) -> str:
    bad = sum(not finding.ok for finding in findings)
    told = f"{bad} of {len(findings)} checks found something to mend." if bad else "All is well."
    return f"{told} Nothing was called that costs."
