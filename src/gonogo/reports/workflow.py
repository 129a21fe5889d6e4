"""State, status, metrics and logs of a run as files for people and tools: projections of its log (F35 to F37, WFS-01).

Each follows from plan, state and entries alone, so that the same log gives the same bytes: a file that says otherwise
was edited, and editing one changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from gonogo.evidence.artifacts import ratio
from gonogo.evidence.canonical import Tree
from gonogo.evidence.ledger import Entry, time_text
from gonogo.plan.model import Decide, Plan, Stage, all_stages, stage_of
from gonogo.run.asking import standing
from gonogo.run.state import RunState
from gonogo.terms import RunId
from gonogo.values import dataclass

STATE: Final = "workflow-state.json"
STATUS: Final = "workflow-status.json"
METRICS: Final = "workflow-metrics.json"
EXPECTED: Final[Mapping[str, timedelta]] = {
    "initialise": timedelta(minutes=15),
    "validate and package": timedelta(minutes=20),
}
"""Time budgets of the envelope; the main work has none (WFS-02). An overrun is reported and stops nothing."""

ENDS: Final[Mapping[str, str]] = {
    "ready": "completed",
    "released": "completed",
    "rolled_back": "rolled_back",
    "aborted": "aborted",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What the projections are made from: a run up to one entry of its log."""

    run: RunId
    plan: Plan
    state: RunState
    entries: Sequence[Entry]


def state_body(told: Told) -> dict[str, Tree]:
    """`workflow-state.json` (F35)."""
    plan, state = told.plan, told.state
    stage = _present(told)
    return {
        "schema": "gonogo/workflow-state/1",
        "run_id": told.run,
        "state": stage.id,
        "stage": part_of(plan, stage),
        "phase": stage.phase,
        "step": stage.title,
        "status": _status(told),
        "revision": state.seq,
        "last_event": told.entries[-1].digest,
        "open_intents": sorted(name for name, known in state.tasks.items() if known.open),
        "checkpoints": list(_checkpoints(told)),
        "lock_sha256": plan.digest,
    }


def status_body(told: Told) -> dict[str, Tree]:
    """`workflow-status.json` (F36)."""
    plan, state = told.plan, told.state
    stages = [stage for stage in (*plan.stages, plan.closing) if stage.tasks]
    done = [stage.id for stage in stages if _ended(told, stage) is not None]
    tasks = [task.id for stage in stages for task in stage.tasks]
    finished = sum(1 for name in tasks if name in state.tasks and state.tasks[name].outcome == "ok")
    present = _present(told)
    return {
        "schema": "gonogo/workflow-status/1",
        "run_id": told.run,
        "revision": state.seq,
        "phase": present.phase,
        "step": present.title,
        "percent": 100 * finished // max(len(tasks), 1),
        "done": [*done],
        "pending": [stage.id for stage in stages if stage.id not in done],
        "blockers": list(_blockers(told)),
        "waiting_for": [text for _, missing in _waiting(told) for text in missing],
        "next_inputs": [name for name, protocol in plan.outputs if protocol == plan.next_protocol],
        "assumptions": [],
        "updated_at": time_text(told.entries[-1].ts),
    }


def metrics_body(told: Told) -> dict[str, Tree]:
    """`workflow-metrics.json` (F37): real times beside the expected ones, attempts, gates, what was out of order."""
    plan, state = told.plan, told.state
    required = {name for stage in plan.stages if stage.tasks for name in stage.evidence}
    return {
        "schema": "gonogo/workflow-metrics/1",
        "run_id": told.run,
        "revision": state.seq,
        "durations": list(_durations(told)),
        "attempts": [{"state": name, "count": count} for name, count in sorted(state.attempts.items())],
        "gates": list(_gates(told)),
        "artifact_completeness": ratio(len(required & set(state.evidence)), len(required)),
        "anomalies": list(_anomalies(told)),
    }


def part_of(plan: Plan, stage: Stage) -> str:
    """The part of the envelope that a stage belongs to, in their strict order (WFS-01)."""
    if stage.kind == "prerequisites":
        return "initialise"
    return "validate and package" if stage.id == plan.closing.id else "execute"


def _present(told: Told) -> Stage:
    """The first stage that is not done; the closing one where all are."""
    plan, state = told.plan, told.state
    stages = (plan.rollback,) if plan.rollback and state.rollback and not state.outcome else plan.stages
    return next((stage for stage in stages if stage.tasks and _ended(told, stage) is None), plan.closing)


