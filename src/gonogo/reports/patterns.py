"""What the patterns of work achieve: pass rates, branches taken back, feedback from downstream, by quarter (RSN-07).

A pattern is the reasoning of a phase (`gonogo explain RUN STEP` shows it). The figures suggest where to look at the
next quarterly review; they decide nothing (C17).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from gonogo.measure.figures import share
from gonogo.terms import Json
from gonogo.values import dataclass

TOLERATED: Final = Decimal("0.05")
LEAST: Final = 3
"""From so many judgements on in both quarters a lower pass rate is worth a word: one bad run is no trend."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run, or one word about it, shows of a pattern. `quarter` is `2026-Q4`."""

    protocol: str
    pattern: str
    quarter: str
    judged: int = 0
    passed: int = 0
    onward: int = 0
    back: int = 0
    ratings: tuple[int, ...] = ()
    rework: int = 0


@dataclass(frozen=True, slots=True)
class Effect:
    """A pattern in one quarter, over all runs."""

    protocol: str
    pattern: str
    quarter: str
    judged: int
    passed: int
    onward: int
    back: int
    ratings: tuple[int, ...]
    rework: int

    @property
    def pass_rate(self) -> Decimal | None:
        """Passes over judgements of the gates of the phase; None without any."""
        return share(self.passed, self.judged)

    @property
    def straight(self) -> Decimal | None:
        """Branches that went on over all branches taken; None without any."""
        return share(self.onward, self.onward + self.back)

    @property
    def satisfaction(self) -> Decimal | None:
        """The mean rating that people downstream gave what the phase made, from 1 to 5; None without any."""
        return Decimal(sum(self.ratings)) / len(self.ratings) if self.ratings else None


def effects(seen: Iterable[Seen]) -> tuple[Effect, ...]:
    """Every pattern by quarter: protocols and patterns as they were first met, quarters oldest first."""
    found: dict[tuple[str, str], dict[str, list[Seen]]] = {}
    for item in seen:
        found.setdefault((item.protocol, item.pattern), {}).setdefault(item.quarter, []).append(item)
    return tuple(
        _summed(*key, quarter, rows)
        for key, by_quarter in found.items()
        for quarter, rows in sorted(by_quarter.items())
    )


def _summed(protocol: str, pattern: str, quarter: str, rows: list[Seen]) -> Effect:
    return Effect(
        protocol,
        pattern,
        quarter,
        judged=sum(row.judged for row in rows),
        passed=sum(row.passed for row in rows),
        onward=sum(row.onward for row in rows),
        back=sum(row.back for row in rows),
        ratings=tuple(rating for row in rows for rating in row.ratings),
        rework=sum(row.rework for row in rows),
    )


def worse(found: tuple[Effect, ...]) -> Iterator[str]:
    """Where the pass rate of a pattern fell against its quarter before: what the review looks at first."""
    last: dict[tuple[str, str], Effect] = {}
    for item in found:
        before = last.get((item.protocol, item.pattern))
        last[item.protocol, item.pattern] = item
        if before is None or min(before.judged, item.judged) < LEAST:
            continue
        had, has = before.pass_rate, item.pass_rate
        if had is not None and has is not None and has < had * (1 - TOLERATED):
            told = f"from {had * 100:.0f} % in {before.quarter} to {has * 100:.0f} % in {item.quarter}"
            yield f"{item.protocol}: `{item.pattern}` passes less often: {told}"


def effect_line(item: Effect) -> str:
    """An effect for people, in one line."""
    rated = (
        "no feedback" if item.satisfaction is None else f"downstream {item.satisfaction:.1f} of 5 ({len(item.ratings)})"
    )
    passed = f"gates {item.passed} of {item.judged} passed{_percent(item.pass_rate)}"
    return (
        f"{item.quarter}   {item.protocol}   {item.pattern}   {passed}"
        f"   branches {item.onward} on, {item.back} back   {rated}, rework {item.rework}"
    )


def _percent(rate: Decimal | None) -> str:
    return "" if rate is None else f" ({rate * 100:.0f} %)"


def effect_row(item: Effect) -> dict[str, Json]:
    """An effect for programs."""
    return {
        "protocol": item.protocol,
        "pattern": item.pattern,
        "quarter": item.quarter,
        "judgements": item.judged,
        "passed": item.passed,
        "pass_rate": _text(item.pass_rate),
        "branches_onward": item.onward,
        "branches_back": item.back,
        "straight": _text(item.straight),
        "ratings": len(item.ratings),
        "satisfaction": _text(item.satisfaction),
        "rework": item.rework,
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value.quantize(Decimal('0.001')).normalize():f}"
