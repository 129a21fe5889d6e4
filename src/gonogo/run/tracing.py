"""The judge's evidence over time, collected while a run is folded: the state itself keeps only the present (ARB-01)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime

from gonogo.plan.model import Plan
from gonogo.run.events import MetricsSampled, Recorded
from gonogo.run.state import RunState, advance
from gonogo.values import dataclass

MOST_POINTS = 4000


@dataclass(frozen=True, slots=True)
class Weighed:
    """The judge after one sample: evidence of harm (natural logarithm), and of health for each metric."""

    at: datetime
    harm: float
    health: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Traced:
    """A state with the evidence of each rollout so far, by task."""

    state: RunState = field(default_factory=RunState)
    weighed: Mapping[str, tuple[Weighed, ...]] = field(default_factory=dict)


def traced(plan: Plan, entries: Iterable[Recorded], before: Traced | None = None) -> Traced:
    """Fold `entries` onto `before`, keeping what the judge said after each sample."""
    found = before or Traced()
    state, weighed = found.state, dict(found.weighed)
    for entry in entries:
        state = advance(plan, state, entry)
        if isinstance(entry.event, MetricsSampled):
            _collect(weighed, state, entry.event)
    return Traced(state, weighed)


def _collect(weighed: dict[str, tuple[Weighed, ...]], state: RunState, event: MetricsSampled) -> None:
    rolling = state.rollings.get(event.task)
    if rolling is None or rolling.judge is None or rolling.last_at is None:
        return
    judge = rolling.judge
    if not judge.ticks:
        weighed[event.task] = ()
        return
    health = {metric.name: metric.certificate.mass for metric in judge.metrics}
    known = weighed.get(event.task, ())
    weighed[event.task] = (*known[-MOST_POINTS:], Weighed(rolling.last_at, judge.evidence, health))
