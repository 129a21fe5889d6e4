"""Staging against production: body of `staging-parity-report.json` (F2, PAR-01..09, C15).

Two flat mappings, path to value, are compared by type and content. Paths are JSON pointers whose first part is the
class: `/configuration/...`, `/secrets/...`, `/infrastructure/...`, `/feature_flags/...`. Drift metric = weight of what
differs / weight of what was compared; parity score = 1 minus it. A side that cannot be read, a side without a key and
an item that nobody could compare or review leave the severity and both figures out: then no gate can pass (PA-04).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import (
    Body,
    burden,
    rest,
    severity_of,
    time_text,
    total,
    without_none,
    worst_severity,
)
from gonogo.measure.glob_rules import ParityRules, first_match
from gonogo.measure.header import RawFile, raw_row
from gonogo.measure.parity_diff import (
    Difference,
    Leaf,
    difference_between,
    shown,
)
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Severity
from gonogo.values import dataclass

ItemClass: TypeAlias = Literal["configuration", "secret", "infrastructure", "feature_flag"]
DriftCause: TypeAlias = Literal["not_synchronised", "secret_separate", "infrastructure"]

_CLASSES: Mapping[str, ItemClass] = {
    "secrets": "secret",
    "infrastructure": "infrastructure",
    "feature_flags": "feature_flag",
}
_CAUSES: Mapping[ItemClass, DriftCause] = {
    "configuration": "not_synchronised",
    "feature_flag": "not_synchronised",
    "secret": "secret_separate",
    "infrastructure": "infrastructure",
}


@dataclass(frozen=True, slots=True)
class SideRead:
    """One side, read whole: the file it came from and its leaves by path.

    `keyed` says that the file's digest is keyed, too, because the file holds a secret: a plain digest of a short file
    would let anybody try values (PAR-02).
    """

    file: RawFile
    values: Mapping[str, Leaf]
    keyed: bool = False


@dataclass(frozen=True, slots=True)
class SideUnread:
    """One side that could not be read, or not wholly."""

    name: str
    reason: str


Side: TypeAlias = SideRead | SideUnread

MARK = "REQUIRES_REMEDIATION"


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A difference that still has to be settled: who owes it, since when, and whether the answer is late."""

    path: str
    severity: str
    owner: str
    first_seen: datetime
    state: str


@dataclass(frozen=True, slots=True)
class RemediationPlan:
    """Who does what until when about the differences that `path` matches; it lifts the pause, not the gate (PAR-05)."""

    path: str
    owner: str
    action: str
    due: datetime


@dataclass(frozen=True, slots=True)
class RemediationMark:
    """Who lets the rest of the phase go on although the answer about these differences is late (PAR-07, C20)."""

    path: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ParityReview:
    """Who reviewed, by signature, what nobody could compare; it counts until a time (PAR-09)."""

    path: str
    reviewer: str
    until: datetime


@dataclass(frozen=True, slots=True)
class AskedBefore:
    """When a difference was first seen in this run, and when its remedy was asked for and is due."""

    first_seen: datetime
    sent_at: datetime
    due: datetime


@dataclass(frozen=True, slots=True)
class Remedies:
    """What people said and were asked about differences: plans, marks, reviews, earlier requests by path."""

    plans: tuple[RemediationPlan, ...] = ()
    marks: tuple[RemediationMark, ...] = ()
    reviews: tuple[ParityReview, ...] = ()
    earlier: Mapping[str, AskedBefore] = field(default_factory=dict)
    owner: str = "devops_lead"
    answer_within: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ParitySeen:
    """Both sides, the rules they are rated by, and what people said about differences."""

    staging: Side
    production: Side
    rules: ParityRules
    rules_file: RawFile
    remedies: Remedies = Remedies()


