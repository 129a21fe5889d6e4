"""Increments of evidence for latency: the new version's distribution against the old one's, shifted by the margin.

Tilts `g` are non-decreasing over the buckets and fixed before the rollout, so a faster new version gives no evidence.
The pooled distribution uses the past only. Shifting the old version's counts is a monotone kernel: exact for "each old
request moves up one bucket with that probability", an approximation of "plus so many percent".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from operator import mul
from statistics import NormalDist

from gonogo.run.judging_events import Dispersion
from gonogo.run.judging_ticks import Histogram
from gonogo.values import dataclass

NORMAL = NormalDist()
LAMBDAS = (0.06, 0.12, 0.25, 0.5, 1.0, 2.0)
FASTER_LAMBDAS = (0.06, 0.12, 0.25, 0.5)
PSI_95 = (1.5, 3.0, 8.0)
PSI_99 = (2.0, 5.0, 20.0)
Z_LIMIT = 3.5
RANK_LIMIT = 1e-6
PRIOR_REQUESTS = 500.0
FLOOR = 1e-9
SAME_RATIO = 1e-6
WHOLE = 1e-9
TILT_WEIGHTS = (0.12, 0.26, 0.16, 0.07, 0.05, 0.04) + (0.2 / 3,) * 3 + (0.1 / 3,) * 3
"""Most on the slowdowns of 5 to 20 % that are hard to see: a doubling is plain whatever its tilt weighs."""
FASTER_WEIGHTS = (0.25,) * 4


@dataclass(frozen=True, slots=True)
class Shift:
    """Move every bucket up by `whole` buckets, then the given fraction of each one bucket further."""

    whole: int
    fractions: tuple[float, ...]


def shift_for(bounds: tuple[float, ...], margin: float) -> Shift:
    """The shift that stands for `margin` times slower.

    Buckets of one constant ratio: whole buckets and one fraction. Others: for each bucket the part of it that crosses
    its upper bound, spread evenly in the logarithm (the first evenly), the whole bucket at most.
    """
    ratio = _constant_ratio(bounds)
    if ratio is not None:
        steps = math.log(margin) / math.log(ratio)
        nearest = round(steps)
        steps = float(nearest) if abs(steps - nearest) < WHOLE else steps
        whole = math.floor(steps)
        return Shift(whole, (steps - whole,) * (len(bounds) + 1))
    crossing = [min(1.0, math.log(margin) / math.log(high / low)) for low, high in pairwise(bounds)]
    return Shift(0, (1.0 - 1.0 / margin, *crossing, 0.0))


def shifted(shift: Shift, counts: Sequence[float]) -> tuple[float, ...]:
    """`counts` after the shift; the last bucket keeps what would leave."""
    last = len(counts) - 1
    moved = [float(count) for count in counts]
    if shift.whole:
        moved = [0.0] * (last + 1)
        for place, count in enumerate(counts):
            moved[min(place + shift.whole, last)] += count
    leaving = [count * part for count, part in zip(moved, shift.fractions, strict=True)]
    leaving[last] = 0.0
    coming = [0.0, *leaving[:last]]
    return tuple(count - out + into for count, out, into in zip(moved, leaving, coming, strict=True))


@lru_cache(maxsize=64)
def shape(reference: tuple[int, ...], shift: Shift) -> tuple[float, ...]:
    """The reference distribution, shifted, summing to 1; after whole buckets no bucket stays empty."""
    total = sum(reference)
    moved = shifted(shift, [count / total for count in reference])
    if not shift.whole:
        return moved
    raised = [max(part, FLOOR) for part in moved]
    whole = sum(raised)
    return tuple(part / whole for part in raised)


@lru_cache(maxsize=64)
def scores(q: tuple[float, ...]) -> tuple[float, ...]:
    """Normal score of each bucket's middle rank."""
    found = []
    for below, part in zip(accumulate(q, initial=0.0), q, strict=False):
        rank = min(max(below + part / 2, RANK_LIMIT), 1.0 - RANK_LIMIT)
        found.append(min(max(NORMAL.inv_cdf(rank), -Z_LIMIT), Z_LIMIT))
    return tuple(found)


