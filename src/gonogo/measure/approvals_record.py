"""Who decided what: bodies of `readiness-approval.json` (F8) and `production-approval.json` (F14); REV-02..08, CMD-08.

Only verified, signed decisions of people come in here. The newest decision of a person in a role counts: a refusal
stands until that person decides anew. Lapsed approvals, open risks and unfilled roles never add up to an approval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, hours, maybe_time, share, time_text, without_none
from gonogo.measure.quorum import Vote, filled_slots
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest
from gonogo.values import dataclass

DecisionWord: TypeAlias = Literal["go", "no_go"]
RiskState: TypeAlias = Literal["open", "resolved", "accepted"]


@dataclass(frozen=True, slots=True)
class SignedDecision:
    """A decision whose signature over the subject was verified by a key of that person."""

    role: str
    person: str
    decision: DecisionWord
    reason: str
    decided_at: datetime
    expires_at: datetime
    key_id: str
    signature: str
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """The digests that every decision is about (C75); the deployment plan only for production."""

    package_sha256: Digest
    release_digest: Digest
    lock_sha256: Digest
    evidence_manifest_sha256: Digest
    deployment_plan_sha256: Digest | None = None


@dataclass(frozen=True, slots=True)
class RiskSeen:
    """A risk of the release; an accepted one names who accepted it."""

    id: str
    text: str
    severity: str
    mitigation: str
    state: RiskState
    accepted_by: str | None = None


@dataclass(frozen=True, slots=True)
class ActionItem:
    """Something that somebody owes until a date."""

    text: str
    owner: str
    due: datetime
    state: str


@dataclass(frozen=True, slots=True)
class ReviewSeen:
    """The readiness review: who was asked when, about what, and everything that was decided.

    `required` are the slots to fill; each is a set of roles of which any one suffices.
    """

    subject: Subject
    required: tuple[frozenset[str], ...]
    requested_at: datetime
    decisions: tuple[SignedDecision, ...]
    risks: tuple[RiskSeen, ...] = ()
    action_items: tuple[ActionItem, ...] = ()


@dataclass(frozen=True, slots=True)
class LaunchSeen:
    """The go/no-go for production, on the final digests; `valid_until` is the end of its validity."""

    subject: Subject
    required: tuple[frozenset[str], ...]
    requested_at: datetime
    valid_until: datetime
    decisions: tuple[SignedDecision, ...]


def review_body(seen: ReviewSeen, now: datetime) -> Body:
    """Body of the readiness approval as of `now` (F8)."""
    raw: Body = {
        "readiness_approval": {"requested_at": time_text(seen.requested_at), "checked_at": time_text(now)},
        "required": [sorted(roles) for roles in seen.required],
        "subject": _subject_row(seen.subject),
        "approvals": [decision_row(decision) for decision in seen.decisions],
        "risks": [_risk_row(risk) for risk in seen.risks],
        "action_items": [
            {"text": item.text, "owner": item.owner, "due": time_text(item.due), "state": item.state}
            for item in seen.action_items
        ],
    }
    return filled(raw, derived_review(raw))


def derived_review(body: Mapping[str, Tree]) -> Derived:
    """Status, coverage, latency and time of completion, from the decisions and risks alone (III.2)."""
    fields = Fields(body)
    about = fields.part("readiness_approval")
    standing = _standing(fields.rows("approvals"), about.moment("checked_at"))
    slots = _slots(fields)
    chosen = filled_slots(slots, _votes(standing))
    complete = bool(slots) and len(chosen) == len(slots)
    completed_at = _completed_at(standing, chosen) if complete else None
    latency = max(completed_at, about.moment("requested_at")) - about.moment("requested_at") if completed_at else None
    return {
        "/readiness_approval/coverage": share(len(chosen), len(slots)),
        "/readiness_approval/completed_at": maybe_time(completed_at),
        "/readiness_approval/latency_hours": hours(latency) if latency is not None else None,
        "/readiness_approval/status": _review_status(fields, standing, complete=complete) if slots else None,
    }


def launch_body(seen: LaunchSeen, now: datetime) -> Body:
    """Body of the production approval as of `now` (F14)."""
    raw: Body = {
        "production_approval": {
            "requested_at": time_text(seen.requested_at),
            "valid_until": time_text(seen.valid_until),
            "checked_at": time_text(now),
        },
        "required": [sorted(roles) for roles in seen.required],
        "subject": _subject_row(seen.subject),
        "decisions": [decision_row(decision) for decision in seen.decisions],
    }
    return filled(raw, derived_launch(raw))


def derived_launch(body: Mapping[str, Tree]) -> Derived:
    """Status and quorum of the go/no-go (III.2). A refusal forbids; what has lapsed is `expired`, not `go`."""
    fields = Fields(body)
    about = fields.part("production_approval")
    checked_at, valid_until = about.moment("checked_at"), about.moment("valid_until")
    slots = _slots(fields)
    standing = _standing(fields.rows("decisions"), checked_at)
    met = bool(slots) and len(filled_slots(slots, _votes(standing))) == len(slots)
    ever = _standing(fields.rows("decisions"), None)
    once_met = bool(slots) and len(filled_slots(slots, _votes(ever))) == len(slots)
    status = "pending"
    if any(row.text("decision") == "no_go" for row in ever):
        status = "no_go"
    elif met and checked_at < valid_until:
        status = "go"
    elif once_met or checked_at >= valid_until:
        status = "expired"
    return {"/production_approval/quorum_met": met, "/production_approval/status": status if slots else None}


def decision_row(decision: SignedDecision) -> Body:
    """A decision as F8, F14 and F6 list it."""
    return without_none(
        {
            "role": decision.role,
            "person": decision.person,
            "decision": decision.decision,
            "reason": decision.reason,
            "conditions": list(decision.conditions) or None,
            "decided_at": time_text(decision.decided_at),
            "expires_at": time_text(decision.expires_at),
            "key_id": decision.key_id,
            "signature": decision.signature,
        }
    )


def _standing(rows: Sequence[Fields], at: datetime | None) -> tuple[Fields, ...]:
    """The newest decision of each person in each role, signed and, unless `at` is None, in force at that time."""
    newest: dict[tuple[str, str], Fields] = {}
    for row in rows:
        row.word("decision", get_args(DecisionWord))
        if not (row.filled("signature") and row.filled("key_id")):
            continue
        key = (row.text("person"), row.text("role"))
        if key not in newest or row.moment("decided_at") >= newest[key].moment("decided_at"):
            newest[key] = row
    return tuple(row for row in newest.values() if at is None or _is_in_force(row, at))


def _is_in_force(row: Fields, at: datetime) -> bool:
    refusal = row.text("decision") == "no_go"
    return row.moment("decided_at") <= at and (refusal or at < row.moment("expires_at"))


def _votes(standing: Sequence[Fields]) -> list[Vote]:
    return [Vote(row.text("person"), row.text("role")) for row in standing if row.text("decision") == "go"]


def _slots(fields: Fields) -> list[frozenset[str]]:
    entries = fields.values.get("required")
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        return []
    return [frozenset(Fields({"roles": entry}, "/required").texts("roles")) for entry in entries]


def _completed_at(standing: Sequence[Fields], chosen: Mapping[int, Vote]) -> datetime:
    used = set(chosen.values())
    return max(row.moment("decided_at") for row in standing if Vote(row.text("person"), row.text("role")) in used)


def _review_status(fields: Fields, standing: Sequence[Fields], *, complete: bool) -> str:
    if any(row.text("decision") == "no_go" for row in standing):
        return "rejected"
    if not complete:
        return "pending"
    return "withheld" if any(_is_open(risk) for risk in fields.rows("risks")) else "approved"


def _is_open(risk: Fields) -> bool:
    state = risk.word("state", get_args(RiskState))
    return state == "open" or (state == "accepted" and not risk.filled("accepted_by"))


def _subject_row(subject: Subject) -> Body:
    return without_none(
        {
            "package_sha256": subject.package_sha256,
            "release_digest": subject.release_digest,
            "lock_sha256": subject.lock_sha256,
            "evidence_manifest_sha256": subject.evidence_manifest_sha256,
            "deployment_plan_sha256": subject.deployment_plan_sha256,
        }
    )


def _risk_row(risk: RiskSeen) -> Body:
    return without_none(
        {
            "id": risk.id,
            "text": risk.text,
            "severity": risk.severity,
            "mitigation": risk.mitigation,
            "state": risk.state,
            "accepted_by": risk.accepted_by,
        }
    )
