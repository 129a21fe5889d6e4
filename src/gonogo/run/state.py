"""The state of a run, folded from its events: `advance(plan, state, recorded)`, one event at a time.

State is never stored as truth and never written by hand; the files that people see are projections of it (WFS-03).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from datetime import datetime

from gonogo.evidence.independence import NOBODY, Asker
from gonogo.plan.model import (
    Decide,
    Effect,
    Execute,
    Plan,
    Roll,
    Route,
    Shift,
    Stage,
    Task,
    Watch,
    all_stages,
    stage_of,
    task_of,
)
from gonogo.run import events as happened
from gonogo.run.arms import Arms
from gonogo.run.events import Recorded
from gonogo.run.events_of_branches import BranchTaken, ExitChecked
from gonogo.run.events_of_halts import REPEATED_ON_RESUME, RepairProposed, RetrospectiveOpened, RootCauseOpened
from gonogo.run.events_of_traffic import DrainEnded, TrafficFound, WindowExtended
from gonogo.run.hosts_before import arms_of_hosts
from gonogo.run.rolling import Rolling, read_back, rolled
from gonogo.run.turns import Abort, Judgement, Rollback, asker_of
from gonogo.terms import Digest, Json
from gonogo.values import dataclass

ROLLS = (
    happened.TrafficMoved,
    happened.HostsReplaced,
    happened.HostsSeen,
    TrafficFound,
    WindowExtended,
    happened.MetricsSampled,
    happened.RolloutJudged,
    happened.RolloutPromoted,
)
"""What happens in a rollout or a health window."""


@dataclass(frozen=True, slots=True)
class TaskState:
    """What became of a task in its present attempt. `open` means intended without an outcome.

    `unknown` says that the world was asked in vain what became of it; `tries` counts intents in this attempt; `host` is
    where it was started.
    """

    attempt: int
    start: int
    outcome: str
    open: bool
    fence: int
    facts: Mapping[str, Json]
    detail: Digest | None
    began: datetime
    ended: datetime | None
    step: int = -1
    unknown: bool = False
    tries: int = 1
    host: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sealed file, as it counts now. `seq` is the ledger entry that sealed it."""

    name: str
    digest: Digest
    size: int
    stage: str
    attempt: int
    status: str
    seq: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """A recorded statement of a person in a round."""

    person: str
    role: str
    fingerprint: str
    decision: str
    statement: Digest
    signature: Digest
    at: datetime
    seq: int
    in_browser: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """One asking of people. `status` is open, voided, expired or used; `used_by` is the `task/attempt` that used it."""

    name: str
    task: str
    attempt: int
    point: str
    kind: str
    request: Digest
    shown: Digest
    evidence: Digest
    challenge: str
    expires_at: str
    seq: int
    at: datetime
    status: str
    answers: tuple[Answer, ...]
    used_by: str = ""
    asker: Asker = NOBODY


@dataclass(frozen=True, slots=True)
class Halted:
    """Why the run stands still, and where it would go on."""

    cause: str
    effect: str
    stage: str
    resume_at: str
    detail: Digest | None
    seq: int
    at: datetime


@dataclass(frozen=True, slots=True)
class RunState:
    """Everything that `decide` and the reports need to know about a run."""

    seq: int = -1
    opened: happened.RunOpened | None = None
    trust: happened.TrustPinned | None = None
    opened_at: datetime | None = None
    at: datetime | None = None
    plan_digest: Digest | None = None
    tasks: Mapping[str, TaskState] = field(default_factory=dict)
    attempts: Mapping[str, int] = field(default_factory=dict)
    starts: Mapping[str, int] = field(default_factory=dict)
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    judgements: Mapping[str, Judgement] = field(default_factory=dict)
    rounds: Mapping[str, Round] = field(default_factory=dict)
    rollings: Mapping[str, Rolling] = field(default_factory=dict)
    packages: Mapping[str, happened.PackageSealed] = field(default_factory=dict)
    halted: Halted | None = None
    halts: int = 0
    aborting: bool = False
    abort: Abort | None = None
    rollback: Rollback | None = None
    touched: bool = False
    traffic: int | None = None
    """Percent on the new version, in production, as it was read back last; None where nothing was moved."""
    freeze: bool = False
    cut: tuple[tuple[datetime, DrainEnded], ...] = ()
    proposals: Mapping[int, Digest] = field(default_factory=dict)
    branches: Mapping[str, int] = field(default_factory=dict)
    """Branches taken and exits checked, by id, with the attempt in which that was last."""
    root_cause: RootCauseOpened | None = None
    retrospective: RetrospectiveOpened | None = None
    outcome: str = ""
    closed_at: datetime | None = None