def parity_body(seen: ParitySeen, now: datetime) -> Body:
    """Body of the parity report as of `now` (F2)."""
    sources: Body = {"rules": raw_row(seen.rules_file)}
    unread: list[Tree] = []
    sides: dict[str, SideRead] = {}
    for label, side in (("staging", seen.staging), ("production", seen.production)):
        match side:
            case SideRead(file=file, values=values, keyed=keyed):
                sources[label] = {**raw_row(file), "keyed": keyed}
                sides[label] = side
                if not values:
                    unread.append({"path": f"/{label}", "reason": f"{file.name} holds no key at all"})
            case SideUnread(name=name, reason=reason):
                sources[label] = {"name": name}
                unread.append({"path": f"/{label}", "reason": reason})
    if unread:
        return _undecided(sources, unread, now)
    found = difference_between(sides["staging"].values, sides["production"].values, seen.rules)
    rows = [_difference_row(item) for item in found.differences]
    requests = _requests(rows, seen.remedies, now)
    raw: Body = {
        "staging_parity": {
            "compared": found.compared,
            "compared_at": time_text(now),
            "compared_weight": found.compared_weight,
            "configuration_weight": found.weight_below("/configuration/"),
        },
        "sources": sources,
        "differences": _with_remedies(rows, requests, seen.remedies, now),
        "not_comparable": _not_comparable_rows(found.not_comparable, seen.remedies.reviews, now),
        "remediation_requests": list(requests.values()),
    }
    return filled(raw, derived_parity(raw))


def _undecided(sources: Body, unread: list[Tree], now: datetime) -> Body:
    raw: Body = {
        "staging_parity": {
            "compared": 0,
            "compared_at": time_text(now),
            "compared_weight": 0,
            "configuration_weight": 0,
        },
        "sources": sources,
        "differences": [],
        "not_comparable": unread,
        "remediation_requests": [],
    }
    return filled(raw, derived_parity(raw))


def derived_parity(body: Mapping[str, Tree]) -> Derived:
    """Severity, drift metric, parity score and counts, from the rows and the compared weights (III.2)."""
    fields = Fields(body)
    parity = fields.part("staging_parity")
    compared_at = parity.moment("compared_at")
    rows = fields.rows("differences")
    counted = [row for row in rows if not _is_accepted(row, compared_at)]
    unclear = [row for row in fields.rows("not_comparable") if not _is_reviewed(row, compared_at)]
    known = not unclear and parity.count("compared") > 0
    drift = burden(total(row.number("weight") for row in counted), parity.number("compared_weight"))
    configured = [row for row in counted if row.text("class") == "configuration"]
    configuration = burden(total(row.number("weight") for row in configured), parity.number("configuration_weight"))
    severity = worst_severity(severity_of(row.text("severity")) for row in counted)
    shown_severity = "low" if severity is Severity.INFO else severity.word
    return {
        "/staging_parity/differing": len(rows),
        "/staging_parity/unplanned": len(unplanned(body)),
        "/staging_parity/not_comparable": len(fields.rows("not_comparable")),
        "/staging_parity/drift_metric": drift if known else None,
        "/staging_parity/parity_score": rest(drift) if known else None,
        "/staging_parity/configuration_metric": configuration if known else None,
        "/staging_parity/drift_severity": shown_severity if known and drift is not None else None,
    }


def unplanned(body: Mapping[str, Tree]) -> tuple[str, ...]:
    """Paths of drift without a remediation plan: while any is left, the run pauses (PAR-05).

    Drift is what differs, is rated above `none` and is not accepted. A plan counts until it is due; a mark counts where
    the answer that was asked for is late (C20). Neither passes the gate.
    """
    fields = Fields(body)
    compared_at = fields.part("staging_parity").moment("compared_at")
    return tuple(row.text("path") for row in fields.rows("differences") if not _is_settled(row, compared_at))


def open_items(body: Mapping[str, Tree]) -> tuple[OpenItem, ...]:
    """Every request for a remedy that is not settled, oldest first (PAR-13)."""
    rows = Fields(body).rows("remediation_requests") if "remediation_requests" in body else ()
    found = [
        OpenItem(row.text("path"), row.text("severity"), row.text("owner"), row.moment("first_seen"), row.text("state"))
        for row in rows
    ]
    return tuple(sorted(found, key=lambda item: (item.first_seen, item.path)))


def class_of(path: str) -> ItemClass:
    """The class of an item by the first part of its path; everything unknown is configuration."""
    return _CLASSES.get(path.lstrip("/").split("/", 1)[0], "configuration")


