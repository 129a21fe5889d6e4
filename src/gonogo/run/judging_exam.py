"""The one exam at the planned end: totals of the window as ordinary test statistics.

Events are exact where that is cheap (a sum of binomials over the rollout steps), a score over ticks elsewhere; latency
is a stratified rank score. Not repeated after an extension of the window.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import NormalDist

from gonogo.run.judging_events import share
from gonogo.run.judging_ticks import Events
from gonogo.values import dataclass

NORMAL = NormalDist()
MOST_EVENTS = 2000
MOST_STRATA = 8
BLOCK_REQUESTS = 400
"""The split is looked at in blocks of so many requests of the new version, or its noise would look like a change."""

SPLIT_CHANGE = 1.5
SMALLEST_P = 1e-300
LIMIT_TERMS = 100_000
NOTHING = Events(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Stratum:
    """Sums of one rollout step; `low` and `high` are the extremes of the split over its closed blocks."""

    step: int
    total: Events = NOTHING
    block_c: int = 0
    block_b: int = 0
    low: float = 1.0
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class EventTotals:
    """Events of the window: by step, the score over ticks, and the parts of the Mantel-Haenszel ratio."""

    strata: tuple[Stratum, ...] = ()
    score: float = 0.0
    spread: float = 0.0
    ratio_top: float = 0.0
    ratio_bottom: float = 0.0

    @property
    def sums(self) -> Events:
        """All steps together."""
        totals = [stratum.total for stratum in self.strata]
        return Events(
            sum(each.n_c for each in totals),
            sum(each.x_c for each in totals),
            sum(each.n_b for each in totals),
            sum(each.x_b for each in totals),
        )

    @property
    def ratio(self) -> float | None:
        """Mantel-Haenszel estimate of the rate ratio; nothing while the old version had no bad event."""
        return self.ratio_top / self.ratio_bottom if self.ratio_bottom > 0.0 else None


@dataclass(frozen=True, slots=True)
class LatencyTotals:
    """Latency of the window: the rank score over ticks, and the bucket counts of both arms as they were."""

    score: float = 0.0
    spread: float = 0.0
    canary: tuple[int, ...] = ()
    baseline: tuple[int, ...] = ()


def with_events(totals: EventTotals, step: int, seen: Events, margin: float) -> EventTotals:
    """`totals` after a tick with requests in both arms."""
    pi = share(seen, margin)
    events = seen.x_c + seen.x_b
    requests = seen.n_c + seen.n_b
    return EventTotals(
        strata=_with_stratum(totals.strata, step, seen),
        score=totals.score + (seen.x_c - events * pi),
        spread=totals.spread + events * pi * (1.0 - pi),
        ratio_top=totals.ratio_top + seen.x_c * seen.n_b / requests,
        ratio_bottom=totals.ratio_bottom + seen.x_b * seen.n_c / requests,
    )


def with_canary(totals: EventTotals, step: int, seen: Events) -> EventTotals:
    """`totals` after a tick that counts the new version alone (absolute limit)."""
    alone = Events(seen.n_c, seen.x_c, 0, 0)
    return replace(totals, strata=_with_stratum(totals.strata, step, alone))


def with_latency(
    totals: LatencyTotals, score: tuple[float, float], canary: Sequence[int], baseline: Sequence[int]
) -> LatencyTotals:
    """`totals` after a tick; `score` is its rank score with the shifted old version, the counts are as they came."""
    return LatencyTotals(
        totals.score + score[0],
        totals.spread + score[1],
        _added(totals.canary, canary),
        _added(totals.baseline, baseline),
    )


def z_of_events(totals: EventTotals, margin: float) -> float | None:
    """Standard normal score of "worse than `margin` times"; nothing without a bad event."""
    sums = totals.sums
    if sums.x_c + sums.x_b == 0:
        return None
    if _exact_is_due(totals, sums):
        chances = [(each.total.x_c + each.total.x_b, share(each.total, margin)) for each in totals.strata]
        return z_of_p(tail(chances, sums.x_c))
    return totals.score / math.sqrt(totals.spread) if totals.spread > 0.0 else None


def z_of_limit(totals: EventTotals, limit: float) -> float | None:
    """Standard normal score of "more than the absolute limit"; nothing without a request."""
    sums = totals.sums
    return z_of_p(binomial_tail(sums.n_c, limit, sums.x_c)) if sums.n_c else None


def z_of_latency(totals: LatencyTotals) -> float | None:
    """Standard normal score of "slower than the shifted old version"; nothing without spread."""
    return totals.score / math.sqrt(totals.spread) if totals.spread > 0.0 else None


def z_of_p(p: float) -> float:
    """The normal score whose upper tail is `p`, finite for every `p`."""
    return -NORMAL.inv_cdf(min(max(p, SMALLEST_P), 1.0 - 1e-16))


def critical_z(alpha: float, metrics: int) -> float:
    """What the score must reach for an ABORT: `alpha` shared equally by the gating metrics."""
    return NORMAL.inv_cdf(1.0 - alpha / metrics)


def tail(strata: Sequence[tuple[int, float]], at_least: int) -> float:
    """P(sum of independent Bin(K, pi) >= `at_least`), by convolution."""
    chances = [1.0]
    for count, pi in strata:
        chances = _convolved(chances, [_binomial(count, pi, k) for k in range(count + 1)])
    return min(1.0, sum(reversed(chances[at_least:]))) if at_least > 0 else 1.0


def binomial_tail(count: int, p: float, at_least: int) -> float:
    """P(Bin(count, p) >= `at_least`), summed from the near end until nothing is added; normal when that is too long."""
    if at_least <= 0:
        return 1.0
    if count * p > LIMIT_TERMS:
        return NORMAL.cdf(-(at_least - count * p) / math.sqrt(count * p * (1.0 - p)))
    if at_least <= count * p:
        return max(0.0, 1.0 - sum(_binomial(count, p, k) for k in range(at_least)))
    total = 0.0
    for k in range(at_least, count + 1):
        part = _binomial(count, p, k)
        total += part
        if part <= total * 1e-17:
            break
    return min(1.0, total)


def _exact_is_due(totals: EventTotals, sums: Events) -> bool:
    if sums.x_c + sums.x_b > MOST_EVENTS or len(totals.strata) > MOST_STRATA:
        return False
    return all(each.high <= SPLIT_CHANGE * each.low for each in totals.strata)


def _with_stratum(strata: tuple[Stratum, ...], step: int, seen: Events) -> tuple[Stratum, ...]:
    for place, stratum in enumerate(strata):
        if stratum.step == step:
            return (*strata[:place], _grown(stratum, seen), *strata[place + 1 :])
    return (*strata, _grown(Stratum(step), seen))


def _grown(stratum: Stratum, seen: Events) -> Stratum:
    old = stratum.total
    total = Events(old.n_c + seen.n_c, old.x_c + seen.x_c, old.n_b + seen.n_b, old.x_b + seen.x_b)
    block_c, block_b = stratum.block_c + seen.n_c, stratum.block_b + seen.n_b
    if block_c < BLOCK_REQUESTS:
        return replace(stratum, total=total, block_c=block_c, block_b=block_b)
    split = block_c / (block_c + block_b)
    return Stratum(stratum.step, total, 0, 0, min(stratum.low, split), max(stratum.high, split))


def _binomial(count: int, p: float, k: int) -> float:
    if p <= 0.0 or p >= 1.0:
        return 1.0 if k == (count if p >= 1.0 else 0) else 0.0
    ways = math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
    return math.exp(ways + k * math.log(p) + (count - k) * math.log1p(-p))


def _convolved(first: Sequence[float], second: Sequence[float]) -> list[float]:
    found = [0.0] * (len(first) + len(second) - 1)
    for place, chance in enumerate(first):
        for offset, other in enumerate(second):
            found[place + offset] += chance * other
    return found


def _added(totals: tuple[int, ...], counts: Iterable[int]) -> tuple[int, ...]:
    return tuple(first + second for first, second in zip(totals, counts, strict=True)) if totals else tuple(counts)
