"""When a retrospective is due, and who is invited to it: after each run, ended or halted (LRN-01)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from gonogo.evidence.ledger import time_text
from gonogo.plan.model import Plan
from gonogo.run.events_of_halts import RetrospectiveOpened
from gonogo.run.state import RunState

EARLIEST: Final = timedelta(hours=24)
LATEST: Final = timedelta(hours=48)
HALTED: Final = "halted"


def retrospective_of(plan: Plan, state: RunState, outcome: str, now: datetime) -> RetrospectiveOpened:
    """The retrospective that a run owes: the executor, the protocols downstream and the stakeholders are invited."""
    executor = state.opened.requested_by if state.opened else plan.role
    downstream = tuple(protocol for _, protocol in plan.outputs)
    invited = tuple(dict.fromkeys((executor, *downstream, *(plan.project.notify or ("stakeholders",)))))
    return RetrospectiveOpened(outcome, time_text(now + EARLIEST), time_text(now + LATEST), invited)
