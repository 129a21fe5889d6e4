"""`decide(plan, state, now)`: the one place that says what happens next. Pure; it sees events only.

The way forward is the plan's stages in order; a recorded trigger switches to the rollback; the closing stage ends every
run. An open intent is settled before anything but what may run beside it, so that a crash never acts twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from gonogo.evidence.ledger import time_of
from gonogo.plan.model import (
    Decide,
    Execute,
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
    stage_of,
)
from gonogo.protocol.model import HaltEffect
from gonogo.run.aftermath import recovery_ms, root_cause, unwritten
from gonogo.run.asking import who_is_missing
from gonogo.run.beside import Open, failed_with, one_more, open_acts
from gonogo.run.branching import after_stage, begin_again_at, branch_back
from gonogo.run.events import (
    DecisionExpired,
    DecisionVoided,
    Event,
    HostsReplaced,
    RollbackBegun,
    RollbackFinished,
    RunClosed,
    RunHalted,
    TaskFinished,
)
from gonogo.run.events_of_traffic import WindowExtended
from gonogo.run.health_window import next_in_watch
from gonogo.run.overtaken import caught_by_its_end, moved_since, shut_out
from gonogo.run.rollback_asked import Due, Kept, Unasked, Undecided, standing_of
from gonogo.run.rolling import (
    AskStep,
    HoldUntil,
    Judged,
    MoveTo,
    ReplaceBatch,
    RollDone,
    RollFailed,
    next_in_roll,
)
from gonogo.run.shifting import needless, of_one_host
from gonogo.run.state import Halted, Round, RunState, TaskState, attempt_of, round_of
from gonogo.run.waiving import complete_waiver
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Perform:
    """Intent, act, outcome. A Route's move is absolute; a Roll's is said by `percent` and `step`."""

    task: Task
    attempt: int
    start: int
    percent: int = -1
    step: int = -1


@dataclass(frozen=True, slots=True)
class Settle:
    """An intent has no outcome: find out what happened, never repeat on a guess.

    `beside` are all acts that are open together with it, itself among them: any of them may be the first to end.
    """

    task: Task
    known: TaskState
    beside: tuple[Open, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """Measure something and seal the evidence; changes nothing outside."""

    task: Task
    attempt: int


@dataclass(frozen=True, slots=True)
class JudgeGate:
    """Judge a gate from sealed evidence."""

    task: Task
    attempt: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Open a round: write the request that people sign."""

    task: Task
    attempt: int


@dataclass(frozen=True, slots=True)
class AwaitPeople:
    """Nothing can be done until people have signed; `missing` says who."""

    task: Task
    round: Round
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """Read the metrics once, for a rollout or a health window."""

    task: Task
    attempt: int
    index: int
    step: int