def fold(plan: Plan, entries: Iterable[Recorded], state: RunState | None = None) -> RunState:
    """The state after all `entries`, starting from `state` (or from nothing)."""
    found = state or RunState()
    for entry in entries:
        found = advance(plan, found, entry)
    return found


def advance(plan: Plan, state: RunState, entry: Recorded) -> RunState:
    """The state after one more event."""
    state = replace(state, seq=entry.seq, at=entry.at)
    if isinstance(entry.event, ROLLS):
        return _with_rolling(plan, state, entry)
    match entry.event:
        case happened.TaskIntended() | happened.TaskFinished() | happened.TaskSettled():
            return _with_task(plan, state, entry)
        case happened.EvidenceSealed() | happened.GateJudged() | happened.PackageSealed():
            return _with_record(state, entry)
        case (
            happened.DecisionRequested()
            | happened.DecisionRecorded()
            | happened.DecisionVoided()
            | happened.DecisionExpired()
            | happened.DecisionConsumed()
        ):
            return _with_round(state, entry)
        case _:
            return _with_course(plan, state, entry)


def attempt_of(state: RunState, stage: Stage) -> int:
    """The present attempt of a stage, from 1."""
    return state.attempts.get(stage.id, 1)


def _with_task(plan: Plan, state: RunState, entry: Recorded) -> RunState:
    event = entry.event
    assert isinstance(event, happened.TaskIntended | happened.TaskFinished | happened.TaskSettled)
    known = state.tasks.get(event.task)
    match event:
        case happened.TaskIntended():
            found = _intended(known, event, entry.at)
            touched = state.touched or _touches_production(task_of(plan, event.task))
            starts = {**state.starts, event.task: max(event.start, state.starts.get(event.task, 0))}
            state = replace(state, touched=touched, starts=starts)
        case happened.TaskFinished():
            began = known.began if known and known.attempt == event.attempt else entry.at
            fence = known.fence if known else 0
            state = _waived(state, event)
            found = TaskState(
                event.attempt, event.start, event.outcome, False, fence, event.facts, event.detail, began, entry.at
            )
        case happened.TaskSettled():
            assert known is not None
            unknown = event.outcome == "unknown"
            found = replace(known, open=unknown, unknown=unknown, outcome="", detail=event.detail, ended=None)
    return replace(state, tasks={**state.tasks, event.task: found})


def _waived(state: RunState, event: happened.TaskFinished) -> RunState:
    """A gate that a waiver carries lifts its own halt, and is called waived from then on, never passed (WVR-04)."""
    if "waived" not in event.facts:
        return state
    gate = stage_name(event.task).removeprefix("gate/")
    judged = {**state.judgements, gate: replace(state.judgements[gate], verdict="waived")}
    return replace(state, judgements=judged, halted=None)


def stage_name(task: str) -> str:
    """The stage of a task, from its id."""
    return task.rpartition("#")[0]


def _intended(known: TaskState | None, event: happened.TaskIntended, at: datetime) -> TaskState:
    tries = known.tries + 1 if known is not None and known.attempt == event.attempt and event.step < 0 else 1
    found = TaskState(event.attempt, event.start, "", True, event.fence, {}, None, at, None)
    return replace(found, step=event.step, tries=tries, host=event.host)


def _touches_production(task: Task) -> bool:
    match task.act:
        case Execute(effect=effect) | Route(effect=effect) | Shift(effect=effect):
            return effect is Effect.PRODUCTION
        case Roll():
            return True
        case _:
            return False


def _with_rolling(plan: Plan, state: RunState, entry: Recorded) -> RunState:
    event = entry.event
    assert isinstance(event, ROLLS)
    task = task_of(plan, event.task)
    if _touches_production(task):
        state = replace(state, traffic=read_back(state.traffic, event, slots_of(plan, state, task)[1]))
    if not isinstance(task.act, Roll | Watch):
        return state
    known = state.rollings.get(event.task)
    of_now = known if known is not None and known.attempt == event.attempt else None
    found = rolled(plan, _arms(plan, state, task), of_now, entry)
    state = replace(state, rollings={**state.rollings, event.task: found})
    if isinstance(event, happened.TrafficMoved):
        task_state = state.tasks.get(event.task)
        if task_state is not None:
            state = replace(state, tasks={**state.tasks, event.task: replace(task_state, open=False)})
    return state


