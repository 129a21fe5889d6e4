"""Gathers the figures of all runs for their trends: from ledgers, and from what people downstream said (LRN-04)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

from gonogo.control.door import Door
from gonogo.control.learning.feedback import entries_of
from gonogo.control.learning.over_runs import run_times
from gonogo.control.opening import Opened
from gonogo.errors import GonogoError
from gonogo.evidence.ledger import time_of
from gonogo.reports.trends import BY_HAND, HALTS, PASS_RATE, REWORK, SATISFACTION, WORK, Observed, Trend, trends
from gonogo.terms import RunId


def trends_of(door: Door) -> tuple[Trend, ...]:
    """The trends of a project, over every run that can be read."""
    worked = {item.run: sum(item.times.parts.values(), timedelta(0)) for item in run_times(door)}
    return trends(each for run in door.runs() for each in observed_in(door, run, worked.get(run)))


def figures_of(door: Door, runs: Sequence[RunId]) -> dict[str, Decimal]:
    """The mean of each figure over some runs: those of one version of a protocol, say (LRN-06)."""
    worked = {item.run: sum(item.times.parts.values(), timedelta(0)) for item in run_times(door)}
    values: dict[str, list[Decimal]] = {}
    for run in runs:
        for item in observed_in(door, run, worked.get(run)):
            values.setdefault(item.figure, []).append(item.value)
    return {figure: sum(found, Decimal(0)) / len(found) for figure, found in values.items()}


def observed_in(door: Door, run: RunId, worked: timedelta | None) -> Iterator[Observed]:
    """Every value that one run, and what was said about it, gives."""
    try:
        opened = door.load(run)
    except GonogoError:
        # A run that cannot be read has no figures; `gonogo audit` names it.
        return
    at, name = opened.entries[0].ts, opened.plan.name
    for entry in opened.entries:
        if entry.type == "gate.judged":
            yield Observed(name, PASS_RATE, entry.ts, Decimal(entry.data.get("verdict") == "pass"))
    if worked is not None and opened.state.outcome:
        minutes = Decimal(worked // timedelta(milliseconds=1)) / 60_000
        yield Observed(name, WORK, at, minutes)
    yield Observed(name, HALTS, at, Decimal(opened.state.halts))
    yield Observed(name, BY_HAND, at, Decimal(statements_by_hand(opened)))
    said = entries_of(door, opened)
    yield Observed(name, REWORK, at, Decimal(sum(row.get("kind") == "rework" for row in said)))
    for row in said:
        rating = row.get("rating")
        if isinstance(rating, int):
            yield Observed(name, SATISFACTION, time_of(str(row["at"])), Decimal(rating))


def statements_by_hand(opened: Opened) -> int:
    """Statements of fact that people signed because nothing measured them: what could be automated."""
    return sum(len(asked.answers) for asked in opened.state.rounds.values() if asked.kind == "attestation")
