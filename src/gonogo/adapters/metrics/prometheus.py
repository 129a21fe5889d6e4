"""Counts and figures of each slot from a Prometheus that scrapes them (OBS-01, PM-01, PM-02, PM-05).

A slot is found by one label: `instance`, whose value is the host and port of the slot's address, or any other label
whose value is the slot's name. All queries of one reading are evaluated at the same moment. Traps of the query
language, each of which would show a service that nobody measures as a healthy one:

* no request with a 5xx yet means no series, so the error rate has no row: the errors are added to zero times the total;
* 0/0 is NaN, and an unknown name is an empty vector: both have no value;
* a series that is scraped no more is answered for five minutes: its last sample has to be fresh;
* a quantile above the last finite bucket is shown as that bucket's bound: it has no value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from gonogo.adapters.metrics.prometheus_api import PrometheusApi, Sampled, labelled
from gonogo.adapters.metrics.scrape import EXACT, MetricNames, ordered_buckets
from gonogo.errors import BadInput, Broken
from gonogo.measure.baseline import FigureRead, error_rate, latency, saturation
from gonogo.ports import CounterSample, MetricSample
from gonogo.values import dataclass

QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


@dataclass(frozen=True, slots=True)
class Asked:
    """How the source is asked: the label of a slot and of a version, the window of rates, and how old is too old."""

    slot_label: str = "instance"
    version_label: str = ""
    window: float = 300.0
    fresh: float = 60.0
    at_least: int = 1


@dataclass(frozen=True, slots=True)
class PrometheusSource:
    """`slots` maps names to the values of `asked.slot_label`."""

    api: PrometheusApi
    slots: Mapping[str, str]
    names: MetricNames
    asked: Asked

    def sample(self) -> MetricSample:
        """Cumulative counters of every slot; a slot without fresh series is missing with the reason."""
        read = tuple(self._counters(slot) for slot in self.slots)
        return MetricSample(
            tuple(one for one in read if isinstance(one, CounterSample)),
            tuple(one for one in read if not isinstance(one, CounterSample)),
        )

    def figures(self, slot: str, version: str) -> tuple[FigureRead, ...]:
        """Error rate, latencies and saturation of one version in one slot over the window, all of one moment."""
        wanted = self._wanted(slot, version)
        try:
            at = self._fresh_moment(wanted)
            return (
                self._error_rate(wanted, at),
                *self._latencies(wanted, at),
                *((self._saturation(wanted, at),) if self.names.saturation else ()),
            )
        except (Broken, BadInput) as error:
            return self._nothing(f"{self.api.url}: {error.what}")

    def _wanted(self, slot: str, version: str = "") -> str:
        value = self.slots.get(slot, slot)
        pairs = [(self.asked.slot_label, value)]
        pairs += [(self.asked.version_label, version)] if self.asked.version_label and version else []
        return ",".join(labelled(label, text) for label, text in pairs)

    def _fresh_moment(self, wanted: str) -> float:
        """The moment at which everything is asked; Broken where the newest sample is too old or there is none."""
        series = f"{self.names.requests}{{{wanted}}}"
        ages = self.api.instant(f"time() - timestamp({series})")
        if not ages:
            raise Broken(f"there is no series {series}")
        youngest = min(one.value for one in ages)
        if not youngest <= self.asked.fresh:
            raise Broken(f"the newest sample of {series} is {youngest:.0f} s old; {self.asked.fresh:g} s are allowed")
        return ages[0].at

    def _error_rate(self, wanted: str, at: float) -> FigureRead:
        names, window = self.names, _span(self.asked.window)
        total = f"sum(increase({names.requests}{{{wanted}}}[{window}]))"
        failed = f'sum(increase({names.requests}{{{wanted},{names.code_label}=~"5.."}}[{window}])) or 0 * {total}'
        requests = self._one(total, at)
        if requests is None:
            return error_rate(None, f"no two samples of {names.requests} within {window}")
        if not requests >= max(self.asked.at_least, 1) * (1 - 1e-9):
            return error_rate(None, f"{requests:.0f} requests within {window}, {self.asked.at_least} needed")
        bad = self._one(failed, at)
        if bad is None or not 0 <= bad <= requests:
            return error_rate(None, f"{bad} errors in {requests:.0f} requests cannot be true")
        return error_rate(_decimal(bad / requests))

    def _latencies(self, wanted: str, at: float) -> tuple[FigureRead, ...]:
        rates = f"sum by (le) (rate({self.names.histogram}_bucket{{{wanted}}}[{_span(self.asked.window)}]))"
        below = {one.labels.get("le", ""): one.value for one in self.api.instant(rates, at)}
        bound, share = _last_bound(below)
        if bound is None:
            reason = f"no histogram {self.names.histogram} with finite buckets and +Inf was counted"
            return tuple(latency(name, None, reason) for name, _ in QUANTILES)
        return tuple(self._quantile(name, rank, rates, at, (bound, share)) for name, rank in QUANTILES)

    def _quantile(self, name: str, rank: float, rates: str, at: float, last: tuple[float, float]) -> FigureRead:
        if rank > last[1]:
            return latency(name, None, f"above the last bucket bound {last[0]:g} s")
        found = self._one(f"histogram_quantile({rank}, {rates})", at)
        if found is None or not math.isfinite(found) or found < 0:
            return latency(name, None, f"the quantile is {found}")
        return latency(name, _decimal(found))

    def _saturation(self, wanted: str, at: float) -> FigureRead:
        found = self._one(f"max({self.names.saturation}{{{wanted}}})", at)
        if found is None:
            return saturation(None, f"there is no series {self.names.saturation}{{{wanted}}}")
        if not 0 <= found <= 1:
            return saturation(None, f"{self.names.saturation} is {found}, which is no ratio")
        return saturation(_decimal(found))

    def _one(self, query: str, at: float) -> float | None:
        """The only value of a query, None for an empty vector or NaN; BadInput for several."""
        found = self.api.instant(query, at)
        if len(found) > 1:
            raise BadInput(f"{len(found)} series where one was expected: {query[:120]}")
        return None if not found or math.isnan(found[0].value) else found[0].value

    def _nothing(self, why: str) -> tuple[FigureRead, ...]:
        full = (saturation(None, why),) if self.names.saturation else ()
        return (error_rate(None, why), *(latency(name, None, why) for name, _ in QUANTILES), *full)

    def _counters(self, slot: str) -> CounterSample | tuple[str, str]:
        wanted = self._wanted(slot)
        try:
            at = self._fresh_moment(wanted)
            counted = self.api.instant(f"sum by ({self.names.code_label}) ({self.names.requests}{{{wanted}}})", at)
            buckets = self.api.instant(f"sum by (le) ({self.names.histogram}_bucket{{{wanted}}})", at)
            full = self._saturation(wanted, at).value if self.names.saturation else None
            return CounterSample(slot, *self._totals(counted), _buckets(buckets), full and full / 100)
        except (Broken, BadInput) as error:
            return slot, f"{self.api.url}: {error.what}"

    def _totals(self, counted: tuple[Sampled, ...]) -> tuple[int, int]:
        total = errors = 0
        for one in counted:
            code = one.labels.get(self.names.code_label, "")
            if len(code) != 3 or code[0] not in "12345":
                raise BadInput(f"a series of {self.names.requests} has no status code in `{self.names.code_label}`")
            count = _count(one)
            total, errors = total + count, errors + (count if code.startswith("5") else 0)
        return total, errors


def _buckets(found: tuple[Sampled, ...]) -> tuple[tuple[str, int], ...]:
    if not found:
        raise BadInput("there is no histogram of the latency")
    return ordered_buckets({one.labels.get("le", ""): _count(one) for one in found})


def _count(one: Sampled) -> int:
    if not (0 <= one.value <= EXACT and one.value.is_integer()):
        raise BadInput(f"a counter is {one.value}, which is no count")
    return int(one.value)


def _last_bound(below: Mapping[str, float]) -> tuple[float | None, float]:
    """The last finite bucket bound, and the share of requests that lies below it; None where that cannot be said."""
    try:
        bounds = {float(text): value for text, value in below.items()}
    except ValueError:
        return None, 0.0
    total = bounds.pop(math.inf, math.nan)
    if not bounds or not total > 0:
        return None, 0.0
    last = max(bounds)
    return last, bounds[last] / total


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))


def _span(seconds: float) -> str:
    return f"{max(1, round(seconds))}s"
