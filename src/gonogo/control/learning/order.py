"""Why what stands first stands first: what a gap of phase 1 would have cost, had it been found later (INT-11)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from gonogo.control.opening import Opened
from gonogo.engine.bench import World
from gonogo.errors import GonogoError
from gonogo.plan.model import Decide, Stage
from gonogo.run.events import DecisionRecorded, RunOpened, TaskFinished, TaskIntended, recorded
from gonogo.terms import Json, RunId


def order_reason(world: World, opened: Opened) -> Json:
    """The steps that were spared, and what they took in the newest run that did them; None where no halt is early."""
    spared = _spared(opened)
    if not spared:
        return None
    before = _measured(world, opened, spared)
    return {
        "halted_in": opened.state.halted.stage if opened.state.halted else None,
        "spared": [stage.title for stage in spared],
        "signatures": sum(isinstance(task.act, Decide) for stage in spared for task in stage.tasks),
        "run": before[0] if before else None,
        "milliseconds": int(before[1] * 1000) if before else None,
    }


def order_lines(world: World, opened: Opened) -> Iterator[str]:
    """The same in words."""
    spared = _spared(opened)
    if not spared:
        return
    yield "  why first: a rehearsal on what is not valid yet proves nothing; after the repair this would all be void:"
    yield from (f"    - {stage.title}" for stage in spared)
    before = _measured(world, opened, spared)
    if before:
        yield f"  in {before[0]} these steps took {before[1]:.1f} s of work and {before[2]} signatures"


def _spared(opened: Opened) -> tuple[Stage, ...]:
    """The steps after phase 1, where the run is halted before its end and none of them was begun."""
    halted = opened.state.halted
    at = next((stage for stage in opened.plan.stages if halted and stage.id == halted.stage), None)
    later = tuple(stage for stage in opened.plan.stages if stage.phase > 1 and stage.tasks)
    begun = {name.rpartition("#")[0] for name in opened.state.tasks}
    return later if at is not None and at.phase <= 1 and not begun & {stage.id for stage in later} else ()


def _measured(world: World, opened: Opened, spared: tuple[Stage, ...]) -> tuple[RunId, float, int] | None:
    """The newest other run of this protocol that did these steps: its name, seconds of work, signatures."""
    wanted = {stage.id for stage in spared}
    for run in reversed(world.journal.runs()):
        if run != opened.run and (found := _figures(world, opened, run, wanted)):
            return (run, *found)
    return None


def _figures(world: World, opened: Opened, run: RunId, wanted: set[str]) -> tuple[float, int] | None:
    try:
        entries = [recorded(entry) for entry in world.journal.entries(run)]
    except GonogoError:
        return None
    if not any(isinstance(item.event, RunOpened) and item.event.protocol == opened.plan.name for item in entries):
        return None
    began: dict[str, datetime] = {}
    seconds, signatures, last = 0.0, 0, entries[0].at
    for item in entries:
        match item.event:
            case TaskIntended(task):
                began[task] = item.at
            case TaskFinished(task) if task.rpartition("#")[0] in wanted:
                seconds += (item.at - began.pop(task, last)).total_seconds()
            case DecisionRecorded() if seconds:
                signatures += 1
        last = item.at
    return (seconds, signatures) if seconds else None
