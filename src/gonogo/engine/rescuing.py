"""When nothing can be recorded any more: production's traffic goes back to the old version all the same.

A rollout that cannot be recorded cannot be judged either. So before the engine gives up, it asks the target once for
all traffic on the old version, with the fence that this run holds: whoever took over since has a newer one. Nothing
else is begun. The next engine finds that the target does something else than what is on record, and takes the rollout
back.
"""

from __future__ import annotations

from gonogo.engine.bench import World
from gonogo.errors import GonogoError, NotStored
from gonogo.plan.model import Plan, Roll, all_stages
from gonogo.run.events import recorded
from gonogo.run.state import RunState, advance, slots_of
from gonogo.terms import RunId


def rescued(world: World, plan: Plan, run: RunId, fault: NotStored) -> NotStored:
    """`fault`, with what became of the traffic of a rollout that is under way."""
    try:
        said = _take_back(world, plan, run)
    except GonogoError as error:
        said = f"; traffic could not be given back to the old version ({error.what}): do it by hand"
    return NotStored(fault.what + said, where=fault.where, next_step=fault.next_step)


def _take_back(world: World, plan: Plan, run: RunId) -> str:
    state = RunState()
    for entry in world.journal.entries(run, -1):
        state = advance(plan, state, recorded(entry))
    for stage in all_stages(plan):
        for task in stage.tasks:
            known = state.tasks.get(task.id)
            begun = task.id in state.rollings or known is not None
            if not isinstance(task.act, Roll) or not begun or (known is not None and known.outcome):
                continue
            stable, candidate = slots_of(plan, state, task)
            lease = world.journal.lease(task.act.environment)
            if stable and candidate and lease.run == run:
                world.targets[task.act.environment].move({stable: 100, candidate: 0}, lease.fence)
                return f"; all traffic of {task.act.environment} was given back to {stable}, which is not on record yet"
    return ""
