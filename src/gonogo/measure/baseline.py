"""The observability baseline: body of `observability-baseline.json` and its Markdown twin (F27, OBS-01, OBS-02).

A figure is named by metric and statistic, `API latency (p95)`, and stands in the unit in which people talk about it:
milliseconds and percent. The same names stand beside the figures of production later, so that both can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.measure.figures import Body, duration_text, time_text, trimmed
from gonogo.measure.markdown import cell, page, section, table
from gonogo.measure.stored_fields import Fields
from gonogo.values import dataclass

FILE = "observability-baseline.json"
PERCENT, MILLISECONDS = "%", "ms"
_GRID = Decimal("0.000001")

Comparable: TypeAlias = Mapping[tuple[str, str], tuple[Decimal, str]]
"""Metric and statistic to value and unit."""


@dataclass(frozen=True, slots=True)
class FigureRead:
    """A figure that a metric source was asked for. `value` is None where it gave none, and then `reason` says why."""

    metric: str
    statistic: str
    value: Decimal | None
    unit: str
    reason: str = ""

    @property
    def title(self) -> str:
        """Metric and statistic as people say it."""
        return f"{self.metric} ({self.statistic})" if self.statistic else self.metric


@dataclass(frozen=True, slots=True)
class BaselineMetric:
    """One metric with its statistic, e.g. `API latency`, `p95`, 320, `ms`."""

    metric: str
    statistic: str
    value: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class DashboardReference:
    """A dashboard that people look at, and where it is."""

    name: str
    reference: str


@dataclass(frozen=True, slots=True)
class BaselineSeen:
    """What was measured over `window` until `captured_at`; `missing` are metrics that the source did not give.

    `version` and `source` say whose figures these are and where they come from; `remarks` are what people should know
    of the figures before they rely on them.
    """

    captured_at: datetime
    window: timedelta
    metrics: tuple[BaselineMetric, ...]
    dashboards: tuple[DashboardReference, ...]
    missing: tuple[str, ...] = ()
    version: str = ""
    source: str = ""
    remarks: tuple[str, ...] = ()


def error_rate(value: Decimal | None, reason: str = "") -> FigureRead:
    """The share of failed requests, a ratio, as a figure in percent."""
    return FigureRead("Error rate", "", _scaled(value, 100), PERCENT, reason)


def latency(statistic: str, seconds: Decimal | None, reason: str = "") -> FigureRead:
    """A quantile of the latency, in seconds, as a figure in milliseconds."""
    return FigureRead("API latency", statistic, _scaled(seconds, 1000), MILLISECONDS, reason)


def saturation(value: Decimal | None, reason: str = "") -> FigureRead:
    """How full the most scarce resource is, a ratio, as a figure in percent."""
    return FigureRead("Saturation", "", _scaled(value, 100), PERCENT, reason)


def _scaled(value: Decimal | None, factor: int) -> Decimal | None:
    return None if value is None else trimmed((value * factor).quantize(_GRID))


def metrics_of(figures: tuple[FigureRead, ...]) -> tuple[BaselineMetric, ...]:
    """The figures that have a value."""
    return tuple(
        BaselineMetric(one.metric, one.statistic, one.value, one.unit) for one in figures if one.value is not None
    )


def lacking(figures: tuple[FigureRead, ...]) -> tuple[str, ...]:
    """The figures without a value, each with its reason; a source that gave none at all lacks everything."""
    if not figures:
        return ("any metric",)
    return tuple(f"{one.title}: {one.reason or 'no value'}" for one in figures if one.value is None)


def baseline_body(seen: BaselineSeen) -> Body:
    """Body of the baseline (F27); BadInput where nothing was measured, or not everything that was asked for."""
    if seen.missing or not seen.metrics:
        names = "; ".join(seen.missing) or "any metric"
        raise BadInput(f"the metric source gave no value for {names}", next_step="check the source and measure again")
    body: Body = {
        "captured_at": time_text(seen.captured_at),
        "window": duration_text(seen.window),
        "metrics": [
            {"metric": one.metric, "statistic": one.statistic, "value": one.value, "unit": one.unit}
            for one in seen.metrics
        ],
        "dashboards": [{"name": one.name, "reference": one.reference} for one in seen.dashboards],
    }
    about: Body = {"version": seen.version, "source": seen.source, "remarks": list(seen.remarks)}
    return {**body, **{key: value for key, value in about.items() if value}}


def baseline_markdown(body: Mapping[str, Tree]) -> str:
    """The twin `observability-baseline.md`: one line per metric, rendered from the body (OBS-01)."""
    fields = Fields(body)
    lines = [_line(row) for row in fields.rows("metrics")]
    dashboards = [(row.text("name"), row.text("reference")) for row in fields.rows("dashboards")]
    version, source = fields.maybe_text("version"), fields.maybe_text("source")
    remarks = fields.texts("remarks") if fields.has("remarks") else ()
    about = f" Version {cell(version)}, from {cell(source)}." if version and source else ""
    return page(
        "Observability baseline",
        f"Captured at {fields.text('captured_at')} over {fields.text('window')}.{about}",
        "\n".join(lines),
        section("Dashboards", table(("Name", "Reference"), dashboards)),
        section("Remarks", "\n".join(f"- {cell(text)}" for text in remarks)) if remarks else "",
    )


def _line(row: Fields) -> str:
    statistic = f" ({cell(row.text('statistic'))})" if row.text("statistic") else ""
    return f"- Metric: {cell(row.text('metric'))}{statistic} – {row.number('value')}{row.text('unit')}"


def comparable(body: Mapping[str, Tree]) -> Comparable:
    """The figures of a stored baseline by metric and statistic, for comparison after the deployment (OBS-02)."""
    rows = Fields(body).rows("metrics")
    return {(row.text("metric"), row.text("statistic")): (row.number("value"), row.text("unit")) for row in rows}
