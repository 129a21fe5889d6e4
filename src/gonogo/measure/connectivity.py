"""Reachability and health of environments, apart and combined (F18, F19, F20; CON-01..04, AG1-01).

Bodies of `connectivity-report.json`, `health-check-report.json` and `validation.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, severity_of, share, time_text, without_none
from gonogo.measure.header import RawFile, raw_rows
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Severity
from gonogo.values import dataclass

PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class TargetProbe:
    """One probe of one target; `error` holds the reason where it was not reached."""

    environment: str
    target: str
    reachable: bool
    at: datetime
    latency_ms: Decimal | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ServiceProbe:
    """One health check of one service."""

    environment: str
    service: str
    healthy: bool
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PersonConfirmation:
    """A person's word that production may be probed (CON-02, C54)."""

    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AlertSeen:
    """An alert that is open."""

    id: str
    severity: Severity
    since: datetime


@dataclass(frozen=True, slots=True)
class EnvironmentsSeen:
    """All probes of all environments; `alerts` is None where the source of alerts did not answer."""

    targets: tuple[TargetProbe, ...]
    services: tuple[ServiceProbe, ...]
    alerts: tuple[AlertSeen, ...] | None
    parts: tuple[RawFile, ...]
    confirmation: PersonConfirmation | None = None


def connectivity_body(targets: tuple[TargetProbe, ...], confirmation: PersonConfirmation | None) -> Body:
    """Body of the connectivity report (F18)."""
    raw: Body = {"targets": [_target_row(probe) for probe in targets]}
    if confirmation is not None:
        raw["production_confirmation"] = {"person": confirmation.person, "at": time_text(confirmation.at)}
    return filled(raw, derived_connectivity(raw))


def derived_connectivity(body: Mapping[str, Tree]) -> Derived:
    """Counts and rate of reachable targets; whether production was probed only after the confirmation (III.2)."""
    targets = Fields(body).rows("targets")
    reachable = sum(row.flag("reachable") for row in targets)
    return {
        "/connectivity/total": len(targets),
        "/connectivity/reachable": reachable,
        "/connectivity/rate": share(reachable, len(targets)),
        "/connectivity/production_confirmed": _is_confirmed(Fields(body)),
    }


def health_checks_body(services: tuple[ServiceProbe, ...]) -> Body:
    """Body of the health check report (F19)."""
    raw: Body = {"services": [_service_row(probe) for probe in services]}
    return filled(raw, derived_health_checks(raw))


def derived_health_checks(body: Mapping[str, Tree]) -> Derived:
    """Counts and rate of healthy services (III.2)."""
    services = Fields(body).rows("services")
    healthy = sum(row.flag("healthy") for row in services)
    return {
        "/health/total": len(services),
        "/health/healthy": healthy,
        "/health/rate": share(healthy, len(services)),
    }


def validation_body(seen: EnvironmentsSeen) -> Body:
    """Body of the combined report (F20)."""
    raw: Body = {
        **connectivity_body(seen.targets, seen.confirmation),
        **health_checks_body(seen.services),
        "parts": raw_rows(seen.parts),
    }
    if seen.alerts is not None:
        raw["alerts"] = {
            "items": [
                {"id": alert.id, "severity": alert.severity.word, "since": time_text(alert.since)}
                for alert in seen.alerts
            ]
        }
    return filled(raw, derived_validation(raw))


def derived_validation(body: Mapping[str, Tree]) -> Derived:
    """Both rates, open critical alerts, and the status; unknown alerts leave the status out (III.2)."""
    connectivity, health = derived_connectivity(body), derived_health_checks(body)
    alerts = Fields(body).maybe_part("alerts")
    critical = sum(_is_critical(row) for row in alerts.rows("items")) if alerts else None
    rates = (connectivity["/connectivity/rate"], health["/health/rate"])
    bad = any(rate is not None and rate != 1 for rate in rates) or bool(critical)
    unconfirmed = connectivity["/connectivity/production_confirmed"] is False
    known = None not in rates and critical is not None
    return {
        **connectivity,
        **health,
        "/alerts/critical": critical,
        "/status": "fail" if bad or unconfirmed else "pass" if known else None,
    }


def _is_confirmed(fields: Fields) -> bool | None:
    """None where production was not probed at all."""
    probed = [row.moment("at") for row in fields.rows("targets") if row.text("environment") == PRODUCTION]
    if not probed:
        return None
    confirmation = fields.maybe_part("production_confirmation")
    return confirmation is not None and confirmation.filled("person") and confirmation.moment("at") <= min(probed)


def _is_critical(alert: Fields) -> bool:
    return severity_of(alert.text("severity")) >= Severity.CRITICAL


def _target_row(probe: TargetProbe) -> Body:
    return without_none(
        {
            "environment": probe.environment,
            "target": probe.target,
            "reachable": probe.reachable,
            "latency_ms": probe.latency_ms,
            "error": probe.error,
            "at": time_text(probe.at),
        }
    )


def _service_row(probe: ServiceProbe) -> Body:
    return {
        "environment": probe.environment,
        "service": probe.service,
        "healthy": probe.healthy,
        "detail": probe.detail,
        "at": time_text(probe.at),
    }
