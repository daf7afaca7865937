"""Problems of a catalog file, and how they are told: all at once, each with its remedy."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from translation_pipeline.catalog.yaml_source import Path, YamlSource


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field, and what to do. Without `line` the field's line is used."""

    path: Path
    wrong: str
    remedy: str
    line: int | None = None


def problem(wrong: str, remedy: str | None = None) -> PydanticCustomError:
    """An error to raise in a validator. Without `remedy` the field's description is the remedy."""
    return PydanticCustomError("problem", "{wrong}", {"wrong": wrong, "remedy": remedy})


def problems_of(error: ValidationError, root: type[BaseModel]) -> list[Problem]:
    """What pydantic found, in words for the person who wrote the file."""
    return [_problem_of(details, root) for details in error.errors(include_url=False)]


def report(problems: Sequence[Problem], source: str, document: YamlSource) -> str:
    """The text that lists all problems in the order of the file."""
    placed = sorted(
        ((item.line or document.line_of(item.path), item) for item in problems),
        key=lambda pair: (pair[0] or 0, str(pair[1].path)),
    )
    count = "1 problem" if len(placed) == 1 else f"{len(placed)} problems"
    lines = [f"{source} has {count}:"]
    for line, item in placed:
        place = f"{source}:{line}" if line else source
        lines.append(f"- {place}: {_dotted(item.path)} {item.wrong}.\n  {item.remedy}")
    return "\n".join(lines)


def _problem_of(details: ErrorDetails, root: type[BaseModel]) -> Problem:
    path = details["loc"]
    model, description = _describe(path, root)
    match details["type"]:
        case "problem":
            context = details["ctx"]
            return Problem(path, context["wrong"], context["remedy"] or description)
        case "missing":
            return Problem(path, "is missing", description)
        case "extra_forbidden":
            return Problem(path, "is no field here", _known_fields(str(path[-1]), model))
        case "tuple_type":
            return Problem(path, f"is {_shown(details['input'])}, which is no list", description)
        case "model_type":
            wrong = f"is {_shown(details['input'])}, which is no set of fields"
            return Problem(path, wrong, description)
        case "literal_error":
            wrong = f"is {details['input']!r}, not {details['ctx']['expected']}"
            return Problem(path, wrong, description)
    message = details["msg"][0].lower() + details["msg"][1:]
    return Problem(path, f"is {_shown(details['input'])}: {message}", description)


def _describe(path: Path, root: type[BaseModel]) -> tuple[type[BaseModel], str]:
    """The model that the last name of `path` belongs to, and that field's description."""
    model, description = root, ""
    inner: type[BaseModel] | None = root
    in_mapping = False
    for name in path:
        if isinstance(name, int) or inner is None:
            continue
        if in_mapping:  # a key that the file's author chose
            in_mapping = False
            continue
        model = inner
        field = model.model_fields.get(name)
        description = (field.description if field else None) or "Remove it."
        inner = _model_in(field.annotation) if field else None
        in_mapping = field is not None and get_origin(field.annotation) is dict
    return model, description


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (tuple, dict, Union, UnionType):
        found = (_model_in(argument) for argument in get_args(annotation))
        return next((model for model in found if model), None)
    return None


def _known_fields(name: str, model: type[BaseModel]) -> str:
    close = difflib.get_close_matches(name, model.model_fields, n=1)
    if close:
        return f"Did you mean {close[0]}?"
    return f"Remove it. Known fields: {', '.join(model.model_fields)}."


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _dotted(path: Path) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "the file"
