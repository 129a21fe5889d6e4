"""Other people's canary rules, written anew from their public documentation, for comparison only.

Each takes what was seen minute by minute (or in points of ten seconds) and says at which second it gives up.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

NORMAL = NormalDist()
CONFIDENCE = 0.98
TOLERANCE = 1e-4
EFFECT = 0.25
FEWEST_POINTS = 5


@dataclass(frozen=True, slots=True)
class Point:
    """Figures of one interval that ends at `at_s`: error rates and p95 of the new version, the old one and its twin."""

    at_s: int
    errors_new: float
    errors_old: float
    errors_twin: float
    p95_new: float
    p95_old: float
    p95_twin: float


@dataclass(frozen=True, slots=True)
class Interval:
    """Shift of the new version against the old one: confidence limits and estimate."""

    low: float
    high: float
    estimate: float


def kayenta(points: Sequence[Point], every_s: int) -> int | None:
    """Mann-Whitney on all points so far, looked at every `every_s`; one metric that is High halves the score: abort.

    With fewer than five points the interval cannot reach its confidence and would only show the range: no look then.
    """
    errors, latency = Differences(), Differences()
    for place, point in enumerate(points, 1):
        errors.add(point.errors_new, point.errors_twin)
        latency.add(point.p95_new, point.p95_twin)
        if point.at_s % every_s == 0 and place >= FEWEST_POINTS and (high(errors) or high(latency)):
            return point.at_s
    return None


def argo(points: Sequence[Point], errors_times: float, p95_times: float, failure_limit: int) -> int | None:
    """Failed measurements add up for each metric; more than the limit aborts."""
    failed = [0, 0]
    for point in points:
        for metric, bad in enumerate(_beyond(point, errors_times, p95_times)):
            failed[metric] += bad
        if max(failed) > failure_limit:
            return point.at_s
    return None


def flagger(points: Sequence[Point], errors_times: float, p95_times: float, threshold: int) -> int | None:
    """A check fails when any metric fails; rolled back at the tick after so many failed checks."""
    failed = 0
    for point in points:
        if failed >= threshold:
            return point.at_s
        failed += any(_beyond(point, errors_times, p95_times))
    return None


class Differences:
    """Every difference new - old, sorted, and the ties within the arms; grows point by point."""

    def __init__(self, new: Sequence[float] = (), old: Sequence[float] = ()) -> None:
        self.new: list[float] = []
        self.old: list[float] = []
        self.sorted: list[float] = []
        for x in new:
            self.add(x, math.nan)
        for y in old:
            self.add(math.nan, y)

    def add(self, x: float, y: float) -> None:
        """One more figure of each arm; NaN is left out."""
        if not math.isnan(x):
            self.sorted += [x - known for known in self.old]
            self.new.append(x)
        if not math.isnan(y):
            self.sorted += [known - y for known in self.new]
            self.old.append(y)

    def settle(self) -> None:
        """Sort what was added, and count the ties within the arms."""
        self.sorted.sort()
        counts = [*Counter(self.new).values(), *Counter(self.old).values()]
        self.ties = sum(count**3 - count for count in counts)

    def z(self, shift: float) -> float:
        """Score of the rank sum after the new version is moved down by `shift`."""
        n_new, n_old = len(self.new), len(self.old)
        low, top = bisect_left(self.sorted, shift), bisect_right(self.sorted, shift)
        off = len(self.sorted) - top + (top - low) / 2 - n_new * n_old / 2
        ties = self._cross_ties(shift) if top > low else self.ties
        total = n_new + n_old
        spread = math.sqrt(n_new * n_old / 12 * (total + 1 - ties / (total * (total - 1))))
        correction = math.copysign(0.5, off) if off else 0.0
        return (off - correction) / spread if spread else 0.0

    def _cross_ties(self, shift: float) -> int:
        counts = Counter([x - shift for x in self.new] + list(self.old)).values()
        return sum(count**3 - count for count in counts)


def high(seen: Differences) -> bool:
    """Whether the new version counts as too high: the interval is clear of a quarter of the estimated shift."""
    if not seen.new or not seen.old or fmean(seen.new) < fmean(seen.old) or sorted(seen.new) == sorted(seen.old):
        return False
    found = mann_whitney(seen)
    return found.low > EFFECT * abs(found.estimate)


def mann_whitney(seen: Differences) -> Interval:
    """Confidence interval and Hodges-Lehmann estimate by the normal approximation, ends found by Brent's method."""
    seen.settle()
    quantile = NORMAL.inv_cdf(1 - (1 - CONFIDENCE) / 2)
    return Interval(_root(seen, quantile), _root(seen, -quantile), _root(seen, 0.0))


def _root(test: Differences, quantile: float) -> float:
    def excess(shift: float) -> float:
        return test.z(shift) - quantile

    low, top = test.sorted[0], test.sorted[-1]
    if excess(low) <= 0:
        return low
    if excess(top) >= 0:
        return top
    return _brent(excess, low, top)


def _brent(f: Callable[[float], float], low: float, top: float) -> float:
    """Brent's method with the absolute tolerance of the original, from the ends of the range."""
    a, b = low, top
    fa, fb = f(a), f(b)
    c, fc, d, e = a, fa, b - a, b - a
    while True:
        if abs(fc) < abs(fb):
            a, b, c, fa, fb, fc = b, c, b, fb, fc, fb
        tolerance = 2 * 2.220446049250313e-16 * abs(b) + TOLERANCE / 2
        m = (c - b) / 2
        if abs(m) <= tolerance or fb == 0:
            return b
        d, e = _brent_step((a, b, c), (fa, fb, fc), (d, e), m, tolerance)
        a, fa = b, fb
        b += d if abs(d) > tolerance else math.copysign(tolerance, m)
        fb = f(b)
        if (fb > 0) == (fc > 0):
            c, fc, d, e = a, fa, b - a, b - a


def _brent_step(
    at: tuple[float, float, float], value: tuple[float, float, float], last: tuple[float, float], m: float, tol: float
) -> tuple[float, float]:
    (a, b, c), (fa, fb, fc), (d, e) = at, value, last
    if abs(e) < tol or abs(fa) <= abs(fb):
        return m, m
    s = fb / fa
    if a == c:
        p, q = 2 * m * s, 1 - s
    else:
        q, r = fa / fc, fb / fc
        p = s * (2 * m * q * (q - r) - (b - a) * (r - 1))
        q = (q - 1) * (r - 1) * (s - 1)
    p, q = (p, -q) if p > 0 else (-p, q)
    if p >= 1.5 * m * q - abs(tol * q) or p >= abs(0.5 * e * q):
        return m, m
    return p / q, d


def _beyond(point: Point, errors_times: float, p95_times: float) -> tuple[bool, bool]:
    return point.errors_new > errors_times * point.errors_old, point.p95_new > p95_times * point.p95_old
