"""The observability baseline: body of `observability-baseline.json` and its Markdown twin (F27, OBS-01, OBS-02)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree
from gonogo.measure.figures import Body, duration_text, time_text
from gonogo.measure.markdown import cell, page, section, table
from gonogo.measure.stored_fields import Fields


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
    """What was measured over `window` until `captured_at`; `missing` are metrics that the source did not give."""

    captured_at: datetime
    window: timedelta
    metrics: tuple[BaselineMetric, ...]
    dashboards: tuple[DashboardReference, ...]
    missing: tuple[str, ...] = ()


def baseline_body(seen: BaselineSeen) -> Body:
    """Body of the baseline (F27); BadInput where nothing was measured, or not everything that was asked for."""
    if seen.missing or not seen.metrics:
        names = ", ".join(seen.missing) or "any metric"
        raise BadInput(f"the metric source gave no value for {names}", next_step="check the source and measure again")
    return {
        "captured_at": time_text(seen.captured_at),
        "window": duration_text(seen.window),
        "metrics": [
            {"metric": one.metric, "statistic": one.statistic, "value": one.value, "unit": one.unit}
            for one in seen.metrics
        ],
        "dashboards": [{"name": one.name, "reference": one.reference} for one in seen.dashboards],
    }


def baseline_markdown(body: Mapping[str, Tree]) -> str:
    """The twin `observability-baseline.md`: one line per metric, rendered from the body (OBS-01)."""
    fields = Fields(body)
    lines = [_line(row) for row in fields.rows("metrics")]
    dashboards = [(row.text("name"), row.text("reference")) for row in fields.rows("dashboards")]
    return page(
        "Observability baseline",
        f"Captured at {fields.text('captured_at')} over {fields.text('window')}.",
        "\n".join(lines),
        section("Dashboards", table(("Name", "Reference"), dashboards)),
    )


def _line(row: Fields) -> str:
    statistic = f" ({cell(row.text('statistic'))})" if row.text("statistic") else ""
    return f"- Metric: {cell(row.text('metric'))}{statistic} – {row.number('value')}{row.text('unit')}"
