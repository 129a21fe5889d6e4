"""Staging against production: body of `staging-parity-report.json` (F2, PAR-01..09, C15).

Two flat mappings, path to value, are compared by type and content. Paths are JSON pointers whose first part is the
class: `/configuration/...`, `/secrets/...`, `/infrastructure/...`, `/feature_flags/...`. Drift metric = weight of what
differs / weight of what was compared; parity score = 1 minus it. A side that cannot be read, a side without a key and
an item that nobody could compare or review leave the severity and both figures out: then no gate can pass (PA-04).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
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
from gonogo.measure.glob_rules import ParityRules
from gonogo.measure.header import RawFile, raw_row
from gonogo.measure.parity_diff import (
    Difference,
    Leaf,
    difference_between,
    shown,
)
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Severity

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
    """One side, read whole: the file it came from and its leaves by path."""

    file: RawFile
    values: Mapping[str, Leaf]


@dataclass(frozen=True, slots=True)
class SideUnread:
    """One side that could not be read, or not wholly."""

    name: str
    reason: str


Side: TypeAlias = SideRead | SideUnread


@dataclass(frozen=True, slots=True)
class RemediationPlan:
    """Who does what until when about one difference; it lifts the pause, it does not pass the gate (PAR-05)."""

    owner: str
    action: str
    due: datetime


@dataclass(frozen=True, slots=True)
class ParitySeen:
    """Both sides, the rules they are rated by, plans by path, and who reviewed what could not be compared (PAR-09)."""

    staging: Side
    production: Side
    rules: ParityRules
    rules_file: RawFile
    plans: Mapping[str, RemediationPlan] = field(default_factory=dict)
    reviews: Mapping[str, str] = field(default_factory=dict)


def parity_body(seen: ParitySeen, now: datetime) -> Body:
    """Body of the parity report as of `now` (F2)."""
    sources: Body = {"rules": raw_row(seen.rules_file)}
    unread: list[Tree] = []
    sides: dict[str, SideRead] = {}
    for label, side in (("staging", seen.staging), ("production", seen.production)):
        match side:
            case SideRead(file=file, values=values):
                sources[label] = raw_row(file)
                sides[label] = side
                if not values:
                    unread.append({"path": f"/{label}", "reason": f"{file.name} holds no key at all"})
            case SideUnread(name=name, reason=reason):
                sources[label] = {"name": name}
                unread.append({"path": f"/{label}", "reason": reason})
    if unread:
        return _undecided(sources, unread, now)
    found = difference_between(sides["staging"].values, sides["production"].values, seen.rules)
    raw: Body = {
        "staging_parity": {
            "compared": found.compared,
            "compared_at": time_text(now),
            "compared_weight": found.compared_weight,
            "configuration_weight": found.weight_below("/configuration/"),
        },
        "sources": sources,
        "differences": [_difference_row(item, seen.plans.get(item.path)) for item in found.differences],
        "not_comparable": [_not_comparable_row(path, why, seen.reviews) for path, why in found.not_comparable],
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
    }
    return filled(raw, derived_parity(raw))


def derived_parity(body: Mapping[str, Tree]) -> Derived:
    """Severity, drift metric, parity score and counts, from the rows and the compared weights (III.2)."""
    fields = Fields(body)
    parity = fields.part("staging_parity")
    compared_at = parity.moment("compared_at")
    rows = fields.rows("differences")
    counted = [row for row in rows if not _is_accepted(row, compared_at)]
    open_items = [row for row in fields.rows("not_comparable") if not row.filled("reviewed_by")]
    known = not open_items and parity.count("compared") > 0
    drift = burden(total(row.number("weight") for row in counted), parity.number("compared_weight"))
    configured = [row for row in counted if row.text("class") == "configuration"]
    configuration = burden(total(row.number("weight") for row in configured), parity.number("configuration_weight"))
    severity = worst_severity(severity_of(row.text("severity")) for row in counted)
    shown_severity = "low" if severity is Severity.INFO else severity.word
    return {
        "/staging_parity/differing": len(rows),
        "/staging_parity/not_comparable": len(fields.rows("not_comparable")),
        "/staging_parity/drift_metric": drift if known else None,
        "/staging_parity/parity_score": rest(drift) if known else None,
        "/staging_parity/configuration_metric": configuration if known else None,
        "/staging_parity/drift_severity": shown_severity if known and drift is not None else None,
    }


def unplanned(body: Mapping[str, Tree]) -> tuple[str, ...]:
    """Paths that differ, are not accepted and have no remediation plan: while any is left, the run pauses (PAR-05)."""
    fields = Fields(body)
    compared_at = fields.part("staging_parity").moment("compared_at")
    return tuple(
        row.text("path")
        for row in fields.rows("differences")
        if not _is_accepted(row, compared_at) and not row.has("plan")
    )


def class_of(path: str) -> ItemClass:
    """The class of an item by the first part of its path; everything unknown is configuration."""
    return _CLASSES.get(path.lstrip("/").split("/", 1)[0], "configuration")


def _difference_row(difference: Difference, plan: RemediationPlan | None) -> Body:
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
            "plan": _plan_row(plan) if plan else None,
            "accepted_until": time_text(acceptance.until) if acceptance else None,
            "accepted_by": acceptance.owner if acceptance else None,
            "accepted_reason": acceptance.reason if acceptance else None,
        }
    )


def _plan_row(plan: RemediationPlan) -> Body:
    return {"owner": plan.owner, "action": plan.action, "due": time_text(plan.due)}


def _not_comparable_row(path: str, reason: str, reviews: Mapping[str, str]) -> Body:
    return without_none({"path": path, "reason": reason, "reviewed_by": reviews.get(path)})


def _is_accepted(row: Fields, at: datetime) -> bool:
    """Whether somebody who is named accepted this difference, with a reason, until a time that lies after `at`."""
    until = row.maybe_moment("accepted_until")
    return until is not None and at < until and row.filled("accepted_by") and row.filled("accepted_reason")
