"""Everything that is wrong in a document, with what its sidecar binds taken into account (DOC-16, GAT-09).

One list for lint, compile and editors: what the reader found and what the rules found, each once.
"""

from __future__ import annotations

from gonogo.document.reading import Reading
from gonogo.errors import BadInput
from gonogo.findings import Finding
from gonogo.plan.sidecar import Sidecar, read_sidecar
from gonogo.protocol.model import Protocol
from gonogo.protocol.rules.checking import lint

_OFFERED = "GN0307"
_BOUND_LATER = frozenset({"GN0303", "GN0304", _OFFERED})


def document_findings(reading: Reading, sidecar: Sidecar | None = None) -> tuple[Finding, ...]:
    """All findings about one document, by line; a symbolic limit is an error as long as no sidecar binds it."""
    if reading.protocol is None:
        return reading.findings
    found = dict.fromkeys((*reading.findings, *_rules(reading.protocol, sidecar)))
    return tuple(sorted(found, key=lambda each: (each.primary.line, each.primary.col, each.code)))


def _rules(protocol: Protocol, sidecar: Sidecar | None) -> tuple[Finding, ...]:
    if sidecar is None:
        return lint(protocol)
    bound = frozenset(sidecar.refs) | frozenset(sidecar.metrics)
    # An offer to bind is no news where the bindings are written.
    return tuple(each for each in lint(protocol, bound=bound, attested=frozenset(sidecar.manual)) if not _offers(each))


def _offers(finding: Finding) -> bool:
    return finding.code == _OFFERED


def findings_beside_bindings(protocol: Protocol) -> tuple[Finding, ...]:
    """What the rules say where every clause is bound, or refused, one by one: all but what binding itself decides."""
    return tuple(each for each in lint(protocol) if each.code not in _BOUND_LATER)


def sidecar_of(data: bytes | None, file: str) -> Sidecar | None:
    """The sidecar in `data`; None where there is none or it cannot be read, which compiling reports."""
    try:
        return None if data is None else read_sidecar(data, file).sidecar
    except BadInput:
        return None
