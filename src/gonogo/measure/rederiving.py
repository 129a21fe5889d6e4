"""Does a file say what its own data say? Used when a file is written and again when a gate judges it (III.2).

A status, score or count that does not follow from the other fields of the same file makes the gate's verdict `error`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, compared
from gonogo.measure.checklist import derived_checklist
from gonogo.measure.confirmations import derived_confirmations
from gonogo.measure.freeze import derived_freeze
from gonogo.measure.intake import derived_intake
from gonogo.measure.operations import derived_operations
from gonogo.measure.package_index import derived_package
from gonogo.measure.parity import derived_parity
from gonogo.measure.readiness import derived_readiness
from gonogo.measure.rehearsal import derived_rehearsal
from gonogo.measure.rollback import derived_rollback
from gonogo.measure.security import derived_security
from gonogo.measure.staging_check import derived_staging_check
from gonogo.measure.tests_measured import derived_execution

DERIVATIONS: Mapping[str, Callable[[Mapping[str, Tree]], Derived]] = {
    "change-freeze-confirmation.json": derived_freeze,
    "deployment-checklist.json": derived_checklist,
    "deployment-readiness-checklist.json": derived_readiness,
    "intake-validation-report.json": derived_intake,
    "operational-readiness.json": derived_operations,
    "pre-deployment-manifest.json": derived_package,
    "rehearsal-report.json": derived_rehearsal,
    "release-manifest.confirmations.json": derived_confirmations,
    "rollback-verification-report.json": derived_rollback,
    "security-compliance-report.json": derived_security,
    "staging-parity-report.json": derived_parity,
    "staging-test-results.json": derived_execution,
    "staging-validation-results.json": derived_staging_check,
}
"""Every artifact whose status, scores or counts are derived, with the function that derives them."""


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
