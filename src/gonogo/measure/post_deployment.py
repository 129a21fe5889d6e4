"""Checks right after the deployment: body of `post-deployment-validation.json` (F16, PDV-01, PDV-02, DG3-02).

The success rate counts every declared check; one that could not be run lowers it. A late start is a breach.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeAlias, get_args

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, duration_text, share, time_text, without_none
from gonogo.measure.rollback import CheckResult
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Severity
from gonogo.values import dataclass

CheckKind: TypeAlias = Literal["smoke", "health", "service"]

START_LIMIT = timedelta(minutes=5)
"""The built-in meaning of "at once" (PDV-01, III.6)."""


@dataclass(frozen=True, slots=True)
class CheckAfter:
    """One check of the running release; unmarked checks are critical."""

    name: str
    kind: CheckKind
    result: CheckResult
    at: datetime
    detail: str = ""
    critical: bool = True


@dataclass(frozen=True, slots=True)
class MetricReading:
    """One metric as it was read; `baseline` is what it was before, for comparison (OBS-02)."""

    metric: str
    value: Decimal
    unit: str
    at: datetime
    baseline: Decimal | None = None


@dataclass(frozen=True, slots=True)
class IncidentSeen:
    """An incident since the deployment."""

    id: str
    severity: Severity
    blocking: bool


@dataclass(frozen=True, slots=True)
class PostDeploymentSeen:
    """Everything that was seen after the deployment had ended at `deployed_at`; the checks began at `started_at`."""

    deployed_at: datetime
    started_at: datetime
    checks: tuple[CheckAfter, ...]
    metrics: tuple[MetricReading, ...]
    incidents: tuple[IncidentSeen, ...]
    start_limit: timedelta = START_LIMIT


def post_deployment_body(seen: PostDeploymentSeen) -> Body:
    """Body of the validation after the deployment (F16)."""
    raw: Body = {
        "post_deployment": {
            "started_after": duration_text(seen.started_at - seen.deployed_at),
            "start_limit": duration_text(seen.start_limit),
        },
        "checks": [
            {
                "name": check.name,
                "kind": check.kind,
                "critical": check.critical,
                "result": check.result,
                "at": time_text(check.at),
                "detail": check.detail,
            }
            for check in seen.checks
        ],
        "metrics_snapshot": [
            without_none(
                {
                    "metric": reading.metric,
                    "value": reading.value,
                    "unit": reading.unit,
                    "at": time_text(reading.at),
                    "baseline": reading.baseline,
                }
            )
            for reading in seen.metrics
        ],
        "incidents": [
            {"id": incident.id, "severity": incident.severity.word, "blocking": incident.blocking}
            for incident in seen.incidents
        ],
    }
    return filled(raw, derived_post_deployment(raw))


def derived_post_deployment(body: Mapping[str, Tree]) -> Derived:
    """Counts, success rate, blocking incidents, whether it began late, and the status (III.2)."""
    fields = Fields(body)
    about = fields.part("post_deployment")
    checks = fields.rows("checks")
    results = [check.word("result", get_args(CheckResult)) for check in checks]
    blocking = sum(incident.flag("blocking") for incident in fields.rows("incidents"))
    late = about.duration("started_after") > about.duration("start_limit")
    return {
        "/post_deployment/executed": sum(result in ("pass", "fail") for result in results),
        "/post_deployment/passed": results.count("pass"),
        "/post_deployment/success_rate": share(results.count("pass"), len(results)),
        "/post_deployment/blocking_incidents": blocking,
        "/post_deployment/late": late,
        "/post_deployment/status": _status(checks, blocking=bool(blocking), late=late),
    }


def _status(checks: tuple[Fields, ...], *, blocking: bool, late: bool) -> str | None:
    broken = any(check.flag("critical") and check.text("result") != "pass" for check in checks)
    if broken or blocking or late:
        return "fail"
    kinds = {check.text("kind") for check in checks}
    return "pass" if kinds >= set(get_args(CheckKind)) else None
