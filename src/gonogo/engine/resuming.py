"""Lifting a halt: a signed statement about this very halt, then work returns to a step as a new attempt (C19, C31).

Where nobody knows what became of an act, a person who looked states it (attestation about the target): that settles the
act and lifts the halt in one transaction. Nothing is repeated on anybody's guess but this one (engine section 8).
"""

from __future__ import annotations

from gonogo.engine.asking import open_round
from gonogo.engine.bench import Bench, World
from gonogo.engine.settling import OUTCOME_UNKNOWN
from gonogo.engine.using import check_again
from gonogo.errors import Refused
from gonogo.evidence.canonical import Found, Tree, read_json, resolve_pointer
from gonogo.evidence.signers import Kind
from gonogo.plan.model import Plan, Task, all_stages, task_of
from gonogo.ports import Draft
from gonogo.run.events import (
    DecisionConsumed,
    Event,
    RunResumed,
    TaskFinished,
    TaskSettled,
    data_of,
    recorded,
    type_of,
)
from gonogo.run.state import Halted, Round, RunState, fold
from gonogo.terms import Actor, RunId

POINT = "resume"
OUTCOMES = ("applied", "not_applied")
WORDS = {"applied": "it took effect", "not_applied": "it took no effect"}


def _bench(world: World, plan: Plan, run: RunId, actor: Actor) -> tuple[Bench, Halted]:
    state = fold(plan, (recorded(entry) for entry in world.journal.entries(run)))
    halted = _halt(state, run)
    task = _halted_task(plan, state, halted)
    known = state.tasks.get(task.id)
    attempt = known.attempt if known and known.unknown else state.attempts.get(halted.stage, 1)
    return Bench(world, plan, state, run, actor, task, attempt, world.clock.now()), halted


def _halted_task(plan: Plan, state: RunState, halted: Halted) -> Task:
    """The act of which nobody knows what became of it; else the first of the step that halted."""
    unknown = next((name for name, known in state.tasks.items() if known.unknown), "")
    if unknown:
        return task_of(plan, unknown)
    stage = next((stage for stage in all_stages(plan) if stage.id == halted.stage and stage.tasks), plan.closing)
    return stage.tasks[0]


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
    return _open(bench, Kind.RESUME, {"about": target, "halt_seq": halted.seq})


def ask_outcome(world: World, plan: Plan, run: RunId, outcome: str, actor: Actor) -> str:
    """Open a round in which a person states what became of an act: `applied` or `not_applied`.

    Refused where the run does not stand still because of an unknown outcome.
    """
    bench, halted = _bench(world, plan, run, actor)
    known = bench.state.tasks.get(bench.task.id)
    if halted.cause != OUTCOME_UNKNOWN or known is None or not known.unknown:
        raise Refused(
            f"{run} is halted because of {halted.cause}; no outcome is unknown",
            next_step=f"leave out the outcome: gonogo resume {run} --key YOUR-KEY --reason TEXT",
        )
    if outcome not in WORDS:
        raise Refused(f"`{outcome}` is no outcome", next_step=f"say one of {', '.join(OUTCOMES)}")
    text = f"{outcome}: {bench.task.title} (start {known.start}): {WORDS[outcome]}"
    return _open(bench, Kind.ATTESTATION, {"about": "target", "text": text})


def _open(bench: Bench, kind: Kind, asked: dict[str, Tree]) -> str:
    number = 1 + sum(1 for item in bench.state.rounds.values() if item.point == POINT)
    name = f"{POINT}-{number}"
    rule = bench.plan.decisions[POINT]
    open_round(bench, bench.world.journal.entries(bench.run), kind, POINT, name, rule.valid_for, asked)
    return name


def lift(world: World, plan: Plan, run: RunId, name: str, actor: Actor) -> None:
    """Lift the halt by round `name`; Refused where its statements do not carry it."""
    bench, halted = _bench(world, plan, run, actor)
    asked = bench.state.rounds.get(name)
    if asked is None or asked.status != "open" or not asked.answers:
        raise Refused(f"nobody has signed {name}", next_step=f"gonogo resume {run} --key KEY --reason TEXT")
    check_again(bench, asked, world.clock.now())
    stated = asked.kind == Kind.ATTESTATION.value
    settled = _settled(bench, halted, asked) if stated else ()
    target = halted.resume_at if stated else _asked(bench, asked, "about")
    events: list[Event] = [
        DecisionConsumed(name, bench.task.id, bench.attempt),
        *settled,
        RunResumed(target, halted.seq, asked.answers[-1].statement, asked.answers[-1].person),
    ]
    with world.journal.write(run, bench.state.seq, actor=actor, now=world.clock.now()) as tx:
        for event in events:
            tx.append(Draft(type_of(event), data_of(event)))


def _settled(bench: Bench, halted: Halted, asked: Round) -> tuple[Event, ...]:
    """What the person's statement makes of the act: it is done, or a further start may follow."""
    known = bench.state.tasks[bench.task.id]
    if halted.cause != OUTCOME_UNKNOWN or not known.unknown or asked.seq < halted.seq:
        raise Refused(f"{asked.name} is about an earlier halt", next_step="state the outcome again, for this halt")
    outcome = _asked(bench, asked, "text").partition(":")[0]
    detail = asked.answers[-1].statement
    settled = TaskSettled(bench.task.id, known.attempt, known.start, outcome, "person", detail)
    if outcome == "not_applied":
        return (settled,)
    return (settled, TaskFinished(bench.task.id, known.attempt, known.start, "ok", {"settled": "person"}, None))


def _asked(bench: Bench, asked: Round, field: str) -> str:
    """A field of the request that was signed."""
    request = read_json(bench.world.vault.read(asked.request), name="request.json")
    found = resolve_pointer(request, f"/predicate/{field}")
    return str(found.value) if isinstance(found, Found) else ""
