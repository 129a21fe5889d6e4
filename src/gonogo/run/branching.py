"""Which branch of a decision tree a run takes, and whether a phase may be left. Pure: it sees recorded events only.

A tree moves nothing past a step: the step's own outcome decides, the branch says what that means, and both are on
record with their facts. A run that was bound to a plan without trees takes no branch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gonogo.plan.model import ExitCheck, ExitPart, Plan, Stage
from gonogo.protocol.model import BranchWay
from gonogo.run.events import Event, RunHalted
from gonogo.run.events_of_branches import BranchTaken, ExitChecked
from gonogo.run.state import RunState, TaskState, attempt_of
from gonogo.terms import Json

PASSED, WAIVED, LACKING = "pass", "waived", "lacking"
GATE = "gate/"


def after_stage(plan: Plan, state: RunState, stage: Stage) -> tuple[Event, str] | None:
    """What is recorded once a stage holds: its branch that goes on, the check at the exit, a halt where that fails."""
    taken = next(_due(plan, state, stage.id, "ok", on=True), None) or _exit_due(plan, state, stage)
    if taken is not None:
        return taken, ""
    lacking = [part for check in _checks(plan, stage) for part in check.parts if _lacks(plan, state, part)]
    if not lacking:
        return None
    said = "; ".join(f"`{part.text}` ({part.stage or part.gate})" for part in lacking)
    detail = f"the phase may not be left, this does not hold: {said} ({stage.origin})\n  next: repair it, lift the halt"
    back_to = min((part.stage or f"{GATE}{part.gate}" for part in lacking), key=[each.id for each in plan.stages].index)
    return RunHalted("exit_check", "stop", stage.id, back_to, None), detail


def branch_back(plan: Plan, state: RunState, stage: str, known: TaskState | None = None) -> BranchTaken | None:
    """The next branch that halts, or repeats, at a stage that does not hold; `known` is the task that failed."""
    facts: dict[str, Json] = {}
    if known is not None:
        facts = {"cause": str(known.facts.get("cause", "failed")), "detail": known.detail}
    return next(_due(plan, state, stage, "failed", facts, on=False), None)


def _due(
    plan: Plan, state: RunState, stage: str, outcome: str, facts: Mapping[str, Json] | None = None, *, on: bool
) -> Iterator[BranchTaken]:
    attempt = state.attempts.get(stage, 1)
    for item in plan.transitions:
        taken = state.branches.get(item.id, 0) >= attempt
        if item.stage == stage and (item.way is BranchWay.PROCEED) is on and not taken:
            found: dict[str, Json] = {"outcome": outcome, **(facts or {}), "evidence": _evidence(state, stage)}
            yield BranchTaken(item.id, stage, attempt, item.way.value, item.to, found)


def _evidence(state: RunState, stage: str) -> Json:
    return {name: item.digest for name, item in state.evidence.items() if item.stage == stage}


def begin_again_at(plan: Plan, stage: str) -> str:
    """The stage to begin again with when `stage` does not hold: the earliest that one of its branches names."""
    order = [each.id for each in plan.stages]
    named = [item.to for item in plan.transitions if item.stage == stage and item.way is BranchWay.AGAIN]
    return min((name for name in named if name in order), key=order.index, default=stage)


def _checks(plan: Plan, stage: Stage) -> tuple[ExitCheck, ...]:
    return tuple(check for check in plan.exit_checks if check.at == stage.id)


def _exit_due(plan: Plan, state: RunState, stage: Stage) -> ExitChecked | None:
    """The check of the phase that ends with `stage`, where it is not on record in this attempt."""
    attempt = attempt_of(state, stage)
    for check in _checks(plan, stage):
        if state.branches.get(check.id, 0) < attempt:
            facts: dict[str, Json] = {
                f"{at}": _shown(plan, state, part) for at, part in enumerate(check.parts, start=1)
            }
            return ExitChecked(check.id, attempt, not any(_lacks(plan, state, part) for part in check.parts), facts)
    return None


def _lacks(plan: Plan, state: RunState, part: ExitPart) -> bool:
    return _shown(plan, state, part).startswith(LACKING)


def _shown(plan: Plan, state: RunState, part: ExitPart) -> str:
    """What shows a part now, from the state alone: a gate's verdict, or a step of which every act was done."""
    if part.gate:
        judged = state.judgements.get(part.gate)
        verdict = judged.verdict if judged else ""
        return f"{verdict if verdict in {PASSED, WAIVED} else LACKING} {part.gate}"
    stage = next((each for each in plan.stages if each.id == part.stage), None)
    return f"{PASSED if stage is not None and _held(state, stage) else LACKING} {part.stage}"


def _held(state: RunState, stage: Stage) -> bool:
    attempt = attempt_of(state, stage)
    done = (state.tasks.get(task.id) for task in stage.tasks)
    ok = all(known is not None and known.outcome == "ok" and known.attempt == attempt for known in done)
    return ok and all(name in state.evidence for name in stage.evidence)
