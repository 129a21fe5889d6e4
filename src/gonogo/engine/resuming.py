"""Lifting a halt: a signed statement about this very halt, then work returns to a step as a new attempt (C19, C31)."""

from __future__ import annotations

from gonogo.engine.asking import open_round
from gonogo.engine.bench import Bench, World
from gonogo.engine.using import check_again
from gonogo.errors import Refused
from gonogo.evidence.canonical import Found, Tree, read_json, resolve_pointer
from gonogo.evidence.signers import Kind
from gonogo.plan.model import Plan, all_stages
from gonogo.ports import Draft
from gonogo.run.events import DecisionConsumed, Event, RunResumed, data_of, recorded, type_of
from gonogo.run.state import Halted, RunState, fold
from gonogo.terms import Actor, RunId

POINT = "resume"


def _bench(world: World, plan: Plan, run: RunId, actor: Actor) -> tuple[Bench, Halted]:
    state = fold(plan, (recorded(entry) for entry in world.journal.entries(run)))
    halted = _halt(state, run)
    stage = next((stage for stage in all_stages(plan) if stage.id == halted.stage and stage.tasks), plan.closing)
    return Bench(
        world, plan, state, run, actor, stage.tasks[0], state.attempts.get(stage.id, 1), world.clock.now()
    ), halted


def _halt(state: RunState, run: RunId) -> Halted:
    if state.halted is None:
        raise Refused(f"{run} is not halted", next_step=f"drive it on with `gonogo resume {run}`")
    return state.halted


def ask_resume(world: World, plan: Plan, run: RunId, stage: str, actor: Actor) -> str:
    """Open a round about the present halt; `stage` is where work returns to (empty: what the halt says)."""
    bench, halted = _bench(world, plan, run, actor)
    target = stage or halted.resume_at
    known = [item.id for item in plan.stages]
    if target not in {*known, *(item.id for item in all_stages(plan))}:
        raise Refused(f"there is no step `{target}`", next_step=f"steps: {', '.join(known)}")
    number = 1 + sum(1 for item in bench.state.rounds.values() if item.point == POINT)
    name = f"{POINT}-{number}"
    rule = plan.decisions[POINT]
    asked: dict[str, Tree] = {"about": target, "halt_seq": halted.seq}
    open_round(bench, world.journal.entries(run), Kind.RESUME, POINT, name, rule.valid_for, asked)
    return name


def lift(world: World, plan: Plan, run: RunId, name: str, actor: Actor) -> None:
    """Lift the halt by round `name`; Refused where its statements do not carry it."""
    bench, halted = _bench(world, plan, run, actor)
    asked = bench.state.rounds.get(name)
    if asked is None or asked.status != "open" or not asked.answers:
        raise Refused(f"nobody has signed {name}", next_step=f"gonogo resume {run} --key KEY --reason TEXT")
    check_again(bench, asked, world.clock.now())
    from_statement = world.vault.read(asked.request)
    target = _about(from_statement)
    person = asked.answers[-1].person
    events: list[Event] = [
        DecisionConsumed(name, bench.task.id, bench.attempt),
        RunResumed(target, halted.seq, asked.answers[-1].statement, person),
    ]
    with world.journal.write(run, bench.state.seq, actor=actor, now=world.clock.now()) as tx:
        for event in events:
            tx.append(Draft(type_of(event), data_of(event)))


def _about(request: bytes) -> str:
    found = resolve_pointer(read_json(request, name="request.json"), "/predicate/about")
    return str(found.value) if isinstance(found, Found) else ""
