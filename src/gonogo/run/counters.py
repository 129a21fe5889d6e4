"""From cumulative counters to ticks of the judge: increments between two snapshots, summed over the pods of a version.

    1  the same pod in both snapshots: the difference; in the later one only: no increment yet; gone: nothing more
    2  any counter of a pod below its predecessor, or vanished: the pod restarted, its increments are the new values
    3  an arm without a pod in both snapshots is missing; a fault of one pod is a fault of the metric
    4  buckets: cumulative to single, the same bounds everywhere, or the metric is faulty

Restart is judged for the whole pod, so that bad requests can never exceed requests. Both arms come from the same two
snapshots: arms cut at different instants look like a regression whenever the load moves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from gonogo.errors import BadInput
from gonogo.measure.exposition import Labels, Series, SeriesKind, VersionCounters
from gonogo.run.judging_ticks import Arm, Events, Faulty, Histogram, Missing, Observation, Tick, silent_arm
from gonogo.values import dataclass

_Key = tuple[SeriesKind, Labels, float]


@dataclass(frozen=True, slots=True)
class PodCounters:
    """The counters of one version at one endpoint (a pod, or a proxy that serves both versions)."""

    pod: str
    counters: VersionCounters


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All counters at one instant; `silences` says for a version why nothing came."""

    at_ms: int
    pods: tuple[PodCounters, ...]
    silences: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """Which version is which arm, and the judge's names of the metrics; without `latency` only errors are counted."""

    canary: str
    baseline: str
    errors: str = "errors"
    latency: str = ""


@dataclass(frozen=True, slots=True)
class _Grown:
    """What one arm counted between two snapshots."""

    total: int
    bad: int
    buckets: tuple[int, ...]
    bounds: tuple[float, ...]


def counters_of(version: str, counts: Sequence[int], bounds: Sequence[float]) -> VersionCounters:
    """Cumulative counts as they are recorded: requests, those that failed, then one for each bucket of `bounds`."""
    series = [
        Series(SeriesKind.GOOD, (), counts[0] - counts[1]),
        Series(SeriesKind.BAD, (), counts[1]),
        *(Series(SeriesKind.BUCKET, (), value, bound) for value, bound in zip(counts[2:], bounds, strict=True)),
    ]
    return VersionCounters(version, tuple(series))


def tick_between(reading: Reading, before: Snapshot, after: Snapshot, index: int, step: int) -> Tick:
    """The tick from `before` to `after`. Raises BadInput when time does not advance between them."""
    if after.at_ms <= before.at_ms:
        raise BadInput(
            f"the later snapshot is of {after.at_ms} ms, the earlier of {before.at_ms} ms",
            where="metric source",
            next_step="take the snapshots in order with one clock",
        )
    canary = _arm(reading.canary, before, after)
    baseline = _arm(reading.baseline, before, after)
    observations: dict[str, Observation] = {reading.errors: _events(canary, baseline)}
    if reading.latency:
        observations[reading.latency] = _histogram(canary, baseline)
    return Tick(index, before.at_ms, after.at_ms - before.at_ms, step, observations)


def _events(canary: _Grown | Missing | Faulty, baseline: _Grown | Missing | Faulty) -> Observation:
    if isinstance(canary, _Grown) and isinstance(baseline, _Grown):
        return Events(canary.total, canary.bad, baseline.total, baseline.bad)
    return _unusable(canary, baseline)


def _histogram(canary: _Grown | Missing | Faulty, baseline: _Grown | Missing | Faulty) -> Observation:
    if not isinstance(canary, _Grown) or not isinstance(baseline, _Grown):
        return _unusable(canary, baseline)
    silent = silent_arm(len(canary.bounds), len(baseline.bounds))
    if silent is not None:
        return Missing(f"no latency buckets ({silent.value})", silent)
    if canary.bounds != baseline.bounds:
        return Faulty("the two versions count latency in different buckets")
    if math.isfinite(canary.bounds[-1]):
        return Faulty("the latency buckets have no +Inf bucket")
    return Histogram(canary.buckets, baseline.buckets, canary.bounds[:-1])


def _unusable(canary: _Grown | Missing | Faulty, baseline: _Grown | Missing | Faulty) -> Missing | Faulty:
    match canary, baseline:
        case (Faulty() as fault, _) | (_, Faulty() as fault):
            return fault
        case Missing(), Missing():
            return Missing(f"{canary.reason}; {baseline.reason}", Arm.BOTH)
        case Missing(), _:
            return Missing(canary.reason, Arm.CANARY)
        case _, Missing():
            return Missing(baseline.reason, Arm.BASELINE)
        case _:
            return Missing("nothing was counted", Arm.BOTH)


def _arm(version: str, before: Snapshot, after: Snapshot) -> _Grown | Missing | Faulty:
    earlier = {pod.pod: pod.counters for pod in before.pods if pod.counters.version == version}
    pairs: list[Mapping[_Key, int]] = []
    for pod in after.pods:
        if pod.counters.version != version:
            continue
        fault = pod.counters.fault
        if fault:
            return Faulty(f"{pod.pod}, version {version}: {fault}")
        known = earlier.get(pod.pod)
        if known is not None and not known.fault:
            pairs.append(_increments(known, pod.counters))
    if not pairs:
        return Missing(_why(version, after))
    return _summed(version, pairs)


def _why(version: str, after: Snapshot) -> str:
    for silent, reason in after.silences:
        if silent == version:
            return f"{version}: {reason}"
    if any(pod.counters.version == version for pod in after.pods):
        return f"{version}: first sample, an increment needs two"
    return f"{version}: no sample"


def _increments(before: VersionCounters, after: VersionCounters) -> Mapping[_Key, int]:
    old = {(each.kind, each.labels, each.bound): each.value for each in before.series}
    new = {(each.kind, each.labels, each.bound): each.value for each in after.series}
    restarted = any(new.get(key, -1) < value for key, value in old.items())
    return new if restarted else {key: value - old.get(key, 0) for key, value in new.items()}


def _summed(version: str, pods: list[Mapping[_Key, int]]) -> _Grown | Faulty:
    total = bad = 0
    cumulative: dict[float, int] = {}
    shapes: set[tuple[float, ...]] = set()
    for grown in pods:
        for (kind, _, bound), count in grown.items():
            total += count if kind is not SeriesKind.BUCKET else 0
            bad += count if kind is SeriesKind.BAD else 0
            if kind is SeriesKind.BUCKET:
                cumulative[bound] = cumulative.get(bound, 0) + count
        shapes |= _shapes(grown)
    if len(shapes) > 1:
        return Faulty(f"the latency buckets of version {version} differ between its series")
    bounds = tuple(sorted(cumulative))
    buckets = tuple(high - low for low, high in pairwise((0, *(cumulative[bound] for bound in bounds))))
    if min(buckets, default=0) < 0:
        return Faulty(f"a latency bucket of version {version} counts less than the one below it")
    return _Grown(total, bad, buckets, bounds)


def _shapes(grown: Mapping[_Key, int]) -> set[tuple[float, ...]]:
    bounds: dict[Labels, list[float]] = {}
    for kind, labels, bound in grown:
        if kind is SeriesKind.BUCKET:
            bounds.setdefault(labels, []).append(bound)
    return {tuple(sorted(each)) for each in bounds.values()}
