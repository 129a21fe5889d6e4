"""What is said to people about an event: every message in one place, made from recorded facts only (COM-03..COM-28).

"Success", "complete" and "no errors" are said only where the recorded event says so. Text of others is data inside.
"""

from __future__ import annotations

from dataclasses import dataclass

from gonogo.plan.model import Judge, Plan, stage_of, task_of
from gonogo.run import events as happened
from gonogo.run.events import Recorded
from gonogo.run.state import RunState
from gonogo.run.waiving import why_not


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its bracketed prefix, its text, the phase it belongs to (0: the run as a whole)."""

    prefix: str
    text: str
    phase: int


def messages_for(plan: Plan, state: RunState, entry: Recorded) -> tuple[Message, ...]:
    """The messages that `entry` gives rise to; `state` is the state after it."""
    event = entry.event
    match event:
        case happened.RunOpened():
            text = f"{plan.role}: {plan.title} for {plan.project.name} {event.version}"
            return (Message(f"[{plan.brand} | RUN START]", text, 0),)
        case happened.TaskFinished():
            return _after_task(plan, event)
        case happened.GateJudged() if event.verdict != "pass":
            return (_gate_failed(plan, event),)
        case happened.TrafficMoved() if event.percent == _half(plan):
            return (_halfway(plan, state, event),)
        case happened.DecisionRequested():
            asked = (
                f"{task_of(plan, event.task).title}. A signature decides; a typed yes or no is only a comment. (yes/no)"
            )
            return (Message("[APPROVAL REQUEST]", asked, _phase(plan, event.task)),)
        case _:
            return _course(plan, event)


def _course(plan: Plan, event: happened.Event) -> tuple[Message, ...]:
    match event:
        case happened.RunHalted():
            text = f"Failed at {event.stage}. Reason: {event.cause}. Awaiting instructions."
            return (Message(f"[{plan.brand} ERROR]", text, 0),)
        case happened.RollbackBegun():
            text = f"{plan.project.name} {plan.release.version} is rolled back ({event.trigger}: {event.cause})"
            return (Message("[ROLLBACK]", text, 0),)
        case happened.RollbackFinished() if event.verified:
            text = f"the old version serves again, after {event.recovery_ms / 1000:.1f} s"
            return (Message("[ROLLBACK COMPLETE]", text, 0),)
        case happened.RunClosed():
            following = (
                f"; ready for {plan.next_protocol}"
                if event.outcome in {"ready", "released"} and plan.next_protocol
                else ""
            )
            return (
                Message(f"[{plan.brand} | PROTOCOL COMPLETE]", f"{plan.name} ended: {event.outcome}{following}", 0),
            )
        case _:
            return ()


def _after_task(plan: Plan, event: happened.TaskFinished) -> tuple[Message, ...]:
    stage = stage_of(plan, event.task)
    found: list[Message] = []
    if event.outcome == "ok" and isinstance(task_of(plan, event.task).act, Judge):
        names = ", ".join(plan.gates[stage.id.removeprefix("gate/")].evidence)
        if _last_gate(plan, stage.phase) == stage.id:
            word = "was waived, it did not pass" if "waived" in event.facts else "passed"
            text = f"{stage.title} {word}. Evidence: {names}."
            found.append(Message(f"[{plan.brand} | PHASE {stage.phase} COMPLETE]", text, stage.phase))
    order = [item for item in plan.stages if item.tasks]
    if stage in order and event.task == stage.tasks[-1].id and event.outcome == "ok":
        following = order[order.index(stage) + 1 :]
        if following and following[0].phase != stage.phase:
            begun = following[0]
            found.append(Message(f"[{plan.brand} | PHASE {begun.phase} START]", begun.title, begun.phase))
    return tuple(found)


def _last_gate(plan: Plan, phase: int) -> str:
    return next((stage.id for stage in reversed(plan.stages) if stage.phase == phase and stage.kind == "gate"), "")


def _gate_failed(plan: Plan, event: happened.GateJudged) -> Message:
    rule = plan.gates[event.gate]
    reason = why_not(rule, plan.ring)
    waiver = "3 halt; no waiver: " + reason if reason else "2 request gate waiver with justification, 3 halt"
    ways = f"1 fix and retry, {waiver}" if not rule.rolls_back else "production is rolled back and people are told"
    criteria = ", ".join(clause.text for clause in rule.clauses)
    text = f"criteria: {criteria}; result: {event.verdict}; {rule.on_fail} ({ways})"
    return Message(
        f"[{plan.brand} GATE FAILED: {rule.name}] [CRITICAL]", text, _phase(plan, f"gate/{event.gate}#judge")
    )


def _half(plan: Plan) -> int:
    steps = plan.project.rollout.steps
    return next((step for step in steps if step >= 50), 100)


def _halfway(plan: Plan, state: RunState, event: happened.TrafficMoved) -> Message:
    known = state.rollings.get(event.task)
    errors = sum(counts.errors for _, _, _, counts in known.ticks if counts) if known else 0
    seen = "No errors observed." if not errors else f"{errors} failed requests observed on the new version."
    hold = plan.project.rollout.hold
    text = f"Production deployment {event.percent}% complete. {seen} Next update in {hold} s."
    return Message(f"[{plan.brand} ANNOUNCEMENT]", text, _phase(plan, event.task))


def _phase(plan: Plan, task: str) -> int:
    return stage_of(plan, task).phase
