"""The rehearsed rollback: body of `rollback-verification-report.json` (F5, RBK-01..05, C12, NB-08).

Recovery time runs from the start of the first step to the moment at which the recovered state was verified. Without a
recovery time objective (RTO) there is no status, so that no gate can pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeAlias

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.measure.command_runs import CommandRun, all_ended_well, timed_row
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, duration_text, maybe_time, read_duration, without_none
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest

RollbackMethod: TypeAlias = Literal["automation", "blue_green_switchback"]
RollbackCause: TypeAlias = Literal["automation", "time", "infrastructure"]
CheckResult: TypeAlias = Literal["pass", "fail", "inconclusive", "error"]

_BARE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*(s|m|min|h)?", re.ASCII)
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, None: 60}


@dataclass(frozen=True, slots=True)
class NamedCheck:
    """A check by name and its result."""

    name: str
    result: CheckResult
    at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RollbackSeen:
    """One rollback rehearsal. `verified_at` is None where the recovered state was never verified.

    Versions are what answered before, what had to come back, and what answered afterwards (None: nothing).
    """

    method: RollbackMethod
    steps: tuple[CommandRun, ...]
    checks_after: tuple[NamedCheck, ...]
    verified_at: datetime | None
    rto: timedelta | None
    from_version: str
    to_version: str
    version_after: str | None
    fingerprint_before: Digest
    fingerprint_after: Digest | None
    infrastructure_fault: bool = False


def read_rto(text: str) -> timedelta:
    """A recovery time: a bare number means minutes; `10m`, `600s`, `1h` and `PT10M` are accepted too (C12)."""
    if text.startswith("P"):
        limit = read_duration(text)
    else:
        found = _BARE.fullmatch(text.strip())
        if found is None:
            raise BadInput(f"`{text[:40]}` is not a recovery time", next_step="write it as in 10, 10m, 600s or PT10M")
        limit = timedelta(microseconds=int(Decimal(found[1]) * _UNITS[found[2]] * 10**6))
    if limit <= timedelta(0):
        raise BadInput(f"`{text}` leaves no time to recover", next_step="set a recovery time above zero")
    return limit


def rollback_body(seen: RollbackSeen) -> Body:
    """Body of the rollback verification report (F5)."""
    raw: Body = without_none(
        {
            "rollback_verification": without_none(
                {
                    "method": seen.method,
                    "rto": duration_text(seen.rto) if seen.rto is not None else None,
                    "from_version": seen.from_version,
                    "to_version": seen.to_version,
                    "version_after": seen.version_after,
                    "verified_at": maybe_time(seen.verified_at),
                }
            ),
            "steps": [timed_row(number, run) for number, run in enumerate(seen.steps, start=1)],
            "checks_after": [check_row(check) for check in seen.checks_after],
            "fingerprint_before": seen.fingerprint_before,
            "fingerprint_after": seen.fingerprint_after,
        }
    )
    body = filled(raw, derived_rollback(raw))
    status = Fields(body).part("rollback_verification").maybe_text("status")
    return {**body, "cause": _cause(body, infrastructure=seen.infrastructure_fault)} if status == "fail" else body


def derived_rollback(body: Mapping[str, Tree]) -> Derived:
    """Recovery time, whether it is within the RTO, whether the state came back, and the status (III.2)."""
    fields = Fields(body)
    verification = fields.part("rollback_verification")
    took = _recovery_time(fields)
    rto = verification.maybe_duration("rto")
    within = took <= rto if took is not None and rto is not None else None
    restored = _is_restored(fields)
    return {
        "/rollback_verification/recovery_time": duration_text(took) if took is not None else None,
        "/rollback_verification/within_rto": within,
        "/rollback_verification/state_restored": restored,
        "/rollback_verification/status": _status(fields, restored=restored, within=within),
    }


def check_row(check: NamedCheck) -> Body:
    """A check as the reports list it."""
    return without_none(
        {"name": check.name, "result": check.result, "at": maybe_time(check.at), "detail": check.detail or None}
    )


def recovery_minutes(body: Mapping[str, Tree]) -> Decimal | None:
    """The recovery time in minutes, as the gate shows it (PG3-05); None where it was not measured."""
    took = Fields(body).part("rollback_verification").maybe_duration("recovery_time")
    return None if took is None else Decimal(round(took / timedelta(microseconds=1))) / Decimal(60 * 10**6)


def _recovery_time(fields: Fields) -> timedelta | None:
    verified_at = fields.part("rollback_verification").maybe_moment("verified_at")
    starts = [row.moment("started_at") for row in fields.rows("steps")]
    if verified_at is None or not starts:
        return None
    took = verified_at - min(starts)
    return took if took >= timedelta(0) else None


def _is_restored(fields: Fields) -> bool:
    verification = fields.part("rollback_verification")
    same_state = fields.maybe_text("fingerprint_after") == fields.text("fingerprint_before")
    return same_state and verification.maybe_text("version_after") == verification.text("to_version")


def _status(fields: Fields, *, restored: bool, within: bool | None) -> str | None:
    steps, checks = fields.rows("steps"), fields.rows("checks_after")
    if not restored or within is False or not all_ended_well(steps):
        return "fail"
    if any(check.text("result") != "pass" for check in checks):
        return "fail"
    return "pass" if within and checks else None


def _cause(body: Mapping[str, Tree], *, infrastructure: bool) -> RollbackCause:
    fields = Fields(body)
    if infrastructure:
        return "infrastructure"
    only_late = all_ended_well(fields.rows("steps")) and fields.part("rollback_verification").flag("state_restored")
    return "time" if only_late and not fields.part("rollback_verification").values.get("within_rto") else "automation"
