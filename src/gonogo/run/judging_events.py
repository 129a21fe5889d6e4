"""Increments of evidence for yes/no events: errors against the old version, and against an absolute limit.

H0 of the comparison: in every tick the new version's rate is at most `margin` times the old one's. Conditioned on the
tick's own split of the traffic, exp(increment) has an expectation of at most 1 whatever the common rate does, so drift
shared by both arms and changes of the split cannot raise false aborts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gonogo.run.judging_ticks import Events
from gonogo.values import dataclass

RHOS = (1.25, 1.6, 2.2, 3.0, 4.5, 8.0, 16.0, 40.0)
RHO_WEIGHTS = (0.16, 0.18, 0.18, 0.14, 0.12, 0.10, 0.07, 0.05)
CLEAR_OF_MARGIN = 1.2
LARGEST_RATE = 0.9
ONE_SIDED_5 = 1.6448536269514722
BETTER_RHOS = (1.0, 0.8, 0.5)
BETTER_WEIGHTS = (0.6, 0.2, 0.2)
BELOW_LIMIT = (0.8, 0.5, 0.2)
BELOW_WEIGHTS = (0.2, 0.6, 0.2)


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Rate ratios against the edge of the null hypothesis, with their weights (sum 1)."""

    ratios: tuple[float, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Observed over expected variance of history, in `blocks` blocks of halves of the old version's own pods."""

    squares: float
    variance: float
    blocks: int

    @property
    def estimate(self) -> float:
        """Observed over expected variance, at least 1."""
        return max(1.0, self.squares / self.variance) if self.variance > 0.0 else 1.0

    @property
    def phi(self) -> float:
        """The factor that increments are divided by, at least 1.

        An estimate from few blocks is off by its standard error, sqrt(2/blocks) of itself, and too small a factor costs
        false aborts. So where it shows that requests are not independent (a one-sided test at 5 %), the upper end of
        its one-sided 95 % interval counts; where it does not, there is nothing to be careful of.
        """
        error = ONE_SIDED_5 * math.sqrt(2.0 / self.blocks) if self.blocks else 0.0
        return self.estimate * (1.0 + error) if self.estimate > 1.0 + error else self.estimate


def worse_than(margin: float) -> Alternatives:
    """Alternatives of "worse than `margin` times": those clear of the margin, weights renormalised."""
    kept = [pair for pair in zip(RHOS, RHO_WEIGHTS, strict=True) if pair[0] > CLEAR_OF_MARGIN * margin]
    return _normalised([(rho / margin, weight) for rho, weight in kept])


def better_than(ratio: float) -> Alternatives:
    """Alternatives of the GO certificate "less than `ratio` times"."""
    return Alternatives(tuple(rho / ratio for rho in BETTER_RHOS), BETTER_WEIGHTS)


def above_limit(limit: float) -> Alternatives:
    """Alternatives of "more than the absolute limit", as far as the rate stays a rate."""
    pairs = zip(RHOS, RHO_WEIGHTS, strict=True)
    return _normalised([(rho, weight) for rho, weight in pairs if rho * limit <= LARGEST_RATE])


def below_limit() -> Alternatives:
    """Alternatives of the GO certificate "below the absolute limit"."""
    return Alternatives(BELOW_LIMIT, BELOW_WEIGHTS)


def share(seen: Events, margin: float) -> float:
    """Probability that an event falls on the new version when its rate is exactly `margin` times the old one's."""
    weighted = margin * seen.n_c
    return weighted / (weighted + seen.n_b)


def compared(seen: Events, margin: float, ratios: Sequence[float]) -> tuple[float, ...]:
    """Increments against the old version. Both arms must have requests."""
    pi = share(seen, margin)
    found = []
    for ratio in ratios:
        mean = math.log1p(pi * (ratio - 1.0))
        found.append(seen.x_c * (math.log(ratio) - mean) - seen.x_b * mean)
    return tuple(found)


def against_limit(seen: Events, limit: float, ratios: Sequence[float]) -> tuple[float, ...]:
    """Increments of the new version alone against a rate `limit`."""
    good = seen.n_c - seen.x_c
    calm = math.log1p(-limit)
    return tuple(seen.x_c * math.log(ratio) + good * (math.log1p(-ratio * limit) - calm) for ratio in ratios)


def events_dispersion(blocks: Sequence[Sequence[Events]]) -> Dispersion:
    """Dispersion of bad events between two halves (`_c` = A, `_b` = B) of the old version, block by block."""
    squares = variance = 0.0
    for block in blocks:
        off = 0.0
        for seen in block:
            total = seen.n_c + seen.n_b
            if total == 0:
                continue
            pi = seen.n_c / total
            events = seen.x_c + seen.x_b
            off += seen.x_c - events * pi
            variance += events * pi * (1.0 - pi)
        squares += off * off
    return Dispersion(squares, variance, len(blocks))


def _normalised(pairs: Sequence[tuple[float, float]]) -> Alternatives:
    total = sum(weight for _, weight in pairs)
    return Alternatives(tuple(ratio for ratio, _ in pairs), tuple(weight / total for _, weight in pairs))
