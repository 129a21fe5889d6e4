"""`shown.txt`: what every client shows before somebody signs, word for word the same everywhere (trust section 7)."""

from __future__ import annotations

from datetime import datetime

from gonogo.evidence.ledger import time_text
from gonogo.evidence.showing import lookalikes, visible
from gonogo.plan.model import Plan
from gonogo.reports.standing import rules_in_force
from gonogo.run.state import RunState
from gonogo.terms import RunId
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked for: the sentence that is signed, until when, and who made the changes (handles, or marks)."""

    run: RunId
    meaning: str
    expires: datetime
    authors: tuple[str, ...] = ()


def shown_text(plan: Plan, state: RunState, asking: Asking) -> str:
    """The text, from plan, state and request alone; foreign text is made visible (trust section 7.3)."""
    release = plan.release
    lines = [
        asking.meaning,
        "",
        f"release      {plan.project.name} {release.version} ({release.id})",
        f"manifest     sha256 {release.digest}",
        *(f"artifact     {service.name} {service.version}  sha256 {service.digest}" for service in release.services),
        f"environment  {plan.environment}",
        f"run          {asking.run}",
        f"protocol     {plan.title}",
        f"plan         sha256 {plan.digest}",
        f"expires      {time_text(asking.expires)}",
        f"changed by   {', '.join(asking.authors) or 'not known: the release manifest names no revisions'}",
        "",
        "rules in force:",
        *(f"  {line}" for line in rules_in_force(plan, state.trust)),
        "",
        "gates so far:",
        *(_gates(plan, state) or ["  none judged yet"]),
        "",
        f"evidence on file: {len(state.evidence)} files",
        *(f"  {item.name}  sha256 {item.digest[:16]}…  ({item.status})" for item in state.evidence.values()),
    ]
    objections = [answer for asked in state.rounds.values() if asked.kind == "dissent" for answer in asked.answers]
    if objections:
        lines += ["", *(f"objection on record: {answer.person} ({answer.role})" for answer in objections)]
    if state.halts:
        lines += ["", f"this run was halted {state.halts} time(s) before"]
    return "\n".join(_clean(line) for line in lines) + "\n"


def _gates(plan: Plan, state: RunState) -> list[str]:
    found = []
    for rule in plan.gates.values():
        judged = state.judgements.get(rule.id)
        if judged is not None:
            found.append(f"  {judged.verdict.upper():12} {rule.name}")
    return found


def _clean(line: str) -> str:
    """One line stays one line, what is hidden is written out, words that mix look-alike scripts are marked."""
    strange = lookalikes(line)
    mark = f"  [look-alike letters in: {', '.join(visible(word) for word in strange)}]" if strange else ""
    return visible(line).replace("\n", "‹U+000A›") + mark
