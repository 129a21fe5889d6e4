"""What a deployment did, as a rollout (F15) and by services (F22); ROL-02..04, AG2-01.

Bodies of `production-deployment-report.json`, and of `staging-deployment.json` and `production-deployment.json`.
`success` needs every action with exit code 0, all traffic moved, no analysis that failed, no rollback, and the new
version answering. An action whose end nobody knows makes the whole `unknown`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, TypeAlias

from gonogo.evidence.canonical import Tree
from gonogo.measure.command_runs import ended_well, lost
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, duration_text, maybe_time, share, time_text, without_none
from gonogo.measure.stored_fields import Fields
from gonogo.terms import Digest, Verdict
from gonogo.values import dataclass

Strategy: TypeAlias = Literal["blue_green", "canary", "rolling"]


@dataclass(frozen=True, slots=True)
class ActionSeen:
    """One act on a target; `exit_code` and `ended_at` are None where nobody knows how it ended."""

    kind: str
    target: str
    argv: tuple[str, ...]
    started_at: datetime
    ended_at: datetime | None
    exit_code: int | None
    traffic_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class AnalysisSeen:
    """What the judge said of one metric: baseline against candidate."""

    metric: str
    baseline: Decimal | None
    candidate: Decimal | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class RollbackTaken:
    """A rollback that was triggered; `recovery_time` is None until it was verified."""

    reason: str
    recovery_time: timedelta | None
    verified: bool


@dataclass(frozen=True, slots=True)
class DeploymentSeen:
    """One rollout. `failed_requests` and `downtime` come from the request stream, None where none was running."""

    strategy: Strategy
    started_at: datetime
    ended_at: datetime
    actions: tuple[ActionSeen, ...]
    analyses: tuple[AnalysisSeen, ...]
    to_version: str
    version_after: str | None
    approval_sha256: Digest
    snapshot_sha256: Digest
    downtime: timedelta | None = None
    failed_requests: int | None = None
    rollback: RollbackTaken | None = None


@dataclass(frozen=True, slots=True)
class ServiceDeployed:
    """One service after the deployment; `error` says what went wrong with it."""

    service: str
    version: str
    digest: Digest
    deployed: bool
    healthy: bool
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ServicesSeen:
    """All services of one environment after a deployment (F22); `approval_sha256` only for production."""

    started_at: datetime
    ended_at: datetime
    services: tuple[ServiceDeployed, ...]
    errors: tuple[str, ...] = ()
    downtime: timedelta | None = None
    rollback: RollbackTaken | None = None
    approval_sha256: Digest | None = None


def deployment_body(seen: DeploymentSeen) -> Body:
    """Body of the production deployment report (F15)."""
    raw: Body = without_none(
        {
            "deployment": without_none(
                {
                    "strategy": seen.strategy,
                    "started_at": time_text(seen.started_at),
                    "ended_at": time_text(seen.ended_at),
                    "downtime": duration_text(seen.downtime) if seen.downtime is not None else None,
                    "failed_requests": seen.failed_requests,
                    "to_version": seen.to_version,
                    "version_after": seen.version_after,
                }
            ),
            "actions": [_action_row(number, action) for number, action in enumerate(seen.actions, start=1)],
            "analyses": [_analysis_row(analysis) for analysis in seen.analyses],
            "rollback": _rollback_row(seen.rollback),
            "approval_sha256": seen.approval_sha256,
            "snapshot_sha256": seen.snapshot_sha256,
        }
    )
    return filled(raw, derived_deployment(raw))


def derived_deployment(body: Mapping[str, Tree]) -> Derived:
    """Status and duration of a rollout, from its actions, analyses and rollback (III.2)."""
    fields = Fields(body)
    about = fields.part("deployment")
    return {
        "/deployment/duration": duration_text(about.moment("ended_at") - about.moment("started_at")),
        "/deployment/status": _rollout_status(fields),
    }


def services_body(seen: ServicesSeen) -> Body:
    """Body of a deployment by services (F22)."""
    raw: Body = without_none(
        {
            "deployment": without_none(
                {
                    "started_at": time_text(seen.started_at),
                    "ended_at": time_text(seen.ended_at),
                    "downtime": duration_text(seen.downtime) if seen.downtime is not None else None,
                }
            ),
            "services": [_service_row(service) for service in seen.services],
            "error_lines": list(seen.errors),
            "rollback": _rollback_row(seen.rollback),
            "approval_sha256": seen.approval_sha256,
        }
    )
    return filled(raw, derived_services(raw))


def derived_services(body: Mapping[str, Tree]) -> Derived:
    """Shares of deployed and healthy services, errors and status (III.2)."""
    fields = Fields(body)
    services = fields.rows("services")
    deployed = sum(row.flag("deployed") for row in services)
    healthy = sum(row.flag("deployed") and row.flag("healthy") for row in services)
    errors = sum(row.filled("error") for row in services) + len(fields.texts("error_lines"))
    whole = bool(services) and deployed == healthy == len(services) and not errors
    return {
        "/deployment/deployed_rate": share(deployed, len(services)),
        "/deployment/healthy_rate": share(healthy, len(services)),
        "/deployment/errors": errors,
        "/deployment/status": _after_rollback(fields) or ("success" if whole else "failure" if services else "unknown"),
    }


def _rollout_status(fields: Fields) -> str:
    actions = fields.rows("actions")
    rolled_back = _after_rollback(fields)
    if rolled_back:
        return rolled_back
    if not actions or any(lost(row) for row in actions):
        return "unknown"
    moves = [row.number("traffic_percent") for row in actions if row.has("traffic_percent")]
    judged_well = all(row.text("verdict") == Verdict.PASS.word for row in fields.rows("analyses"))
    if not all(ended_well(row) for row in actions) or not judged_well or moves[-1:] not in ([], [Decimal(100)]):
        return "failure"
    about = fields.part("deployment")
    if not about.has("version_after"):
        return "unknown"
    return "success" if about.text("version_after") == about.text("to_version") else "failure"


def _after_rollback(fields: Fields) -> str | None:
    """`rolled_back` after a verified rollback, `failure` after one that was not; None where there was none."""
    rollback = fields.maybe_part("rollback")
    if rollback is None or not rollback.flag("triggered"):
        return None
    return "rolled_back" if rollback.flag("verified") else "failure"


def _action_row(number: int, action: ActionSeen) -> Body:
    return without_none(
        {
            "n": number,
            "kind": action.kind,
            "target": action.target,
            "argv": list(action.argv),
            "started_at": time_text(action.started_at),
            "ended_at": maybe_time(action.ended_at),
            "exit_code": action.exit_code,
            "traffic_percent": action.traffic_percent,
        }
    )


def _analysis_row(analysis: AnalysisSeen) -> Body:
    return without_none(
        {
            "metric": analysis.metric,
            "baseline": analysis.baseline,
            "candidate": analysis.candidate,
            "verdict": analysis.verdict.word,
        }
    )


def _rollback_row(rollback: RollbackTaken | None) -> Body | None:
    if rollback is None:
        return None
    took = duration_text(rollback.recovery_time) if rollback.recovery_time is not None else None
    return without_none(
        {"triggered": True, "reason": rollback.reason, "recovery_time": took, "verified": rollback.verified}
    )


def _service_row(service: ServiceDeployed) -> Body:
    return without_none(
        {
            "service": service.service,
            "version": service.version,
            "digest": service.digest,
            "deployed": service.deployed,
            "healthy": service.healthy,
            "error": service.error,
        }
    )
