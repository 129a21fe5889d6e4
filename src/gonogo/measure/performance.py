"""Performance after the deployment: body of `performance-baseline.json` (F23, PDV-04, PDV-05, AG3-01, CMD-74)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, duration_text, time_text, without_none
from gonogo.measure.stored_fields import Fields
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class PerformanceReading:
    """One metric over the window. `value` is None where the source gave nothing; bounds are both inclusive."""

    metric: str
    unit: str
    value: Decimal | None
    lower: Decimal | None = None
    upper: Decimal | None = None
    previous: Decimal | None = None


def performance_body(readings: tuple[PerformanceReading, ...], captured_at: datetime, window: timedelta) -> Body:
    """Body of the performance baseline (F23)."""
    raw: Body = {
        "performance": {"captured_at": time_text(captured_at), "window": duration_text(window)},
        "metrics": [
            without_none(
                {
                    "metric": reading.metric,
                    "value": reading.value,
                    "unit": reading.unit,
                    "lower": reading.lower,
                    "upper": reading.upper,
                    "previous": reading.previous,
                    "in_range": _is_in_range(reading.value, reading.lower, reading.upper),
                }
            )
            for reading in readings
        ],
    }
    return filled(raw, derived_performance(raw))


def figures_before(body: Mapping[str, Tree]) -> Mapping[str, Decimal]:
    """The figures of an earlier baseline by metric, for the comparison with it (PDV-04)."""
    rows = Fields(body).rows("metrics")
    return {row.text("metric"): row.number("value") for row in rows if row.has("value")}


def derived_performance(body: Mapping[str, Tree]) -> Derived:
    """How many metrics lie outside their range (III.2).

    Left out while a metric has no value or no range is given at all, unless one is outside already: no data is no pass.
    """
    metrics = Fields(body).rows("metrics")
    answers = [_answer(row) for row in metrics]
    outside = answers.count(False)
    bounded = [row for row in metrics if row.has("lower") or row.has("upper")]
    missing = [row.text("metric") for row in metrics if not row.has("value")]
    known = bool(bounded) and not missing
    return {
        "/performance/out_of_range": outside if known or outside else None,
        "/performance/missing": list(missing),
    }


def _answer(row: Fields) -> bool | None:
    own = _is_in_range(row.maybe_number("value"), row.maybe_number("lower"), row.maybe_number("upper"))
    stated = row.flag("in_range") if row.has("in_range") else None
    return own if own is stated else False


def _is_in_range(value: Decimal | None, lower: Decimal | None, upper: Decimal | None) -> bool | None:
    if value is None or (lower is None and upper is None):
        return None
    return (lower is None or lower <= value) and (upper is None or value <= upper)
