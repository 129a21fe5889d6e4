"""`gonogo review`: what a run found, in one view, for the people who decide (REV-01, SCO-01, APR-01).

Everything comes from the plan, the state and sealed evidence; what is not on file is said to be missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gonogo.evidence.canonical import Found, Tree, resolve_pointer
from gonogo.evidence.showing import visible
from gonogo.plan.model import Plan
from gonogo.run.asking import who_is_missing
from gonogo.run.state import RunState
from gonogo.terms import Json

NEEDED: Final = {
    "readiness checklist": ("deployment-readiness-checklist.json", "/readiness/completion"),
    "staging evidence": ("staging-validation-results.json", "/staging_validation/status"),
    "rollback plan": ("rollback-plan.json", "/rehearsed/recovery_time"),
    "change freeze": ("change-freeze-confirmation.json", "/freeze/in_effect"),
}
"""What the approvers of production are shown, with the figure that says how it stands."""

Bodies = Mapping[str, Mapping[str, Tree]]


def review_body(plan: Plan, state: RunState, bodies: Bodies) -> dict[str, Json]:
    """Package, gates, risks and open items of a run; `bodies` is its JSON evidence by name."""
    decided = bodies.get("readiness-approval.json", {})
    return {
        "release": f"{plan.project.name} {plan.release.version}, manifest sha256 {plan.release.digest}",
        "packages": [f"{item.name} sha256 {item.sha256}" for item in state.packages.values()],
        "gates": [f"{rule.name}: {_verdict(state, rule.id)}" for rule in plan.gates.values()],
        "risks": list(_rows(decided.get("risks"))),
        "action items": list(_rows(decided.get("action_items"))),
        "open items": list(_open(plan, state)),
        "objections": [
            f"{answer.person} ({answer.role})"
            for asked in state.rounds.values()
            if asked.kind == "dissent"
            for answer in asked.answers
        ],
    }


def scope_body(plan: Plan) -> dict[str, Json]:
    """The manifest, the services it touches, how each is rolled back, and who is asked (SCO-01)."""
    wanted = {role for rule in plan.decisions.values() for role in rule.roles}
    people = {f"{one.handle} ({', '.join(sorted(one.roles))})" for one in plan.ring.people if one.roles & wanted}
    return {
        "release": f"{plan.project.name} {plan.release.version} ({plan.release.id})",
        "manifest": f"sha256 {plan.release.digest}",
        "services": [
            f"{item.name} {item.version}: {item.artifact} sha256 {item.digest}, owner {item.owner or 'nobody'}"
            for item in plan.release.services
        ],
        "rollback": [f"{item.name}: {item.rollback or 'rollback-plan.md'}" for item in plan.release.services],
        "stakeholders": sorted(people | {f"{handle} (freeze)" for handle in plan.ring.freeze_stakeholders}),
    }


def production_body(plan: Plan, state: RunState, bodies: Bodies) -> dict[str, Json]:
    """Readiness checklist, staging evidence, rollback plan and a summary of what would be done (APR-01)."""
    rollout = plan.project.rollout
    shown: dict[str, Json] = {what: _figure(bodies, *place) for what, place in NEEDED.items()}
    steps = ", ".join(f"{percent} %" for percent in rollout.steps)
    return {
        **shown,
        "deployment": [
            f"{rollout.strategy} in {plan.environment}: {steps}; each step held {rollout.hold} s",
            *(f"{item.name} {item.version} sha256 {item.digest}" for item in plan.release.services),
        ],
        "gates": [f"{rule.name}: {_verdict(state, rule.id)}" for rule in plan.gates.values()],
        "open items": list(_open(plan, state)),
    }


def review_lines(body: Mapping[str, Json]) -> Iterator[str]:
    """A body as lines for people; an empty list is said to be none."""
    for name, value in body.items():
        if isinstance(value, list | tuple):
            yield f"{name}:"
            yield from (f"  {visible(str(item))}" for item in value or ("none",))
        else:
            yield f"{name}: {visible(str(value))}"


def gates_passed(plan: Plan, state: RunState) -> bool:
    """Whether every gate that was judged so far passed, and at least one was; a waived gate did not pass (WVR-04)."""
    verdicts = [state.judgements[name].verdict for name in plan.gates if name in state.judgements]
    return bool(verdicts) and set(verdicts) == {"pass"}


def _verdict(state: RunState, gate: str) -> str:
    judged = state.judgements.get(gate)
    return judged.verdict if judged else "not judged"


def _figure(bodies: Bodies, name: str, pointer: str) -> str:
    if name not in bodies:
        return f"missing: {name} is not on file"
    found = resolve_pointer(bodies[name], pointer)
    return f"{name}: {pointer.rpartition('/')[2]} {found.value if isinstance(found, Found) else 'not stated'}"


def _rows(found: Tree | None) -> Iterator[str]:
    for row in found if isinstance(found, list | tuple) else ():
        if isinstance(row, Mapping):
            yield "; ".join(f"{key} {value}" for key, value in row.items())


def _open(plan: Plan, state: RunState) -> Iterator[str]:
    for rule in plan.gates.values():
        judged = state.judgements.get(rule.id)
        if judged is not None and judged.verdict != "pass":
            yield f"{rule.name} is {judged.verdict}"
    for asked in state.rounds.values():
        if asked.status == "open" and asked.kind != "dissent":
            missing = who_is_missing(plan, asked)
            if missing:
                yield f"{asked.point} waits for {'; '.join(missing)}"
    if state.halted is not None:
        yield f"halted at {state.halted.stage}: {state.halted.cause}"
