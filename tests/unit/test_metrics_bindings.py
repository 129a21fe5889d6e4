"""What a project file may say of its metrics and alerts; names become part of queries and are checked as names."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from gonogo.plan.bindings import ProjectReading, read_project
from gonogo.plan.project import AlertingBinding, MetricsBinding

ROOT = Path(__file__).resolve().parents[2]
METRICS = "{kind: prometheus, url: 'http://127.0.0.1:9090'"
ALERTING = "{url: 'http://127.0.0.1:9093', rules: [ShopIsDown]"


def reading(metrics: str, alerting: str = "") -> ProjectReading:
    more = f"    alerting: {alerting}\n" if alerting else ""
    text = f"environments:\n  staging:\n    url: http://x\n    metrics: {metrics}\n{more}"
    return read_project(text.encode(), "gonogo.yaml")


def said(found: ProjectReading) -> list[str]:
    return [str(finding.message) for finding in found.findings if "environments.staging." in str(finding.message)]


def test_a_prometheus_needs_its_address_only() -> None:
    found = reading(METRICS + "}")
    assert said(found) == []
    metrics = found.project.environments["staging"].metrics
    assert isinstance(metrics, MetricsBinding)
    assert (metrics.slot_label, metrics.version_label, metrics.at_least) == ("instance", "", 1)
    assert (metrics.window, metrics.fresh, metrics.wait) == (Decimal(300), Decimal(60), Decimal(30))
    assert "`environments.staging.metrics.url` is missing" in said(reading("{kind: prometheus}"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("requests", "'x{a=\"b\"}'"),
        ("histogram", "'up) or vector(0'"),
        ("saturation", "'1 - up'"),
        ("slot_label", "'a=\"b\",c'"),
        ("version_label", "'version '"),
        ("code_label", "'code!'"),
        ("url", "'file:///etc/passwd'"),
    ],
)
def test_what_is_no_name_never_becomes_part_of_a_query(key: str, value: str) -> None:
    found = said(reading(f"{METRICS.replace('url:', 'path: /m, url:')}, {key}: {value}}}" if key != "url" else "{kind: prometheus, url: " + value + "}"))
    assert any(f"`environments.staging.metrics.{key}` is" in text for text in found)


def test_a_window_of_nothing_is_refused() -> None:
    assert any("at least a second" in text for text in said(reading(METRICS + ", window: 0s}")))
    assert any("at least a second" in text for text in said(reading(METRICS + ", fresh: 0s}")))


def test_alerts_are_fed_by_the_prometheus_of_the_metrics_or_by_a_named_one() -> None:
    alerting = reading(METRICS + "}", ALERTING + "}").project.environments["staging"].alerting
    assert isinstance(alerting, AlertingBinding)
    assert alerting.prometheus == "http://127.0.0.1:9090"
    lacking = said(reading("{kind: scrape}", ALERTING + "}"))
    assert any("`environments.staging.alerting.prometheus` is missing" in text for text in lacking)
    named = reading("{kind: scrape}", ALERTING + ", prometheus: 'http://127.0.0.1:9090'}")
    assert said(named) == []


@pytest.mark.req("PM-03")
def test_alerts_without_a_rule_that_has_to_be_evaluated_are_refused() -> None:
    assert any("`environments.staging.alerting.rules`" in text for text in said(reading(METRICS + "}", "{url: 'http://a'}")))
    empty = said(reading(METRICS + "}", "{url: 'http://a', rules: []}"))
    assert any("names no rule" in text for text in empty)


def test_a_matcher_that_is_none_is_refused_with_an_example() -> None:
    good = ALERTING + """, matchers: ['environment="staging"', 'team=~"a|b"']}"""
    assert said(reading(METRICS + "}", good)) == []
    for wrong in ("environment", 'a="b",c="d"', 'a="b\\"'):
        found = said(reading(METRICS + "}", ALERTING + f", matchers: ['{wrong}']}}"))
        assert any('which is no matcher such as environment="staging"' in text for text in found), wrong


@pytest.mark.parametrize(
    ("metrics", "why"),
    [
        ("{kind: haproxy, options: {socket: /run/h.sock}}", "`environments.staging.metrics.options.backend` is missing"),
        ("{kind: haproxy}", "`environments.staging.metrics.options.socket` is missing"),
        ("{kind: access_log, options: {file: a.log}}", "`environments.staging.metrics.options.format` is missing"),
        ("{kind: access_log, options: {format: nginx}}", "`environments.staging.metrics.options.file` is missing"),
    ],
)
def test_statistics_and_logs_have_to_be_named(metrics: str, why: str) -> None:
    assert any(why in text for text in said(reading(metrics)))


@pytest.mark.req("PX-16")
def test_a_latency_that_nothing_counts_cannot_judge_production() -> None:
    production = "environments:\n  production:\n    url: http://x\n    metrics: {kind: haproxy, options: {socket: s, backend: app}}\n"
    window = "health_window: {length: 1m, objectives: [{name: slow, metric: p95, at_most: 1s}]}\n"
    found = [f"{item.primary}: {item.message}" for item in read_project((production + window).encode(), "gonogo.yaml").findings]
    assert any(text.startswith("gonogo.yaml:3:") and "the rollout judges latency, but `environments.production` has" in text for text in found)
    assert any("`slow` limits p95, but production has metrics of kind haproxy, which count no latency" in text for text in found)
    without = "rollout: {latency: false}\nhealth_window: {length: 1m, objectives: [{name: errors, metric: error_rate, at_most: 1%}]}\n"
    found = [f"{item.primary}: {item.message}" for item in read_project((production + without).encode(), "gonogo.yaml").findings]
    assert not any("count no latency" in text for text in found)


@pytest.mark.parametrize("block", re.findall(r"```yaml\n( +metrics: .*?)```", (ROOT / "docs/rollouts.md").read_text("utf-8"), re.DOTALL))
def test_the_metrics_of_the_page_about_rollouts_are_read(block: str) -> None:
    assert said(reading(block.strip().removeprefix("metrics: "))) == []
