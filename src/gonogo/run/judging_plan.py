"""What the rollout judge is told beforehand: metrics, margins, error budget, window. All of it belongs to the plan.

Changing any of these values is another run. Constructing one verifies it: a `JudgePlan` that exists can be used.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TypeAlias

from gonogo.errors import BadInput
from gonogo.values import dataclass

GUARD_SHARE = 0.2
"""Weight of the warm-up pair of processes; the main ones have the rest."""

BLOCKS_FOR_PHI = 60
"""Fewer blocks of history than this do not give a dispersion: the independence of requests is then unchecked."""

LARGEST_MARGIN = 30.0
"""Above it no alternative of the event process would be left (they end at 40 times)."""


@dataclass(frozen=True, slots=True)
class EventRule:
    """Errors and other yes/no events: the new version may have at most `margin` times the old one's rate in every tick.

    `certify` is the ratio that a GO certificate excludes; `phi` the dispersion from `phi_blocks` blocks of history.
    """

    name: str
    weight: float
    margin: float = 1.10
    certify: float = 2.0
    phi: float = 1.0
    phi_blocks: int = 0

    def __post_init__(self) -> None:
        _check_rule(self.name, self.weight, self.phi)
        if not 1.0 <= self.margin <= LARGEST_MARGIN:
            raise _wrong(self.name, f"margin {self.margin} is outside 1..{LARGEST_MARGIN:g}")
        if not 1.0 < self.certify <= LARGEST_MARGIN:
            raise _wrong(self.name, f"certify {self.certify} is outside 1..{LARGEST_MARGIN:g}")


@dataclass(frozen=True, slots=True)
class LatencyRule:
    """Latency as a histogram: the new version may not be slower than the old one shifted by `margin`.

    `reference` counts the baseline's requests for each bucket before the rollout (last hour); `bounds` are in the unit
    of the source, finite and ascending; `certify` is the slowdown that a GO certificate excludes (2 ** 0.25 = +19 %).
    """

    name: str
    weight: float
    bounds: tuple[float, ...]
    reference: tuple[int, ...]
    margin: float = 1.03
    certify: float = 2**0.25
    phi: float = 1.0
    phi_blocks: int = 0

    def __post_init__(self) -> None:
        _check_rule(self.name, self.weight, self.phi)
        if not self.bounds or not all(0 < bound < math.inf for bound in self.bounds):
            raise _wrong(self.name, "bucket bounds must be finite and above 0")
        if any(high <= low for low, high in pairwise(self.bounds)):
            raise _wrong(self.name, "bucket bounds must ascend")
        if len(self.reference) != len(self.bounds) + 1 or min(self.reference) < 0 or sum(self.reference) == 0:
            raise _wrong(
                self.name, "the reference histogram needs a count for each bucket, +Inf included, and requests"
            )
        if not 1.0 <= self.margin <= LARGEST_MARGIN or not 1.0 < self.certify <= LARGEST_MARGIN:
            raise _wrong(self.name, f"margin {self.margin} or certify {self.certify} is outside 1..{LARGEST_MARGIN:g}")


@dataclass(frozen=True, slots=True)
class LimitRule:
    """Absolute limit, without a baseline: the rate of bad events may not exceed `limit` in any tick.

    `limit` is what people agreed on, never the usual rate. A shared incident breaks it too, and rightly so.
    """

    name: str
    weight: float
    limit: float
    phi: float = 1.0
    phi_blocks: int = 0

    def __post_init__(self) -> None:
        _check_rule(self.name, self.weight, self.phi)
        if not 0.0 < self.limit <= 0.9 / 1.25:
            raise _wrong(self.name, f"limit {self.limit} is outside 0..0.72, no worse rate would be left to look for")


MetricRule: TypeAlias = EventRule | LatencyRule | LimitRule


@dataclass(frozen=True, slots=True)
class NoHarm:
    """The plan accepts "no evidence of harm" as GO at the planned end, in words, from so many requests in each arm."""

    min_requests: int = 50

    def __post_init__(self) -> None:
        if self.min_requests < 1:
            raise _wrong("no_harm", "at least one request in each arm is needed: no data is never a GO")


@dataclass(frozen=True, slots=True)
class JudgePlan:
    """The whole plan of one judgement: gating metrics in declared order and the promised error rates.

    `alpha_anytime` bounds false aborts at any number of looks, `alpha_final` those of the one exam at the planned end.
    """

    metrics: tuple[MetricRule, ...]
    window_ticks: int = 180
    warmup_ticks: int = 0
    alpha_anytime: float = 0.025
    alpha_final: float = 0.025
    canary_silence_ms: int = 60_000
    silence_ms: int = 120_000
    min_baseline: int = 50
    min_used_percent: int = 80
    no_harm: NoHarm | None = None

    def __post_init__(self) -> None:
        names = [rule.name for rule in self.metrics]
        if not names or len(set(names)) != len(names):
            raise _wrong("judge", "at least one metric, each with a name of its own, is needed")
        if not math.isclose(math.fsum(rule.weight for rule in self.metrics), 1.0, rel_tol=1e-9):
            raise _wrong("judge", "the weights of the metrics must sum to 1")
        if not 0 < self.alpha_anytime <= 0.5 or not 0 < self.alpha_final <= 0.5:
            raise _wrong("judge", "alpha_anytime and alpha_final must lie above 0 and at most at 0.5")
        if not 0 <= self.warmup_ticks < self.window_ticks:
            raise _wrong("judge", "the warm-up must be shorter than the window, and the window at least one tick")
        if min(self.canary_silence_ms, self.silence_ms, self.min_baseline) < 0 or not 0 < self.min_used_percent <= 100:
            raise _wrong("judge", "silences and minima must not be negative, min_used_percent must lie in 1..100")

    @property
    def threshold(self) -> float:
        """ln(1/alpha_anytime): evidence at or above it aborts."""
        return math.log(1 / self.alpha_anytime)

    @property
    def main_share(self) -> float:
        """Weight of the main processes: all of it, or what the warm-up guard leaves."""
        return 1.0 - GUARD_SHARE if self.warmup_ticks else 1.0


def _check_rule(name: str, weight: float, phi: float) -> None:
    if not name:
        raise _wrong("judge", "a metric without a name")
    if not 0.0 < weight <= 1.0:
        raise _wrong(name, f"weight {weight} is outside 0..1")
    if not 1.0 <= phi < math.inf:
        raise _wrong(name, f"phi {phi} is not a finite number of at least 1")


def _wrong(name: str, what: str) -> BadInput:
    return BadInput(what, where=f"judge, metric {name}", next_step="correct the rollout section of the configuration")
