"""What overtakes a run: a window that closes, also over a rollout, and evidence that changes under a round (WIN-02)."""

from __future__ import annotations

from datetime import datetime

from gonogo.evidence.ledger import time_of
from gonogo.plan.model import Plan, Task, stage_of
from gonogo.plan.windows import HORIZON, denied_by, next_opening
from gonogo.run.asking import who_is_missing
from gonogo.run.rolling import Rolling
from gonogo.run.state import Round, RunState, usable_round

BREAK_GLASS = "break_glass"


def shut_out(plan: Plan, state: RunState, task: Task, now: datetime) -> tuple[datetime | None, str] | None:
    """Until when a task may not touch production first, and why (WIN-02); None where it may.

    Without a moment no window is ever to open. Where people may break the glass, the run waits for them even then.
    """
    windows = plan.project.windows
    why = denied_by(windows, now) if windows is not None and task.consumes == "production" else ""
    if windows is None or not why:
        return None
    broken = usable_round(state, BREAK_GLASS)
    if broken is not None and now < time_of(broken.expires_at) and not who_is_missing(plan, broken):
        return None
    opening = next_opening(windows, now)
    if opening is not None:
        return opening, why
    why += " and none opens within 400 days"
    if BREAK_GLASS in plan.decisions:
        return now + HORIZON, f"{why}; gonogo break-glass asks those who may let it begin"
    return None, why


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
