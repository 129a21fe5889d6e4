"""What people permit besides the order of steps: to leave a step of a rollout, to begin outside a window (WIN-02).

Both are rounds like any other: asked for, signed, verified again when they are used, and used once. Breaking the glass
needs an entry `break_glass` among the decisions; who has none cannot do it.
"""

from __future__ import annotations

from datetime import timedelta

from gonogo.engine.asking import open_round
from gonogo.engine.bench import Bench, World
from gonogo.engine.using import check_again
from gonogo.engine.writing import append
from gonogo.errors import Refused
from gonogo.evidence.signers import Kind
from gonogo.plan.model import Plan, all_stages
from gonogo.plan.windows import denied_by
from gonogo.run.events import DecisionConsumed, DecisionVoided, RolloutPromoted, recorded
from gonogo.run.machine import PROMOTION, AskPromotion, AskRollback, PromoteStep, outside_its_window
from gonogo.run.overtaken import BREAK_GLASS
from gonogo.run.rollback_asked import POINT as ROLLBACK
from gonogo.run.state import fold, usable_round
from gonogo.terms import Actor, RunId


def permit(bench: Bench, act: AskPromotion | AskRollback | PromoteStep) -> None:
    """Ask whether a rollout may leave its step, or is taken back; where people signed for a step, use that up.

    A rollback is asked about until its own deadline (ARB-04). What is used up is used in one transaction.

    A signature that no longer holds voids the round.
    """
    if isinstance(act, AskRollback):
        _open(bench, ROLLBACK, timedelta(seconds=float(bench.plan.project.rollout.rollback_deadline)))
        return
    if isinstance(act, AskPromotion):
        _open(bench, PROMOTION)
        return
    asked = act.round
    try:
        check_again(bench, asked, bench.world.clock.now())
    except Refused as error:
        append(bench, [DecisionVoided(asked.name, "refused_at_use", error.what[:200])])
        return
    used = DecisionConsumed(asked.name, bench.task.id, bench.attempt)
    append(bench, [used, RolloutPromoted(bench.task.id, bench.attempt, act.step, asked.name)])


def ask_break_glass(world: World, plan: Plan, run: RunId, actor: Actor) -> str:
    """Open the round whose signatures let production begin outside its window; gives its name."""
    state = fold(plan, (recorded(entry) for entry in world.journal.entries(run)))
    now = world.clock.now()
    if BREAK_GLASS not in plan.decisions:
        raise Refused(
            "nobody may break the glass here: the approvers name no `break_glass` decision",
            next_step=f"wait for the window; for later runs list `decisions.{BREAK_GLASS}` in {plan.project.approvers}",
        )
    waiting = outside_its_window(plan, state, now)
    if waiting is None:
        raise Refused(f"{run} does not wait for a deployment window", next_step=f"gonogo status {run}")
    attempt = state.attempts.get(next(s.id for s in all_stages(plan) if waiting in s.tasks), 1)
    return _open(Bench(world, plan, state, run, actor, waiting, attempt, now), BREAK_GLASS)


def glass_broken(bench: Bench) -> tuple[DecisionConsumed, ...] | None:
    """What is used up to act outside a window: nothing inside one, None where the act has to wait."""
    windows = bench.plan.project.windows
    if windows is None or bench.task.consumes != "production" or not denied_by(windows, bench.world.clock.now()):
        return ()
    asked = usable_round(bench.state, BREAK_GLASS)
    if asked is None:
        return None
    try:
        check_again(bench, asked, bench.world.clock.now())
    except Refused as error:
        append(bench, [DecisionVoided(asked.name, "refused_at_use", error.what[:200])])
        return None
    return (DecisionConsumed(asked.name, bench.task.id, bench.attempt),)


def _open(bench: Bench, point: str, valid_for: timedelta | None = None) -> str:
    number = 1 + sum(1 for item in bench.state.rounds.values() if item.point == point)
    name = f"{point}-{number}"
    rule = bench.plan.decisions[point]
    until = valid_for or rule.valid_for
    open_round(bench, bench.world.journal.entries(bench.run), Kind.APPROVAL, point, name, until, {})
    return name
