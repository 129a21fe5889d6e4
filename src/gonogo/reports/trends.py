"""Figures of all runs by quarter, and alerts where one becomes worse (LRN-04, LRN-05, LRN-15, LRN-17).

They are about many runs: they suggest what to look at, and never decide one (C17).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from gonogo.terms import Json
from gonogo.values import dataclass

PASS_RATE, WORK, HALTS, REWORK, SATISFACTION, BY_HAND = (
    "gate pass rate",
    "work per run in minutes",
    "halts per run",
    "rework requests per run",
    "downstream satisfaction (1 to 5)",
    "statements by hand per run",
)
HIGHER_IS_BETTER: Final = frozenset({PASS_RATE, SATISFACTION})
TOLERATED: Final = Decimal("0.05")
"""So much worse, as a share of the quarter before, a figure may be without an alert."""

LEAST: Final = 3
"""From so many values on a quarter counts for an alert: one bad run is no trend."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One value of one figure in one run."""

    protocol: str
    figure: str
    at: datetime
    value: Decimal


@dataclass(frozen=True, slots=True)
class Quarter:
    """The mean of a figure in a quarter, over how many values."""

    name: str
    mean: Decimal
    count: int


@dataclass(frozen=True, slots=True)
class Trend:
    """A figure of a protocol over the quarters, oldest first."""

    protocol: str
    figure: str
    quarters: tuple[Quarter, ...]

    @property
    def alert(self) -> str:
        """What became worse against the quarter before; empty where nothing did, or too little is known."""
        if len(self.quarters) < 2 or min(each.count for each in self.quarters[-2:]) < LEAST:
            return ""
        before, now = self.quarters[-2:]
        better = self.figure in HIGHER_IS_BETTER
        limit = before.mean * (1 - TOLERATED if better else 1 + TOLERATED)
        worse = now.mean < limit if better else now.mean > limit
        if not worse:
            return ""
        first, last = (f"{_short(each.mean)} in {each.name}" for each in (before, now))
        return f"{self.protocol}: {self.figure} went from {first} to {last}"


def _short(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.01')).normalize():f}"


def quarter_of(at: datetime) -> str:
    """`2026-Q4` of a moment."""
    return f"{at.year}-Q{(at.month - 1) // 3 + 1}"


def trends(observed: Iterable[Observed]) -> tuple[Trend, ...]:
    """Every figure of every protocol by quarter."""
    found: dict[tuple[str, str], dict[str, list[Decimal]]] = {}
    for item in observed:
        found.setdefault((item.protocol, item.figure), {}).setdefault(quarter_of(item.at), []).append(item.value)
    return tuple(Trend(*key, tuple(_quarters(values))) for key, values in sorted(found.items()))


def _quarters(values: dict[str, list[Decimal]]) -> Iterator[Quarter]:
    for name, numbers in sorted(values.items()):
        yield Quarter(name, sum(numbers, Decimal(0)) / len(numbers), len(numbers))


def trend_row(item: Trend) -> dict[str, Json]:
    """A trend for programs."""
    rows: list[Json] = [
        {"quarter": each.name, "mean": _short(each.mean), "values": each.count} for each in item.quarters
    ]
    return {"protocol": item.protocol, "figure": item.figure, "quarters": rows, "alert": item.alert or None}
