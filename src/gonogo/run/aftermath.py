"""What follows a failure: the record of why a deployment failed (ERR-02), what to do where evidence is not there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from gonogo.plan.model import Plan, Route, Shift, Stage
from gonogo.run.events_of_halts import RootCauseOpened
from gonogo.run.state import RunState
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class WayBack:
    """The moments of a rollback (ARB-03): `first_bad` is the first sample in which the new version failed a request.

    `decided` is when the rollback began, `restored` when the target said that no request goes to the new version any
    more, None where that is not so yet; without a target it is when the old version was verified on the last host.
    """

    first_bad: datetime | None
    decided: datetime
    restored: datetime | None


def root_cause(state: RunState) -> tuple[RootCauseOpened, str] | None:
    """The record of why a deployment failed, open; None where there is one, or where people ended the run."""
    known = state.rollback
    if known is None or known.trigger == "abort" or state.root_cause is not None:
        return None
    text = (
        f"**Blocker:** the deployment to production failed and was rolled back ({known.trigger}: {known.cause})\n"
        "**Root Cause:** not found yet\n**Resolution:** none yet\n**Prevention:** none yet"
    )
    return RootCauseOpened(known.trigger, known.cause, known.detail), text


def way_back(plan: Plan, state: RunState) -> WayBack | None:
    """When the harm was first seen, when going back was decided, and when traffic was back; None without a rollback."""
    taken = state.rollback
    if taken is None or plan.rollback is None:
        return None
    seen = [rolling.first_bad for rolling in state.rollings.values() if rolling.first_bad is not None]
    moves = [task for task in plan.rollback.tasks if isinstance(task.act, Route | Shift)]
    known = [state.tasks[task.id] for task in moves if task.id in state.tasks]
    done = [each.ended for each in known if each.outcome == "ok" and not each.facts.get("needless")]
    restored = next((moment for moment in done if moment is not None), None)
    return WayBack(min(seen, default=None), taken.began, restored if moves else taken.finished)


def recovery_ms(state: RunState, stage: Stage) -> int:
    """Milliseconds from the beginning of the rollback to the end of the last act of its stage."""
    assert state.rollback is not None
    ended = [state.tasks[task.id].ended for task in stage.tasks if task.id in state.tasks]
    last = max((moment for moment in ended if moment is not None), default=state.rollback.began)
    return int((last - state.rollback.began) / timedelta(milliseconds=1))


def unwritten(stage: Stage, lacking: Sequence[str]) -> str:
    """What people read where a step was done and files that it owes are not there."""
    return (
        f"{stage.title}: its evidence was not written: {', '.join(lacking)} ({stage.origin})"
        "\n  next: let its command write that into the folder GONOGO_OUT, then lift the halt; an exit status of 0"
        " alone shows nothing"
    )
