"""An objection on record: anybody who is listed may sign one at any time; it stops nothing and is never counted."""

from __future__ import annotations

from datetime import timedelta

from gonogo.engine.asking import open_round
from gonogo.engine.bench import Bench, World
from gonogo.evidence.signers import Kind
from gonogo.plan.model import Plan, all_stages
from gonogo.run.events import recorded
from gonogo.run.state import fold
from gonogo.terms import Actor, RunId

POINT = "dissent"
VALID = timedelta(hours=72)


def ask_dissent(world: World, plan: Plan, run: RunId, actor: Actor) -> str:
    """Open the round of an objection to this release; gives its name."""
    entries = world.journal.entries(run)
    state = fold(plan, (recorded(entry) for entry in entries))
    task = next(task for stage in all_stages(plan) for task in stage.tasks)
    bench = Bench(world, plan, state, run, actor, task, 1, world.clock.now())
    name = f"{POINT}-{1 + sum(1 for item in state.rounds.values() if item.point == POINT)}"
    open_round(bench, entries, Kind.DISSENT, POINT, name, VALID, {"about": "release"})
    return name
