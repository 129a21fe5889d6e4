"""Findings that forbid to go on."""

from __future__ import annotations

from gonogo.errors import BadInput
from gonogo.findings import Finding, Level
from gonogo.plan.reading import UNKNOWN_KEY


def require_sound(findings: tuple[Finding, ...]) -> None:
    """BadInput naming the first error, where `findings` hold one."""
    errors = [finding for finding in findings if finding.level is Level.ERROR]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        # A misspelt key also makes the right one missing: the misspelling is what has to be repaired.
        first = next((finding for finding in errors if finding.code == UNKNOWN_KEY), errors[0])
        note = first.notes[0] if first.notes else "`gonogo check` shows all of them"
        raise BadInput(f"{first.message}{more}", where=str(first.primary), next_step=note)