@dataclass(frozen=True, slots=True)
class SealPackage:
    """Build, seal and sign a package."""

    task: Task
    attempt: int


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Nothing to do before `moment`. `far` is a wait for a deployment window, which nobody has to sit through."""

    moment: datetime
    why: str
    far: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """Write an event that follows from the events so far. `detail` is text for people, stored as a blob."""

    event: Event
    detail: str = ""


@dataclass(frozen=True, slots=True)
class UseWaiver:
    """The gate at which the run stands is carried by a complete waiver: verify it again and use it up (WVR-01)."""

    task: Task
    attempt: int
    round: Round


@dataclass(frozen=True, slots=True)
class AskPromotion:
    """Ask people whether a rollout may leave its present step."""

    task: Task
    attempt: int


@dataclass(frozen=True, slots=True)
class AskRollback:
    """Ask people whether production is rolled back; without an answer it is."""

    task: Task
    attempt: int


@dataclass(frozen=True, slots=True)
class PromoteStep:
    """People signed that a rollout may leave step `step`: verify it again and use it up."""

    task: Task
    attempt: int
    round: Round
    step: int


@dataclass(frozen=True, slots=True)
class Parked:
    """The run stands still until a person lifts the halt."""

    halted: Halted


@dataclass(frozen=True, slots=True)
class Over:
    """The run has ended."""

    outcome: str


PROMOTION = "promotion"

NextAct: TypeAlias = (
    Perform
    | Settle
    | Look
    | JudgeGate
    | Ask
    | AwaitPeople
    | Sample
    | SealPackage
    | WaitUntil
    | Record
    | UseWaiver
    | AskPromotion
    | AskRollback
    | PromoteStep
    | Parked
    | Over
)


def decide(plan: Plan, state: RunState, now: datetime) -> NextAct:
    """What to do next, from the events so far."""
    if state.outcome:
        return Over(state.outcome)
    opened = open_acts(plan, state)
    if opened:
        another = one_more(plan, state, opened)
        if another is not None:
            return _begin(plan, state, stage_of(plan, another.id), another, now)
        return Settle(*opened[0], opened if opened[0][0].at_once > 1 else ())
    if state.halted is not None:
        return _parked(plan, state, state.halted, now)
    if state.aborting and state.touched and state.rollback is None and plan.rollback is not None:
        return Record(RollbackBegun("abort", "aborted", None))
    for stage in _route(plan, state):
        act = _in_stage(plan, state, stage, now)
        if act is not None:
            return act
    return Record(RunClosed(outcome_of(plan, state)))


def _parked(plan: Plan, state: RunState, halted: Halted, now: datetime) -> NextAct:
    waived = complete_waiver(plan, state, now)
    if waived is None:
        return Parked(halted)
    failed, asked = waived
    return UseWaiver(failed.task, failed.judgement.attempt, asked)


def outcome_of(plan: Plan, state: RunState) -> str:
    """How the run ends: a run that was rolled back is never `released` (C53)."""
    if state.rollback is not None:
        return "rolled_back"
    if state.aborting:
        return "aborted"
    return "released" if plan.environment == "production" else "ready"


def _route(plan: Plan, state: RunState) -> tuple[Stage, ...]:
    if state.rollback is not None and plan.rollback is not None:
        return (plan.rollback, plan.closing)
    if state.aborting:
        return (plan.closing,)
    return (*plan.stages, plan.closing)


def _in_stage(plan: Plan, state: RunState, stage: Stage, now: datetime) -> NextAct | None:
    for task in stage.tasks:
        known, failed = state.tasks.get(task.id), failed_with(state, stage, task)
        if failed is not None:
            if of_one_host(stage, task):
                continue  # The others are taken back all the same; at the end every host has to answer.
            return _failed(plan, state, stage, failed, state.tasks[failed.id], now)
        if task.batch >= 0:
            continue  # Begun by the rollout of this stage, when its batch is due.
        if known is None or known.outcome != "ok":
            act = _begin(plan, state, stage, task, now)
            return _ask_all(state, stage, act) if isinstance(act, AwaitPeople) else act
    lacking = [name for name in stage.evidence if name not in state.evidence]
    if lacking:
        halt = RunHalted("evidence_missing", "stop", stage.id, stage.id, None)
        return Record(branch_back(plan, state, stage.id) or halt, unwritten(stage, lacking))
    if stage.kind == "rollback" and state.rollback is not None and state.rollback.finished is None:
        return Record(RollbackFinished(True, recovery_ms(state, stage)))
    due = root_cause(state) if stage.kind == "rollback" else after_stage(plan, state, stage)
    return Record(*due) if due else None


def _ask_all(state: RunState, stage: Stage, waiting: AwaitPeople) -> NextAct:
    """Prerequisite approvals do not depend on each other: everybody is asked at once (PRE-01)."""
    if stage.kind == "prerequisites":
        attempt = attempt_of(state, stage)
        for task in stage.tasks:
            if isinstance(task.act, Decide) and round_of(state, task, attempt) is None:
                return Ask(task, attempt)
    return waiting


def _failed(plan: Plan, state: RunState, stage: Stage, task: Task, known: TaskState, now: datetime) -> NextAct:
    gate = isinstance(task.act, Judge)
    back_to = str(known.facts.get("resume_at", "")) or stage.id
    if taken := branch_back(plan, state, back_to, known):
        return Record(taken)
    if stage.kind == "rollback":
        return Record(RunHalted("rollback_failed", "stop", stage.id, stage.id, known.detail))
    if _must_roll_back(plan, state, stage):
        cause = str(known.facts.get("cause", "failed"))
        judged = "window" if cause == "window_closed" else "judge"
        trigger = "gate" if gate else judged if isinstance(task.act, Roll) else "task"
        begun = Record(RollbackBegun(trigger, cause, known.detail))
        return _asked_before(plan, state, stage, task, known, now) or begun
    cause = str(known.facts.get("cause", "")) or ("gate_failed" if gate else "task_failed")
    effect = "pause" if HaltEffect.PAUSE in stage.halts and HaltEffect.STOP not in stage.halts else "stop"
    return Record(RunHalted(cause, effect, stage.id, begin_again_at(plan, back_to), known.detail))


def _asked_before(
    plan: Plan, state: RunState, stage: Stage, task: Task, known: TaskState, now: datetime
) -> NextAct | None:
    """What comes before the rollback where people are asked; None where it begins now."""
    match standing_of(plan, state, task.id, known.attempt, now):
        case Unasked():
            return AskRollback(task, known.attempt)
        case Undecided(deadline, missing):
            why = f"people are asked whether to roll back ({', '.join(missing)}); without an answer it begins then"
            return WaitUntil(deadline, why)
        case Kept(asked, by):
            said = f"{by} signed that production stays as it is ({asked.name})\n  next: repair it, or gonogo abort"
            return Record(RunHalted("rollback_refused", "stop", stage.id, stage.id, None), said)
        case Due():
            return None


def _must_roll_back(plan: Plan, state: RunState, stage: Stage) -> bool:
    if not state.touched or plan.rollback is None or state.rollback is not None or stage.kind == "closing":
        return False
    acts = any(isinstance(task.act, Roll) or task.consumes for task in stage.tasks)
    return acts or HaltEffect.ROLLBACK in stage.halts


def _begin(plan: Plan, state: RunState, stage: Stage, task: Task, now: datetime) -> NextAct:
    attempt = attempt_of(state, stage)
    why = needless(plan, state, stage, task)
    if why:
        return Record(_finished(task, attempt, "ok", {"needless": why}))
    match task.act:
        case Measure():
            return Look(task, attempt)
        case Execute() | Route() | Shift():
            closed = _outside_the_window(plan, state, task, attempt, now)
            if closed is not None:
                return closed
            return Perform(task, attempt, _next_start(state, task), _percent(task))
        case Judge():
            return JudgeGate(task, attempt)
        case Seal():
            return SealPackage(task, attempt)
        case Decide():
            return _decision(plan, state, task, attempt, now)
        case Roll():
            return _rolling(plan, state, task, attempt, now)
        case Watch():
            return _watching(plan, state, task, attempt, now)


def _next_start(state: RunState, task: Task) -> int:
    """The number of the next start of a task, from 1."""
    return state.starts.get(task.id, 0) + 1


def _outside_the_window(plan: Plan, state: RunState, task: Task, attempt: int, now: datetime) -> NextAct | None:
    """Production is first touched inside a window only (WIN-02); the way back is never held up by one."""
    shut = shut_out(plan, state, task, now)
    if shut is None:
        return None
    until, why = shut
    if until is not None:
        return WaitUntil(until, why, far=True)
    why += "\n  next: correct `window` in gonogo.yaml and open a new run"
    return Record(_finished(task, attempt, "failed", {"cause": "no_window"}), why)


def outside_its_window(plan: Plan, state: RunState, now: datetime) -> Task | None:
    """The task of a run that waits for a deployment window; None where it waits for none."""
    act = decide(plan, state, now)
    if not isinstance(act, WaitUntil) or not act.far:
        return None
    return next(task for stage in plan.stages for task in stage.tasks if _is_open(state, task))


def _is_open(state: RunState, task: Task) -> bool:
    known = state.tasks.get(task.id)
    return known is None or known.outcome != "ok"


def _percent(task: Task) -> int:
    return task.act.percent if isinstance(task.act, Route) else -1


def _decision(plan: Plan, state: RunState, task: Task, attempt: int, now: datetime) -> NextAct:
    assert isinstance(task.act, Decide)
    asked = round_of(state, task, attempt)
    if asked is None or asked.status in {"voided", "expired"}:
        return Ask(task, attempt)
    refusal = next((answer for answer in asked.answers if answer.decision == "no_go"), None)
    if refusal is not None:
        detail = f"{refusal.person} ({refusal.role}) said no-go at {asked.point}"
        return Record(_finished(task, attempt, "failed", {"cause": "no_go"}), detail)
    moved = moved_since(plan, state, task, asked)
    if moved:
        return Record(DecisionVoided(asked.name, "evidence_changed", moved))
    if now >= time_of(asked.expires_at):
        return Record(DecisionExpired(asked.name))
    missing = who_is_missing(plan, asked)
    if missing:
        return AwaitPeople(task, asked, missing)
    return Record(_finished(task, attempt, "ok", {"round": asked.name}))


def _finished(task: Task, attempt: int, outcome: str, facts: dict[str, str]) -> TaskFinished:
    return TaskFinished(task.id, attempt, 0, outcome, facts, None)


def _rolling(plan: Plan, state: RunState, task: Task, attempt: int, now: datetime) -> NextAct:
    known = state.rollings.get(task.id)
    caught = caught_by_its_end(plan, known, now)
    if caught:
        return Record(_finished(task, attempt, "failed", {"cause": "window_closed"}), caught)
    begun = {part.batch for part in stage_of(plan, task.id).tasks if part.id in state.tasks}
    match next_in_roll(plan, known, now, begun):
        case MoveTo(step, percent):
            return Perform(task, attempt, _next_start(state, task), percent, step)
        case ReplaceBatch(step, percent, hosts):
            due = _due_in_batch(plan, state, task, step, now)
            return due or Record(HostsReplaced(task.id, attempt, step, percent, hosts))
        case HoldUntil(moment, step, why):
            return _sample_or_wait(task, attempt, known.samples if known else 0, step, moment, now, why)
        case AskStep(moment, step, why):
            asked = _promotion(plan, state, task, attempt, step, now)
            return asked or _sample_or_wait(task, attempt, known.samples if known else 0, step, moment, now, why)
        case Judged(event, detail):
            return Record(event, detail)
        case RollDone():
            return Record(_finished(task, attempt, "ok", {}))
        case RollFailed(cause, why):
            return Record(_finished(task, attempt, "failed", {"cause": cause}), why)


def _due_in_batch(plan: Plan, state: RunState, task: Task, step: int, now: datetime) -> NextAct | None:
    """The first act of a batch that is not done yet; None where all are."""
    stage = stage_of(plan, task.id)
    for part in stage.tasks:
        known = state.tasks.get(part.id)
        if part.batch == step and (known is None or known.outcome != "ok"):
            return _begin(plan, state, stage, part, now)
    return None


def _promotion(plan: Plan, state: RunState, task: Task, attempt: int, step: int, now: datetime) -> NextAct | None:
    """What the people say to leaving a step; None while nobody has answered (the step is sampled meanwhile)."""
    if PROMOTION not in plan.decisions:
        return None
    asks = [item for item in state.rounds.values() if item.point == PROMOTION and item.attempt == attempt]
    asked = asks[-1] if asks else None
    if asked is None or asked.status != "open":
        return AskPromotion(task, attempt)
    if any(answer.decision == "no_go" for answer in asked.answers):
        return Record(_finished(task, attempt, "failed", {"cause": "no_go"}), f"no-go at {asked.name}")
    if now >= time_of(asked.expires_at):
        return Record(DecisionExpired(asked.name))
    return None if who_is_missing(plan, asked) else PromoteStep(task, attempt, asked, step)


def _watching(plan: Plan, state: RunState, task: Task, attempt: int, now: datetime) -> NextAct:
    known = state.rollings.get(task.id)
    match next_in_watch(plan, known, now):
        case HoldUntil(moment, step, why):
            return _sample_or_wait(task, attempt, known.samples if known else 0, step, moment, now, why)
        case WindowExtended() as event:
            return Record(event)
        case RollDone():
            return Record(_finished(task, attempt, "ok", {}))


def _sample_or_wait(
    task: Task, attempt: int, index: int, step: int, moment: datetime, now: datetime, why: str
) -> NextAct:
    return Sample(task, attempt, index, step) if now >= moment else WaitUntil(moment, why)
