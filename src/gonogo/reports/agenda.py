"""The agenda of a retrospective: three parts and nine questions, each prefilled with facts of the run (LRN-02)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gonogo.plan.model import Decide, Plan
from gonogo.run.events import GateJudged, Recorded, RunHalted
from gonogo.run.state import RunState
from gonogo.values import dataclass

WELL, POORLY, ACTIONS = "what went well", "what went poorly", "what to do"
QUESTIONS: Final[Mapping[str, tuple[str, str, str]]] = {
    WELL: (
        "Which steps ran smoothly?",
        "Which gates had limits that fit?",
        "Which artifacts were worth most downstream?",
    ),
    POORLY: (
        "Which steps had blockers or delays?",
        "Which gates were too strict or too lenient?",
        "Which artifacts needed rework or explanation?",
    ),
    ACTIONS: (
        "What should the text of the protocol say otherwise?",
        "Which limits should change?",
        "What should be automated?",
    ),
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the agenda with what the run itself says to it; nothing where it says nothing."""

    part: str
    text: str
    facts: tuple[str, ...]


def agenda(plan: Plan, state: RunState, entries: Sequence[Recorded], rework: Sequence[str]) -> tuple[Question, ...]:
    """The nine questions; `rework` is what people downstream said needed rework."""
    halts = [entry.event for entry in entries if isinstance(entry.event, RunHalted)]
    stopped = tuple(f"{halt.stage}: {halt.cause}" for halt in halts)
    again = tuple(f"{name}: attempt {count}" for name, count in sorted(state.attempts.items()) if count > 1)
    failed = _failed(entries)
    smooth = _smooth(plan, state, {halt.stage for halt in halts})
    facts = {
        WELL: (smooth, _fitting(plan, state, failed), _handed(plan, state)),
        POORLY: ((*stopped, *again), tuple(f"{gate}: {verdict}" for gate, verdict in failed), _reworked(state, rework)),
        ACTIONS: (stopped, tuple(dict.fromkeys(f"{gate} did not pass at first" for gate, _ in failed)), _by_hand(plan)),
    }
    return tuple(
        Question(part, text, facts[part][number])
        for part, texts in QUESTIONS.items()
        for number, text in enumerate(texts)
    )


def _failed(entries: Sequence[Recorded]) -> tuple[tuple[str, str], ...]:
    judged = (entry.event for entry in entries if isinstance(entry.event, GateJudged))
    return tuple((event.gate, event.verdict) for event in judged if event.verdict != "pass")


def _smooth(plan: Plan, state: RunState, stopped: set[str]) -> tuple[str, ...]:
    done = [stage for stage in plan.stages if stage.tasks and stage.id not in stopped]
    return tuple(
        stage.title
        for stage in done
        if state.attempts.get(stage.id, 1) == 1
        and all(task.id in state.tasks and state.tasks[task.id].outcome == "ok" for task in stage.tasks)
    )


def _fitting(plan: Plan, state: RunState, failed: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    never = {gate for gate, _ in failed}
    passed = (name for name, judged in state.judgements.items() if judged.verdict == "pass" and name not in never)
    return tuple(plan.gates[name].name for name in passed if name in plan.gates)


def _handed(plan: Plan, state: RunState) -> tuple[str, ...]:
    there = {*state.evidence, *(item.name for item in state.packages.values())}
    return tuple(dict.fromkeys(f"{name} for {protocol}" for name, protocol in plan.outputs if name in there))


def _reworked(state: RunState, rework: Sequence[str]) -> tuple[str, ...]:
    again = (f"{item.name}: attempt {item.attempt}" for item in state.evidence.values() if item.attempt > 1)
    return (*again, *rework)


def _by_hand(plan: Plan) -> tuple[str, ...]:
    """What a person had to state because nothing measures it."""
    tasks = (task for stage in plan.stages for task in stage.tasks)
    return tuple(task.title for task in tasks if isinstance(task.act, Decide) and task.act.kind == "attestation")
