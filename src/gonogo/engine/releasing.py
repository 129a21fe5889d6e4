"""Giving an environment back for a run that will not: a person states by signature that the run has let go of it.

Nothing is deployed and nothing is rolled back; the run ends here, so that it never acts on the environment again under
a lease that it lost (EXE-05, engine section 5.4). What became of its last act has to be known first.
"""

from __future__ import annotations

from gonogo.engine.asking import open_round
from gonogo.engine.bench import Bench, World
from gonogo.engine.resuming import POINT
from gonogo.engine.using import check_again
from gonogo.engine.writing import append_close
from gonogo.errors import Refused
from gonogo.evidence.canonical import Found, read_json, resolve_pointer
from gonogo.evidence.signers import Kind
from gonogo.plan.model import Plan
from gonogo.run.events import DecisionConsumed, RunClosed, recorded
from gonogo.run.state import Round, fold
from gonogo.terms import Actor, RunId

WORDS = "let go: {environment} is given back by {run}, which ends here without any rollback"


def ask_release(world: World, plan: Plan, run: RunId, environment: str, actor: Actor) -> str:
    """Open the round in which a person states that a run has let go of an environment; gives its name."""
    bench = _bench(world, plan, run, environment, actor)
    number = 1 + sum(1 for item in bench.state.rounds.values() if item.point == POINT)
    name = f"{POINT}-{number}"
    asked = {"about": "target", "text": WORDS.format(environment=environment, run=run)}
    valid = plan.decisions[POINT].valid_for
    open_round(bench, world.journal.entries(run), Kind.ATTESTATION, POINT, name, valid, asked)
    return name


def release(world: World, plan: Plan, run: RunId, environment: str, name: str, actor: Actor) -> None:
    """End the run and free what it holds, by round `name`; Refused where its statement does not carry that."""
    bench = _bench(world, plan, run, environment, actor)
    asked = bench.state.rounds.get(name)
    if asked is None or asked.status != "open" or not asked.answers:
        raise Refused(f"nobody has signed {name}", next_step=f"gonogo lock release {environment} --key KEY")
    if _text(bench, asked) != WORDS.format(environment=environment, run=run):
        raise Refused(f"{name} is not about {environment}", next_step="ask again, for this environment")
    check_again(bench, asked, bench.now)
    used = DecisionConsumed(name, bench.task.id, bench.attempt)
    append_close(bench, RunClosed("aborted"), (used,))


def _bench(world: World, plan: Plan, run: RunId, environment: str, actor: Actor) -> Bench:
    state = fold(plan, (recorded(entry) for entry in world.journal.entries(run)))
    if world.journal.lease(environment).run != run:
        raise Refused(f"{run} does not hold {environment}", next_step="see who does: gonogo lock status")
    unsettled = [name for name, known in state.tasks.items() if known.open]
    if unsettled:
        raise Refused(
            f"nobody knows yet what became of `{unsettled[0]}` of {run}",
            next_step=f"let gonogo find out: gonogo resume {run}; where it cannot, state it there with --outcome",
        )
    return Bench(world, plan, state, run, actor, plan.closing.tasks[0], 1, world.clock.now())


def _text(bench: Bench, asked: Round) -> str:
    request = read_json(bench.world.vault.read(asked.request), name="request.json")
    found = resolve_pointer(request, "/predicate/text")
    return str(found.value) if isinstance(found, Found) else ""
