"""What keeps a run from going on, and the smallest set of actions that leads to GO: computed from ledger and plan.

Words of others never stand here: a measured value that is no number, flag or single word is only called a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gonogo.control.judging_now import judge_now
from gonogo.control.opening import Opened
from gonogo.engine.bench import World
from gonogo.engine.people import as_now
from gonogo.plan.model import GateRule, Judge, Plan, Stage, all_stages
from gonogo.reports.agent_answers import Blocked, Step
from gonogo.run.asking import who_is_missing
from gonogo.run.due import Due, Standing, due
from gonogo.run.gate import ClauseResult, GateJudgement, guilty_steps
from gonogo.run.machine import AwaitPeople
from gonogo.run.state import Round
from gonogo.run.waiving import failed_gate, why_not
from gonogo.terms import Json, Verdict
from gonogo.values import dataclass

_PLAIN = re.compile(r"[A-Za-z0-9_.:%+-]{1,40}|not measured")
_BLOCK = {
    Standing.WAITING: "NEEDS_HUMAN",
    Standing.CLOSED_WINDOW: "FROZEN",
    Standing.HALTED: "HALTED",
    Standing.OVER: "NOT_READY",
    Standing.OPEN: "NOT_READY",
}


@dataclass(frozen=True, slots=True)
class Hindered:
    """Why a run does not go on: the code of the refusal and its reasons; no code where nothing hinders."""

    code: str
    reasons: tuple[Blocked, ...]
    due: Due


def plain(value: str) -> str:
    """A measured value as a message may show it."""
    return value if _PLAIN.fullmatch(value) else "a text"


def hindered(world: World, opened: Opened) -> Hindered:
    """What keeps the run from going on now; an empty code where the state that is due may be started."""
    plan, state = opened.plan, opened.state
    found = due(plan, state, world.clock.now())
    held = world.journal.lease(plan.environment).hold
    if held is not None and found.standing is not Standing.OVER:
        reason = Blocked("STOPPED", "hold", plan.environment, "the environment is stopped by a person", "a person")
        return Hindered("FROZEN", (reason,), found)
    if found.standing is Standing.OPEN:
        return Hindered("", (), found)
    code = _BLOCK[found.standing]
    reasons = tuple(_reasons(world, opened, found))
    if failed_gate(plan, state) is not None:
        code = "GATE_BLOCKED"
    return Hindered(code, reasons, found)


def _reasons(world: World, opened: Opened, found: Due) -> Iterator[Blocked]:
    plan, state = opened.plan, opened.state
    match found.standing:
        case Standing.WAITING:
            assert isinstance(found.act, AwaitPeople)
            yield waiting(world, plan, found.act.round)
        case Standing.CLOSED_WINDOW:
            yield Blocked("WINDOW", found.stage, _origin(plan, found.stage), "no deployment window is open", "time")
        case Standing.HALTED if (failed := failed_gate(plan, state)) is not None:
            yield from unmet(judge_now(world, opened, failed.rule))
        case Standing.HALTED:
            assert state.halted is not None
            cause, stage = state.halted.cause, state.halted.stage
            yield Blocked("HALT", stage, _origin(plan, stage), f"halted by {cause}", "a person, by a signed resume")
        case Standing.OVER:
            yield Blocked("OVER", "", "", f"the run is {state.outcome}")
        case Standing.OPEN:
            return


def waiting(world: World, plan: Plan, asked: Round) -> Blocked:
    """Whom an open round waits for."""
    who = "; ".join(who_is_missing(*as_now(world, plan, asked)))
    return Blocked("SIGNATURES", asked.point, "", f"signatures at {asked.point}, until {asked.expires_at}", who)


def unmet(judged: GateJudgement) -> Iterator[Blocked]:
    """What did not hold at a gate: each clause and each file, with its line, value, limit, and who can turn it."""
    steps = dict(guilty_steps(judged))
    for result in judged.clauses:
        if result.verdict is not Verdict.PASS:
            yield _clause(judged.rule, result, steps.get(result.clause.text, ""))
    told = {result.clause.file for result in judged.clauses if result.verdict is not Verdict.PASS}
    for name, verdict, _ in judged.lacking:
        if name not in told:
            rule = f"{judged.rule.id}/{name}"
            message = f"{name} is {verdict.word}"
            yield Blocked("EVIDENCE", rule, str(judged.rule.origin), message, steps.get(name, ""))


def _clause(rule: GateRule, result: ClauseResult, step: str) -> Blocked:
    clause = result.clause
    must = f"must be {clause.op.value} {plain(result.limit)}"
    message = f"{clause.metric} is {plain(result.measured)}, {must}: {result.verdict.word}"
    return Blocked("THRESHOLD", f"{rule.id}/{clause.metric}", str(clause.origin), message, step)


def _origin(plan: Plan, stage: str) -> str:
    return next((str(item.origin) for item in all_stages(plan) if item.id == stage), "")


def gate_of(plan: Plan, stage: Stage) -> GateRule | None:
    """The gate that a state judges; None where it judges none."""
    return next((plan.gates[task.act.gate] for task in stage.tasks if isinstance(task.act, Judge)), None)


def way_to_go(world: World, opened: Opened) -> list[dict[str, Json]]:
    """The smallest set of actions after which the run goes on, each with who does it; nothing where nothing hinders.

    Steps that several clauses name stand once: repeating the earliest brings the later ones with it.
    """
    plan, state = opened.plan, opened.state
    found = due(plan, state, world.clock.now())
    match found.standing:
        case Standing.WAITING:
            assert isinstance(found.act, AwaitPeople)
            asked = found.act.round
            missing = who_is_missing(*as_now(world, plan, asked))
            return [{"who": who, "act": "sign", "at": asked.point} for who in missing]
        case Standing.HALTED:
            return _after_halt(world, opened)
        case Standing.CLOSED_WINDOW:
            return [{"who": "time", "act": "wait for the deployment window", "at": found.stage}]
        case Standing.OPEN:
            return [{"who": "agent", "act": "step_start", "at": found.stage}]
        case Standing.OVER:
            return []


def _after_halt(world: World, opened: Opened) -> list[dict[str, Json]]:
    plan, state = opened.plan, opened.state
    assert state.halted is not None
    failed = failed_gate(plan, state)
    back: dict[str, Json] = {"who": "a person", "act": "sign a resume", "at": state.halted.resume_at}
    if failed is None:
        return [back, {"who": "agent", "act": "step_start", "at": state.halted.resume_at}]
    judged = judge_now(world, opened, failed.rule)
    guilty = {step for _, step in guilty_steps(judged) if step}
    order = [stage.id for stage in plan.stages]
    first = next((name for name in order if name in guilty), state.halted.resume_at)
    ways: list[dict[str, Json]] = [
        {"who": "whoever owns it", "act": "repair what is measured", "at": step} for step in order if step in guilty
    ]
    ways += [{**back, "at": first}, {"who": "agent", "act": "step_start", "at": first}]
    if not why_not(failed.rule, plan.ring):
        ways.append({"who": "people of the waiver's roles", "act": "or sign a waiver", "at": failed.rule.id})
    return ways


def next_steps(opened: Opened, found: Hindered) -> tuple[Step, ...]:
    """The calls that make sense now."""
    run = {"run_id": opened.run}
    match found.code:
        case "":
            more: Mapping[str, Json] = {"state_id": found.due.stage, "revision": opened.state.seq}
            return (Step("step_start", {**run, **more}),)
        case "NEEDS_HUMAN":
            at = {**run, "state_id": found.due.stage}
            return (Step("approval_request", at), Step("run_status", run))
        case _ if found.due.stage:
            return (Step("state_explain", {**run, "state_id": found.due.stage}),)
        case _:
            return (Step("evidence_list", run),)