def _difference_row(difference: Difference) -> Body:
    kind = class_of(difference.path)
    acceptance = difference.accepted
    return without_none(
        {
            "path": difference.path,
            "class": kind,
            "differs_in": difference.differs_in.value,
            "staging": shown(difference.staging),
            "production": shown(difference.production),
            "severity": difference.severity.word,
            "weight": difference.weight,
            "cause": _CAUSES[kind],
            "accepted_until": time_text(acceptance.until) if acceptance else None,
            "accepted_by": acceptance.owner if acceptance else None,
            "accepted_reason": acceptance.reason if acceptance else None,
        }
    )


def _requests(rows: Iterable[Body], remedies: Remedies, now: datetime) -> dict[str, Body]:
    """What is asked of whom about each drift; an earlier request of this run keeps its times (PAR-07)."""
    planned = first_match([plan.path for plan in remedies.plans])
    found: dict[str, Body] = {}
    for row in rows:
        path = str(row["path"])
        if not _is_drift(Fields(row), now):
            continue
        before = remedies.earlier.get(path) or AskedBefore(now, now, now + remedies.answer_within)
        index = planned(path)
        plan = None if index is None else remedies.plans[index]
        state = "answered" if plan is not None and now < plan.due else "late" if before.due <= now else "open"
        found[path] = {
            "path": path,
            "severity": row["severity"],
            "owner": plan.owner if plan else remedies.owner,
            "first_seen": time_text(before.first_seen),
            "sent_at": time_text(before.sent_at),
            "due": time_text(before.due),
            "state": state,
        }
    return found


def _with_remedies(rows: list[Body], requests: Mapping[str, Body], remedies: Remedies, now: datetime) -> list[Tree]:
    planned = first_match([plan.path for plan in remedies.plans])
    marked = first_match([mark.path for mark in remedies.marks])
    answer: list[Tree] = []
    for row in rows:
        request = requests.get(str(row["path"]))
        plan, mark = (planned(str(row["path"])), marked(str(row["path"]))) if request else (None, None)
        late = request is not None and request["state"] == "late"
        answer.append(
            without_none(
                {
                    **row,
                    "plan": None if plan is None else _plan_row(remedies.plans[plan]),
                    "mark": None if mark is None or not late else _mark_row(remedies.marks[mark], now),
                }
            )
        )
    return answer


def _plan_row(plan: RemediationPlan) -> Body:
    return {"owner": plan.owner, "action": plan.action, "due": time_text(plan.due)}


def _mark_row(mark: RemediationMark, now: datetime) -> Body:
    return {"mark": MARK, "by": mark.by, "reason": mark.reason, "at": time_text(now)}


def _not_comparable_rows(
    rows: Iterable[tuple[str, str]], reviews: tuple[ParityReview, ...], now: datetime
) -> list[Tree]:
    reviewed = first_match([review.path for review in reviews])
    answer: list[Tree] = []
    for path, reason in rows:
        index = reviewed(path)
        review = None if index is None or reviews[index].until <= now else reviews[index]
        about = {"reviewed_by": review.reviewer, "reviewed_until": time_text(review.until)} if review else {}
        answer.append({"path": path, "reason": reason, **about})
    return answer


def _is_drift(row: Fields, at: datetime) -> bool:
    return row.text("severity") != Severity.NONE.word and not _is_accepted(row, at)


def _is_settled(row: Fields, at: datetime) -> bool:
    plan = row.maybe_part("plan")
    planned = plan is not None and plan.filled("owner") and plan.filled("action") and at < plan.moment("due")
    return planned or row.has("mark") or not _is_drift(row, at)


def _is_reviewed(row: Fields, at: datetime) -> bool:
    return row.filled("reviewed_by") and at < row.moment("reviewed_until")


def _is_accepted(row: Fields, at: datetime) -> bool:
    """Whether somebody who is named accepted this difference, with a reason, until a time that lies after `at`."""
    until = row.maybe_moment("accepted_until")
    return until is not None and at < until and row.filled("accepted_by") and row.filled("accepted_reason")