@lru_cache(maxsize=64)
def slower_tilts(q: tuple[float, ...]) -> tuple[tuple[float, ...], ...]:
    """The twelve tilts of "slower": six of the whole distribution, three above p95, three above p99."""
    z = scores(q)
    whole = [tuple(math.exp(strength * each) for each in z) for strength in LAMBDAS]
    tails = [
        tuple(1.0 + (psi - 1.0) * part for part in _above(q, rank))
        for rank, psis in ((0.95, PSI_95), (0.99, PSI_99))
        for psi in psis
    ]
    return (*whole, *tails)


@lru_cache(maxsize=64)
def faster_tilts(q: tuple[float, ...]) -> tuple[tuple[float, ...], ...]:
    """The four tilts of the GO certificate, "faster than the shifted old version"."""
    return tuple(tuple(math.exp(-strength * each) for each in scores(q)) for strength in FASTER_LAMBDAS)


def prior(q: Sequence[float]) -> tuple[float, ...]:
    """Bucket totals before the first tick: the reference, as if of 500 requests."""
    return tuple(PRIOR_REQUESTS * part for part in q)


def tilted(
    tilts: Sequence[tuple[float, ...]], pooled: Sequence[float], canary: Sequence[int], baseline: Sequence[float]
) -> tuple[float, ...]:
    """Increments for each tilt; `baseline` is already shifted, `pooled` holds only earlier ticks."""
    n_c, n_b = sum(canary), sum(baseline)
    pi = n_c / (n_c + n_b)
    mass = sum(pooled)
    busy = [
        (place, count, count + other)
        for place, (count, other) in enumerate(zip(canary, baseline, strict=True))
        if count or other
    ]
    found = []
    for tilt in tilts:
        middle = sum(map(mul, pooled, tilt)) / mass
        logs, increment = _logs(tilt), -n_c * math.log(middle)
        for place, count, both in busy:
            increment += count * logs[place] - both * math.log1p(pi * (tilt[place] / middle - 1.0))
        found.append(increment)
    return tuple(found)


@lru_cache(maxsize=256)
def _logs(tilt: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(math.log(each) for each in tilt)


def pooled_with(pooled: Sequence[float], baseline: Sequence[float]) -> tuple[float, ...]:
    """The bucket totals after a tick."""
    return tuple(total + count for total, count in zip(pooled, baseline, strict=True))


def score_of(z: Sequence[float], canary: Sequence[float], baseline: Sequence[float]) -> tuple[float, float]:
    """Numerator and variance of the rank score of one tick."""
    n_c, n_b = sum(canary), sum(baseline)
    total = n_c + n_b
    if n_c <= 0 or n_b <= 0 or total <= 1:
        return 0.0, 0.0
    both = [first + second for first, second in zip(canary, baseline, strict=True)]
    mean = sum(count * each for count, each in zip(both, z, strict=True)) / total
    variance = sum(count * each * each for count, each in zip(both, z, strict=True)) / total - mean * mean
    off = sum(count * each for count, each in zip(canary, z, strict=True)) - n_c * mean
    return off, n_c * n_b / (total - 1) * max(0.0, variance)


def latency_dispersion(q: tuple[float, ...], blocks: Sequence[Sequence[Histogram]]) -> Dispersion:
    """Dispersion of latency between two halves (`c` = A, `b` = B) of the old version; `q` is the plain reference."""
    z = scores(q)
    squares = variance = 0.0
    for block in blocks:
        off = 0.0
        for seen in block:
            part, spread = score_of(z, seen.c, seen.b)
            off += part
            variance += spread
        squares += off * off
    return Dispersion(squares, variance, len(blocks))


def _constant_ratio(bounds: tuple[float, ...]) -> float | None:
    ratios = [high / low for low, high in pairwise(bounds)]
    if not ratios or max(ratios) > min(ratios) * (1.0 + SAME_RATIO):
        return None
    return float((bounds[-1] / bounds[0]) ** (1.0 / len(ratios)))


def _above(q: Sequence[float], rank: float) -> list[float]:
    parts = []
    for reached, part in zip(accumulate(q), q, strict=True):
        if part <= 0.0:
            parts.append(1.0 if reached > rank else 0.0)
        else:
            parts.append(min(max((reached - rank) / part, 0.0), 1.0))
    return parts
