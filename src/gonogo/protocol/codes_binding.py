"""Codes of findings about the project that a protocol is bound to: GN10xx (CFG-09, CFG-10, CFG-11).

The entries have the same form as those about documents; `EVERY_CODE` is what `gonogo explain CODE` knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gonogo.findings import Level
from gonogo.protocol.codes import CODES, Code, FixKind

_E, _W = Level.ERROR, Level.WARNING
_H = FixKind.BY_HAND

_BINDING = (
    Code(
        "GN1001",
        _E,
        _H,
        "a required key is missing",
        "What nobody wrote down is never guessed; a limit that was forgotten would otherwise judge with a default.",
        "limits: {}",
        "limits: {rto: 10m}",
    ),
    Code(
        "GN1002",
        _E,
        _H,
        "a value is of the wrong kind",
        "A list where a mapping is wanted holds something else than its writer meant.",
        "environments: [staging, production]",
        "environments: {staging: {...}, production: {...}}",
    ),
    Code(
        "GN1003",
        _E,
        _H,
        "unknown key",
        "A misspelt limit would be lost in silence; so every key that nothing reads is an error.",
        "timout: 5m",
        "timeout: 5m",
    ),
    Code(
        "GN1004",
        _E,
        _H,
        "a value cannot be used",
        "The key is right and its value is not: no unit, not in the list of words, or it names what is not there.",
        "hold: 300",
        "hold: 300s",
    ),
    Code(
        "GN1005",
        _E,
        _H,
        "a file cannot be read",
        "A configuration or document that is missing, unreadable or not in its format decides nothing.",
        "approvers: config/aprovers.yaml",
        "approvers: config/release-approvers.yaml",
    ),
    Code(
        "GN1006",
        _E,
        _H,
        "a template is not filled in yet",
        "`gonogo init` marks each line that only you can write; a release must not run on an example.",
        "url: http://127.0.0.1:8100   # EDIT-ME: the address that testers reach",
        "url: https://staging.example.org",
    ),
    Code(
        "GN1007",
        _E,
        _H,
        "a file that the run needs is missing or another one",
        "The run would stop at its prerequisites or at a gate; it is cheaper to know before.",
        "licences: {sbom: releases/v2/sbom.json}   (absent)",
        "the file is there, with the digest that the release manifest gives",
    ),
    Code(
        "GN1008",
        _W,
        _H,
        "a program or secret is not here",
        "The run may be driven on another machine, so this is no error; on this one the command could not start.",
        "run: [bandit, -r, src]   (not installed)",
        "install it, or drive the run where it is",
    ),
    Code(
        "GN1010",
        _E,
        _H,
        "a step, approval or state is bound to nothing",
        "A step that must be done and that nothing does would be passed over in silence.",
        "steps: {}",
        "steps: {deploy/roll-out: {does: rollout}}",
    ),
    Code(
        "GN1011",
        _E,
        _H,
        "a configured limit is weaker than the document's",
        "The document was signed with its limit; a file beside it may ask for more and never for less.",
        "limits: {coverage: 0.80}   (the document says coverage >= 0.90)",
        "limits: {coverage: 0.95}",
    ),
)

EVERY_CODE: Mapping[str, Code] = MappingProxyType({**CODES, **{code.code: code for code in _BINDING}})
"""All codes of all findings, by number."""


def waivable(code: Code) -> bool:
    """Whether a signature can waive a finding; what a project leaves out has to be written down instead."""
    return code.waivable and code not in _BINDING
