"""The rehearsed rollback: body of `rollback-verification-report.json` (F5, RBK-01..05, C12, NB-08).

Recovery time runs from the start of the first step to the moment at which the recovered state was verified. Without a
recovery time objective (RTO) there is no status, so that no gate can pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeAlias

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.measure.command_runs import CommandRun, all_ended_well, ended_well, timed_row
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, burden, duration_text, maybe_time, read_duration, time_text, without_none
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest
from gonogo.values import dataclass

RollbackMethod: TypeAlias = Literal["automation", "blue_green_switchback"]
RollbackCause: TypeAlias = Literal["automation", "time", "infrastructure"]
CheckResult: TypeAlias = Literal["pass", "fail", "inconclusive", "error"]

PROOF_AGE = timedelta(days=7)
"""So long a rehearsed rollback proves something about the same bytes and scripts (III.6)."""

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
class Redeployed:
    """The way forward again after the rollback: from the first act to the moment at which the version was verified."""

    began: datetime
    verified_at: datetime


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
    again: Redeployed | None = None
    scripts: Mapping[str, Digest] = field(default_factory=dict)
    expires_at: datetime | None = None


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
            "redeployment": _again(seen.again),
            "scripts": [{"path": path, "sha256": digest} for path, digest in seen.scripts.items()] or None,
            "expires_at": maybe_time(seen.expires_at),
        }
    )
    body = filled(raw, derived_rollback(raw))
    status = Fields(body).part("rollback_verification").maybe_text("status")
    return {**body, "cause": _cause(body, infrastructure=seen.infrastructure_fault)} if status == "fail" else body


def _again(again: Redeployed | None) -> Body | None:
    if again is None:
        return None
    return {"started_at": time_text(again.began), "verified_at": time_text(again.verified_at)}


def derived_rollback(body: Mapping[str, Tree]) -> Derived:
    """Recovery time, whether it is within the RTO, whether the state came back, and the status (III.2)."""
    fields = Fields(body)
    verification = fields.part("rollback_verification")
    took = _recovery_time(fields)
    rto = verification.maybe_duration("rto")
    within = took <= rto if took is not None and rto is not None else None
    forward = _forward_time(fields)
    late = forward is not None and rto is not None and forward > rto
    restored = _is_restored(fields)
    again: Derived = {}
    if forward is not None:
        again = {
            "/redeployment/took": duration_text(forward),
            "/redeployment/within_rto": None if rto is None else not late,
        }
    return {
        "/rollback_verification/recovery_time": duration_text(took) if took is not None else None,
        "/rollback_verification/recovery_minutes": _minutes(took) if took is not None else None,
        "/rollback_verification/within_rto": within,
        "/rollback_verification/state_restored": restored,
        "/rollback_verification/status": _status(fields, restored=restored, within=within and not late),
        **again,
    }


def _forward_time(fields: Fields) -> timedelta | None:
    again = fields.maybe_part("redeployment")
    return None if again is None else again.moment("verified_at") - again.moment("started_at")


def shortcomings(body: Mapping[str, Tree]) -> tuple[str, ...]:
    """Why a rehearsed rollback proves nothing, a sentence each; none where its status is `pass`."""
    fields = Fields(body)
    about = fields.part("rollback_verification")
    if about.maybe_text("status") == "pass":
        return ()
    took, rto = about.maybe_duration("recovery_time"), about.maybe_duration("rto")
    again = _forward_time(fields)
    found = [f"step {row.count('n')} did not end well" for row in fields.rows("steps") if not ended_well(row)]
    if took is None:
        found.append("nobody measured how long the recovery took")
    if rto is None:
        found.append("no recovery time objective is set: name `limits.rto` in gonogo.yaml")
    if took is not None and rto is not None and took > rto:
        found.append(f"the recovery took {took.total_seconds():.2f} s; the objective is {rto.total_seconds():g} s")
    if again is not None and rto is not None and again > rto:
        found.append(f"deploying again took {again.total_seconds():.2f} s; the objective is {rto.total_seconds():g} s")
    if not about.flag("state_restored"):
        wanted, answered = about.text("to_version"), about.maybe_text("version_after") or "nothing"
        found.append(f"the old state did not come back: {answered} answers, {wanted} was there before")
    found += [
        f"check `{row.text('name')}`: {row.text('result')}"
        for row in fields.rows("checks_after")
        if row.text("result") != "pass"
    ]
    return tuple(found) or ("it has no status",)


def check_row(check: NamedCheck) -> Body:
    """A check as the reports list it."""
    return without_none(
        {"name": check.name, "result": check.result, "at": maybe_time(check.at), "detail": check.detail or None}
    )


def _minutes(took: timedelta) -> Decimal | None:
    """The recovery time in minutes, rounded up on the grid, as people compare it with the objective (PG3-05)."""
    return burden(round(took / timedelta(microseconds=1)), 60 * 10**6)


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
    again = fields.maybe_part("redeployment")
    late = fields.part("rollback_verification").values.get("within_rto") is not True
    late = late or (again is not None and again.values.get("within_rto") is False)
    return "time" if only_late and late else "automation"
