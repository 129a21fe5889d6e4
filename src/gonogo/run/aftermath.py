"""What follows a deployment that failed, once production is back and people were told (ERR-02)."""

from __future__ import annotations

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
