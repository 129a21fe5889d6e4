"""A plan as text for people and as JSON for programs; both from the same values (DRY-01)."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator

from gonogo.plan.model import Effect
from gonogo.reports.planned import Planned, PlannedAct, PlannedDecision, PlannedGate, PlannedStage
from gonogo.terms import Json

EFFECTS = {Effect.NONE: "", Effect.STAGING: "   [changes staging]", Effect.PRODUCTION: "   [changes PRODUCTION]"}
INDENT = " " * 16


def planned_text(found: Planned) -> str:
    """Every act in order, with who decides and what each gate asks for."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Planned) -> Iterator[str]:
    yield f"{found.title}: {found.project} {found.release} in {found.environment}"
    yield f"role      {found.role}"
    if found.mission:
        yield f"mission   {found.mission}"
    yield from (f"guardrail {text}" for text in found.guardrails)
    yield f"plan      sha256 {found.digest}"
    yield from (f"needs     {text}" for text in found.artifacts)
    yield from (f"pinned    {path}  sha256 {digest[:16]}…" for path, digest in found.scripts.items())
    phase = -1
    for stage in found.stages:
        if stage.phase != phase:
            phase = stage.phase
            yield ""
            yield f"PHASE {phase}" if phase else "BEFORE THE START"
        yield from _stage(found, stage)
    if found.rollback is not None:
        yield ""
        yield "ROLLBACK, which begins only when"
        yield from (f"  - {text}" for text in found.triggers)
        yield from _stage(found, found.rollback)
    yield ""
    yield "AT THE END, whatever the outcome"
    yield from _stage(found, found.closing)
    if found.next_protocol:
        yield ""
        yield f"next protocol: {found.next_protocol}"


def _stage(found: Planned, stage: PlannedStage) -> Iterator[str]:
    yield ""
    word = "" if stage.kind in {"rollback", "closing", "prerequisites"} else f"   [{stage.obligation}]"
    yield f"  {stage.title}{word}   ({stage.origin})"
    if not stage.acts:
        yield "    left out: bound to nothing in this project"
    for act in stage.acts:
        yield f"    {act.kind:<12}{act.title}{EFFECTS[act.effect]}"
        if act.argv:
            yield f"{INDENT}$ {shlex.join(act.argv)}"
        yield from (f"{INDENT}{text}" for text in act.details)
        yield from _more(found, act)
    if stage.evidence:
        yield f"    evidence    {', '.join(stage.evidence)}"


def _more(found: Planned, act: PlannedAct) -> Iterator[str]:
    if act.gate:
        yield from gate_lines(found.gates[act.gate])
    if act.point:
        yield from _decision(found.decisions[act.point])


def gate_lines(gate: PlannedGate) -> Iterator[str]:
    """A gate before it is judged: its clauses, their limits, and what follows where it does not pass."""
    for clause in gate.clauses:
        set_by = "" if clause.limit_from == clause.origin else f", from {clause.limit_from}"
        yield f"{INDENT}{clause.text}   limit {clause.limit}{set_by}   ({clause.origin})"
        yield f"{INDENT}  measured in {clause.measured_in}"
    for text in gate.manual:
        yield f"{INDENT}a person attests: {text}"
    if gate.rolls_back:
        yield f"{INDENT}not passing rolls production back"
    if gate.on_fail:
        yield f"{INDENT}if it fails: {gate.on_fail}"


def _decision(decision: PlannedDecision) -> Iterator[str]:
    people = "1 signature" if decision.quorum == 1 else f"{decision.quorum} people"
    yield f"{INDENT}`{decision.point}`: {people}; {'; '.join(decision.needs)}"
    if decision.conditions:
        yield f"{INDENT}{', '.join(decision.conditions)}"


def planned_json(found: Planned) -> dict[str, Json]:
    """The plan as one JSON object."""
    return {
        "format": "gonogo-plan-1",
        "title": found.title,
        "project": found.project,
        "release": found.release,
        "environment": found.environment,
        "role": found.role,
        "mission": found.mission,
        "guardrails": list(found.guardrails),
        "plan_sha256": found.digest,
        "artifacts": list(found.artifacts),
        "scripts": dict(found.scripts),
        "stages": [_stage_json(stage) for stage in found.stages],
        "rollback": _stage_json(found.rollback) if found.rollback else None,
        "rollback_triggers": list(found.triggers),
        "closing": _stage_json(found.closing),
        "gates": [gate_json(gate) for gate in found.gates.values()],
        "decisions": [dataclasses.asdict(decision) for decision in found.decisions.values()],
        "next_protocol": found.next_protocol or None,
    }


def _stage_json(stage: PlannedStage) -> dict[str, Json]:
    return {
        "id": stage.id,
        "title": stage.title,
        "kind": stage.kind,
        "phase": stage.phase,
        "obligation": stage.obligation,
        "origin": stage.origin,
        "evidence": list(stage.evidence),
        "acts": [_act_json(act) for act in stage.acts],
    }


def _act_json(act: PlannedAct) -> dict[str, Json]:
    return {
        "id": act.id,
        "title": act.title,
        "kind": act.kind,
        "effect": act.effect.value,
        "argv": list(act.argv) or None,
        "details": list(act.details),
        "gate": act.gate or None,
        "point": act.point or None,
    }


def gate_json(gate: PlannedGate) -> dict[str, Json]:
    """A gate before it is judged, for programs."""
    return {
        "id": gate.id,
        "name": gate.name,
        "kind": gate.kind,
        "origin": gate.origin,
        "clauses": [dataclasses.asdict(clause) for clause in gate.clauses],
        "manual": list(gate.manual),
        "evidence": list(gate.evidence),
        "on_fail": gate.on_fail,
        "rolls_back": gate.rolls_back,
    }
