"""Reads where an environment's request counts and alerts come from (`metrics` and `alerting` of `gonogo.yaml`)."""

from __future__ import annotations

import re
from decimal import Decimal

from gonogo.plan.project import AlertingBinding, Environment, HealthWindow, MetricsBinding, Promise, RolloutBinding
from gonogo.plan.reading import MISSING_KEY, WRONG_VALUE, Findings, Section

KINDS = ("scrape", "command", "prometheus", "haproxy", "access_log")
NEEDED_OPTIONS = {"haproxy": ("socket", "backend"), "access_log": ("file", "format")}
WITHOUT_LATENCY = ("haproxy",)
"""HAProxy's statistics know averages of latency only, from which nothing can be judged (PX-16)."""

SERIES = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r"[a-zA-Z_][a-zA-Z0-9_]*"
MATCHER = r'[a-zA-Z_][a-zA-Z0-9_]*(=|!=|=~|!~)"[^"\\\n]*"'
ADDRESS = r"https?://\S+"
"""Names are checked here because they become part of a query: what is no name can never change what is asked."""


def metrics_of(section: Section | None) -> MetricsBinding | None:
    """The source of an environment's counts, None where none is bound."""
    if section is None:
        return None
    kind = section.provider("kind", KINDS, "scrape")
    found = MetricsBinding(
        kind=kind,
        path=section.text("path", "/metrics", pattern=r"/\S*"),
        requests=section.text("requests", "http_requests_total", pattern=SERIES, kind="the name of a series"),
        code_label=section.text("code_label", "code", pattern=LABEL, kind="the name of a label"),
        histogram=section.text(
            "histogram", "http_request_duration_seconds", pattern=SERIES, kind="the name of a series"
        ),
        run=section.texts("run", ()),
        saturation=section.text("saturation", "", pattern=SERIES, kind="the name of a series"),
        url=section.text("url", "" if kind != "prometheus" else None, pattern=ADDRESS, kind="an http or https address"),
        slot_label=section.text("slot_label", "instance", pattern=LABEL, kind="the name of a label"),
        version_label=section.text("version_label", "", pattern=LABEL, kind="the name of a label"),
        window=section.seconds("window", Decimal(300)),
        fresh=section.seconds("fresh", Decimal(60)),
        wait=section.seconds("wait", Decimal(30 if kind == "prometheus" else 0)),
        at_least=section.integer("at_least", 1, least=1),
        dashboards=section.mapping("dashboards"),
        options=section.mapping("options"),
    )
    if found.window < 1 or found.fresh <= 0:
        what = f"`{section.path}.window` and `{section.path}.fresh` must be at least a second"
        section.notes.error(WRONG_VALUE, what, section.origin)
    for option in NEEDED_OPTIONS.get(kind, ()):
        if not found.options.get(option):
            what = f"`{section.path}.options.{option}` is missing; metrics of kind {kind} need it"
            section.notes.error(MISSING_KEY, what, section.origin)
    section.finish()
    return found


def check_latency(environment: Environment, rollout: RolloutBinding, health: HealthWindow, notes: Findings) -> None:
    """Errors where production is to be judged by a latency that its source of metrics does not count (PX-16)."""
    kind = environment.metrics.kind if environment.metrics else ""
    if environment.kind != "production" or kind not in WITHOUT_LATENCY:
        return
    counted = f"metrics of kind {kind}, which count no latency"
    if rollout.latency:
        what = f"the rollout judges latency, but `environments.{environment.name}` has {counted}"
        notes.error(
            WRONG_VALUE, what, environment.origin, "write `latency: false` under `rollout`, or bind other metrics"
        )
    for rule in (*rollout.limits, *health.objectives):
        if rule.metric != "error_rate":
            notes.error(WRONG_VALUE, f"`{rule.name}` limits {rule.metric}, but production has {counted}", rule.origin)


def check_promises(environment: Environment, promises: tuple[Promise, ...], notes: Findings) -> None:
    """Errors where a promise is about a latency that the metrics of production do not count (PX-16)."""
    kind = environment.metrics.kind if environment.metrics else ""
    for promise in promises if environment.kind == "production" and kind in WITHOUT_LATENCY else ():
        if promise.bound is not None:
            what = f"`{promise.name}` is about latency, but production has metrics of kind {kind}, which count none"
            notes.error(WRONG_VALUE, what, promise.origin)


def alerting_of(section: Section | None, metrics: MetricsBinding | None) -> AlertingBinding | None:
    """The source of an environment's alerts, None where none is bound.

    An Alertmanager that nobody feeds shows nothing, too: so at least one rule has to be named, and the Prometheus
    that evaluates it.
    """
    if section is None:
        return None
    default = metrics.url if metrics else ""
    found = AlertingBinding(
        url=section.text("url", pattern=ADDRESS, kind="an http or https address"),
        prometheus=section.text("prometheus", default, pattern=ADDRESS, kind="an http or https address"),
        matchers=section.texts("matchers", ()),
        severity_label=section.text("severity_label", "severity", pattern=LABEL, kind="the name of a label"),
        rules=section.texts("rules"),
        fresh=section.seconds("fresh", Decimal(180)),
    )
    for matcher in found.matchers:
        if not re.fullmatch(MATCHER, matcher):
            what = f'`{section.path}.matchers` holds `{matcher}`, which is no matcher such as environment="staging"'
            section.notes.error(WRONG_VALUE, what, section.origin_of("matchers"))
    if not found.prometheus:
        what = f"`{section.path}.prometheus` is missing; nobody could say whether the alerting rules are evaluated"
        section.notes.error(MISSING_KEY, what, section.origin)
    if section.has("rules") and not found.rules:
        what = f"`{section.path}.rules` names no rule; an Alertmanager that nobody feeds shows no alert, too"
        section.notes.error(WRONG_VALUE, what, section.origin_of("rules"))
    section.finish()
    return found
