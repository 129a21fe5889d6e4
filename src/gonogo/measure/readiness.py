"""Readiness for production: body of `deployment-readiness-checklist.json` (F10, RDY-01..03, DG1).

Each artifact counts only if it is there, current, verified by its own digest, and, where a gate judged it, judged
again from its raw evidence with `pass`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, maybe_time, share, without_none
from gonogo.measure.header import RawFile, raw_row
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest, Verdict
from gonogo.values import dataclass

RecordState: TypeAlias = Literal["ok", "missing", "expired", "invalid"]

ROLLBACK_REPORT = "rollback-verification-report.json"
"""The item whose new judgement proves the rollback plan (PRE-15)."""


@dataclass(frozen=True, slots=True)
class ReadinessItem:
    """One artifact of an upstream protocol. `rejudged` is the verdict of today, None where no gate judges the file.

    `waived` names the waiver, still valid, that carries a file which does not pass (WVR-04, WVR-05).
    """

    name: str
    source: str
    required: bool
    sha256: Digest | None
    current: bool
    verified: bool
    rejudged: Verdict | None = None
    issue: str | None = None
    waived: str | None = None


@dataclass(frozen=True, slots=True)
class ApprovalRecord:
    """An authorisation that production needs, and what became of it."""

    role: str
    person: str | None
    state: RecordState
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReadinessSeen:
    """Everything that was looked at; `rollback_plan` is None where there is none; `blockers` are open ones upstream."""

    items: tuple[ReadinessItem, ...]
    approvals: tuple[ApprovalRecord, ...]
    rollback_plan: RawFile | None
    blockers: tuple[str, ...] = ()


def readiness_body(seen: ReadinessSeen) -> Body:
    """Body of the readiness checklist (F10)."""
    raw: Body = without_none(
        {
            "items": [_item_row(item) for item in seen.items],
            "approvals": [_approval_row(record) for record in seen.approvals],
            "rollback_plan": raw_row(seen.rollback_plan) if seen.rollback_plan else None,
            "blockers": list(seen.blockers),
        }
    )
    return filled(raw, derived_readiness(raw))


def derived_readiness(body: Mapping[str, Tree]) -> Derived:
    """Completion, recorded approvals, whether the rollback plan is proven, blocking issues (III.2)."""
    fields = Fields(body)
    items = fields.rows("items")
    required = [row for row in items if row.flag("required")]
    ready = [row for row in required if _is_ready(row)]
    broken = [row for row in items if not row.flag("required") and row.flag("present") and not _is_ready(row)]
    approvals = fields.rows("approvals")
    recorded = [row for row in approvals if row.text("state") == "ok" and row.filled("person")]
    return {
        "/readiness/completion": share(len(ready), len(required)),
        "/readiness/approvals_recorded": share(len(recorded), len(approvals)),
        "/readiness/rollback_plan_verified": _rollback_is_proven(fields),
        "/readiness/blocking_issues": len(required) - len(ready) + len(broken) + len(fields.texts("blockers")),
    }


def _rollback_is_proven(fields: Fields) -> bool:
    plan = fields.maybe_part("rollback_plan")
    report = [row for row in fields.rows("items") if row.text("name") == ROLLBACK_REPORT]
    proven = any(_is_ready(row) and row.maybe_text("rejudged") == Verdict.PASS.word for row in report)
    return plan is not None and plan.filled("sha256") and proven


def _is_ready(row: Fields) -> bool:
    whole = row.flag("present") and row.filled("sha256") and row.flag("current") and row.flag("verified")
    judged = row.maybe_text("rejudged") in (None, Verdict.PASS.word) or row.filled("waived")
    return whole and judged and not row.filled("issue")


def _item_row(item: ReadinessItem) -> Body:
    return without_none(
        {
            "name": item.name,
            "from": item.source,
            "required": item.required,
            "present": item.sha256 is not None,
            "current": item.current,
            "verified": item.verified,
            "sha256": item.sha256,
            "rejudged": item.rejudged.word if item.rejudged is not None else None,
            "issue": item.issue,
            "waived": item.waived,
        }
    )


def _approval_row(record: ApprovalRecord) -> Body:
    return without_none(
        {
            "role": record.role,
            "person": record.person,
            "state": record.state,
            "expires_at": maybe_time(record.expires_at),
        }
    )