def _arms(plan: Plan, state: RunState, task: Task) -> Arms:
    assert isinstance(task.act, Roll | Watch)
    hosts = arms_of_hosts(plan, observed(plan, state, task.act.environment), watched=isinstance(task.act, Watch))
    if hosts is not None:
        return hosts
    return Arms(*slots_of(plan, state, task))


def slots_of(plan: Plan, state: RunState, task: Task) -> tuple[str, str]:
    """(stable, candidate) slot of the environment a task acts on, as observed before anything was changed."""
    assert isinstance(task.act, Roll | Watch | Route | Shift | Execute)
    facts = observed(plan, state, task.act.environment)
    return str(facts.get("stable", "")), str(facts.get("candidate", ""))


def observed(plan: Plan, state: RunState, environment: str) -> Mapping[str, Json]:
    """The facts of the last observation of an environment: slots, versions, fingerprint; empty where there is none."""
    kind = plan.project.environments[environment].kind
    for task_id, task in state.tasks.items():
        if task.outcome == "ok" and task.facts.get("observed") == kind:
            return {**task.facts, "task": task_id}
    return {}


def _with_record(state: RunState, entry: Recorded) -> RunState:
    match entry.event:
        case happened.EvidenceSealed() as event:
            found = Evidence(
                event.name, event.sha256, event.size, event.stage, event.attempt, event.status, entry.seq, entry.at
            )
            return replace(state, evidence={**state.evidence, event.name: found})
        case happened.GateJudged() as event:
            judged = Judgement(event.gate, event.verdict, event.judgement_sha256, event.attempt, entry.at)
            return replace(state, judgements={**state.judgements, event.gate: judged})
        case happened.PackageSealed() as event:
            return replace(state, packages={**state.packages, event.package: event})
        case _:
            return state


def _with_round(state: RunState, entry: Recorded) -> RunState:
    match entry.event:
        case happened.DecisionRequested() as event:
            found = Round(
                name=event.round,
                task=event.task,
                attempt=event.attempt,
                point=event.point,
                kind=event.kind,
                request=event.request_sha256,
                shown=event.shown_sha256,
                evidence=event.evidence_sha256,
                challenge=event.challenge,
                expires_at=event.expires_at,
                seq=entry.seq,
                at=entry.at,
                status="open",
                answers=(),
                asker=asker_of(event, entry.actor, state.opened),
            )
            return replace(state, rounds={**state.rounds, event.round: found})
        case happened.DecisionRecorded() as event:
            return _answered(state, event, entry)
        case happened.DecisionVoided() as event:
            return _marked(state, event.round, "voided")
        case happened.DecisionExpired() as event:
            return _marked(state, event.round, "expired")
        case happened.DecisionConsumed() as event:
            return _marked(state, event.round, "used", f"{event.task}/{event.attempt}")
        case _:
            return state


def _answered(state: RunState, event: happened.DecisionRecorded, entry: Recorded) -> RunState:
    known = state.rounds.get(event.round)
    if known is None:
        return state
    answer = Answer(
        event.person,
        event.role,
        event.fingerprint,
        event.decision,
        event.statement_sha256,
        event.signature_sha256,
        entry.at,
        entry.seq,
        event.in_browser,
    )
    return replace(state, rounds={**state.rounds, event.round: replace(known, answers=(*known.answers, answer))})


def _marked(state: RunState, name: str, status: str, used_by: str = "") -> RunState:
    known = state.rounds.get(name)
    if known is None:
        return state
    return replace(state, rounds={**state.rounds, name: replace(known, status=status, used_by=used_by)})


def _with_course(plan: Plan, state: RunState, entry: Recorded) -> RunState:
    match entry.event:
        case happened.RunOpened() as event:
            return replace(state, opened=event, opened_at=entry.at)
        case happened.TrustPinned() as event:
            return replace(state, trust=event)
        case happened.PlanBound() as event:
            return replace(state, plan_digest=event.plan_sha256)
        case happened.RunHalted() as event:
            halted = Halted(event.cause, event.effect, event.stage, event.resume_at, event.detail, entry.seq, entry.at)
            return replace(state, halted=halted, halts=state.halts + 1)
        case happened.RunResumed() as event:
            return _resumed(plan, state, event)
        case happened.AbortRequested() as event:
            ended = Abort(str(entry.actor), event.reason)
            return replace(_to_close_anew(plan, state), aborting=True, abort=ended, halted=None)
        case happened.RollbackBegun() as event:
            began = Rollback(event.trigger, event.cause, entry.at, None, False, 0, event.detail)
            state = _to_close_anew(plan, state)
            return replace(state, rollback=began, halted=None, tasks=_closed(state.tasks))
        case happened.RollbackFinished() as event:
            assert state.rollback is not None
            done = replace(state.rollback, finished=entry.at, verified=event.verified, recovery_ms=event.recovery_ms)
            return replace(state, rollback=done, traffic=0 if event.verified else state.traffic)
        case happened.RunClosed() as event:
            return replace(state, outcome=event.outcome, closed_at=entry.at, halted=None)
        case _:
            return _with_note(state, entry)


