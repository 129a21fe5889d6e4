"""What fires, from Alertmanager's API v2, and whether anybody would know (CON-04, PRE-23, PM-03).

An Alertmanager that nobody feeds answers `[]` like one of a healthy system. So the answer counts only where Prometheus
has every named rule, healthy and freshly evaluated, and sends its alerts to an Alertmanager at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from gonogo.adapters.http_calls import call, printable
from gonogo.adapters.metrics.prometheus_api import PrometheusApi
from gonogo.errors import BadInput, Broken
from gonogo.measure.connectivity import AlertSeen
from gonogo.ports import AlertsRead
from gonogo.terms import Severity
from gonogo.values import dataclass

OK = 200
SEVERITIES: Mapping[str, Severity] = {
    "critical": Severity.CRITICAL,
    "page": Severity.CRITICAL,
    "error": Severity.HIGH,
    "high": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "medium": Severity.MEDIUM,
    "low": Severity.LOW,
    "info": Severity.INFO,
    "none": Severity.NONE,
}
"""The words that alerting rules commonly bear; every other word is UNKNOWN and counts as the worst (C14)."""


@dataclass(frozen=True, slots=True)
class AlertmanagerSource:
    """Alertmanager's address, the Prometheus that feeds it, and what has to be evaluated; `fresh` in seconds."""

    url: str
    prometheus: PrometheusApi
    rules: tuple[str, ...]
    matchers: tuple[str, ...] = ()
    severity_label: str = "severity"
    fresh: float = 180.0
    seconds: float = 3.0

    def firing(self) -> AlertsRead:
        """The alerts that fire, neither silenced nor inhibited; unknown with the reason where nobody can say."""
        try:
            why = self._unfed()
            return AlertsRead(None, why) if why else AlertsRead(self._alerts())
        except (Broken, BadInput) as error:
            return AlertsRead(None, f"{error.where}: {error.what}" if error.where else str(error.what))

    def _unfed(self) -> str:
        known = {rule.name: rule for rule in self.prometheus.rules()}
        for name in self.rules:
            rule = known.get(name)
            if rule is None:
                return f"{self.prometheus.url} has no alerting rule `{name}`"
            if not rule.healthy:
                return f"{self.prometheus.url} cannot evaluate the rule `{name}`: {rule.error}"
            if rule.age is None or not rule.age <= self.fresh:
                age = "never" if rule.age is None else f"{rule.age:.0f} s ago"
                return f"{self.prometheus.url} last evaluated the rule `{name}` {age}; {self.fresh:g} s are allowed"
        if not self.prometheus.alertmanagers():
            return f"{self.prometheus.url} sends its alerts to no Alertmanager"
        return ""

    def _alerts(self) -> tuple[AlertSeen, ...]:
        asked = [("active", "true"), ("silenced", "false"), ("inhibited", "false")]
        asked += [("filter", matcher) for matcher in self.matchers]
        url = f"{self.url.rstrip('/')}/api/v2/alerts?{urlencode(asked)}"
        answer = call("GET", url, fields={"Accept": "application/json"}, seconds=self.seconds)
        try:
            found = json.loads(answer.body)
        except ValueError as error:
            raise Broken(f"it answered {answer.words(120)}", where=self.url) from error
        if answer.status != OK or not isinstance(found, list):
            raise Broken(f"it answered {answer.words(120)}", where=self.url)
        return tuple(self._alert(row) for row in found)

    def _alert(self, row: object) -> AlertSeen:
        try:
            known = dict(row) if isinstance(row, dict) else {}
            labels = known["labels"]
            name, word = str(labels.get("alertname", "")), str(labels.get(self.severity_label, ""))
            since = datetime.fromisoformat(str(known["startsAt"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput("an alert of its answer cannot be read", where=self.url) from error
        severity = SEVERITIES.get(word.lower(), Severity.UNKNOWN)
        return AlertSeen(printable((name or "unnamed").encode("utf-8", "replace"), 120), severity, since)
