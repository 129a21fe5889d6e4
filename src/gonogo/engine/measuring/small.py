"""The small pipeline's own measurements: reach, health, services, smoke, performance (CON, RCF-05, PDV-03..05)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from fnmatch import fnmatchcase

from gonogo.engine.bench import Bench, Looked
from gonogo.engine.decisions_seen import round_at
from gonogo.engine.measuring.alerts import open_alerts
from gonogo.engine.measuring.baseline import counters_of, figures_of
from gonogo.engine.measuring.rollout import deployment, rolling_of
from gonogo.engine.measuring.tests import execution, short_suites
from gonogo.engine.measuring.world import reach, serving
from gonogo.engine.runs_seen import sealed_before, stage_began
from gonogo.evidence.ledger import Entry
from gonogo.evidence.sayings import AttestationSaying
from gonogo.evidence.statements import read_statement
from gonogo.measure.connectivity import (
    EnvironmentsSeen,
    PersonConfirmation,
    ServiceProbe,
    TargetProbe,
    connectivity_body,
    health_checks_body,
    validation_body,
)
from gonogo.measure.deployment import ServiceDeployed, ServicesSeen, services_body
from gonogo.measure.header import RawFile
from gonogo.measure.performance import PerformanceReading, figures_before, performance_body
from gonogo.measure.smoke import SmokeTest, smoke_body
from gonogo.terms import digest_of

CONFIRMATION = "production_probe"
BASELINE = "performance-baseline.json"


def staging_connectivity(bench: Bench) -> Looked:
    """Staging is reached, before a person is asked whether production may be probed (CON-02)."""
    failed = [f"staging {name}: {detail}" for name, ok, detail in reach(bench, "staging") if not ok]
    return Looked(ok=not failed, detail="; ".join(failed))


def confirmation_of(bench: Bench) -> PersonConfirmation | None:
    """The recorded word of a person that production may be probed (CON-02, C54)."""
    asked = round_at(bench, CONFIRMATION)
    for answer in asked.answers if asked else ():
        saying = read_statement(bench.world.vault.read(answer.statement)).saying
        if isinstance(saying, AttestationSaying) and saying.answer == "yes":
            return PersonConfirmation(answer.person, answer.at)
    return None


def _targets(bench: Bench, *, metrics: bool) -> tuple[TargetProbe, ...]:
    found = [
        TargetProbe(kind, name, ok, bench.now, None, None if ok else detail)
        for kind in ("staging", "production")
        for name, ok, detail in reach(bench, kind)
    ]
    if metrics:
        source = bench.world.metrics.get(bench.environment("production").name)
        seen = source.sample() if source else None
        answered = bool(seen and seen.slots)
        error = None if answered else "the metric source gave no sample"
        found.append(TargetProbe("production", "metrics", answered, bench.now, None, error))
    return tuple(found)


def connectivity(bench: Bench) -> Looked:
    """Staging, production and its metric source are reached, the latter two after the confirmation (CON-01, CON-02)."""
    confirmed = confirmation_of(bench)
    if confirmed is None:
        return Looked(ok=False, detail="nobody confirmed that production may be probed")
    targets = _targets(bench, metrics=True)
    body = connectivity_body(targets, confirmed)
    failed = [f"{item.environment} {item.target}: {item.error}" for item in targets if not item.reachable]
    return Looked(ok=not failed, files=(bench.json("connectivity-report.json", body),), detail="; ".join(failed))


def health_checks(bench: Bench) -> Looked:
    """Every service is asked for its health; open critical alerts are part of the answer (CON-03, CON-04)."""
    services = tuple(
        ServiceProbe(kind, name, ok, detail, bench.now)
        for kind in ("staging", "production")
        for name, ok, detail in reach(bench, kind)
    )
    alerts = open_alerts(bench, services)
    report_file = bench.json("health-check-report.json", health_checks_body(services))
    parts = [RawFile(report_file.name, digest_of(report_file.data)), *bench.raw("connectivity-report.json")]
    parts += [alerts.source] if alerts.source else []
    seen = EnvironmentsSeen(
        _targets(bench, metrics=False), services, alerts.alerts, tuple(parts), confirmation_of(bench)
    )
    failed = [f"{item.environment} {item.service}: {item.detail}" for item in services if not item.healthy]
    failed += [alerts.why] if alerts.why else []
    files = (report_file, bench.json("validation.json", validation_body(seen)))
    return Looked(ok=not failed, files=files, detail="; ".join(failed))


def services_record(bench: Bench, kind: str, name: str) -> Looked:
    """A deployment by services (F22)."""
    front = serving(bench, kind).front
    wanted = bench.plan.release.version
    fault = None if front.version == wanted and front.healthy else front.detail
    services = tuple(
        ServiceDeployed(item.name, item.version, item.digest, front.version == wanted, front.healthy, fault)
        for item in bench.plan.release.services
    )
    body = services_body(ServicesSeen(stage_began(bench), bench.now, services))
    return Looked(ok=fault is None, files=(bench.json(name, body),), detail=fault or "")


def staging_deployment(bench: Bench) -> Looked:
    """`staging-deployment.json` of the small pipeline (RCF-05)."""
    return services_record(bench, "staging", "staging-deployment.json")


def deployed(bench: Bench) -> Looked:
    """The deployment report of the protocol that runs: by acts, or by services in the small pipeline (ROL-03)."""
    if bench.plan.name == "deployment-automation":
        return services_record(bench, "production", "production-deployment.json")
    return deployment(bench)


def smoke(bench: Bench) -> Looked:
    """The smoke tests against production (PDV-03)."""
    seen, raw = execution(bench, bench.plan.project.smoke)
    results = tuple(
        SmokeTest(
            case.id,
            case.outcome,
            timedelta(seconds=float(case.seconds or 0)),
            critical=not any(fnmatchcase(case.id, pattern) for pattern in suite.noncritical),
        )
        for suite in seen.suites
        for case in suite.cases
    )
    body = smoke_body(results)
    short = short_suites(bench.plan.project.smoke, seen)
    lacking = "; ".join((*(item.reason for item in seen.unreadable), *short))
    return Looked(ok=not lacking, files=(*raw, bench.json("smoke-test-results.json", body)), detail=lacking)


def performance(bench: Bench) -> Looked:
    """Performance as the baseline of later deployments; a metric that was not read has no value (PDV-04, PDV-05).

    Beside each figure stands that of the release before, so that people see where it moves inside its range.
    """
    environment = bench.environment("production")
    source = bench.world.metrics.get(environment.name)
    sample = source.sample() if source else None
    slot = str(bench.seen("production").get("candidate") or "")
    found = counters_of(environment, sample, slot) if sample else None
    measured = figures_of(found) if found else {}
    earlier = sealed_before(bench, BASELINE, _released)
    previous = figures_before(earlier.body) if earlier and earlier.body else {}
    readings = tuple(
        PerformanceReading(
            rule.metric,
            "ratio" if rule.metric == "error_rate" else "seconds",
            measured[rule.metric].value if rule.metric in measured else None,
            Decimal(0),
            rule.limit,
            previous.get(rule.metric),
        )
        for rule in bench.plan.project.health.objectives
    )
    rolling = rolling_of(bench)
    body = performance_body(readings, bench.now, bench.now - rolling.began if rolling else timedelta(0))
    lacking = ", ".join(reading.metric for reading in readings if reading.value is None)
    inputs = (RawFile(f"{earlier.run}/{BASELINE}", earlier.digest),) if previous and earlier else ()
    file = bench.json(BASELINE, body, inputs=inputs)
    return Looked(ok=not lacking, files=(file,), detail=f"not read in production: {lacking}" if lacking else "")


def _released(_bench: Bench, entries: Sequence[Entry]) -> bool:
    """Whether a run ended with its release in production: what was taken back is no baseline."""
    return any(entry.type == "run.closed" and entry.data.get("outcome") == "released" for entry in entries)
