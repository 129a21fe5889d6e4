"""A run as spans of OpenTelemetry, told from its ledger alone.

The run, its steps, tasks and gates, waits for people, halts and the rollback are a span each. Names of attributes are
those of the semantic conventions for CI/CD and deployments (status: development) where there are such; `gonogo.*` are
our own. Trace and span ids are digests of what they are about, so that a span that is sent twice is the same span.
People are counted, never named: where spans are kept is not where the ledger is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from typing import Final, TypeAlias

from gonogo.plan.model import Decide, Execute, Judge, Plan, Roll, Watch, stage_of, task_of
from gonogo.reports.untrusted import cleaned
from gonogo.run import events as happened
from gonogo.run.asking import standing
from gonogo.run.events import Recorded
from gonogo.run.state import RunState, advance
from gonogo.terms import Engine, RunId
from gonogo.values import dataclass

Attributes: TypeAlias = Mapping[str, str | int | bool]
MOST: Final = 200
"""So many characters of a text that others wrote stand in a span."""
RUN, HALT, ROLLBACK = "run", "halt", "rollback"
SUCCESS, FAILURE, CANCELLED = "success", "failure", "cancellation"
RESULTS: Final[Mapping[str, str]] = {
    "ready": SUCCESS,
    "released": SUCCESS,
    "ok": SUCCESS,
    "go": SUCCESS,
    "aborted": CANCELLED,
    "voided": CANCELLED,
    "expired": "timeout",
}
"""Results as the convention calls them; every other outcome is a failure."""
RESULT: Final = "gonogo.result"
TASK_RESULT: Final = "cicd.pipeline.task.run.result"


@dataclass(frozen=True, slots=True)
class Span:
    """Something that took time and is over; `parent` is empty for the run itself.

    `error` is the class of what went wrong, empty where nothing did; `seq` is the ledger entry that ended it.
    """

    trace: str
    id: str
    parent: str
    name: str
    began: datetime
    ended: datetime
    attributes: Attributes
    error: str
    seq: int


@dataclass(frozen=True, slots=True)
class Begun:
    """What has begun and is not over yet, by the key from which its id is made."""

    key: str
    parent: str
    name: str
    at: datetime
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Ending:
    """What is over: how it ended, and what is known of it only now."""

    key: str
    outcome: str
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tracing:
    """How far the spans of a run are: what is open, what is over, and the state of the run.

    `written` is when, and whether by an engine, an entry was made last; `earlier` the same of the moment before.
    """

    begun: Mapping[str, Begun] = field(default_factory=dict)
    over: frozenset[str] = frozenset()
    state: RunState = field(default_factory=RunState)
    written: tuple[datetime, bool] | None = None
    earlier: tuple[datetime, bool] | None = None


def told(plan: Plan, run: RunId, before: Tracing, entry: Recorded) -> tuple[Tracing, tuple[Span, ...]]:
    """One more entry of the ledger: what is open after it, and the spans that it ended."""
    state = advance(plan, before.state, entry)
    begun = dict(before.begun)
    written = (entry.at, isinstance(entry.actor, Engine))
    earlier = before.written if before.written is None or before.written[0] < entry.at else before.earlier
    for item in _beginning(plan, run, entry, _since(entry, earlier)):
        if item.key not in before.over:
            begun.setdefault(item.key, item)
    ended = []
    for ending in _ending(plan, state, entry, tuple(begun)):
        known = begun.pop(ending.key, None)
        if known is not None:
            ended.append((ending.key, _span(run, known, entry, ending)))
    over = before.over.union(key for key, _ in ended)
    return Tracing(begun, over, state, written, earlier), tuple(span for _, span in ended)


def _since(entry: Recorded, earlier: tuple[datetime, bool] | None) -> datetime:
    """Since when an engine was at work that now tells an end alone; after a person's word nobody knows."""
    return earlier[0] if earlier is not None and earlier[1] else entry.at


def trace_of(run: RunId) -> str:
    """The trace id of a run: 32 hexadecimal digits."""
    return hashlib.sha256(f"gonogo trace {run}".encode()).hexdigest()[:32]


def _id(run: RunId, key: str) -> str:
    return hashlib.sha256(f"gonogo span {run} {key}".encode()).hexdigest()[:16]


def _span(run: RunId, known: Begun, entry: Recorded, ending: Ending) -> Span:
    result = RESULTS.get(ending.outcome, FAILURE)
    about: dict[str, str | int | bool] = {**known.attributes, **ending.attributes}
    name = {RUN: "cicd.pipeline.result"}.get(known.key, TASK_RESULT if known.key.startswith("task/") else RESULT)
    about[name] = result
    return Span(
        trace=trace_of(run),
        id=_id(run, known.key),
        parent=_id(run, known.parent) if known.parent else "",
        name=cleaned(known.name, MOST),
        began=min(known.at, entry.at),
        ended=entry.at,
        attributes={key: cleaned(value, MOST) if isinstance(value, str) else value for key, value in about.items()},
        error="" if result in {SUCCESS, CANCELLED} else cleaned(ending.outcome, MOST) or FAILURE,
        seq=entry.seq,
    )


