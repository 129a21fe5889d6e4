"""Simulated releases for the judge's study: traffic that drifts, two versions, one defect or none, one stress or none.

1800 s in ticks of 10 s. Load, error rate and latency drift together for both arms; the arms differ by the defect only.
Counts are Poisson (above a mean of 30 by the rounded normal); latency is log-normal in exponential buckets.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from gonogo.run.judging_show import quantile
from gonogo.run.judging_ticks import Events, Histogram
from judge_rivals import Point

TICKS = 180
TICK_S = 10
BOUNDS = tuple(2 ** (k / 8) for k in range(40, 91))
SIGMA = 0.5
SLOW_MS = 320.0
HISTORY_BLOCKS, BLOCK_TICKS, BLOCKS_OF_A_POD = 144, 30, 12
PODS_NEW, PODS_OLD = 4, 12
POD_SPREAD = 0.02
RETRIES = 3.0
MEDIAN_LN = math.log(SLOW_MS) - 1.6448536 * SIGMA
ERROR_RATE = 0.002
EXACT_MEAN = 30.0
DISPERSED = ("retries", "unequal pods")
"""Stresses that lie in the service itself, so that its history has them, too: requests are not independent."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of release: requests a second on the new version, its share of the traffic, defect and stress."""

    name: str
    rate: float = 50.0
    share: float = 0.25
    errors_times: float = 1.0
    latency_times: float = 1.0
    stress: str = ""

    @property
    def good(self) -> bool:
        """Whether the new version is no worse than the old one."""
        return self.errors_times == 1.0 and self.latency_times == 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One tick: counts of both arms, the twin of the old version, and the bad requests served by the new one."""

    events: Events
    histogram: Histogram
    twin_errors: int
    twin: tuple[int, ...]
    harm: float


@dataclass(frozen=True, slots=True)
class Weather:
    """What both arms share in one tick: load factor, error rate, ln of the median latency."""

    load: float
    errors: float
    latency: float


def release(cell: Cell, seed: int) -> list[Seen]:
    """The ticks of one release."""
    dice = random.Random(seed)  # noqa: S311  # a simulation, nothing secret
    weather = _weather(dice)
    pods = _pods(cell.stress, dice, PODS_NEW), _pods(cell.stress, dice, PODS_OLD)
    calm = [_stressed(cell.stress, each, tick, late=0) for tick, each in enumerate(weather)]
    late = [_stressed(cell.stress, each, tick, late=1) for tick, each in enumerate(weather)]
    calm = [replace(each, latency=each.latency + pods[0]) for each in calm]
    late = [replace(each, latency=each.latency + pods[1]) for each in late]
    return [_tick(cell, dice, calm[tick], late[tick], tick) for tick in range(TICKS)]


def history(release: Cell, seed: int) -> list[list[Seen]]:
    """Half a day of the old version alone, its pods in two halves, in blocks of five minutes; each hour has new pods.

    `release` gives its traffic, which is what will be the baseline, and the stress that lies in the service itself.
    """
    dice = random.Random(seed)  # noqa: S311  # a simulation, nothing secret
    stress = release.stress if release.stress in DISPERSED else ""
    half = release.rate * (1 - release.share) / release.share / 2
    cell = Cell("history", rate=half, share=0.5, stress=stress)
    found: list[list[Seen]] = []
    weather: list[Weather] = []
    halves = (0.0, 0.0)
    for block in range(HISTORY_BLOCKS):
        if block % BLOCKS_OF_A_POD == 0:
            halves = _pods(stress, dice, PODS_OLD // 2), _pods(stress, dice, PODS_OLD // 2)
        weather = weather[BLOCK_TICKS:] if len(weather) > BLOCK_TICKS else _weather(dice)
        sides = [[replace(each, latency=each.latency + slower) for each in weather[:BLOCK_TICKS]] for slower in halves]
        found.append([_tick(cell, dice, first, second, 0) for first, second in zip(*sides, strict=True)])
    return found


def reference(seed: int = 7) -> tuple[int, ...]:
    """The old version's latency in the hour before the rollout."""
    dice = random.Random(seed)  # noqa: S311  # a simulation, nothing secret
    totals = [0] * (len(BOUNDS) + 1)
    for each in _weather(dice) + _weather(dice):
        counts = _latencies(dice, 150.0 * TICK_S * each.load, each.latency)
        totals = [first + second for first, second in zip(totals, counts, strict=True)]
    return tuple(totals)


def points(seen: Sequence[Seen], ticks: int) -> list[Point]:
    """The same release as other judges see it: figures of `ticks` ticks each."""
    found = []
    for start in range(0, len(seen), ticks):
        part = seen[start : start + ticks]
        events = [each.events for each in part]
        found.append(
            Point(
                (start + ticks) * TICK_S,
                _rate(sum(each.x_c for each in events), sum(each.n_c for each in events)),
                _rate(sum(each.x_b for each in events), sum(each.n_b for each in events)),
                _rate(sum(each.twin_errors for each in part), sum(sum(each.twin) for each in part)),
                _p95([each.histogram.c for each in part]),
                _p95([each.histogram.b for each in part]),
                _p95([each.twin for each in part]),
            )
        )
    return found


