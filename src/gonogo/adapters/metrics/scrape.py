"""Reads the counters of each slot from its own Prometheus page; all slots in the same moment.

What cannot be read is missing with its reason, never a zero (PM-01): an absent metric, a value that is negative, NaN or
no whole number (PM-05), a histogram without +Inf or whose counts fall, a series without the label of the status code,
or one that stands twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import pairwise

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from gonogo.adapters.http_calls import call
from gonogo.errors import BadInput, Broken
from gonogo.ports import CounterSample, MetricSample
from gonogo.values import dataclass

OK = 200
EXACT = float(1 << 53)
INFINITE = "+Inf"

_CODE = re.compile(r"[1-5](?:[0-9]{2}|xx)\Z")


@dataclass(frozen=True, slots=True)
class MetricNames:
    """Counter of requests, its label with the status code, latency histogram in seconds, and a gauge from 0 to 1."""

    requests: str = "http_requests_total"
    code_label: str = "code"
    histogram: str = "http_request_duration_seconds"
    saturation: str = ""


@dataclass(frozen=True, slots=True)
class ScrapeSource:
    """`slots` maps names to addresses; `path` is the page below each, `seconds` the limit of one reading."""

    slots: Mapping[str, str]
    path: str = "/metrics"
    names: MetricNames = MetricNames()
    seconds: float = 2.0

    def sample(self) -> MetricSample:
        """Read all slots once, side by side, so that no arm is older than the other."""
        with ThreadPoolExecutor(max(len(self.slots), 1)) as threads:
            found = tuple(threads.map(self._one, self.slots))
        return MetricSample(
            tuple(one for one in found if isinstance(one, CounterSample)),
            tuple(one for one in found if not isinstance(one, CounterSample)),
        )

    def _one(self, slot: str) -> CounterSample | tuple[str, str]:
        url = self.slots[slot].rstrip("/") + self.path
        try:
            answer = call("GET", url, fields={"Accept": "text/plain;version=0.0.4"}, seconds=self.seconds)
            if answer.status != OK:
                return slot, f"{url} answered {answer.words(120)}"
            return read_counters(slot, answer.body.decode("utf-8", "strict"), self.names)
        except Broken as error:
            return slot, f"{url}: {error.what}"
        except (BadInput, UnicodeDecodeError) as error:
            return slot, f"{url}: {error}"


def read_counters(slot: str, page: str, names: MetricNames) -> CounterSample:
    """The counters on a Prometheus page, summed over their label sets; BadInput where they are absent or unusable."""
    samples = _samples(page)
    requests = [one for one in samples if one.name == names.requests]
    if not requests:
        raise BadInput(f"there is no series of `{names.requests}`")
    counted = [one for one in samples if one.name in {names.requests, f"{names.histogram}_bucket"}]
    if len({(one.name, *sorted(one.labels.items())) for one in counted}) < len(counted):
        raise BadInput("a series with the same labels stands twice")
    errors = [one for one in requests if _is_error(one, names)]
    buckets = _buckets(samples, names.histogram)
    return CounterSample(slot, _total(requests), _total(errors), buckets, _saturation(samples, names.saturation))


def _samples(page: str) -> tuple[Sample, ...]:
    try:
        return tuple(sample for family in text_string_to_metric_families(page) for sample in family.samples)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise BadInput(f"no Prometheus page: {error!r}"[:200]) from error


def _is_error(sample: Sample, names: MetricNames) -> bool:
    code = sample.labels.get(names.code_label, "")
    if not _CODE.match(code):
        raise BadInput(f"a series of `{names.requests}` has no status code in its label `{names.code_label}`")
    return code.startswith("5")


def _saturation(samples: Iterable[Sample], name: str) -> Decimal | None:
    """The fullest of the gauges of this name; None where none was asked for."""
    if not name:
        return None
    found = [sample.value for sample in samples if sample.name == name]
    if not found or not all(0 <= value <= 1 for value in found):
        raise BadInput(f"`{name}` is {', '.join(map(str, found)) or 'not there'}; it must be a gauge from 0 to 1")
    return Decimal(repr(max(found)))


def _total(samples: Iterable[Sample]) -> int:
    return sum(_count(sample) for sample in samples)


def _count(sample: Sample) -> int:
    if not (0 <= sample.value <= EXACT and float(sample.value).is_integer()):
        raise BadInput(f"`{sample.name}` is {sample.value}, which is no count")
    return int(sample.value)


def _buckets(samples: Iterable[Sample], name: str) -> tuple[tuple[str, int], ...]:
    totals: dict[str, int] = {}
    for sample in samples:
        if sample.name == f"{name}_bucket":
            bound = sample.labels.get("le", "")
            totals[bound] = totals.get(bound, 0) + _count(sample)
    if not totals:
        raise BadInput(f"there is no histogram `{name}`")
    return ordered_buckets(totals)


def ordered_buckets(totals: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Cumulative buckets in order of their bounds; BadInput where they are no histogram."""
    try:
        ordered = tuple(sorted(totals.items(), key=lambda one: float(one[0])))
    except ValueError as error:
        raise BadInput(f"a bucket's bound is no number: {error}") from error
    if ordered[-1][0] != INFINITE or any(float(bound) != float(bound) for bound, _ in ordered):
        raise BadInput("the histogram does not end with the bucket +Inf")
    if any(low > high for (_, low), (_, high) in pairwise(ordered)):
        raise BadInput("the buckets of the histogram are not cumulative")
    return ordered
