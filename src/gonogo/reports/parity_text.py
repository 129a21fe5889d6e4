"""A parity report as text for people: what differs, what nobody could compare, what to do about it (PAR-03, PAR-09)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gonogo.evidence.canonical import Tree
from gonogo.measure.parity import open_items
from gonogo.measure.stored_fields import Fields

ADVICE: Mapping[str, str] = {
    "not_synchronised": "set the same value on both sides",
    "secret_separate": "put the same secret on both sides, or declare with `must_differ` that each has its own",
    "infrastructure": "bring both sides to the same component",
}
WAYS = "declare it as `expected` under `parity`, accept it for a time under `accepted_drift`"


def parity_lines(body: Mapping[str, Tree]) -> tuple[str, ...]:
    """Why the comparison pauses a run, with the next step."""
    fields = Fields(body)
    unclear = [row for row in fields.rows("not_comparable") if not row.filled("reviewed_by")]
    waiting = {item.path for item in open_items(body) if item.state != "answered"}
    drift = [row for row in fields.rows("differences") if row.text("path") in waiting]
    lines = ["staging and production differ:"] if drift else ["staging and production cannot be compared:"]
    lines += [f"  - {row.text('path')}: {_both(row)} ({row.text('severity')})" for row in drift]
    lines += [f"  - {row.text('path')}: not comparable: {row.text('reason')}" for row in unclear]
    if drift:
        lines.append(f"  next: bring the two sides together; or {WAYS};")
        lines.append("        or write a plan into the remediation file: it lifts this pause, and the gate decides")
    if unclear:
        lines.append(
            "  next: make what is not comparable readable on both sides, or have a person review it by signature"
        )
    return tuple(lines)


def remediation_list(body: Mapping[str, Tree]) -> Iterator[str]:
    """One line for each drift that is not settled: what to do, who owes it, until when."""
    fields = Fields(body)
    requests = {row.text("path"): row for row in fields.rows("remediation_requests")}
    for row in fields.rows("differences"):
        request = requests.get(row.text("path"))
        if request is None:
            continue
        plan = row.maybe_part("plan")
        if plan is not None:
            yield f"{row.text('path')}: {plan.text('owner')} {plan.text('action')} until {plan.text('due')}"
        else:
            asked = f"{request.text('owner')} until {request.text('due')}"
            yield f"{row.text('path')}: {ADVICE[row.text('cause')]}; asked of {asked} ({request.text('state')})"


def _both(row: Fields) -> str:
    if row.text("differs_in") == "nothing":
        return "both sides have the same value and each needs its own"
    return f"staging {row.text('staging')}, production {row.text('production')}"
