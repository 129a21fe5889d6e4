"""Asking people which way a halted run goes on, and reading what they chose (COM-13)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from gonogo.engine.asking import open_round
from gonogo.engine.bench import Bench, World
from gonogo.errors import Refused
from gonogo.evidence.sayings import AttestationSaying
from gonogo.evidence.signers import DEFAULT_RULE, Kind
from gonogo.evidence.statements import read_statement
from gonogo.plan.model import Plan, all_stages
from gonogo.run.choosing import POINT, choices, question, ways_on
from gonogo.run.events import recorded
from gonogo.run.state import RunState, fold
from gonogo.terms import Actor, RunId
from gonogo.values import dataclass

_VALID: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A recorded choice: the letter of the option, by whom, in which role, when, why, and out of what."""

    letter: str
    person: str
    role: str
    at: datetime
    reason: str
    asked: str


def ask_choice(world: World, plan: Plan, run: RunId, actor: Actor) -> str:
    """Open the round in which people choose how a halted run goes on; gives its name. Refused where it runs."""
    entries = world.journal.entries(run)
    state = fold(plan, (recorded(entry) for entry in entries))
    if not ways_on(plan, state):
        raise Refused(f"{run} is not halted: there is nothing to decide", next_step=f"gonogo status {run}")
    halted_at = state.halted.seq if state.halted else -1
    for item in state.rounds.values():
        if item.point == POINT and item.status == "open" and item.seq > halted_at:
            return item.name
    task = next(task for stage in all_stages(plan) for task in stage.tasks)
    bench = Bench(world, plan, state, run, actor, task, 1, world.clock.now())
    valid = min((plan.ring.rule(POINT) or DEFAULT_RULE).valid_for, _VALID)
    name = f"{POINT}-{1 + sum(1 for item in state.rounds.values() if item.point == POINT)}"
    asked = {"about": "halt_condition", "text": question(plan, state)}
    open_round(bench, entries, Kind.ATTESTATION, POINT, name, valid, asked)
    return name


def chosen(world: World, state: RunState) -> tuple[Chosen, ...]:
    """What people chose in a run, oldest first."""
    found = []
    for _, answer in choices(state):
        saying = read_statement(world.vault.read(answer.statement)).saying
        if isinstance(saying, AttestationSaying):
            why = saying.reason_no_automation
            found.append(Chosen(saying.answer, answer.person, answer.role, answer.at, why, saying.text))
    return tuple(found)
