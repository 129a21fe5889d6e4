"""Waivers: what a document permits, and when one carries a gate that did not pass (WVR-01 to WVR-06).

A waiver is asked for about one judgement, signed by exactly the roles that the document names, and used once. The gate
stays what it was judged to be; from then on it is called waived, never passed.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from gonogo.evidence.ledger import time_of
from gonogo.evidence.signers import Kind, Ring
from gonogo.plan.model import GateRule, Judge, Plan, Task, all_stages
from gonogo.protocol.model import WaiverByRoles, WaiverForbidden
from gonogo.run.asking import who_is_missing
from gonogo.run.state import Round, RunState
from gonogo.run.turns import Judgement
from gonogo.values import dataclass

POINT: Final = "waiver_"
WAIVED: Final = "waived"
RISK: Final = "risk assessment"
CONTROLS: Final = "compensating control"


def waiver_point(gate: str) -> str:
    """The decision point of a gate's waiver, as it stands under `decisions` of the approvers file."""
    return f"{POINT}{gate}"


def role_of(words: str) -> str:
    """The role that a document's words name: `Release Manager` is `release_manager`."""
    return re.sub(r"[^a-z0-9]+", "_", words.strip().lower()).strip("_")


def why_not(rule: GateRule, ring: Ring) -> str:
    """Why no waiver of this gate is possible; empty where one is (C32, WVR-02, WVR-03)."""
    point = waiver_point(rule.id)
    match rule.waiver:
        case WaiverForbidden():
            return f"the document permits no waiver of this gate ({rule.origin})"
        case WaiverByRoles(roles=roles):
            decision = ring.decisions.get(point)
            if decision is None:
                return f"`decisions.{point}` is not in the approvers file, so nobody may grant one"
            always = {required.role for required in decision.all_of if required.when is None}
            lacking = sorted(name for name in roles if role_of(name) not in always)
            if lacking:
                return f"the document asks for {' and '.join(lacking)}, and `decisions.{point}` does without"
            return ""


def needs(rule: GateRule, words: str) -> bool:
    """Whether the document asks for a risk assessment, or for compensating controls."""
    return isinstance(rule.waiver, WaiverByRoles) and any(words in text.lower() for text in rule.waiver.needs)


@dataclass(frozen=True, slots=True)
class FailedGate:
    """The gate at which a run stands still, with the judgement that it failed by."""

    task: Task
    rule: GateRule
    judgement: Judgement


def failed_gate(plan: Plan, state: RunState) -> FailedGate | None:
    """The gate at which the run is halted; None where it is not halted at a gate that was judged and did not pass."""
    halted = state.halted
    if halted is None or halted.cause != "gate_failed" or state.aborting or state.rollback is not None:
        return None
    for stage in all_stages(plan):
        for task in stage.tasks if stage.id == halted.stage else ():
            known = state.tasks.get(task.id)
            if isinstance(task.act, Judge) and known is not None and known.outcome == "failed":
                judged = state.judgements.get(task.act.gate)
                return FailedGate(task, plan.gates[task.act.gate], judged) if judged is not None else None
    return None


def open_waiver(state: RunState, failed: FailedGate) -> Round | None:
    """The open round about exactly this judgement: asked after it, in the same attempt, and not refused."""
    found = None
    for asked in state.rounds.values():
        about = asked.kind == Kind.WAIVER.value and asked.point == waiver_point(failed.rule.id)
        same = asked.task == failed.task.id and asked.attempt == failed.judgement.attempt
        refused = any(answer.decision == "no_go" for answer in asked.answers)
        if about and same and asked.status == "open" and asked.at >= failed.judgement.at and not refused:
            found = asked
    return found


def complete_waiver(plan: Plan, state: RunState, now: datetime) -> tuple[FailedGate, Round] | None:
    """The failed gate and the waiver that carries it: signed by everybody who has to, and not expired."""
    failed = failed_gate(plan, state)
    asked = open_waiver(state, failed) if failed is not None else None
    if failed is None or asked is None or who_is_missing(plan, asked) or now >= time_of(asked.expires_at):
        return None
    return failed, asked
