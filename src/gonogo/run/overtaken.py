"""What overtakes a run: a window that closes over a rollout, evidence that changes under a round (WIN-02, APR-03)."""

from __future__ import annotations

from datetime import datetime

from gonogo.plan.model import Plan, Task, stage_of
from gonogo.plan.windows import denied_by
from gonogo.run.rolling import Rolling
from gonogo.run.state import Round, RunState


def caught_by_its_end(plan: Plan, known: Rolling | None, now: datetime) -> str:
    """Why a rollout under way is taken back because its window closed; empty where it is finished (WIN-02).

    One that people let begin outside of every window, by breaking the glass, has no end that could catch it.
    """
    windows = plan.project.windows
    if windows is None or windows.at_end != "roll_back" or known is None or not known.moves:
        return ""
    why = "" if denied_by(windows, known.began) else denied_by(windows, now)
    return f"the rollout was caught by the end of its window: {why}" if why else ""


def moved_since(plan: Plan, state: RunState, task: Task, asked: Round) -> str:
    """The name of evidence of an earlier step that was sealed after a round was asked; empty where there is none."""
    order = [stage.id for stage in plan.stages]
    own = order.index(stage_of(plan, task.id).id)
    before = set(order[:own])
    return next((item.name for item in state.evidence.values() if item.stage in before and item.seq > asked.seq), "")
