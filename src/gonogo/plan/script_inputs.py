"""What each documented script reads: inputs from the protocol before, and evidence that it works on (REG-04).

The registry says it, and a test holds the gates' part against the gates of the compiled protocols.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gonogo.plan.documented_scripts import AUTOMATION, PRE, PRODUCTION, Script

UPSTREAM: Final[Mapping[str, tuple[str, ...]]] = {
    PRE: (
        "QUALITY-AUDIT-PACKAGE.zip",
        "INTEGRATION-EVIDENCE.zip",
        "UAT-CLOSURE-PACKAGE.zip",
        "release-manifest.json",
    ),
    PRODUCTION: (
        "PRE-DEPLOYMENT-PACKAGE.zip",
        "readiness-approval.json",
        "deployment-checklist.md",
        "UAT-CLOSURE-PACKAGE.zip",
        "release-manifest.json",
    ),
    AUTOMATION: ("audit-report.json", "test-coverage.json", "security-scan-results.json"),
}
"""Inputs that other protocols owe, by the protocol that takes them (section 52)."""

GATES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    PRE: {
        "1": ("intake-validation-report.json", "staging-parity-report.json"),
        "2": ("staging-deployment-run.log", "rehearsal-report.json", "staging-test-results.json"),
        "3": ("rollback-verification-report.json", "security-compliance-report.json"),
        "4": (
            "PRE-DEPLOYMENT-PACKAGE.zip",
            "pre-deployment-manifest.json",
            "readiness-approval.json",
            "deployment-checklist.json",
        ),
    },
    PRODUCTION: {
        "1": ("deployment-readiness-checklist.json", "release-manifest.confirmations.json"),
        "2": ("change-freeze-confirmation.json", "staging-validation-results.json"),
        "3": ("production-approval.json", "production-deployment-report.json", "post-deployment-validation.json"),
        "4": ("deployment-health-log.json", "deployment-report.json", "retrospective-inputs.json"),
    },
}
"""Evidence that a gate judges, by protocol and number of the gate."""

OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "parity": ("config/staging.env", "config/production.env"),
    "refresh": ("gonogo.yaml",),
    "step": ("scripts/deploy_*.sh", "scripts/rollback_*.sh"),
    "approvals": ("config/release-approvers.yaml", "PRE-DEPLOYMENT-PACKAGE.zip"),
    "checklist": ("staging-deployment-run.log", "rehearsal-report.json"),
    "validator": ("gonogo.yaml",),
    "snapshot": ("gonogo.yaml",),
    "smoke": ("gonogo.yaml",),
    "performance": ("gonogo.yaml",),
    "cleanup": ("gonogo.yaml",),
    "lint": ("gonogo.yaml",),
}
"""What a script of a kind reads besides, by its act."""


def reads_of(script: Script) -> tuple[str, ...]:
    """The files that a script reads."""
    if script.act == "gate":
        return GATES[script.protocol][script.subject]
    if script.act in {"gates", "validate", "aggregate", "derive"}:
        known = GATES.get(script.protocol, {})
        return tuple(name for names in known.values() for name in names)
    if script.act in {"prerequisites", "execute"}:
        return UPSTREAM.get(script.protocol, UPSTREAM[PRE])
    return OWN.get(script.act, ())
