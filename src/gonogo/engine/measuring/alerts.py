"""What is open: alerts before a deployment, incidents after it (CON-04, DG3-02).

Two sources count. What gonogo sees itself always does: a front or slot that is not healthy is a critical alert, and in
production a blocking incident; a judge that gave the new version up is a blocking incident. What the project's own
monitoring says counts where an Alertmanager is bound under `alerting` of an environment, or a command under `alerts` or
`incidents`. A bound command that left nothing
readable makes the answer unknown; it is never read as "nothing is open".
"""

from __future__ import annotations

from collections.abc import Sequence

from gonogo.engine.bench import Bench
from gonogo.engine.measuring.baseline import alerts_of
from gonogo.engine.measuring.rollout import rolling_of
from gonogo.engine.runs_seen import left_behind
from gonogo.errors import BadInput
from gonogo.measure.connectivity import AlertSeen, ServiceProbe
from gonogo.measure.header import RawFile
from gonogo.measure.open_lists import read_alerts, read_incidents
from gonogo.measure.post_deployment import CheckAfter, IncidentSeen
from gonogo.run.judging import JudgeKind
from gonogo.terms import Severity
from gonogo.values import dataclass

ALERTS_FILE, INCIDENTS_FILE = "alerts.json", "incidents.json"


@dataclass(frozen=True, slots=True)
class Open:
    """What is open, None where the bound source did not say; the file it came from; why it is not known."""

    alerts: tuple[AlertSeen, ...] | None
    source: RawFile | None
    why: str


def open_alerts(bench: Bench, services: Sequence[ServiceProbe]) -> Open:
    """Open alerts: every service that is not healthy, and what Alertmanagers and the bound command list."""
    own = tuple(
        AlertSeen(f"{seen.environment}-{seen.service}-not-healthy", Severity.CRITICAL, seen.at)
        for seen in services
        if not seen.healthy
    )
    for kind in ("staging", "production"):
        known, why = alerts_of(bench, kind)
        if known is None:
            return Open(None, None, f"nobody can say which alerts of {kind} fire: {why}")
        own = (*own, *known)
    command = bench.plan.project.alerts
    if command is None:
        return Open(own, None, "")
    left = left_behind(bench, command, ALERTS_FILE)
    if left is None:
        return Open(None, None, f"the command `{command}` left no {ALERTS_FILE}")
    source = RawFile(ALERTS_FILE, left.digest)
    try:
        return Open((*own, *read_alerts(left.data, ALERTS_FILE)), source, "")
    except BadInput as error:
        return Open(None, source, f"{ALERTS_FILE} cannot be read: {error.what}")


def open_incidents(
    bench: Bench, checks: Sequence[CheckAfter]
) -> tuple[tuple[IncidentSeen, ...], tuple[CheckAfter, ...]]:
    """Incidents since the deployment, and a failed check where the bound source did not say what is open."""
    own = [
        IncidentSeen(f"failed-{check.kind}-check-{number}", Severity.CRITICAL, blocking=True)
        for number, check in enumerate(checks, start=1)
        if check.kind != "smoke" and check.result != "pass"
    ]
    rolling = rolling_of(bench)
    if rolling is not None and rolling.answer is not None and rolling.answer.kind is JudgeKind.ABORT:
        own.append(IncidentSeen("judge-abort", Severity.CRITICAL, blocking=True))
    command = bench.plan.project.incidents
    if command is None:
        return tuple(own), ()
    left = left_behind(bench, command, INCIDENTS_FILE)
    if left is None:
        return tuple(own), (_unknown(bench, f"the command `{command}` left no {INCIDENTS_FILE}"),)
    try:
        return (*own, *read_incidents(left.data, INCIDENTS_FILE)), ()
    except BadInput as error:
        return tuple(own), (_unknown(bench, f"{INCIDENTS_FILE} cannot be read: {error.what}"),)


def _unknown(bench: Bench, why: str) -> CheckAfter:
    return CheckAfter("open incidents are known", "service", "error", bench.now, why)
