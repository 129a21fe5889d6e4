"""Gates that cannot judge: no threshold, no comparison, an escape, a contradicted waiver (GN0303, 0304, 0403, 0405)."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from gonogo.findings import Finding, Label
from gonogo.protocol.codes import finding
from gonogo.protocol.model import Gate, Message, Protocol, WaiverForbidden
from gonogo.protocol.rules.bypass import waiver_offers
from gonogo.protocol.threshold import Clause, Op, Ref, Word
from gonogo.terms import Severity

_ORDERED = frozenset(severity.word for severity in Severity if severity is not Severity.UNKNOWN)
_COMPARING = frozenset({Op.GE, Op.LE, Op.GT, Op.LT})


def gate_findings(protocol: Protocol, bound: AbstractSet[str], attested: AbstractSet[str]) -> Iterator[Finding]:
    """Rules on each gate. `bound` are limits and orders that are bound, `attested` texts that somebody attests."""
    for gate in protocol.gates:
        if not gate.thresholds and not gate.booleans and attested.isdisjoint(gate.manual):
            message = f"gate `{gate.name}` has no measurable threshold and no named attestation"
            yield finding("GN0303", message, gate.origins[0], notes=("add: - **Pass Threshold**: metric ≥ limit",))
        yield from _unbound(gate, bound, attested)
        for escape in gate.escapes:
            message = f"threshold has an escape branch: {escape.text}"
            yield finding(
                "GN0405", message, escape.origin, notes=("both halves have to hold; a waiver is another thing",)
            )
        yield from _contradicted(gate, protocol)


def _unbound(gate: Gate, bound: AbstractSet[str], attested: AbstractSet[str]) -> Iterator[Finding]:
    for text in gate.unbound:
        if text.text not in attested:
            message = f"cannot turn `{text.text}` into a test; not bound"
            yield finding(
                "GN0304", message, text.origin, notes=("write metric, sign and limit, or name who attests it",)
            )
    for clause in (*gate.thresholds, *gate.booleans):
        name = _open_limit(clause)
        if name is not None and name not in bound:
            message = f"cannot turn `{clause.written}` into a test; `{name}` is not bound"
            yield finding(
                "GN0304", message, clause.origin, notes=("bind its limit; without it the clause never passes",)
            )


def _open_limit(clause: Clause) -> str | None:
    """The name that a clause still needs: a symbolic limit, or the order of a word."""
    match clause.limit:
        case Ref(name):
            return name
        case Word(text) if clause.op in _COMPARING and text not in _ORDERED:
            return text
        case _:
            return None


def _contradicted(gate: Gate, protocol: Protocol) -> Iterator[Finding]:
    """GN0403: the gate forbids a waiver in so many words, and a text about it offers one (C32)."""
    if not gate.waiver_written or not isinstance(gate.waiver, WaiverForbidden):
        return
    own = Message(f"{gate.name} {gate.on_fail} {gate.rollback}", gate.origins[0])
    for text in (own, *protocol.error_messages, *protocol.prompts):
        if gate.name.lower() in text.text.lower() and any(waiver_offers(text.text)):
            message = f'waiver of gate `{gate.name}` is "{gate.waiver_written}", yet one is offered'
            labels = (Label(gate.origins[-1], "the gate"),)
            yield finding("GN0403", message, text.origin, labels=labels, notes=("the stricter text judges",))