def _ended(told: Told, stage: Stage) -> datetime | None:
    """When a stage was done: the end of its last task, where every task ended well; None before that."""
    known = [told.state.tasks.get(task.id) for task in stage.tasks]
    ends = [one.ended for one in known if one is not None and one.outcome == "ok" and one.ended is not None]
    return max(ends) if known and len(ends) == len(known) else None


def _status(told: Told) -> str:
    state = told.state
    if state.outcome:
        return ENDS.get(state.outcome, state.outcome)
    if state.halted:
        return "halted"
    return "waiting" if any(True for _ in _waiting(told)) else "running"


def _waiting(told: Told) -> Iterator[tuple[str, tuple[str, ...]]]:
    if told.state.outcome or told.state.halted:
        return
    for asked in told.state.rounds.values():
        found = standing(told.plan, asked)
        if asked.status == "open" and asked.point not in {"resume", "dissent"} and not found.met:
            yield asked.point, found.missing or ("somebody who has not signed yet",)


def _checkpoints(told: Told) -> Iterator[Tree]:
    """A checkpoint at each boundary of a stage: the entry that ended it (WFS-04)."""
    for entry in told.entries:
        task = entry.data.get("task")
        if entry.type not in {"task.finished", "task.settled"} or entry.data.get("outcome") != "ok":
            continue
        stage = next((each for each in all_stages(told.plan) if each.tasks and each.tasks[-1].id == task), None)
        if stage is not None:
            yield {"at": time_text(entry.ts), "after": stage.id, "event": entry.digest}


def _blockers(told: Told) -> Iterator[Tree]:
    halted = told.state.halted
    if halted is not None and not told.state.outcome:
        yield {"text": f"{halted.cause} at {halted.stage}", "severity": "CRITICAL", "since": time_text(halted.at)}
    for point, missing in _waiting(told):
        opened = next(asked.at for asked in told.state.rounds.values() if asked.point == point)
        yield {"text": f"{point}: {'; '.join(missing)}", "severity": "INFO", "since": time_text(opened)}


def _durations(told: Told) -> Iterator[Tree]:
    parts: dict[str, list[tuple[datetime, datetime, bool]]] = {}
    for name, known in told.state.tasks.items():
        stage = stage_of(told.plan, name)
        task = next(task for task in stage.tasks if task.id == name)
        ended = known.ended or told.entries[-1].ts
        parts.setdefault(part_of(told.plan, stage), []).append((known.began, ended, isinstance(task.act, Decide)))
    for part in ("initialise", "execute", "validate and package"):
        spans = parts.get(part)
        if spans:
            yield _duration(part, spans)


def _duration(part: str, spans: Sequence[tuple[datetime, datetime, bool]]) -> dict[str, Tree]:
    whole = max(end for _, end, _ in spans) - min(begin for begin, _, _ in spans)
    waited = sum((end - begin for begin, end, people in spans if people), timedelta(0))
    expected = EXPECTED.get(part)
    found: dict[str, Tree] = {
        "state": part,
        "actual": f"PT{whole.total_seconds():.3f}S",
        "waiting_for_people": f"PT{waited.total_seconds():.3f}S",
        "over": expected is not None and whole - waited > expected,
    }
    return found | ({"expected": f"PT{expected.total_seconds():.0f}S"} if expected else {})


def _gates(told: Told) -> Iterator[Tree]:
    for gate in told.plan.gates:
        verdicts = [entry.data.get("verdict") for entry in told.entries if entry.data.get("gate") == gate]
        judged = [verdict for verdict in verdicts if verdict is not None]
        passes = sum(verdict == "pass" for verdict in judged)
        yield {"gate": gate, "passes": passes, "failures": len(judged) - passes}


def _anomalies(told: Told) -> Iterator[Tree]:
    for entry in told.entries:
        if entry.type in {"run.halted", "rollback.begun"}:
            detail = str(entry.data.get("cause", ""))
            yield {"at": time_text(entry.ts), "kind": entry.type, "detail": detail}


def log_lines(entries: Sequence[Entry], texts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Level and line of every entry: time, level, event, who, where, the first line of its text (F50)."""
    found = []
    for entry in entries:
        bad = entry.type == "run.halted" or entry.data.get("outcome") == "failed"
        level = "ERROR" if bad else "WARNING" if entry.data.get("verdict") not in {None, "pass"} else "INFO"
        about = entry.data.get("task") or entry.data.get("gate") or entry.data.get("stage") or ""
        words = texts.get(str(entry.data.get("detail")), "").partition("\n")[0]
        found.append((level, f"{time_text(entry.ts)} {level} {entry.type} {entry.actor} {about} {words}".rstrip()))
    return found
