"""The judge on simulated releases: it seldom blames a good one and soon stops a bad one. Seeds are fixed."""

from __future__ import annotations

import math
import random
from statistics import median

import pytest

from gonogo.run.judging import JudgeKind, begin, observe, verdict
from gonogo.run.judging_plan import EventRule, JudgePlan
from gonogo.run.judging_ticks import Events, Tick

PLAN = JudgePlan((EventRule("errors", 1.0, margin=1.1),), window_ticks=90)
RATE = 0.01


def poisson(dice: random.Random, mean: float) -> int:
    """A Poisson count."""
    limit, product, count = math.exp(-mean), dice.random(), 0
    while product > limit:
        product *= dice.random()
        count += 1
    return count


def stopped_at(times: float, seed: int) -> int | None:
    """The tick at which a release with so many times the errors was aborted; rate and split move."""
    dice = random.Random(seed)  # noqa: S311  # a simulation, nothing secret
    state = begin(PLAN)
    for index in range(PLAN.window_ticks):
        rate = RATE * math.exp(0.4 * math.sin(index / 15 + seed))
        n_c, n_b = (100, 400) if index < 45 else (300, 300)
        x_c, x_b = min(n_c, poisson(dice, n_c * rate * times)), min(n_b, poisson(dice, n_b * rate))
        seen = {"errors": Events(n_c, x_c, n_b, x_b)}
        state = observe(PLAN, state, Tick(index, index * 10_000, 10_000, index // 45, seen))
        if verdict(PLAN, state).kind is JudgeKind.ABORT:
            return index + 1
    return None


def aborted(times: float, releases: int) -> int:
    """How many releases were aborted."""
    return sum(stopped_at(times, seed) is not None for seed in range(releases))


def test_a_release_that_is_exactly_at_its_margin_is_seldom_aborted() -> None:
    assert aborted(1.1, 60) <= 6


@pytest.mark.slow
@pytest.mark.parametrize("times", [1.0, 1.1])
def test_at_most_one_in_twenty_releases_at_the_margin_is_aborted(times: float) -> None:
    assert aborted(times, 1000) <= 50 + 2 * math.sqrt(50)


def test_five_times_the_errors_are_always_found_and_half_of_the_time_within_a_minute() -> None:
    found = [stopped_at(5.0, seed) for seed in range(40)]
    assert None not in found
    assert median(tick for tick in found if tick is not None) <= 6
