"""Figures over all runs: how often gates pass, and which gaps come back at intake (GAT-07, INT-10).

They are about many runs and never decide one (C17). A waived gate did not pass; a run that cannot be read is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from gonogo.evidence.ledger import time_text
from gonogo.measure.figures import share
from gonogo.terms import Json, RunId
from gonogo.values import dataclass

PASSED: Final = "pass"
WAIVED: Final = "waived"


@dataclass(frozen=True, slots=True)
class Judged:
    """One judgement of one gate."""

    protocol: str
    gate: str
    run: RunId
    attempt: int
    at: datetime
    verdict: str


@dataclass(frozen=True, slots=True)
class GateFigures:
    """A gate over all runs. `rate` is passes over judgements, None without any; `last_failure` the newest non-pass."""

    protocol: str
    gate: str
    history: tuple[Judged, ...]
    rate: Decimal | None
    last_failure: Judged | None

    def count(self, verdict: str) -> int:
        """Judgements with this verdict."""
        return sum(item.verdict == verdict for item in self.history)


def gate_figures(judgements: Iterable[Judged]) -> tuple[GateFigures, ...]:
    """Per protocol and gate, oldest judgement first, gates in the order in which they were first judged."""
    found: dict[tuple[str, str], list[Judged]] = {}
    for item in sorted(judgements, key=lambda judged: judged.at):
        found.setdefault((item.protocol, item.gate), []).append(item)
    return tuple(_figures(protocol, gate, tuple(history)) for (protocol, gate), history in found.items())


def _figures(protocol: str, gate: str, history: tuple[Judged, ...]) -> GateFigures:
    passes = sum(item.verdict == PASSED for item in history)
    failures = [item for item in history if item.verdict not in {PASSED, WAIVED}]
    return GateFigures(protocol, gate, history, share(passes, len(history)), failures[-1] if failures else None)


def gate_row(figures: GateFigures) -> dict[str, Json]:
    """The figures of a gate, for programs."""
    verdicts = dict.fromkeys(item.verdict for item in figures.history)
    return {
        "protocol": figures.protocol,
        "gate": figures.gate,
        "judgements": len(figures.history),
        "verdicts": {verdict: figures.count(verdict) for verdict in verdicts},
        "pass_rate": None if figures.rate is None else str(figures.rate),
        "last_failure": None if figures.last_failure is None else _judged_row(figures.last_failure),
        "history": [_judged_row(item) for item in figures.history],
    }


def _judged_row(item: Judged) -> dict[str, Json]:
    return {"run": item.run, "attempt": item.attempt, "at": time_text(item.at), "verdict": item.verdict}


@dataclass(frozen=True, slots=True)
class Gap:
    """An item that a run lacked at intake. `kind` is artifact, approval or state; `source` the protocol owing it."""

    run: RunId
    kind: str
    source: str
    item: str
    state: str
    cause: str


@dataclass(frozen=True, slots=True)
class RecurringGap:
    """The same gap over all runs: one count for each run, however often it was looked at."""

    source: str
    kind: str
    item: str
    runs: tuple[RunId, ...]
    states: Mapping[str, int]


def recurring_gaps(gaps: Iterable[Gap]) -> tuple[RecurringGap, ...]:
    """Gaps by source, kind and item; what came back most often stands first."""
    found: dict[tuple[str, str, str], dict[RunId, str]] = {}
    for gap in gaps:
        found.setdefault((gap.source, gap.kind, gap.item), {})[gap.run] = gap.cause or gap.state
    rows = [
        RecurringGap(source, kind, item, tuple(runs), _counted(runs.values()))
        for (source, kind, item), runs in found.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-len(row.runs), row.source, row.kind, row.item)))


def _counted(words: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for word in words:
        found[word] = found.get(word, 0) + 1
    return found


def gap_row(gap: RecurringGap) -> dict[str, Json]:
    """A recurring gap, for programs."""
    return {
        "upstream": gap.source or None,
        "kind": gap.kind,
        "item": gap.item,
        "runs": len(gap.runs),
        "causes": dict(gap.states),
        "last_run": gap.runs[-1],
    }
