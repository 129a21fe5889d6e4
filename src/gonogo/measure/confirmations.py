"""Scope and stakeholders: `release-manifest.confirmations.json`, twin `release-manifest.md` (F11, SCO-01..03)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, maybe_time, without_none
from gonogo.measure.markdown import page, section, table
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest
from gonogo.values import dataclass

SecurityImpact: TypeAlias = Literal["yes", "no", "not_stated"]


@dataclass(frozen=True, slots=True)
class ServiceInScope:
    """A service that the release touches; empty owner, rollback or digest make the scope unclear (SCO-03)."""

    name: str
    version: str
    digest: Digest | None
    owner: str
    rollback: str
    security_impact: SecurityImpact = "not_stated"


@dataclass(frozen=True, slots=True)
class StakeholderSeen:
    """A person who has to confirm; `confirmed_at` and `signature` are None until a verified confirmation is there."""

    person: str
    role: str
    confirmed_at: datetime | None = None
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class ConfirmationsSeen:
    """The scope and who has confirmed it."""

    services: tuple[ServiceInScope, ...]
    stakeholders: tuple[StakeholderSeen, ...]


def confirmations_body(seen: ConfirmationsSeen) -> Body:
    """Body of the confirmations (F11)."""
    raw: Body = {
        "services": [
            without_none(
                {
                    "name": service.name,
                    "version": service.version,
                    "digest": service.digest,
                    "owner": service.owner,
                    "rollback": service.rollback,
                    "security_impact": service.security_impact,
                }
            )
            for service in seen.services
        ],
        "stakeholders": [
            without_none(
                {
                    "person": stakeholder.person,
                    "role": stakeholder.role,
                    "confirmed_at": maybe_time(stakeholder.confirmed_at),
                    "signature": stakeholder.signature,
                }
            )
            for stakeholder in seen.stakeholders
        ],
    }
    return filled(raw, derived_confirmations(raw))


def derived_confirmations(body: Mapping[str, Tree]) -> Derived:
    """How many confirmations are required and received, and whether everything is confirmed and clear (III.2)."""
    fields = Fields(body)
    people = fields.rows("stakeholders")
    received = sum(_has_confirmed(row) for row in people)
    services = fields.rows("services")
    complete = bool(people) and received == len(people) and bool(services) and not unclear_services(body)
    return {
        "/confirmation/required": len(people),
        "/confirmation/received": received,
        "/confirmation/complete": complete,
    }


def unclear_services(body: Mapping[str, Tree]) -> tuple[str, ...]:
    """Services without owner, rollback or digest: while there are any, the run pauses (SCO-03)."""
    return tuple(
        row.text("name")
        for row in Fields(body).rows("services")
        if not (row.filled("owner") and row.filled("rollback") and row.filled("digest"))
    )


def confirmations_markdown(body: Mapping[str, Tree]) -> str:
    """The twin `release-manifest.md`, rendered from the body (SCO-02)."""
    fields = Fields(body)
    summary = fields.part("confirmation")
    services = [
        (
            row.text("name"),
            row.text("version"),
            row.maybe_text("digest"),
            row.text("owner"),
            row.text("rollback"),
            row.text("security_impact"),
        )
        for row in fields.rows("services")
    ]
    people = [
        (row.text("person"), row.text("role"), row.maybe_text("confirmed_at") or "not yet", row.has("signature"))
        for row in fields.rows("stakeholders")
    ]
    return page(
        "Release manifest: scope and confirmations",
        f"Confirmed: {summary.count('received')} of {summary.count('required')}.",
        section("Services", table(("Service", "Version", "Digest", "Owner", "Rollback", "Security impact"), services)),
        section("Stakeholders", table(("Person", "Role", "Confirmed at", "Signed"), people)),
    )


def _has_confirmed(row: Fields) -> bool:
    return row.maybe_moment("confirmed_at") is not None and row.filled("signature")
