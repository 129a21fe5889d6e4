"""Figures of one version: the baseline of staging, and the same figures of production beside it (OBS-01, OBS-02).

A Prometheus computes them itself over its window; from counters alone they are computed since the slot was started.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from gonogo.engine.bench import Bench, Looked
from gonogo.engine.handover import handover
from gonogo.errors import GonogoError
from gonogo.evidence.canonical import read_object
from gonogo.measure import baseline as figures
from gonogo.measure.baseline import (
    BaselineSeen,
    Comparable,
    DashboardReference,
    FigureRead,
    baseline_body,
    baseline_markdown,
    comparable,
    lacking,
    metrics_of,
)
from gonogo.measure.connectivity import AlertSeen
from gonogo.measure.post_deployment import MetricReading
from gonogo.plan.project import Environment
from gonogo.ports import CounterSample, MetricSample
from gonogo.protocol.threshold import Op
from gonogo.run.slo import FixedRule, Measured, beside_bounds, quantile_of, rate_of
from gonogo.terms import Severity

PAUSE = 0.5
RANKS = (("p50", Decimal("0.5")), ("p95", Decimal("0.95")), ("p99", Decimal("0.99")))


def figures_of(sample: CounterSample) -> dict[str, Measured]:
    """Error rate (a ratio) and latencies (seconds) of one slot, since it was started."""
    found = {"error_rate": rate_of(sample.errors, sample.requests)}
    counts = [count for _, count in sample.buckets]
    singles = [high - low for low, high in zip((0, *counts[:-1]), counts, strict=False)]
    bounds = [float(bound) for bound, _ in sample.buckets[:-1]]
    for name, rank in RANKS:
        found[name] = quantile_of(singles, bounds, rank) if singles else Measured(None, 0, "no latency buckets")
    return found


def read_figures(bench: Bench, environment: Environment, slot: str, version: str) -> tuple[FigureRead, ...]:
    """Every figure of `version` in `slot`; asked again for as long as the binding allows while one is missing.

    A Prometheus that is ready has scraped nothing yet: the first samples of a new version come later (PM-04).
    """
    clock, binding = bench.world.clock, environment.metrics
    deadline = clock.monotonic() + float(binding.wait if binding else 0)
    while True:
        found = _figures_now(bench, environment, slot, version)
        if not lacking(found) or clock.monotonic() + PAUSE > deadline:
            return found
        clock.sleep(PAUSE)


def _figures_now(bench: Bench, environment: Environment, slot: str, version: str) -> tuple[FigureRead, ...]:
    asked = bench.world.figures.get(environment.name)
    if asked is not None and not environment.hosts:
        return asked.figures(slot, version)
    source = bench.world.metrics.get(environment.name)
    sample = source.sample() if source else None
    found = counters_of(environment, sample, slot) if sample else None
    if found is None:
        why = dict(sample.missing).get(slot, f"the metric source says nothing of slot `{slot}`") if sample else ""
        return (FigureRead("any metric", "", None, "", why or "no metric source is bound"),)
    return _counted(environment, found)


def _counted(environment: Environment, found: CounterSample) -> tuple[FigureRead, ...]:
    measured = figures_of(found)
    rate = measured["error_rate"]
    needed = environment.metrics.at_least if environment.metrics else 1
    if rate.value is not None and found.requests < needed:
        rate = Measured(None, rate.samples, f"{found.requests} requests, {needed} needed")
    full = (figures.saturation(found.saturation),) if found.saturation is not None else ()
    quantiles = tuple(figures.latency(name, measured[name].value, measured[name].reason) for name, _ in RANKS)
    return (figures.error_rate(rate.value, rate.reason), *quantiles, *full)


def counters_of(environment: Environment, sample: MetricSample, slot: str) -> CounterSample | None:
    """The counters of a slot; over hosts, those of all hosts together, which must count latency in the same buckets."""
    if not environment.hosts:
        return next((item for item in sample.slots if item.slot == slot), None)
    if {item.slot for item in sample.slots} != set(environment.hosts):
        return None
    bounds = {tuple(bound for bound, _ in item.buckets) for item in sample.slots}
    if len(bounds) != 1:
        return None
    counts = [sum(each) for each in zip(*([count for _, count in item.buckets] for item in sample.slots), strict=True)]
    full = [item.saturation for item in sample.slots if item.saturation is not None]
    return CounterSample(
        slot,
        sum(item.requests for item in sample.slots),
        sum(item.errors for item in sample.slots),
        tuple(zip(bounds.pop(), counts, strict=True)),
        max(full, default=None),
    )


def baseline(bench: Bench) -> Looked:
    """Metrics of staging after the rehearsal, for comparison after the deployment (OBS-01)."""
    environment = bench.environment("staging")
    slot = str(bench.seen("staging").get("candidate") or "")
    version = bench.plan.release.version
    found = read_figures(bench, environment, slot, version)
    # Figures may have been waited for: they are those of now, not of the moment in which they were first asked for.
    captured = bench.world.clock.now()
    missing = lacking(found)
    if missing:
        text = "".join(f"\n  - {line}" for line in missing)
        return Looked(ok=False, detail=f"{bench.task.title}: the metric source of staging gave no value for{text}")
    alerts = firing(bench, "staging")
    if alerts:
        return Looked(ok=False, detail=f"{bench.task.title}: {alerts}")
    seen = BaselineSeen(
        captured,
        _window(bench, environment, captured),
        metrics_of(found),
        _dashboards(environment),
        version=version,
        source=source_of(environment),
        remarks=_remarks(bench, environment, slot),
    )
    body = baseline_body(seen)
    files = (bench.json(figures.FILE, body), bench.text("observability-baseline.md", baseline_markdown(body)))
    return Looked(ok=True, files=files)


def _remarks(bench: Bench, environment: Environment, slot: str) -> tuple[str, ...]:
    """Objectives for production that the histogram cannot tell sharply: their limit is no bucket bound (PM-02)."""
    source = bench.world.metrics.get(environment.name)
    found = counters_of(environment, source.sample(), slot) if source else None
    bounds = [float(bound) for bound, _ in found.buckets[:-1]] if found else []
    known = {name for name, _ in RANKS}
    rules = [
        FixedRule(rule.metric, Op.LE, rule.limit, "s")
        for rule in bench.plan.project.health.objectives
        if rule.metric in known
    ]
    return tuple(text for rule in rules if bounds and (text := beside_bounds(rule, bounds)))


def _window(bench: Bench, environment: Environment, until: datetime) -> timedelta:
    """What the figures are about: the window of a Prometheus, else the time since the new version was installed."""
    if environment.name in bench.world.figures and environment.metrics:
        return timedelta(seconds=float(environment.metrics.window))
    installed = [known.ended for _, known in bench.commands_run("deploy") if known.ended]
    return max(until - max(installed), timedelta(0)) if installed else timedelta(0)


def _dashboards(environment: Environment) -> tuple[DashboardReference, ...]:
    known = environment.metrics.dashboards if environment.metrics else {}
    return tuple(DashboardReference(name, reference) for name, reference in known.items())


def source_of(environment: Environment) -> str:
    """Where an environment's figures come from, for people."""
    binding = environment.metrics
    if binding is None:
        return "nowhere"
    return f"prometheus {binding.url}" if binding.kind == "prometheus" else binding.kind