def harm_until(seen: Sequence[Seen], stopped_s: int | None) -> float:
    """Bad requests that the new version served until it was stopped, or to the end."""
    ticks = TICKS if stopped_s is None else stopped_s // TICK_S
    return sum(each.harm for each in seen[:ticks])


def _weather(dice: random.Random) -> list[Weather]:
    load = _drift(dice, 0.15)
    errors = _drift(dice, 0.25)
    latency = _drift(dice, 0.03)
    phase = dice.random() * 2 * math.pi
    found = []
    for tick in range(TICKS):
        busy = (1 + 0.3 * math.sin(phase + 2 * math.pi * tick * TICK_S / 86_400)) * math.exp(load[tick])
        found.append(
            Weather(busy, ERROR_RATE * math.exp(errors[tick]), MEDIAN_LN + latency[tick] + 0.05 * math.log(busy))
        )
    return found


def _drift(dice: random.Random, spread: float) -> list[float]:
    keep = math.exp(-TICK_S / 300)
    value, found = dice.gauss(0, spread), []
    for _ in range(TICKS):
        found.append(value)
        value = keep * value + math.sqrt(1 - keep * keep) * dice.gauss(0, spread)
    return found


def _stressed(stress: str, weather: Weather, tick: int, *, late: int) -> Weather:
    """An incident of three minutes that hits both arms alike; `skewed` shows it to the old arm one tick later."""
    begins = 60 + (late if stress == "skewed incident" else 0)
    if stress in ("incident", "skewed incident") and begins <= tick < begins + 18:
        return Weather(weather.load, 10 * weather.errors, weather.latency + math.log(1.5))
    return weather


def _tick(cell: Cell, dice: random.Random, new: Weather, old: Weather, tick: int) -> Seen:
    cold = _cold(cell.stress, tick)
    slower = new.latency + math.log(cell.latency_times * cold)
    mean = cell.rate * TICK_S * new.load
    canary = _latencies(dice, mean, slower)
    baseline = _latencies(dice, mean * (1 - cell.share) / cell.share, old.latency)
    twin = _latencies(dice, mean, old.latency)
    n_c, n_b = sum(canary), sum(baseline)
    x_c = _errors(dice, n_c, new.errors * cell.errors_times, cell.stress)
    harm = float(x_c) if cell.latency_times == 1.0 else x_c + n_c * (1 - _normal((math.log(SLOW_MS) - slower) / SIGMA))
    return Seen(
        Events(n_c, x_c, n_b, _errors(dice, n_b, old.errors, cell.stress)),
        Histogram(canary, baseline, BOUNDS),
        _errors(dice, sum(twin), old.errors, cell.stress),
        twin,
        harm,
    )


def _cold(stress: str, tick: int) -> float:
    """A warm-up of the new version: 30 % slower for one minute, 10 % for another."""
    if stress != "warm-up" or tick >= 12:
        return 1.0
    return 1.3 if tick < 6 else 1.1


def _latencies(dice: random.Random, mean: float, median_ln: float) -> tuple[int, ...]:
    reached = [0.0, *(_normal((math.log(bound) - median_ln) / SIGMA) for bound in BOUNDS), 1.0]
    return tuple(_poisson(dice, mean * (high - low)) for low, high in pairwise(reached))


def _errors(dice: random.Random, count: int, rate: float, stress: str = "") -> int:
    """Failed requests; with retries they come in clusters of three on average, since who failed asks again."""
    if stress != "retries":
        return min(count, _poisson(dice, count * rate))
    clusters = _poisson(dice, count * rate / RETRIES)
    return min(count, sum(_cluster(dice) for _ in range(clusters)))


def _cluster(dice: random.Random) -> int:
    size = 1
    while dice.random() > 1 / RETRIES:
        size += 1
    return size


def _pods(stress: str, dice: random.Random, count: int) -> float:
    """How much slower an arm is by the pods that it happens to have (ln): each is off by 2 % on its own."""
    return sum(dice.gauss(0, POD_SPREAD) for _ in range(count)) / count if stress == "unequal pods" else 0.0


def _poisson(dice: random.Random, mean: float) -> int:
    if mean > EXACT_MEAN:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), dice.random(), 0
    while product > limit:
        product *= dice.random()
        count += 1
    return count


def _normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def _rate(bad: int, total: int) -> float:
    return bad / total if total else math.nan


def _p95(histograms: Sequence[tuple[int, ...]]) -> float:
    totals = [sum(counts) for counts in zip(*histograms, strict=True)]
    found = quantile(totals, BOUNDS, 0.95)
    return math.nan if found is None else found
