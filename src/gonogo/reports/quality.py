"""Quality over runs: target, actual, status (EVS-05, EVS-17). It informs; it replaces no limit of a gate (C17)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from gonogo.evidence.artifacts import ArtifactNote
from gonogo.measure.figures import share
from gonogo.run.state import Evidence
from gonogo.terms import Json
from gonogo.values import dataclass

MET: Final = "met"
MISSED: Final = "missed"
UNKNOWN: Final = "nothing to measure"


@dataclass(frozen=True, slots=True)
class Counted:
    """So many of so many, for one run or one gate; `lacking` names what is not there or does not agree."""

    about: str
    good: int
    whole: int
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quality:
    """One metric: what was aimed at, what was measured (None of nothing), and what is lacking."""

    name: str
    target: Decimal
    actual: Decimal | None
    counts: tuple[Counted, ...]

    @property
    def status(self) -> str:
        """Whether the target is met; nothing measured is never met."""
        if self.actual is None:
            return UNKNOWN
        return MET if self.actual >= self.target else MISSED


def quality(name: str, target: Decimal, counts: Sequence[Counted]) -> Quality:
    """The metric over all `counts` together."""
    good, whole = sum(item.good for item in counts), sum(item.whole for item in counts)
    return Quality(name, target, share(good, whole), tuple(counts))


def quality_row(found: Quality) -> dict[str, Json]:
    """The metric for programs."""
    return {
        "metric": found.name,
        "target": str(found.target),
        "actual": None if found.actual is None else str(found.actual),
        "status": found.status,
        "counts": [
            {"about": item.about, "good": item.good, "whole": item.whole, "lacking": list(item.lacking)}
            for item in found.counts
        ],
    }


@dataclass(frozen=True, slots=True)
class Summed:
    """An artifact with the places of its views below `.artifacts/`, and what is known of it."""

    evidence: Evidence
    places: tuple[str, ...]
    note: ArtifactNote


def summary_row(item: Summed) -> dict[str, Json]:
    """The row of an artifact for programs; figures as text, as they were measured."""
    note = item.note
    return {
        "location": [f".artifacts/{place}" for place in item.places],
        "purpose": note.purpose or None,
        "consumers": list(note.consumers),
        "gate": note.gate,
        "required": note.required,
        "metrics": {name: None if value is None else str(value) for name, value in note.metrics.items()},
    }


def summary_lines(item: Summed) -> tuple[str, ...]:
    """What is said of an artifact under its name, as far as anything is known."""
    note = item.note
    told = {
        "at": ", ".join(f".artifacts/{place}" for place in item.places),
        "for": note.purpose,
        "used by": ", ".join(note.consumers),
        "gate": note.gate or "",
        "measured": "; ".join(f"{name}: {value}" for name, value in note.metrics.items()),
    }
    return tuple(f"{name:<9}{text}" for name, text in told.items() if text)
