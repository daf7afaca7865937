"""The README and the pages in docs say what is so: commands, settings, fields, states, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.core import TyperGroup
from typer.main import get_command

from translation_pipeline.catalog.config import Catalog, TitleRule, load_catalog
from translation_pipeline.catalog.decisions import Budget, BurnIn, CaptionProfile
from translation_pipeline.cli.commands import app
from translation_pipeline.ledger.states import LEGAL, JobState
from translation_pipeline.localcloud.faults import FaultPlan

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]

INSTALL = "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt -e"
FIRST_COMMAND = f"{INSTALL} '.[local]' && .venv/bin/translation-pipeline demo"
SECOND_COMMAND = f"{INSTALL} '.[local,test]' && .venv/bin/python -m pytest"

# A name in full, or what the code puts behind the common prefix.
VARIABLE = re.compile(
    r"TRANSLATION_PIPELINE_(?P<full>[A-Z_]*[A-Z])(?![A-Z_])"
    r'|PREFIX \+ "(?P<added>[A-Z_]+)"'
    r'|(?:_positive|_one_of)\(env, "(?P<number>[A-Z_]+)"'
)


def code_blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def command_names(group: TyperGroup, before: str = "") -> list[str]:
    names = []
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            names += command_names(command, f"{before}{name} ")
        else:
            names.append(before + name)
    return names


def test_the_two_commands_are_one_line_each_and_ci_runs_the_second() -> None:
    lines = README.splitlines()
    ci = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()

    assert lines.count(FIRST_COMMAND) == lines.count(SECOND_COMMAND) == 1
    assert ci.count(SECOND_COMMAND) == 1


def test_readme_lists_the_commands_that_there_are() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    table = README.partition("## Commands")[2].partition("\n## ")[0]
    first_cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)[1:]

    listed = [name for cell in first_cells for name in re.findall(r"`([^`]+)`", cell)]

    assert sorted(listed) == sorted(command_names(group))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", page.read_text("utf-8"))
    local = [target for target in targets if not target.startswith("http")]

    assert [target for target in local if not (page.parent / target).exists()] == []


def test_settings_page_lists_the_variables_that_the_code_reads() -> None:
    read = set()
    for path in (ROOT / "translation_pipeline").rglob("*.py"):
        for found in VARIABLE.finditer(path.read_text("utf-8")):
            read.add(found["full"] or found["added"] or found["number"])
    listed = set(
        re.findall(
            r"^\| `TRANSLATION_PIPELINE_([A-Z_]+)`",
            (ROOT / "docs" / "settings.md").read_text("utf-8"),
            re.MULTILINE,
        )
    )

    # Only tests read the first two for sure; the engine puts the last together from its parts.
    assert listed == read | {"TEST_DATABASE_URL", "TEST_SPEECH_MODEL", "LLM_API_KEY"}


@pytest.mark.parametrize(
    ("model", "heading"),
    [
        (Catalog, "The file"),
        (TitleRule, "A rule"),
        (BurnIn, "burn_in"),
        (CaptionProfile, "caption_profiles"),
        (Budget, "budget"),
    ],
)
def test_catalog_page_lists_every_field(model: type[BaseModel], heading: str) -> None:
    page = (ROOT / "docs" / "catalog.md").read_text("utf-8")
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)

    listed = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]

    assert sorted(listed) == sorted(model.model_fields)


def test_catalog_example_is_accepted() -> None:
    (example,) = code_blocks(ROOT / "docs" / "catalog.md", "yaml")

    catalog = load_catalog(example, source="docs/catalog.md")

    assert [rule.captions for rule in catalog.titles] == ["review", "provided"]


def test_localcloud_page_names_every_fault_and_its_example_is_accepted() -> None:
    page = ROOT / "docs" / "localcloud.md"
    (example,) = code_blocks(page, "json")

    plan = FaultPlan.parse(example)

    assert [fault.kind for fault in plan.faults] == ["throttling", "drop"]
    kinds = FaultPlan.model_json_schema()["properties"]["faults"]["items"]["discriminator"]
    assert [kind for kind in kinds["mapping"] if f"`{kind}`" not in page.read_text("utf-8")] == []


def test_ledger_page_draws_the_legal_changes_of_state() -> None:
    (diagram,) = code_blocks(ROOT / "docs" / "ledger.md", "mermaid")
    drawn = set(re.findall(r"^    (\w+) --> (\w+)$", diagram, re.MULTILINE))

    assert drawn == {(a.value, b.value) for a, after in LEGAL.items() for b in after}


def test_ledger_page_explains_every_state() -> None:
    page = (ROOT / "docs" / "ledger.md").read_text("utf-8")
    explained = re.findall(r"^\| `(\w+)` \| [A-Z]", page, re.MULTILINE)

    assert explained == [state.value for state in JobState]
