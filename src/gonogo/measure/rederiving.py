"""Does a file say what its own data say? Used when a file is written and again when a gate judges it (III.2).

A status, score or count that does not follow from the other fields of the same file makes the gate's verdict `error`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.measure.approvals_record import derived_launch, derived_review
from gonogo.measure.checklist import derived_checklist
from gonogo.measure.communications import derived_communications
from gonogo.measure.confirmations import derived_confirmations
from gonogo.measure.connectivity import derived_connectivity, derived_health_checks, derived_validation
from gonogo.measure.data_refresh import derived_data_refresh
from gonogo.measure.deployment import derived_deployment, derived_services
from gonogo.measure.derived import Derived, compared
from gonogo.measure.figures import time_text
from gonogo.measure.freeze import derived_freeze
from gonogo.measure.health import derived_health
from gonogo.measure.intake import derived_intake
from gonogo.measure.operations import derived_operations
from gonogo.measure.package_index import derived_package
from gonogo.measure.parity import derived_parity
from gonogo.measure.performance import derived_performance
from gonogo.measure.post_deployment import derived_post_deployment
from gonogo.measure.readiness import derived_readiness
from gonogo.measure.rehearsal import derived_rehearsal
from gonogo.measure.report_index import derived_report_index
from gonogo.measure.retrospective import derived_retrospective
from gonogo.measure.rollback import derived_rollback
from gonogo.measure.rollback_plan import derived_rollback_plan
from gonogo.measure.security import derived_security
from gonogo.measure.smoke import derived_smoke
from gonogo.measure.snapshot import derived_snapshot
from gonogo.measure.staging_check import derived_staging_check
from gonogo.measure.tests_measured import derived_execution

DERIVATIONS: Mapping[str, Callable[[Mapping[str, Tree]], Derived]] = {
    "change-freeze-confirmation.json": derived_freeze,
    "communications.json": derived_communications,
    "connectivity-report.json": derived_connectivity,
    "deployment-checklist.json": derived_checklist,
    "deployment-health-log.json": derived_health,
    "deployment-readiness-checklist.json": derived_readiness,
    "deployment-report.json": derived_report_index,
    "health-check-report.json": derived_health_checks,
    "intake-validation-report.json": derived_intake,
    "operational-readiness.json": derived_operations,
    "performance-baseline.json": derived_performance,
    "post-deployment-validation.json": derived_post_deployment,
    "pre-deployment-manifest.json": derived_package,
    "production-approval.json": derived_launch,
    "production-deployment-report.json": derived_deployment,
    "production-deployment.json": derived_services,
    "readiness-approval.json": derived_review,
    "rehearsal-report.json": derived_rehearsal,
    "release-manifest.confirmations.json": derived_confirmations,
    "retrospective-inputs.json": derived_retrospective,
    "rollback-plan.json": derived_rollback_plan,
    "rollback-snapshot.json": derived_snapshot,
    "rollback-verification-report.json": derived_rollback,
    "security-compliance-report.json": derived_security,
    "smoke-test-results.json": derived_smoke,
    "staging-data-refresh.json": derived_data_refresh,
    "staging-deployment.json": derived_services,
    "staging-parity-report.json": derived_parity,
    "staging-test-results.json": derived_execution,
    "staging-validation-results.json": derived_staging_check,
    "validation.json": derived_validation,
}
"""Every artifact whose status, scores or counts are derived, with the function that derives them."""


CLOCKS: Mapping[str, tuple[str, str]] = {
    "intake-validation-report.json": ("intake_validation", "checked_at"),
    "operational-readiness.json": ("operations", "checked_at"),
    "production-approval.json": ("production_approval", "checked_at"),
    "readiness-approval.json": ("readiness_approval", "checked_at"),
    "security-compliance-report.json": ("security_scan", "checked_at"),
    "staging-parity-report.json": ("staging_parity", "compared_at"),
}
"""The artifacts whose derived fields also depend on when they are looked at, with the field that holds the time."""


def is_derived(artifact: str) -> bool:
    """Whether a file of this name has derived fields; a file from outside has none and is judged by its binding."""
    return artifact in DERIVATIONS


def disagreements(artifact: str, body: Mapping[str, Tree]) -> tuple[str, ...]:
    """One sentence for each derived field that its own data contradict or do not yield; none where all agree."""
    derive = DERIVATIONS.get(artifact)
    if derive is None:
        return ()
    try:
        return compared(body, derive(body))
    except BadInput as error:
        return (f"{error.where or artifact}: {error.what}",)


def lapsed(artifact: str, body: Mapping[str, Tree], now: datetime) -> tuple[str, ...]:
    """What the same data would say at `now` and no longer say as written; none where time has changed nothing.

    Approvals, acceptances of drift, prerequisites, runbooks and advisory databases run out (INT-02, NB-04, FP-09).
    """
    clock = CLOCKS.get(artifact)
    derive = DERIVATIONS.get(artifact)
    part = body.get(clock[0]) if clock else None
    if clock is None or derive is None or not isinstance(part, Mapping):
        return ()
    later = {**body, clock[0]: {**part, clock[1]: time_text(now)}}
    try:
        return compared(body, derive(later))
    except BadInput as error:
        return (f"{error.where or artifact}: {error.what}",)
