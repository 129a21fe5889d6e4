"""Which state of the protocol is due, and what keeps it from beginning: what `decide` says, for a surface."""

from __future__ import annotations

import enum
from datetime import datetime

from gonogo.plan.model import Plan, Task, stage_of
from gonogo.run.machine import AwaitPeople, NextAct, Over, Parked, Record, Settle, WaitUntil, decide
from gonogo.run.state import RunState
from gonogo.values import dataclass


class Standing(enum.Enum):
    """How a run stands towards its next act."""

    OPEN = "open"
    WAITING = "waiting for people"
    CLOSED_WINDOW = "waiting for a time"
    HALTED = "halted"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Due:
    """The state whose act comes next; the closing state where only the engine has something to write."""

    standing: Standing
    stage: str
    act: NextAct


def due(plan: Plan, state: RunState, now: datetime) -> Due:
    """What is due now. Pure: the same events and the same moment give the same answer."""
    act = decide(plan, state, now)
    match act:
        case Over():
            return Due(Standing.OVER, "", act)
        case Parked(halted):
            return Due(Standing.HALTED, halted.stage, act)
        case AwaitPeople(task):
            return Due(Standing.WAITING, stage_of(plan, task.id).id, act)
        case WaitUntil(far=True):
            return Due(Standing.CLOSED_WINDOW, _first_open(plan, state), act)
        case _:
            return Due(Standing.OPEN, stage_of_act(plan, act) or _first_open(plan, state), act)


def stage_of_act(plan: Plan, act: NextAct) -> str:
    """The state that an act belongs to; empty for what the engine only writes down."""
    task = getattr(act, "task", None)
    return stage_of(plan, task.id).id if isinstance(task, Task) else ""


def _first_open(plan: Plan, state: RunState) -> str:
    for stage in (plan.rollback,) if plan.rollback and state.rollback else plan.stages:
        if any(task.id not in state.tasks or not state.tasks[task.id].outcome for task in stage.tasks):
            return stage.id
    return plan.closing.id


def belongs_to(plan: Plan, wanted: str, state: RunState, act: NextAct) -> bool:
    """Whether an engine that was asked for the state `wanted` goes on with `act`.

    What was begun is settled, what follows from events is written; and once production was touched there is no stopping
    between two states: a new version that nobody watches is worse than any wait.
    """
    if isinstance(act, Record | Settle) or state.touched or state.rollback is not None or state.aborting:
        return True
    return stage_of_act(plan, act) in {wanted, ""}