def _with_note(state: RunState, entry: Recorded) -> RunState:
    match entry.event:
        case RepairProposed() as event:
            return replace(state, proposals={**state.proposals, event.halt_seq: event.proposal})
        case BranchTaken() as event:
            return replace(state, branches={**state.branches, event.branch: event.attempt})
        case ExitChecked(check=name, attempt=attempt):
            return replace(state, branches={**state.branches, name: attempt})
        case RootCauseOpened() as event:
            return replace(state, root_cause=event)
        case RetrospectiveOpened() as event:
            return replace(state, retrospective=event)
        case happened.FreezeBegun() | happened.FreezeEnded() as event:
            return replace(state, freeze=isinstance(event, happened.FreezeBegun))
        case DrainEnded() as event:
            return replace(state, cut=(*state.cut, (entry.at, event)))
        case _:
            return state


def _to_close_anew(plan: Plan, state: RunState) -> RunState:
    """What was written about the end of the run holds no more once the run ends otherwise: it is written again."""
    closing = plan.closing
    if not any(task.id in state.tasks for task in closing.tasks):
        return state
    done = {task.id for task in closing.tasks}
    return replace(
        state,
        attempts={**state.attempts, closing.id: attempt_of(state, closing) + 1},
        tasks={name: task for name, task in state.tasks.items() if name not in done},
        evidence={name: item for name, item in state.evidence.items() if item.stage != closing.id},
    )


def _closed(tasks: Mapping[str, TaskState]) -> Mapping[str, TaskState]:
    # A rollback takes back a step of the rollout, and an act of which nobody knows whether it took effect.
    return {name: replace(task, open=False) if task.step >= 0 or task.unknown else task for name, task in tasks.items()}


def _resumed(plan: Plan, state: RunState, event: happened.RunResumed) -> RunState:
    halted = state.halted
    state = replace(state, halted=None)
    if halted is None or halted.cause not in REPEATED_ON_RESUME:
        return state
    order = [stage.id for stage in all_stages(plan)]
    first = order.index(event.stage)
    last = max(order.index(halted.stage), first)
    again = set(order[first : last + 1])
    attempts = {**state.attempts, **{name: state.attempts.get(name, 1) + 1 for name in again}}
    return replace(
        state,
        attempts=attempts,
        tasks={name: task for name, task in state.tasks.items() if stage_of(plan, name).id not in again},
        evidence={name: item for name, item in state.evidence.items() if item.stage not in again},
        rounds={name: _void(plan, item, again) for name, item in state.rounds.items()},
        rollings={name: item for name, item in state.rollings.items() if stage_of(plan, name).id not in again},
        judgements={name: item for name, item in state.judgements.items() if f"gate/{name}" not in again},
    )


def _void(plan: Plan, known: Round, again: set[str]) -> Round:
    touched = known.status == "open" and stage_of(plan, known.task).id in again
    return replace(known, status="voided") if touched else known


def round_of(state: RunState, task: Task, attempt: int) -> Round | None:
    """The latest round that a task asked for in this attempt, whatever its status."""
    found = None
    for item in state.rounds.values():
        asked = isinstance(task.act, Decide) and item.point == task.act.point
        if asked and item.task == task.id and item.attempt == attempt:
            found = item
    return found


def usable_round(state: RunState, point: str) -> Round | None:
    """The latest open round of a decision point."""
    found = None
    for item in state.rounds.values():
        if item.point == point and item.status == "open":
            found = item
    return found


def used_round(state: RunState, point: str, task: str, attempt: int) -> Round | None:
    """The round of a decision point that this very attempt of a task used up in an earlier start."""
    used_by = f"{task}/{attempt}"
    return next((item for item in state.rounds.values() if item.point == point and item.used_by == used_by), None)
