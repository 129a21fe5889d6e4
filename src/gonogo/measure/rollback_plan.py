"""The rollback plan: body of `rollback-plan.json` and its Markdown twin (F52, C45, RBK-08).

The steps are the rehearsed ones and nothing else, so that the plan and the playbook list what is known to work.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.measure.command_runs import CommandRun
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, duration_text, time_text, without_none
from gonogo.measure.markdown import page, section, table
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest, Severity
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class RollbackTrigger:
    """What starts the rollback."""

    condition: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class RollbackExecuted:
    """A rollback that was really carried out."""

    at: datetime
    recovery_time: timedelta
    verified: bool


@dataclass(frozen=True, slots=True)
class PlanSeen:
    """Triggers, the rehearsed steps with the time each took, and what the rehearsal measured."""

    triggers: tuple[RollbackTrigger, ...]
    steps: tuple[CommandRun, ...]
    report_sha256: Digest
    recovery_time: timedelta
    rto: timedelta
    executed: RollbackExecuted | None = None


def rollback_plan_body(seen: PlanSeen) -> Body:
    """Body of the rollback plan (F52); BadInput without a step or for a step that did not end in the rehearsal."""
    if not seen.steps:
        raise BadInput("a rollback plan without a step", next_step="rehearse the rollback in staging first")
    executed = seen.executed
    raw: Body = without_none(
        {
            "triggers": [{"condition": one.condition, "severity": one.severity.word} for one in seen.triggers],
            "steps": [_step_row(number, step) for number, step in enumerate(seen.steps, start=1)],
            "rehearsed": {
                "report_sha256": seen.report_sha256,
                "recovery_time": duration_text(seen.recovery_time),
            },
            "rto": duration_text(seen.rto),
            "executed": {
                "at": time_text(executed.at),
                "recovery_time": duration_text(executed.recovery_time),
                "verified": executed.verified,
            }
            if executed
            else None,
        }
    )
    return filled(raw, derived_rollback_plan(raw))


def derived_rollback_plan(body: Mapping[str, Tree]) -> Derived:
    """Whether the rehearsed recovery time is within the objective (III.2)."""
    fields = Fields(body)
    return {"/rehearsed/within_rto": fields.part("rehearsed").duration("recovery_time") <= fields.duration("rto")}


def rollback_plan_markdown(body: Mapping[str, Tree]) -> str:
    """The twin `rollback-plan.md`, rendered from the body."""
    fields = Fields(body)
    rehearsed = fields.part("rehearsed")
    triggers = [(row.text("condition"), row.text("severity")) for row in fields.rows("triggers")]
    steps = [
        (row.count("n"), " ".join(row.texts("argv")), row.text("expected"), row.text("script_sha256"))
        for row in fields.rows("steps")
    ]
    executed = fields.maybe_part("executed")
    done = f"Executed at {executed.text('at')}, recovered in {executed.text('recovery_time')}." if executed else ""
    return page(
        "Rollback plan",
        f"Recovery time objective: {fields.text('rto')}; rehearsed: {rehearsed.text('recovery_time')}.",
        done,
        section("Triggers", table(("Condition", "Severity"), triggers)),
        section("Steps", table(("No.", "Command", "Expected", "Script"), steps)),
    )


def _step_row(number: int, step: CommandRun) -> Body:
    if step.ended_at is None or step.exit_code != 0:
        raise BadInput(
            f"step {number} did not end well in the rehearsal", next_step="repair it and rehearse the rollback again"
        )
    return {
        "n": number,
        "argv": list(step.argv),
        "script_sha256": step.script_sha256,
        "expected": duration_text(step.ended_at - step.started_at),
    }
