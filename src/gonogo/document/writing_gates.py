"""Gates as canonical Markdown (DOC-28): every criterion, bound and consequence under its own label."""

from __future__ import annotations

from collections.abc import Iterable

from gonogo.document.markdown_text import fenced, one_line, ticked
from gonogo.protocol.change import sense
from gonogo.protocol.model import Gate, WaiverByRoles, WaiverForbidden


def write_gates(gates: Iterable[Gate]) -> list[str]:
    """All gates, numbered as the document numbered them."""
    lines: list[str] = []
    for position, gate in enumerate(gates, start=1):
        lines += [f"### Gate {gate.number or position}: {one_line(gate.name)}", *write_gate_fields(gate), ""]
    return lines


def write_gate_fields(gate: Gate) -> list[str]:
    """The fields of one gate, each on its line; further sentences of a field stand under it."""
    pairs = (
        ("Type", gate.kind),
        ("Purpose", gate.purpose),
        *_bounds(gate),
        ("Boolean Check", "; ".join(clause.written for clause in gate.booleans)),
        ("Evidence", ticked(reference.path for reference in gate.evidence)),
        ("Metrics", "; ".join(gate.metrics)),
        ("Failure Handling", gate.on_fail),
        ("Rollback", gate.rollback),
        *(("Notification", text) for text in gate.notify),
        ("Waiver", _waiver(gate)),
    )
    lines = [line for label, value in pairs if value for line in _field(label, value)]
    for command in gate.commands:
        lines += _command(command.text)
    return lines


def _field(label: str, value: str) -> list[str]:
    first, *later = value.split("\n")
    return [f"- **{label}**: {one_line(first)}", *(f"  - {one_line(line)}" for line in later)]


def _command(text: str) -> list[str]:
    if "`" in text:
        return ["- **Automation**:", *fenced(2, [one_line(text)], "bash")]
    return [f"- **Automation**: `{one_line(text)}`"]


def _bounds(gate: Gate) -> tuple[tuple[str, str], ...]:
    """Criteria and threshold, in the order that gives the clauses back in theirs.

    A clause that a criterion already says is not said twice.
    """
    criteria = [sense(text) for text in gate.criteria]
    own = [not any(sense(clause.written) in text for text in criteria) for clause in gate.thresholds]
    written = [clause.written for clause, mine in zip(gate.thresholds, own, strict=True) if mine]
    bounds = "; ".join((*written, *(message.text for message in (*gate.unbound, *gate.escapes))))
    pairs = (("Criteria", "; ".join(gate.criteria)), ("Pass Threshold", bounds))
    return pairs[::-1] if own[:1] == [True] and not all(own) else pairs


def _waiver(gate: Gate) -> str:
    if gate.waiver_written:
        return gate.waiver_written
    match gate.waiver:
        case WaiverForbidden():
            return ""
        case WaiverByRoles(roles=roles, needs=needs):
            return f"Requires {' and '.join(roles)} approval" + (f" with {'; '.join(needs)}" if needs else "")
