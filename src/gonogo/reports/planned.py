"""What a plan would do, act by act, as values: the dry run that every surface shows (DRY-01, ROL-02, APR-03).

Nothing here looks at the world: argument lists stand with their placeholders, people by the roles they hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import assert_never

from gonogo.evidence.signers import DecisionRule, RequiredRole
from gonogo.plan.hooking import place_of
from gonogo.plan.hosts import batches
from gonogo.plan.model import (
    BoundClause,
    Decide,
    Effect,
    Execute,
    GateRule,
    Judge,
    Measure,
    Plan,
    Roll,
    Route,
    Seal,
    Shift,
    Stage,
    Task,
    Watch,
    Way,
)
from gonogo.protocol.model import HaltEffect
from gonogo.run.rolling import strategy_of
from gonogo.run.rollout import preview
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class PlannedAct:
    """One act: its kind, what it changes outside, the argument list as bound, and what else is worth knowing."""

    id: str
    title: str
    kind: str
    effect: Effect
    argv: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    gate: str = ""
    point: str = ""


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """A step, a gate, the rollback or the closing with its acts; none where the step is left out."""

    id: str
    title: str
    kind: str
    phase: int
    obligation: str
    origin: str
    acts: tuple[PlannedAct, ...]
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedClause:
    """A clause of a gate with its limit, and who set it."""

    text: str
    limit: str
    limit_from: str
    measured_in: str
    origin: str


@dataclass(frozen=True, slots=True)
class PlannedGate:
    """A gate: all clauses have to hold."""

    id: str
    name: str
    kind: str
    clauses: tuple[PlannedClause, ...]
    manual: tuple[str, ...]
    evidence: tuple[str, ...]
    on_fail: str
    rolls_back: bool
    origin: str


@dataclass(frozen=True, slots=True)
class PlannedDecision:
    """A decision of people: who has to sign, and who could."""

    point: str
    kind: str
    needs: tuple[str, ...]
    quorum: int
    able: tuple[str, ...]
    conditions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """A whole plan for people. `triggers` say what makes the rollback begin."""

    title: str
    project: str
    release: str
    environment: str
    role: str
    mission: str
    guardrails: tuple[str, ...]
    digest: str
    stages: tuple[PlannedStage, ...]
    rollback: PlannedStage | None
    triggers: tuple[str, ...]
    closing: PlannedStage
    gates: Mapping[str, PlannedGate]
    decisions: Mapping[str, PlannedDecision]
    artifacts: tuple[str, ...]
    scripts: Mapping[str, str]
    next_protocol: str


def planned(plan: Plan) -> Planned:
    """The plan act by act."""
    return Planned(
        title=plan.title,
        project=plan.project.name,
        release=plan.release.version,
        environment=plan.environment,
        role=plan.role,
        mission=plan.mission,
        guardrails=plan.guardrails,
        digest=plan.digest,
        stages=tuple(_stage(plan, stage) for stage in plan.stages),
        rollback=_stage(plan, plan.rollback) if plan.rollback else None,
        triggers=tuple(_triggers(plan)) if plan.rollback else (),
        closing=_stage(plan, plan.closing),
        gates={rule.id: _gate(rule) for rule in plan.gates.values()},
        decisions=_decisions(plan),
        artifacts=tuple(_artifacts(plan)),
        scripts=plan.scripts,
        next_protocol=plan.next_protocol,
    )


def _stage(plan: Plan, stage: Stage) -> PlannedStage:
    return PlannedStage(
        id=stage.id,
        title=stage.title,
        kind=stage.kind,
        phase=stage.phase,
        obligation=stage.obligation.value,
        origin=str(stage.origin),
        acts=tuple(_act(plan, task) for task in stage.tasks),
        evidence=stage.evidence,
    )


def _act(plan: Plan, task: Task) -> PlannedAct:
    match task.act:
        case Measure():
            return PlannedAct(task.id, task.title, "measure", Effect.NONE)
        case Execute() as act:
            return _command(plan, task, act)
        case Route(environment, percent, effect):
            detail = f"{percent} % of the requests of {environment} go to the new version's slot"
            return PlannedAct(task.id, task.title, "traffic", effect, details=(detail,))
        case Shift() as shift:
            return PlannedAct(task.id, task.title, "traffic", shift.effect, details=tuple(_shift(plan, task, shift)))
        case Roll():
            details = preview(strategy_of(plan.project))
            return PlannedAct(task.id, task.title, "rollout", Effect.PRODUCTION, details=details)
        case Watch():
            return PlannedAct(task.id, task.title, "watch", Effect.NONE, details=tuple(_window(plan)))
        case Decide(point, kind):
            return PlannedAct(task.id, task.title, kind, Effect.NONE, point=point)
        case Judge(gate):
            return PlannedAct(task.id, task.title, "gate", Effect.NONE, gate=gate)
        case Seal(package):
            return PlannedAct(task.id, task.title, "package", Effect.NONE, details=(f"package `{package}`",))
        case _:
            assert_never(task.act)


def _command(plan: Plan, task: Task, act: Execute) -> PlannedAct:
    binding = plan.project.commands[act.command]
    details = [f"`commands.{act.command}` ({binding.origin}), at most {seconds(binding.timeout)}"]
    details.append("may be repeated" if act.repeatable else "never repeated: after a crash a probe or a person says")
    if act.owes:
        details.append(f"hook {place_of(task.id.rpartition('#')[0])} the work; has to write {', '.join(act.owes)}")
    if binding.secrets:
        details.append(f"with the secrets {', '.join(binding.secrets)} in its environment")
    if task.at_once > 1:
        details.append(f"may be at work together with its neighbours, up to {task.at_once} at once")
    if task.consumes:
        details.append(f"uses up the approval `{task.consumes}`")
    if task.consumes == "production" and plan.project.windows:
        details.append("begins only inside a deployment window (`gonogo window`)")
    return PlannedAct(task.id, task.title, "command", act.effect, (*binding.run, *act.extra), tuple(details))


def _shift(plan: Plan, task: Task, shift: Shift) -> Iterator[str]:
    hosts = ", ".join(batches(plan.project, plan.project.environments[shift.environment].kind)[shift.batch])
    match shift.way:
        case Way.OUT:
            yield f"{hosts}: no requests; the others share them as before"
        case Way.IN:
            yield "every host has its share again"
        case Way.BACK_OUT:
            yield "only hosts with the old version get requests; where none is left, the others than these"
        case Way.BACK_IN:
            yield "every host that answers has its share again"
    if task.consumes:
        yield f"uses up the approval `{task.consumes}`"


def _window(plan: Plan) -> Iterator[str]:
    health = plan.project.health
    yield f"for {seconds(health.length)}, a sample every {seconds(health.tick)}"
    for rule in health.objectives:
        limit = f"{(rule.limit * 100).normalize():f} %" if rule.metric == "error_rate" else seconds(rule.limit)
        yield f"{rule.metric} at most {limit} ({rule.origin})"
    for promise in health.promises:
        bad = "errors" if promise.bound is None else f"requests slower than {seconds(promise.bound)}"
        yield f"{promise.name}: {bad} at most {(promise.allowed * 100).normalize():f} % ({promise.origin})"
        for burn in health.burn:
            spans = f"{seconds(burn.long)} and {seconds(burn.short)}"
            yield f"{promise.name}: its budget at most {burn.factor} times too fast over {spans} at once"


def seconds(value: Decimal) -> str:
    """A duration for people, without loss: `600 ms`, `30 s`, `5 min`, `2 h`."""
    if value < 1:
        return f"{(value * 1000).normalize():f} ms"
    for unit, size in (("h", 3600), ("min", 60)):
        if value >= size and value % size == 0:
            return f"{value // size} {unit}"
    return f"{value.normalize():f} s"


def _gate(rule: GateRule) -> PlannedGate:
    return PlannedGate(
        id=rule.id,
        name=rule.name,
        kind=rule.kind,
        clauses=tuple(_clause(clause) for clause in rule.clauses),
        manual=rule.manual,
        evidence=rule.evidence,
        on_fail=rule.on_fail,
        rolls_back=rule.rolls_back,
        origin=str(rule.origin),
    )


def _clause(clause: BoundClause) -> PlannedClause:
    limit = f"{clause.op.value} {clause.limit.value}{' s' if clause.unit == 'duration' else ''}"
    return PlannedClause(clause.text, limit, clause.limit_from, f"{clause.file}{clause.pointer}", str(clause.origin))


def _decisions(plan: Plan) -> dict[str, PlannedDecision]:
    kinds = {
        task.act.point: task.act.kind for stage in plan.stages for task in stage.tasks if isinstance(task.act, Decide)
    }
    return {point: _decision(plan, point, kind) for point, kind in kinds.items()}


def _decision(plan: Plan, point: str, kind: str) -> PlannedDecision:
    rule = plan.decisions[point]
    if kind == "freeze-ack":
        people = plan.ring.freeze_stakeholders
        return PlannedDecision(point, kind, ("every freeze stakeholder",), len(people), people, ())
    needs = [_needed(plan, required) for required in rule.all_of]
    if rule.any_of:
        needs.append(f"one of {' or '.join(f'{role} ({_holders(plan, role)})' for role in rule.any_of)}")
    able = tuple(person.handle for person in plan.ring.people if person.roles & rule.roles)
    return PlannedDecision(point, kind, tuple(needs), rule.quorum, able, tuple(_conditions(rule)))


def _needed(plan: Plan, required: RequiredRole) -> str:
    when = f", when {required.when}" if required.when else ""
    return f"one {required.role} ({_holders(plan, required.role)}){when}"


def _holders(plan: Plan, role: str) -> str:
    return ", ".join(person.handle for person in plan.ring.holding(role)) or "nobody"


def _conditions(rule: DecisionRule) -> Iterator[str]:
    if rule.not_requester:
        yield "not by whoever opened the run"
    if rule.not_author:
        yield "not by an author of the change"
    yield f"valid for {seconds(Decimal(int(rule.valid_for.total_seconds())))}"


def _triggers(plan: Plan) -> Iterator[str]:
    for stage in plan.stages:
        if any(isinstance(task.act, Roll) for task in stage.tasks):
            yield f"`{stage.title}` fails, or the judge of the rollout says abort"
        elif any(task.consumes for task in stage.tasks):
            yield f"`{stage.title}` fails"
        elif HaltEffect.ROLLBACK in stage.halts:
            yield f"`{stage.title}` does not pass" if stage.kind == "gate" else f"`{stage.title}` fails"
    yield "`gonogo abort` of a run that has touched production"


def _artifacts(plan: Plan) -> Iterator[str]:
    for name, source, optional in plan.artifacts:
        binding = plan.project.artifacts.get(name)
        place = binding.path if binding else "handed over by an earlier run"
        owed = f" from {source}" if source else ""
        yield f"{name}{owed}: {place}{' (optional)' if optional else ''}"
