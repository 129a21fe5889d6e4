"""Staging once more before production: body of `staging-validation-results.json` (F12, RCF-01..03, C55)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, get_args

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, severity_of
from gonogo.measure.header import RawFile
from gonogo.measure.rollback import NamedCheck, check_row
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest, Severity
from gonogo.values import dataclass

ValidationReason: TypeAlias = Literal["age", "fingerprint", "requested", "reused"]


@dataclass(frozen=True, slots=True)
class LogReview:
    """A rehearsal log that a person has reviewed."""

    file: RawFile
    reviewer: str


@dataclass(frozen=True, slots=True)
class StagingCheckSeen:
    """What was validated and why; `fingerprint_judged` is that of the staging environment which gate 1 judged.

    `new_differences` are the paths that differ now and did not then; `drift` is None where parity is not known.
    """

    reason: ValidationReason
    reviewed_logs: tuple[LogReview, ...]
    checks: tuple[NamedCheck, ...]
    fingerprint: Digest
    fingerprint_judged: Digest
    drift: Severity | None
    new_differences: tuple[str, ...] = ()


def rerun_reason(
    judged_at: datetime, max_age: timedelta, now: datetime, *, same_fingerprint: bool, requested: bool
) -> ValidationReason:
    """Why staging is validated again, or `reused` where the earlier validation still stands (RCF-01, C55)."""
    if not same_fingerprint:
        return "fingerprint"
    if judged_at > now or now - judged_at > max_age:
        return "age"
    return "requested" if requested else "reused"


def staging_check_body(seen: StagingCheckSeen) -> Body:
    """Body of the staging validation (F12)."""
    about: Body = {"reason": seen.reason}
    if seen.drift is not None:
        about["drift_severity"] = "low" if seen.drift is Severity.INFO else seen.drift.word
    raw: Body = {
        "staging_validation": about,
        "reviewed_logs": [
            {"name": review.file.name, "sha256": review.file.sha256, "reviewer": review.reviewer}
            for review in seen.reviewed_logs
        ],
        "checks": [check_row(check) for check in seen.checks],
        "fingerprint": seen.fingerprint,
        "fingerprint_judged": seen.fingerprint_judged,
        "new_differences": sorted(seen.new_differences),
    }
    return filled(raw, derived_staging_check(raw))


def derived_staging_check(body: Mapping[str, Tree]) -> Derived:
    """Whether it is fresh, how much drift is new, and the status (III.2)."""
    fields = Fields(body)
    reason = fields.part("staging_validation").word("reason", get_args(ValidationReason))
    return {
        "/staging_validation/fresh": reason != "reused",
        "/staging_validation/new_drift": len(fields.texts("new_differences")),
        "/staging_validation/status": _status(fields, reason),
    }


def _status(fields: Fields, reason: ValidationReason) -> str | None:
    checks = fields.rows("checks")
    moved = fields.text("fingerprint") != fields.text("fingerprint_judged")
    if any(check.text("result") in ("fail", "error") for check in checks) or fields.texts("new_differences"):
        return "fail"
    drift = fields.part("staging_validation").maybe_text("drift_severity")
    if drift is not None and severity_of(drift) > Severity.LOW:
        return "fail"
    passed = bool(checks) and all(check.text("result") == "pass" for check in checks)
    reviewed = fields.rows("reviewed_logs")
    looked_at = bool(reviewed) and all(row.filled("reviewer") for row in reviewed)
    stands = reason != "reused" or not moved
    return "pass" if passed and looked_at and stands and drift is not None else None
