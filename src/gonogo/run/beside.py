"""Acts that may be at work beside each other: those of a step that declares it, and the hosts of a batch (C57; ROL-01).

Both say so in the plan, by `Task.at_once`. Steps follow each other in any case (EXE-02). Each of these acts has an
intent, a number, a fence and a probe of its own; what is open is closed before the step goes on, halts or fails, so
that nothing is forgotten while it is still at work.
"""

from __future__ import annotations

from typing import TypeAlias

from gonogo.plan.model import Execute, Plan, Stage, Task, stage_of, task_of
from gonogo.run.shifting import of_one_host
from gonogo.run.state import RunState, TaskState, attempt_of

Open: TypeAlias = tuple[Task, TaskState]
"""An act that was intended and has no outcome yet."""


def acts_beside(stage: Stage, task: Task) -> tuple[Task, ...]:
    """The acts of `stage` that may be at work together with `task`, itself among them, in their order."""
    place = next(number for number, other in enumerate(stage.tasks) if other.id == task.id)
    first = last = place
    while first > 0 and _alike(stage.tasks[first - 1], task):
        first -= 1
    while last + 1 < len(stage.tasks) and _alike(stage.tasks[last + 1], task):
        last += 1
    return stage.tasks[first : last + 1]


def _alike(other: Task, task: Task) -> bool:
    same = (other.at_once, other.batch) == (task.at_once, task.batch)
    return task.at_once > 1 and same and isinstance(other.act, Execute)


def open_acts(plan: Plan, state: RunState) -> tuple[Open, ...]:
    """Acts without an outcome that have to be settled now, in the order in which they were begun first.

    An act whose outcome nobody knows keeps an abort from nothing: what follows takes production back as a whole. A run
    that stands still settles nothing, but for what is at work beside the act that made it halt.
    """
    found = tuple((task_of(plan, name), known) for name, known in state.tasks.items() if known.open)
    if state.halted is not None:
        return tuple((task, known) for task, known in found if task.at_once > 1 and not known.unknown)
    given_up = state.aborting and state.rollback is None
    return tuple((task, known) for task, known in found if not (known.unknown and given_up))


def one_more(plan: Plan, state: RunState, opened: tuple[Open, ...]) -> Task | None:
    """The act that may begin beside those that are open; None where there is none, or nothing new may begin.

    The act that uses up an approval begins alone: where people are asked again, nothing else of its step is at work.
    """
    task, _ = opened[0]
    stage = stage_of(plan, task.id)
    ends = stage.kind != "rollback" and (state.aborting or state.rollback is not None)
    if state.halted is not None or ends or len(opened) >= task.at_once or any(known.unknown for _, known in opened):
        return None
    beside = acts_beside(stage, task)
    present = attempt_of(state, stage)
    if any(other not in beside or known.attempt != present for other, known in opened):
        return None
    if any(failed_with(state, stage, other) is not None for other, _ in opened):
        return None
    waiting = (other for other in beside if not other.consumes and _can_begin(state.tasks.get(other.id)))
    return next(waiting, None)


def _can_begin(known: TaskState | None) -> bool:
    return known is None or not (known.open or known.outcome)


def failed_with(state: RunState, stage: Stage, task: Task) -> Task | None:
    """The act that keeps `task` from going on: itself or one beside it, if it failed.

    On the way back each host is on its own: the others are taken back all the same.
    """
    together = (task,) if task.at_once == 1 or of_one_host(stage, task) else acts_beside(stage, task)
    return next((part for part in together if (known := state.tasks.get(part.id)) and known.outcome == "failed"), None)
