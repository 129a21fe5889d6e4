"""What the state that is due asks of whoever drives it: the contract that `gonogo apply --contract` hands on."""

from __future__ import annotations

from gonogo.control.agents.blocking import gate_of, hindered
from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.engine.people import as_now
from gonogo.errors import BadInput
from gonogo.plan.model import Decide, all_stages
from gonogo.reports.root_causes import gates_that_show
from gonogo.run.asking import who_is_missing
from gonogo.terms import Json


def newest_open(door: Door, protocol: str) -> Opened:
    """The newest open run of a protocol; BadInput where there is none."""
    for run in reversed(door.runs()):
        opened = door.load(run)
        if opened.plan.name == protocol and not opened.state.outcome:
            return opened
    raise BadInput(f"no run of {protocol} is open", next_step=f"open one: gonogo run {protocol} --release VERSION")


def contract(door: Door, opened: Opened) -> dict[str, Json]:
    """The state that is due: what it leaves behind, which gates judge that with which limits, who has to sign."""
    plan, state = opened.plan, opened.state
    found = hindered(door.world, opened)
    stage = next((item for item in all_stages(plan) if item.id == found.due.stage), None)
    own = gate_of(plan, stage) if stage is not None else None
    rules = [own] if own else [plan.gates[name] for name in (gates_that_show(plan, stage) if stage else ())]
    points = {task.act.point for task in stage.tasks if isinstance(task.act, Decide)} if stage else set()
    asked = [item for item in state.rounds.values() if item.status == "open" and item.point in points]
    return {
        "run": opened.run,
        "revision": state.seq,
        "state": stage.id if stage else None,
        "title": stage.title if stage else None,
        "origin": str(stage.origin) if stage else None,
        "standing": found.code or "open",
        "leave": [name for name in (stage.evidence if stage else ()) if name not in state.evidence],
        "gates": [
            f"{rule.id}: {clause.metric} {clause.op.value} {clause.limit.value} ({clause.origin})"
            for rule in rules
            for clause in rule.clauses
        ],
        "people": [
            f"{item.point}: {text}" for item in asked for text in who_is_missing(*as_now(door.world, plan, item))
        ],
        "then": "step_start over `gonogo mcp serve`, or gonogo resume" if not found.code else "state_explain, and stop",
    }
