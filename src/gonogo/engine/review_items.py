"""Risks and action items of the readiness review, each with its owner and date, from what is on file (REV-02, F8).

A risk that somebody accepted by signature, a waiver, drift that is accepted until a date, a failure with a mitigation:
each leaves something to do, and the people who decide see it beside the gates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from gonogo.engine.bench import Bench
from gonogo.evidence.canonical import Tree
from gonogo.evidence.ledger import time_of
from gonogo.evidence.sayings import ApprovalSaying
from gonogo.evidence.statements import read_statement
from gonogo.measure.approvals_record import ActionItem, RiskSeen
from gonogo.plan.reading import moment_of
from gonogo.run.state import Round

WAIVERS: Final = "gate-waivers.json"
RESULTS: Final = "staging-test-results.json"
NOT_RATED: Final = "unknown"
"""Nobody stated how grave the risk is, so nobody may read a word into it."""
OPEN: Final = "open"


def risks(bench: Bench, asked: Round) -> tuple[RiskSeen, ...]:
    """Every risk that somebody accepted by signature: in the review itself, and by each granted waiver."""
    found = [
        RiskSeen(risk.id, risk.text, NOT_RATED, f"owned by {risk.owner}", "accepted", person)
        for person, saying in _said(bench, asked)
        for risk in saying.risks_accepted
    ]
    for row in _granted(bench):
        controls = row.get("compensating_controls")
        done = "; ".join(str(item) for item in controls) if isinstance(controls, list | tuple) else ""
        people = ", ".join(str(item.get("person")) for item in _rows(row, "signatures"))
        text = f"gate {row.get('gate')} did not pass: {row.get('justification')}"
        found.append(RiskSeen(str(row.get("id")), text, NOT_RATED, done or "none stated", "accepted", people))
    return tuple(found)


def action_items(bench: Bench, asked: Round) -> tuple[ActionItem, ...]:
    """What is owed after the decision, and by whom until when; what has no date is owed by the end of the approval."""
    last = time_of(asked.expires_at)
    found = [
        ActionItem(f"condition: {text}", person, last, OPEN)
        for person, saying in _said(bench, asked)
        for text in saying.conditions
    ]
    for _, saying in _said(bench, asked):
        found += [ActionItem(item.text, item.owner, item.due, OPEN) for item in saying.action_items]
    for row in _granted(bench):
        follow = row.get("follow_up")
        about = follow if isinstance(follow, Mapping) else {}
        text = f"{about.get('id')}: put gate {row.get('gate')} right"
        found.append(ActionItem(text, str(row.get("risk_owner")), _due(about.get("due"), last), OPEN))
    for drift in bench.plan.project.accepted_drift:
        text = f"bring {drift.path} back in line: {drift.reason}"
        found.append(ActionItem(text, drift.owner, _due(drift.until, last), OPEN))
    for failure in _rows(bench.body(RESULTS), "failures") if bench.has(RESULTS) else ():
        mitigation = failure.get("mitigation")
        if isinstance(mitigation, Mapping):
            text = f"{failure.get('test')}: {mitigation.get('plan')}"
            found.append(ActionItem(text, str(mitigation.get("owner")), _due(mitigation.get("due"), last), OPEN))
    return tuple(found)


def _said(bench: Bench, asked: Round) -> Iterator[tuple[str, ApprovalSaying]]:
    for answer in asked.answers:
        saying = read_statement(bench.world.vault.read(answer.statement)).saying
        if isinstance(saying, ApprovalSaying):
            yield answer.person, saying


def _granted(bench: Bench) -> list[Mapping[str, Tree]]:
    return (
        [row for row in _rows(bench.body(WAIVERS), "waivers") if row.get("state") == "granted"]
        if bench.has(WAIVERS)
        else []
    )


def _rows(body: Mapping[str, Tree], name: str) -> list[Mapping[str, Tree]]:
    rows = body.get(name)
    listed = rows if isinstance(rows, Sequence) and not isinstance(rows, str) else ()
    return [row for row in listed if isinstance(row, Mapping)]


def _due(text: object, otherwise: datetime) -> datetime:
    return (moment_of(text) if isinstance(text, str) else None) or otherwise
