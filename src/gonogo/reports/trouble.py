"""Messages about what went wrong, with context, resolution and impact, and how grave it is (COM-07, COM-17..COM-21).

CRITICAL blocks and needs a person, WARNING should be reviewed, INFO needs no act. A gate that failed, or that nobody
could decide, is always CRITICAL: there is no way to write that message with another word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from gonogo.errors import BadInput
from gonogo.evidence.canonical import read_object
from gonogo.measure.stored_fields import Fields
from gonogo.plan.model import Execute, GateRule, Plan, stage_of, task_of
from gonogo.run import events as happened
from gonogo.run.state import RunState
from gonogo.run.waiving import why_not
from gonogo.terms import Digest, Occasion
from gonogo.values import dataclass

Told: TypeAlias = Callable[[Digest | None], str]
"""Reads the text that an event names by digest; empty where it cannot be read."""

CRITICAL: Final = "CRITICAL"
WARNING: Final = "WARNING"
INFO: Final = "INFO"
_MOST_WORDS: Final = 400


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its bracketed prefix, its text, the phase it belongs to (0: the run as a whole), whom it is for.

    `severity` is empty for what is no trouble at all.
    """

    prefix: str
    text: str
    phase: int
    to: tuple[str, ...] = ()
    severity: str = ""
    occasion: Occasion = Occasion.PROGRESS


def untold(_digest: Digest | None) -> str:
    """Reads nothing: for messages without the texts of their events."""
    return ""


def first_line(text: str) -> str:
    """The first line of a text of others, shortened: it is data inside a message, never a second message."""
    line = next((part.strip() for part in text.splitlines() if part.strip()), "")
    return line if len(line) <= _MOST_WORDS else f"{line[:_MOST_WORDS]}…"


def next_step_of(text: str) -> str:
    """What a text names as the next step; empty where it names none."""
    found = [
        line.strip().removeprefix("next:").strip() for line in text.splitlines() if line.strip().startswith("next:")
    ]
    return found[-1] if found else ""


def halted(plan: Plan, event: happened.RunHalted, told: Told) -> Message:
    """The run stopped and waits for instructions (COM-07; COM-08 in the second family)."""
    text = told(event.detail)
    why = (first_line(text) or event.cause).rstrip(".:")
    step = next((stage.title for stage in plan.stages if stage.id == event.stage), event.stage)
    phase = next((stage.phase for stage in plan.stages if stage.id == event.stage), 0)
    if plan.voice.family == "protocol":
        resolution = next_step_of(text) or f"repair what is named, then resume at {event.resume_at}"
        said = f"{event.cause} at {step}: {why}. Resolution: {resolution}"
    else:
        said = f'"Failed at {step}. Reason: {why}. Awaiting instructions."'
    return Message(plan.voice.error, said, phase, severity=CRITICAL, occasion=Occasion.HALTED)


def gate_failed(plan: Plan, state: RunState, event: happened.GateJudged, told: Told) -> Message:
    """A gate did not pass: criteria, result, what to do, and the options that there really are (COM-17, COM-18)."""
    rule = plan.gates[event.gate]
    criteria = ", ".join((*(clause.text for clause in rule.clauses), *rule.manual))
    blocked = plan.next_protocol or "the end of the run"
    text = (
        f"criteria: {criteria}; result: {event.verdict}{_measured(told(event.judgement_sha256))};"
        f" required action: {rule.on_fail or 'repair what did not hold'}; {_ways(plan, state, rule)};"
        f" context: judged in attempt {event.attempt}; impact: blocks the handoff to {blocked} until resolved"
    )
    phase = stage_of(plan, f"gate/{event.gate}#judge").phase
    prefix = f"[{plan.voice.short} GATE FAILED: {rule.name}] [{CRITICAL}]"
    return Message(prefix, text, phase, to=rule.notify, severity=CRITICAL, occasion=Occasion.GATE_FAILED)


def _ways(plan: Plan, state: RunState, rule: GateRule) -> str:
    if rule.rolls_back and state.touched:
        return "production is rolled back, people are told, incident response begins"
    reason = why_not(rule, plan.ring)
    second = f"3 halt; no waiver: {reason}" if reason else "2 request gate waiver with justification, 3 halt"
    return f"options: 1 fix and retry, {second}"


def _measured(judgement: str) -> str:
    try:
        body = Fields(read_object(judgement.encode(), name="judgement")) if judgement else None
        rows = [row for row in body.rows("clauses") if row.text("result") != "pass"] if body else []
        lacking = body.rows("lacking") if body else []
    except BadInput:
        return ""
    said = [f"{row.text('text')}: measured {row.text('measured')}" for row in rows]
    said += [row.text("why") for row in lacking if not rows]
    return f" ({'; '.join(said)})" if said else ""


def noted(plan: Plan, event: happened.TaskFinished, told: Told) -> Message | None:
    """What ended well and is still worth a word: a measurement warns, a script complained (COM-19, COM-20)."""
    if event.outcome != "ok":
        return None
    phase = stage_of(plan, event.task).phase
    if event.facts.get("warnings"):
        title = stage_of(plan, event.task).title
        text = f"context: {_on_one_line(told(event.detail))}; resolution: supply or repair it, then run the step again"
        prefix = f"[{plan.voice.short} VALIDATION ERROR: {title}] [{WARNING}]"
        said = f"{text}; impact: may affect quality, review advised"
        return Message(prefix, said, phase, severity=WARNING, occasion=Occasion.NOTED)
    act, size = task_of(plan, event.task).act, event.facts.get("stderr_size")
    if isinstance(act, Execute) and isinstance(size, int) and size > 0:
        text = (
            f"context: it ended with 0 and wrote {size} bytes to its error output; resolution: read the sealed output"
        )
        said = f"{text} when there is time; impact: none, the result was judged by what was measured"
        prefix = f"[{plan.voice.short} SCRIPT ERROR: {act.command}] [{INFO}]"
        return Message(prefix, said, phase, severity=INFO, occasion=Occasion.NOTED)
    return None


def _on_one_line(text: str) -> str:
    words = "; ".join(part.strip() for part in text.splitlines() if part.strip())
    return words if len(words) <= _MOST_WORDS else f"{words[:_MOST_WORDS]}…"
