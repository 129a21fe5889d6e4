"""From cumulative counters to ticks of the judge: increments between two snapshots, summed over the pods of a version.

    1  the same pod in both snapshots: the difference; in the later one only: no increment yet; gone: nothing more
    2  any counter of a pod below its predecessor, or vanished: the pod restarted, its increments are the new values
    3  an arm without a pod in both snapshots is missing
    4  buckets: cumulative to single, the same bounds everywhere, or the metric is faulty

Restart is judged for the whole pod, so that bad requests can never exceed requests. Both arms come from the same two
snapshots: arms cut at different instants look like a regression whenever the load moves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from gonogo.errors import BadInput
from gonogo.run.judging_ticks import Arm, Events, Faulty, Histogram, Missing, Observation, Tick, silent_arm
from gonogo.values import dataclass

_GOOD, _BAD = "good", "bad"
_Key = str | float
"""A counter of a pod: the good requests, the bad ones, or the upper bound of a bucket."""


@dataclass(frozen=True, slots=True)
class PodCounters:
    """The cumulative counts of one version at one endpoint (a pod, or a proxy that serves both versions).

    `counts` are requests, those that failed, then one for each bucket of `bounds`, as the ledger has them.
    """

    pod: str
    version: str
    counts: Sequence[int]
    bounds: Sequence[float] = ()


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
    earlier = {pod.pod: pod for pod in before.pods if pod.version == version}
    pairs = [_increments(earlier[pod.pod], pod) for pod in after.pods if pod.version == version and pod.pod in earlier]
    if not pairs:
        return Missing(_why(version, after))
    return _summed(version, pairs)


def _why(version: str, after: Snapshot) -> str:
    for silent, reason in after.silences:
        if silent == version:
            return f"{version}: {reason}"
    if any(pod.version == version for pod in after.pods):
        return f"{version}: first sample, an increment needs two"
    return f"{version}: no sample"


def _increments(before: PodCounters, after: PodCounters) -> Mapping[_Key, int]:
    old, new = _counters(before), _counters(after)
    restarted = any(new.get(key, -1) < value for key, value in old.items())
    return new if restarted else {key: value - old.get(key, 0) for key, value in new.items()}


def _counters(pod: PodCounters) -> Mapping[_Key, int]:
    requests, failed, *buckets = pod.counts
    return {_GOOD: requests - failed, _BAD: failed, **dict(zip(pod.bounds, buckets, strict=True))}


def _summed(version: str, pods: list[Mapping[_Key, int]]) -> _Grown | Faulty:
    bad = sum(grown[_BAD] for grown in pods)
    total = bad + sum(grown[_GOOD] for grown in pods)
    cumulative: dict[float, int] = {}
    shapes: set[tuple[float, ...]] = set()
    for grown in pods:
        buckets = {key: count for key, count in grown.items() if isinstance(key, float)}
        shapes |= {tuple(sorted(buckets))} if buckets else set()
        for bound, count in buckets.items():
            cumulative[bound] = cumulative.get(bound, 0) + count
    if len(shapes) > 1:
        return Faulty(f"the latency buckets of version {version} differ between its series")
    bounds = tuple(sorted(cumulative))
    singles = tuple(high - low for low, high in pairwise((0, *(cumulative[bound] for bound in bounds))))
    if min(singles, default=0) < 0:
        return Faulty(f"a latency bucket of version {version} counts less than the one below it")
    return _Grown(total, bad, singles, bounds)
