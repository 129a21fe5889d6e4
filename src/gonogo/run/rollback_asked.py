"""Asking before production is rolled back, where the policy says so; silence rolls back (ARB-04, C31).

nobody was asked yet            ask, with a deadline
somebody who may decide: no     the run halts, production stays as it is; an abort still takes it back
enough said yes, or nobody      roll back
answered by the deadline
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from gonogo.evidence.ledger import time_of
from gonogo.plan.model import Plan
from gonogo.run.asking import who_is_missing
from gonogo.run.state import Round, RunState
from gonogo.values import dataclass

POINT = "rollback"
"""The decision point: go means roll back, no-go means leave production as it is."""


@dataclass(frozen=True, slots=True)
class Unasked:
    """People have to be asked first."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """People have until `deadline`."""

    deadline: datetime
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """Somebody who may decide signed that production stays as it is."""

    round: Round
    by: str


@dataclass(frozen=True, slots=True)
class Due:
    """Roll back now."""

    why: str


Standing: TypeAlias = Unasked | Undecided | Kept | Due


def standing_of(plan: Plan, state: RunState, task: str, attempt: int, now: datetime) -> Standing:
    """Where the question stands for a failed task."""
    if not plan.project.rollout.asks_rollback or POINT not in plan.decisions:
        return Due("the policy is to roll back by itself")
    rounds = [
        known
        for known in state.rounds.values()
        if known.point == POINT and known.task == task and known.attempt == attempt and known.status == "open"
    ]
    if not rounds:
        return Unasked()
    asked = rounds[-1]
    refusal = next((answer for answer in asked.answers if answer.decision == "no_go"), None)
    if refusal is not None:
        return Kept(asked, f"{refusal.person} ({refusal.role})")
    missing = who_is_missing(plan, asked)
    if not missing:
        return Due(f"people decided so at {asked.name}")
    deadline = time_of(asked.expires_at)
    return Due(f"nobody answered {asked.name} in time") if now >= deadline else Undecided(deadline, missing)
