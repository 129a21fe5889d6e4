"""How long a run has been at work: folded from its log, waits for people and for time left out (EXE-03, C59).

The time between two entries counts as work, unless the first of them left the run waiting: halted, before a decision of
people, in the health window, outside of a deployment window, or at its end; or it was written by somebody else than
the engine, which is at work again from its own next entry on. A person who lifts the halt of a run that
took too long gives it the whole time again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime, timedelta
from typing import Final

from gonogo.plan.model import Decide, Plan, Roll, Stage, Task, Watch
from gonogo.plan.windows import denied_by
from gonogo.run.events import MetricsSampled, Recorded, RunHalted, RunResumed
from gonogo.run.state import RunState
from gonogo.terms import Engine
from gonogo.values import dataclass

LIMIT: Final = timedelta(minutes=90)
"""So long a protocol may be at work (EXE-03)."""

TIME_LIMIT: Final = "time_limit"
BEFORE, MAIN, AFTER = "before", "main", "after"
"""Parts of a protocol: prerequisites, steps and gates, report and package (EXE-01, WFS-01)."""


@dataclass(frozen=True, slots=True)
class WorkTime:
    """Work and waiting so far. `working` says whether the time after the last entry counts as work."""

    at: datetime | None = None
    working: bool = False
    worked: timedelta = timedelta(0)
    waited: timedelta = timedelta(0)
    overrun: bool = False
    part: str = BEFORE
    parts: Mapping[str, timedelta] = field(default_factory=dict)

    def until(self, now: datetime) -> timedelta:
        """The work up to `now`."""
        going = self.working and self.at is not None
        return self.worked + max(now - self.at, timedelta(0)) if going and self.at else self.worked


def after(plan: Plan, known: WorkTime, state: RunState, entry: Recorded) -> WorkTime:
    """The times after one more entry; `state` is the state after it."""
    passed = max(entry.at - known.at, timedelta(0)) if known.at else timedelta(0)
    if known.working:
        parts = {**known.parts, known.part: known.parts.get(known.part, timedelta(0)) + passed}
        known = replace(known, worked=known.worked + passed, parts=parts)
    else:
        known = replace(known, waited=known.waited + passed)
    match entry.event:
        case MetricsSampled():
            return replace(known, at=entry.at)
        case RunHalted(cause=cause):
            return replace(known, at=entry.at, working=False, overrun=cause == TIME_LIMIT)
        case RunResumed() if known.overrun:
            known = replace(known, worked=timedelta(0), overrun=False)
    working = isinstance(entry.actor, Engine) and _is_working(plan, state, entry.at)
    return replace(known, at=entry.at, working=working, part=_part(plan, state))


def _part(plan: Plan, state: RunState) -> str:
    if state.rollback is not None:
        return MAIN
    task = None if state.aborting else _present(plan.stages, state)
    if task is None:
        return AFTER
    return BEFORE if any(task is own for own in plan.stages[0].tasks) else MAIN


def _is_working(plan: Plan, state: RunState, now: datetime) -> bool:
    if state.outcome or state.halted is not None:
        return False
    if state.aborting or state.rollback is not None:
        return True
    task = _present(plan.stages, state)
    match task.act if task else None:
        case Watch():
            return False
        case Decide(point):
            return not any(asked.point == point and asked.status == "open" for asked in state.rounds.values())
        case Roll():
            return not any(asked.point == "promotion" and asked.status == "open" for asked in state.rounds.values())
    windows = plan.project.windows
    waits = task is not None and task.consumes == "production" and windows is not None
    return not (waits and windows is not None and denied_by(windows, now))


def _present(stages: tuple[Stage, ...], state: RunState) -> Task | None:
    """The first task that is not done."""
    for stage in stages:
        for task in stage.tasks:
            known = state.tasks.get(task.id)
            if known is None or known.outcome != "ok":
                return task
    return None


def is_over_time(state: RunState, stage: Stage, worked: timedelta) -> bool:
    """Whether a run may not begin this stage because it was at work too long.

    Production that was touched is not left half done, a way back is never held up, and nothing stops within a stage.
    """
    held = state.touched or state.aborting or state.rollback is not None or stage.kind == "closing"
    begun = any(task.id in state.tasks for task in stage.tasks)
    return worked > LIMIT and not held and not begun
