"""What follows a failure: the record of why a deployment failed (ERR-02), what to do where evidence is not there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from gonogo.plan.model import Stage
from gonogo.run.events_of_halts import RootCauseOpened
from gonogo.run.state import RunState


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
