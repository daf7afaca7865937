"""Prices, quotes and caps. Money is whole millionths of a currency unit, never a float."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from translation_pipeline.catalog.decisions import Budget
from translation_pipeline.errors import BudgetExceeded, ConfigurationError
from translation_pipeline.ledger.models import Job, Reservation
from translation_pipeline.ledger.states import JobState
from translation_pipeline.providers.requests import JobRequest, TranslationRequest

MICROS = 1_000_000
HELD, SETTLED, RELEASED = "held", "settled", "released"
# What becomes of reserved money when a job ends; in any other state it stays as it is.
STATUS_AT_END = {
    JobState.VERIFIED: SETTLED,
    JobState.FAILED: RELEASED,
    JobState.ABANDONED: RELEASED,
}


@dataclass(frozen=True)
class Caps:
    """Limits in micros of `currency`; None means no limit."""

    currency: str = "CNY"
    per_run: int | None = None
    per_title: int | None = None
    per_language: int | None = None
    per_month: int | None = None


def caps_of(budget: Budget | None) -> Caps:
    """The caps that a title rule sets; none without a budget."""
    if budget is None:
        return Caps()
    return Caps(
        currency=budget.currency,
        per_run=_micros(budget.per_run),
        per_title=_micros(budget.per_title),
        per_language=_micros(budget.per_language),
        per_month=_micros(budget.per_month),
    )


def _micros(amount: Decimal | None) -> int | None:
    return None if amount is None else int(amount * MICROS)


@dataclass(frozen=True)
class Prices:
    """What a started minute of video costs, per provider, kind and level."""

    currency: str
    table: Mapping[str, Any]

    def price_micros(self, provider: str, request: JobRequest, duration_s: float) -> int:
        """The price of one job; a started minute counts whole.

        Raises `ConfigurationError` when the table has no figure for it: a job without a price
        cannot be held to a budget.
        """
        entry = self.table.get(provider, {}).get(request.kind)
        if isinstance(request, TranslationRequest) and isinstance(entry, Mapping):
            entry = entry.get(request.level)
        if not isinstance(entry, str | int | float) or isinstance(entry, bool):
            raise ConfigurationError(
                f"The price table has no price for {provider} {request.kind}"
                f"{' ' + request.level if isinstance(request, TranslationRequest) else ''}. "
                "Add it to the file that TRANSLATION_PIPELINE_PRICES names."
            )
        minutes = max(1, math.ceil(duration_s / 60))
        return int(Decimal(str(entry)) * MICROS) * minutes


def load_prices(path: Path | None = None) -> Prices:
    """The price table of a file, or the example table that ships with the product."""
    if path is None:
        text = resources.files(__package__).joinpath("data/prices.yaml").read_text("utf-8")
    else:
        try:
            text = path.read_text("utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"The price table {path} cannot be read: {error.strerror}."
            ) from error
    data = yaml.safe_load(text)
    if not isinstance(data, dict) or not isinstance(data.get("currency"), str):
        raise ConfigurationError(
            f"The price table {path or 'prices.yaml'} needs a field `currency`, such as CNY."
        )
    return Prices(currency=data["currency"], table=data)


def format_money(micros: int, currency: str) -> str:
    """`12.34 CNY`."""
    return f"{Decimal(micros) / MICROS:.2f} {currency}"


def check_caps(
    session: Session, jobs: Sequence[Job], caps: Caps, run_id: str, now: datetime
) -> None:
    """Raise `BudgetExceeded` if reserving these jobs would pass any cap; called in a write."""
    if not jobs:
        return
    foreign = {job.currency for job in jobs} - {caps.currency}
    limits = (caps.per_run, caps.per_title, caps.per_language, caps.per_month)
    if foreign and any(limit is not None for limit in limits):
        raise ConfigurationError(
            f"The budget is in {caps.currency}, but prices are in {', '.join(sorted(foreign))}. "
            "Use one currency in the catalog's budget and in the price table."
        )
    month = now.strftime("%Y-%m")
    _check(session, "per_run", caps.per_run, jobs, caps, [Reservation.run_id == run_id])
    _check(session, "per_month", caps.per_month, jobs, caps, [Reservation.month == month])
    for title, of_title in _grouped(jobs, "title"):
        in_title = Reservation.title == title
        _check(session, f"per_title ({title})", caps.per_title, of_title, caps, [in_title])
        for language, of_language in _grouped(of_title, "language"):
            scope = [in_title, Reservation.language == language]
            name = f"per_language ({title}, {language})"
            _check(session, name, caps.per_language, of_language, caps, scope)


def _grouped(jobs: Sequence[Job], field: str) -> list[tuple[str, list[Job]]]:
    values = sorted({getattr(job, field) for job in jobs})
    return [(value, [job for job in jobs if getattr(job, field) == value]) for value in values]


def _check(
    session: Session,
    name: str,
    cap: int | None,
    jobs: Sequence[Job],
    caps: Caps,
    scope: Sequence[ColumnElement[bool]],
) -> None:
    if cap is None:
        return
    spent = select(func.coalesce(func.sum(Reservation.amount_micros), 0)).where(
        *scope, Reservation.status != RELEASED, Reservation.currency == caps.currency
    )
    before = int(session.scalar(spent) or 0)
    needed = sum(job.price_micros for job in jobs)
    if before + needed > cap:
        raise BudgetExceeded(
            f"{len(jobs)} jobs need {format_money(needed, caps.currency)}, but budget.{name} "
            f"allows {format_money(cap, caps.currency)} and "
            f"{format_money(before, caps.currency)} are reserved or spent. Nothing was sent. "
            "Raise the cap in the catalog file, or ask for fewer titles or languages."
        )
