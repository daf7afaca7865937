"""The shape of the repository: what lies where, what imports what, and what is declared."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "translation_pipeline"
TESTS = ROOT / "translation_pipeline_tests"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

TOP_LEVEL = {
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "constraints.txt",
    "dagster.yaml",
    "deploy",
    "docs",
    "pyproject.toml",
    "translation_pipeline",
    "translation_pipeline_tests",
    "workspace.yaml",
}

# Parts of the package, as paths below it.
KNOW_DAGSTER = ("defs/", "definitions.py", "cli/", "benchmarks/")
KNOW_LOCALCLOUD = ("localcloud/", "cli/", "benchmarks/")
EARS_AND_EYES = ("verification/reading.py", "verification/recogniser.py")
NEED_LOCAL_EXTRA = ("localcloud/", "cli/", "sample_title/make.py", *EARS_AND_EYES)
NEED_TEST_EXTRA = ("benchmarks/",)
NEED_CELERY_EXTRA = ("defs/celery_run_launcher.py",)
# With the errors that captions raise.
FOR_LOCALCLOUD = {"captions", "media", "errors", "localcloud"}
FOR_VERIFICATION = {"captions", "media", "verification"}

# Used where a user has installed them; `local` and `test` do not ask for them.
OPTIONAL = {"argostranslate", "atheris", "kokoro_onnx"}

# What must not be loaded to show the asset graph: SDKs, media engine and stand-in cloud.
HEAVY = (
    "alibabacloud_ice20201109",
    "alibabacloud_tea_openapi",
    "apprise",
    "av",
    "cv2",
    "numpy",
    "onnxruntime",
    "oss2",
    "pandas",
    "rapidocr",
    "translation_pipeline.localcloud",
)

# In pieces, so that this file may be searched too.
REGISTRIES = re.compile(
    "|".join(
        re.escape(f"{name}.{domain}")
        for name, domain in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("npmjs", "org"),
            ("deb.debian", "org"),
            ("docker", "io"),
            ("ghcr", "io"),
        )
    )
)
MACHINE_PATH = re.compile(r"(?<![\w.}*/-])/(?:work|root|opt|home|Users)/[A-Za-z]")


def tracked_files() -> list[Path]:
    """The files of the commit; where there is no checkout the tests have nothing to judge."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    found = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in found if path.is_file()]


@lru_cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, also inside functions."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{path}: imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def files_in(parts: tuple[str, ...]) -> list[Path]:
    """Files of the package in these parts of it."""
    return [p for p in sources(PACKAGE) if p.relative_to(PACKAGE).as_posix().startswith(parts)]


def files_but(parts: tuple[str, ...]) -> list[Path]:
    """Files of the package outside these parts of it."""
    return sorted(set(sources(PACKAGE)) - set(files_in(parts)))


def imports_of(path: Path, name: str) -> list[str]:
    return [found for found in imports(path) if found == name or found.startswith(name + ".")]


def reached_by(part: str) -> set[str]:
    """The parts of the package that the files of one part import."""
    return {
        name.split(".")[1]
        for path in sources(PACKAGE / part)
        for name in imports_of(path, PACKAGE.name)
        if "." in name
    }


def requirements(*extras: str) -> list[Requirement]:
    """What the plain installation and these extras ask for."""
    texts = list(PROJECT["dependencies"])
    for extra in extras:
        texts += PROJECT["optional-dependencies"][extra]
    return [Requirement(text) for text in texts]


def test_top_level_holds_nothing_unexpected() -> None:
    names = {path.relative_to(ROOT).parts[0] for path in tracked_files()}

    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


def test_only_the_outermost_parts_know_dagster() -> None:
    others = files_but(KNOW_DAGSTER)

    assert [path for path in others if imports_of(path, "dagster")] == []


def test_stand_in_and_pipeline_meet_over_http_only() -> None:
    pipeline = files_but(KNOW_LOCALCLOUD)

    assert [path for path in pipeline if imports_of(path, f"{PACKAGE.name}.localcloud")] == []
    assert reached_by("localcloud") <= FOR_LOCALCLOUD


def test_verification_knows_captions_and_media_only() -> None:
    assert reached_by("verification") <= FOR_VERIFICATION


def test_loading_the_definitions_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, translation_pipeline.definitions\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )

    loaded = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )

    assert loaded.stdout.split() == []


@pytest.mark.parametrize(
    ("files", "extras"),
    [
        (files_but(NEED_LOCAL_EXTRA + NEED_TEST_EXTRA + NEED_CELERY_EXTRA), ()),
        (files_in(NEED_LOCAL_EXTRA), ("local",)),
        (files_in(NEED_CELERY_EXTRA), ("celery",)),
        (files_in(NEED_TEST_EXTRA) + sources(TESTS), ("local", "test")),
    ],
    ids=["plain", "local", "celery", "test"],
)
def test_every_imported_library_is_declared(files: list[Path], extras: tuple[str, ...]) -> None:
    declared = {canonicalize_name(requirement.name) for requirement in requirements(*extras)}
    distributions = packages_distributions()
    own = {*sys.stdlib_module_names, *OPTIONAL, PACKAGE.name, TESTS.name}
    undeclared = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in files
        for module in {name.partition(".")[0] for name in imports(path)} - own
        if declared.isdisjoint(map(canonicalize_name, distributions.get(module, ())))
    ]

    assert undeclared == []


def test_constraints_pin_every_requirement_to_a_version_that_it_allows() -> None:
    pins: dict[str, list[Requirement]] = {}
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            assert not pin.url and re.fullmatch(r"==[\w.]+", str(pin.specifier)), line
            pins.setdefault(canonicalize_name(pin.name), []).append(pin)
    problems = []
    for wanted in requirements("local", "test"):
        for version in ("3.10", "3.11", "3.12", "3.13"):
            environment = {"python_version": version}
            found = [
                str(pin.specifier).removeprefix("==")
                for pin in pins.get(canonicalize_name(wanted.name), [])
                if pin.marker is None or pin.marker.evaluate(environment)
            ]
            if len(found) != 1 or not wanted.specifier.contains(found[0]):
                problems.append(f"{wanted} on Python {version}: {found}")

    assert problems == []


@pytest.mark.parametrize("pattern", [REGISTRIES, MACHINE_PATH], ids=["registries", "paths"])
def test_no_file_names_a_registry_or_a_place_on_a_machine(pattern: re.Pattern[str]) -> None:
    found = []
    for path in tracked_files():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # pictures, videos, fonts
        found += [f"{path.relative_to(ROOT)}: {hit[0]}" for hit in pattern.finditer(text)]

    assert found == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in (*sources(PACKAGE), *sources(TESTS))
        if tree(path).body and not ast.get_docstring(tree(path))
    ]

    assert silent == []


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("ruff", "check"), id="lint"),
        pytest.param(("ruff", "format", "--check"), id="format"),
        pytest.param(
            ("mypy",),
            id="types",
            marks=pytest.mark.skipif(
                sys.version_info < (3, 11), reason="3.10 has older libraries, typed otherwise"
            ),
        ),
    ],
)
def test_style_and_types(arguments: tuple[str, ...]) -> None:
    pytest.importorskip(arguments[0])

    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True
    )

    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)