def _beginning(plan: Plan, run: RunId, entry: Recorded, since: datetime) -> Iterator[Begun]:
    """What begins with an entry; what tells its end alone, as a measurement does, began at `since`."""
    event = entry.event
    match event:
        case happened.RunOpened():
            yield Begun(RUN, "", f"RUN {plan.name}", entry.at, _of_run(plan, run))
        case happened.RunHalted():
            yield Begun(f"{HALT}/{entry.seq}", RUN, "halted", entry.at, {"gonogo.halt.cause": event.cause})
        case happened.RollbackBegun():
            back = {"gonogo.rollback.trigger": event.trigger, "gonogo.rollback.cause": event.cause}
            yield Begun(ROLLBACK, RUN, f"rollback {plan.environment}", entry.at, back)
        case happened.DecisionRequested():
            yield from _task(plan, event.task, event.attempt, entry.at)
            parent = f"stage/{event.task.rpartition('#')[0]}/{event.attempt}"
            about: Attributes = {"gonogo.approval.point": event.point, "gonogo.approval.kind": event.kind}
            yield Begun(f"round/{event.round}", parent, f"approval {event.point}", entry.at, about)
        case happened.TaskIntended():
            yield from _task(plan, event.task, event.attempt, entry.at)
        case happened.TaskFinished() | happened.MetricsSampled() | happened.HostsSeen():
            yield from _task(plan, event.task, event.attempt, since)
        case _:
            return


def _of_run(plan: Plan, run: RunId) -> Attributes:
    return {
        "cicd.pipeline.name": plan.name,
        "cicd.pipeline.run.id": run,
        "cicd.pipeline.action.name": "RUN",
        "deployment.id": run,
        "deployment.name": plan.project.name,
        "deployment.environment.name": plan.environment,
        "gonogo.release.version": plan.release.version,
        "gonogo.release.digest": plan.release.digest,
    }


def _task(plan: Plan, name: str, attempt: int, at: datetime) -> Iterator[Begun]:
    stage, task = stage_of(plan, name), task_of(plan, name)
    parent = f"stage/{stage.id}/{attempt}"
    within = ROLLBACK if plan.rollback is not None and stage.id == plan.rollback.id else RUN
    of_stage: dict[str, str | int | bool] = {"gonogo.stage.id": stage.id, "gonogo.stage.kind": stage.kind}
    yield Begun(parent, within, stage.title, at, {**of_stage, "gonogo.attempt": attempt})
    known: dict[str, str | int | bool] = {
        "cicd.pipeline.task.name": task.title,
        "cicd.pipeline.task.run.id": f"{name}/{attempt}",
        "gonogo.attempt": attempt,
    }
    match task.act:
        case Execute(purpose=purpose, environment=environment):
            known["cicd.pipeline.task.type"] = "test" if purpose == "tests" else "deploy"
            known["deployment.environment.name"] = environment
        case Roll(environment) | Watch(environment):
            known["cicd.pipeline.task.type"] = "deploy"
            known["deployment.environment.name"] = environment
        case Judge(gate):
            known["gonogo.gate.id"] = gate
        case Decide(point=point):
            known["gonogo.approval.point"] = point
        case _:
            pass
    yield Begun(f"task/{name}/{attempt}", parent, task.title, at, known)


def _ending(plan: Plan, state: RunState, entry: Recorded, begun: tuple[str, ...]) -> Iterator[Ending]:
    event = entry.event
    match event:
        case happened.TaskFinished():
            yield from _finished(plan, state, event)
        case (
            happened.DecisionRecorded(round=name)
            | happened.DecisionVoided(round=name)
            | happened.DecisionExpired(round=name)
        ):
            yield from _answered(plan, state, name)
        case happened.RollbackFinished(verified, recovery_ms):
            back = {"gonogo.rollback.verified": verified, "gonogo.rollback.recovery_ms": recovery_ms}
            yield Ending(ROLLBACK, "ok" if verified else "not_verified", back)
        case happened.RunResumed():
            yield Ending(f"{HALT}/{event.halt_seq}", "ok")
            # Work returns as another attempt: what was under way in this one ends here.
            yield from (Ending(key, "aborted") for key in reversed(begun) if key.startswith(("task/", "stage/")))
        case happened.RunClosed(outcome):
            yield from (Ending(key, "aborted") for key in reversed(begun) if key != RUN)
            done = RESULTS.get(outcome, FAILURE) == SUCCESS
            about = {"deployment.status": "succeeded" if done else "failed", "gonogo.outcome": outcome}
            yield Ending(RUN, outcome, about)
        case _:
            return


def _finished(plan: Plan, state: RunState, event: happened.TaskFinished) -> Iterator[Ending]:
    stage = stage_of(plan, event.task)
    act = task_of(plan, event.task).act
    judged = state.judgements.get(act.gate) if isinstance(act, Judge) else None
    yield Ending(
        f"task/{event.task}/{event.attempt}",
        event.outcome,
        {"gonogo.gate.verdict": judged.verdict} if judged is not None else {},
    )
    known = [state.tasks.get(task.id) for task in stage.tasks]
    here = [item.outcome for item in known if item is not None and item.attempt == event.attempt]
    if event.outcome != "ok" or here == ["ok"] * len(stage.tasks):
        yield Ending(f"stage/{stage.id}/{event.attempt}", event.outcome)


def _answered(plan: Plan, state: RunState, name: str) -> Iterator[Ending]:
    """A round ends when enough people signed, when one said no, or when it counts no more."""
    asked = state.rounds.get(name)
    if asked is None:
        return
    found = standing(plan, asked)
    outcome = "no_go" if found.no_go else "go" if found.met else asked.status
    if outcome != "open":
        signed = len({answer.person for answer in asked.answers})
        yield Ending(f"round/{name}", outcome, {"gonogo.approval.signed": signed, "gonogo.approval.outcome": outcome})
