"""All lint rules that need nothing but the model, in one pass (compiler section 14; DOC-16, GAT-09)."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from gonogo.findings import Finding
from gonogo.protocol.model import Protocol
from gonogo.protocol.rules.approvals import approval_findings
from gonogo.protocol.rules.commands import command_findings, handoff_findings
from gonogo.protocol.rules.evidence import evidence_findings
from gonogo.protocol.rules.gates import gate_findings
from gonogo.protocol.rules.steps import step_findings
from gonogo.protocol.rules.trees import tree_findings


def lint(
    protocol: Protocol, *, bound: AbstractSet[str] = frozenset(), attested: AbstractSet[str] = frozenset()
) -> tuple[Finding, ...]:
    """Every finding of the rules, by line.

    `bound` holds the symbolic limits and ordered words that bindings define, `attested` the criteria that a named role
    attests; without them a symbolic limit is an error, because nothing passes by default.
    """
    found = (
        *step_findings(protocol),
        *tree_findings(protocol),
        *gate_findings(protocol, bound, attested),
        *evidence_findings(protocol),
        *approval_findings(protocol),
        *command_findings(protocol),
        *handoff_findings(protocol),
    )
    return tuple(sorted(dict.fromkeys(found), key=lambda item: (item.primary.line, item.primary.col, item.code)))