def firing(bench: Bench, kind: str) -> str:
    """Which critical alerts of an environment fire, or why nobody can say; empty where none does or none is bound."""
    known, why = alerts_of(bench, kind)
    if known is None:
        return f"nobody can say which alerts of {kind} fire: {why}"
    open_now = [alert for alert in known if alert.severity >= Severity.CRITICAL]
    named = ", ".join(f"{alert.id} ({alert.severity.word})" for alert in open_now)
    return f"critical alerts of {kind} fire: {named}" if named else ""


def alerts_of(bench: Bench, kind: str) -> tuple[tuple[AlertSeen, ...] | None, str]:
    """Alerts of an environment's Alertmanager, None with the reason where it cannot say; none where none is bound."""
    source = bench.world.alerts.get(bench.environment(kind).name)
    found = source.firing() if source else None
    return (found.alerts, found.why) if found else ((), "")


def readings(bench: Bench) -> tuple[MetricReading, ...]:
    """The figures of production now, each beside the baseline that staging gave it (OBS-02)."""
    environment = bench.environment("production")
    slot = str(bench.seen("production").get("candidate") or "")
    known = handed_baseline(bench)
    found = read_figures(bench, environment, slot, bench.plan.release.version)
    return tuple(
        MetricReading(one.title, one.value, one.unit, bench.now, _beside(known, one))
        for one in found
        if one.value is not None
    )


def _beside(known: Comparable, figure: FigureRead) -> Decimal | None:
    value, unit = known.get((figure.metric, figure.statistic), (None, ""))
    return value if unit == figure.unit else None


def handed_baseline(bench: Bench) -> Comparable:
    """The baseline that pre-deployment handed over for this very release; empty where there is none."""
    handed = handover(bench)
    found = handed.file(figures.FILE) if handed else None
    if found is None:
        return {}
    try:
        return comparable(read_object(bench.world.vault.read(found.digest), name=figures.FILE))
    except GonogoError:
        return {}
