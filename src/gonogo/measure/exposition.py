"""Prometheus exposition text as cumulative counters for each version: requests, bad requests, latency buckets.

Foreign text is data: what cannot be parsed is BadInput; what was parsed but cannot be true (NaN, negative, half a
request, the same series twice) is a fault of that version and never a number.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from itertools import pairwise

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from gonogo.errors import BadInput
from gonogo.values import dataclass

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SeriesNames:
    """Which series mean what. Without `durations` only errors are read.

    A request is bad when the text of `code_label` begins with one of `bad_codes`; `version_label` tells the arms apart.
    """

    requests: str = "http_requests_total"
    durations: str = ""
    code_label: str = "code"
    bad_codes: tuple[str, ...] = ("5",)
    version_label: str = "version"


class SeriesKind(enum.Enum):
    """What a series counts."""

    GOOD = "good"
    BAD = "bad"
    BUCKET = "bucket"


@dataclass(frozen=True, slots=True)
class Series:
    """One cumulative counter; `bound` is the upper bound of a bucket in the source's unit, infinite for the last."""

    kind: SeriesKind
    labels: Labels
    value: int
    bound: float = math.inf


@dataclass(frozen=True, slots=True)
class VersionCounters:
    """All counters of one version on one endpoint, in a fixed order; with a `fault` they are of no use."""

    version: str
    series: tuple[Series, ...]
    fault: str = ""


def read_counters(text: str, names: SeriesNames, version: str = "") -> tuple[VersionCounters, ...]:
    """The counters of every version in `text`, sorted by version; none when the text has no such series.

    `version` is given where a whole endpoint belongs to one version; then no version label is looked for. A series
    without version is left out. Raises BadInput for text that is not exposition text.
    """
    found: dict[str, list[Series | str]] = {}
    for sample in _samples(text):
        kind = _kind(sample, names)
        owner = version or sample.labels.get(names.version_label, "")
        if kind is not None and owner:
            found.setdefault(owner, []).append(_series(sample, kind, names))
    return tuple(_counters(owner, found[owner]) for owner in sorted(found))


def _samples(text: str) -> Iterable[Sample]:
    try:
        return [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    except (ValueError, KeyError, IndexError, AttributeError) as broken:
        raise BadInput(
            f"the metrics cannot be parsed: {broken}",
            where="exposition text",
            next_step="open the metrics address of the service and see what it really answers",
        ) from broken


def _kind(sample: Sample, names: SeriesNames) -> SeriesKind | None:
    if sample.name == names.requests:
        bad = sample.labels.get(names.code_label, "").startswith(names.bad_codes)
        return SeriesKind.BAD if bad else SeriesKind.GOOD
    if names.durations and sample.name == f"{names.durations}_bucket":
        return SeriesKind.BUCKET
    return None


def _series(sample: Sample, kind: SeriesKind, names: SeriesNames) -> Series | str:
    """The series, or why it cannot be true."""
    bound = _bound(sample) if kind is SeriesKind.BUCKET else math.inf
    own = {names.version_label, "le"} if kind is SeriesKind.BUCKET else {names.version_label}
    labels = tuple(sorted((name, text) for name, text in sample.labels.items() if name not in own))
    return _fault(sample, bound) or Series(kind, labels, int(sample.value), bound)


def _bound(sample: Sample) -> float:
    try:
        return float(sample.labels.get("le", "nan"))
    except ValueError:
        return math.nan


def _fault(sample: Sample, bound: float) -> str:
    if math.isnan(bound):
        return f"{sample.name} has a bucket without a bound"
    if not math.isfinite(sample.value):
        return f"{sample.name} is {sample.value}"
    if sample.value < 0 or sample.value != int(sample.value):
        return f"{sample.name} is {sample.value:g}, which is no count"
    return ""


def _counters(version: str, found: list[Series | str]) -> VersionCounters:
    series = sorted(
        (each for each in found if isinstance(each, Series)),
        key=lambda each: (each.kind.value, each.labels, each.bound),
    )
    faults = [each for each in found if isinstance(each, str)]
    if any(_same(first, second) for first, second in pairwise(series)):
        faults.append("a series with the same labels stands twice")
    return VersionCounters(version, tuple(series), faults[0] if faults else "")


def _same(first: Series, second: Series) -> bool:
    return (first.kind, first.labels, first.bound) == (second.kind, second.labels, second.bound)
