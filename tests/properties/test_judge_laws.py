"""Laws of the judge that hold for every input: no inflated evidence, no order, no memory but the state."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.run import judging_latency as latency
from gonogo.run.judging import JudgeKind, begin, evidence_of, observe, verdict
from gonogo.run.judging_events import (
    above_limit,
    against_limit,
    better_than,
    compared,
    worse_than,
)
from gonogo.run.judging_mixture import Mixture, advance, start
from gonogo.run.judging_plan import EventRule, JudgePlan, LatencyRule, LimitRule, NoHarm
from gonogo.run.judging_ticks import (
    Arm,
    Events,
    Faulty,
    Histogram,
    Missing,
    Observation,
    Tick,
)

BOUNDS = (10.0, 20.0, 40.0)
ERRORS = EventRule("errors", 0.4)
LATENCY = LatencyRule("latency", 0.4, BOUNDS, (60, 25, 10, 5), margin=1.1)
LIMIT = LimitRule("refused", 0.2, 0.02)
PLAN = JudgePlan((ERRORS, LATENCY, LIMIT), window_ticks=12, warmup_ticks=2)


def binomial(count: int, p: float) -> list[float]:
    """The chances of 0..count events."""
    return [math.comb(count, k) * p**k * (1 - p) ** (count - k) for k in range(count + 1)]


def expected_growth(n_c: int, n_b: int, rate: float, margin: float) -> list[float]:
    """E[exp(increment)] of each alternative, by full enumeration at the edge of the null hypothesis."""
    ratios = worse_than(margin).ratios
    found = [0.0] * len(ratios)
    for x_c, chance in enumerate(binomial(n_c, min(1.0, margin * rate))):
        for x_b, other in enumerate(binomial(n_b, rate)):
            grown = compared(Events(n_c, x_c, n_b, x_b), margin, ratios)
            found = [total + chance * other * math.exp(each) for total, each in zip(found, grown, strict=True)]
    return found


@pytest.mark.parametrize("margin", [1.0, 1.1])
@pytest.mark.parametrize(
    ("n_c", "n_b", "rate"), [(1, 1, 0.3), (7, 20, 0.05), (20, 7, 0.5), (12, 30, 0.8), (3, 30, 0.01)]
)
def test_evidence_on_errors_does_not_grow_on_average_when_nothing_is_worse(
    n_c: int, n_b: int, rate: float, margin: float
) -> None:
    assert max(expected_growth(n_c, n_b, rate, margin)) <= 1.0 + 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("margin", [1.0, 1.1])
@pytest.mark.parametrize("rate", [0.002, 0.1, 0.8])
def test_evidence_on_errors_does_not_grow_on_average_in_a_tick_of_a_hundred_requests(
    rate: float, margin: float
) -> None:
    assert max(expected_growth(100, 300, rate, margin)) <= 1.0 + 1e-9


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.01, 0.9), st.floats(0.01, 1.0), st.sampled_from((1.5, 2.0)))
@settings(max_examples=30, deadline=None)
def test_the_certificate_does_not_grow_on_average_when_the_new_version_is_too_bad(
    n_c: int, n_b: int, rate: float, part: float, ratio: float
) -> None:
    old = rate * part / ratio
    better = better_than(ratio)
    found = [0.0] * len(better.ratios)
    for x_c, chance in enumerate(binomial(n_c, old * ratio)):
        for x_b, other in enumerate(binomial(n_b, old)):
            grown = compared(Events(n_c, x_c, n_b, x_b), ratio, better.ratios)
            found = [total + chance * other * math.exp(each) for total, each in zip(found, grown, strict=True)]
    assert max(found) <= 1.0 + 1e-12


@given(st.integers(1, 60), st.floats(0.001, 0.5), st.floats(0.0, 1.0))
@settings(max_examples=40, deadline=None)
def test_evidence_against_a_limit_does_not_grow_on_average_below_it(count: int, limit: float, part: float) -> None:
    ratios = above_limit(limit).ratios
    found = [0.0] * len(ratios)
    for x_c, chance in enumerate(binomial(count, limit * part)):
        grown = against_limit(Events(count, x_c, 0, 0), limit, ratios)
        found = [total + chance * math.exp(each) for total, each in zip(found, grown, strict=True)]
    assert max(found) <= 1.0 + 1e-12


def splits(count: int, buckets: int) -> Iterator[tuple[int, ...]]:
    """Every way to put `count` requests into the buckets."""
    for bars in itertools.combinations(range(count + buckets - 1), buckets - 1):
        ends = (-1, *bars, count + buckets - 1)
        yield tuple(high - low - 1 for low, high in itertools.pairwise(ends))


def multinomial(counts: tuple[int, ...], chances: tuple[float, ...]) -> float:
    """The chance of exactly these counts."""
    ways = math.factorial(sum(counts))
    for count in counts:
        ways //= math.factorial(count)
    return ways * math.prod(chance**count for count, chance in zip(counts, chances, strict=True))


@given(
    st.tuples(st.floats(0.05, 1), st.floats(0.05, 1), st.floats(0.05, 1)),
    st.tuples(st.floats(0.01, 100), st.floats(0.01, 100), st.floats(0.01, 100)),
    st.integers(1, 3),
    st.integers(1, 4),
)
@settings(max_examples=15, deadline=None)
def test_evidence_on_latency_does_not_grow_on_average_whatever_the_pooled_shape(
    raw: tuple[float, float, float], pooled: tuple[float, float, float], n_c: int, n_b: int
) -> None:
    total = sum(raw)
    truth = (raw[0] / total, raw[1] / total, raw[2] / total)
    tilts = latency.slower_tilts((0.6, 0.3, 0.1))
    found = [0.0] * len(tilts)
    for canary in splits(n_c, 3):
        for baseline in splits(n_b, 3):
            chance = multinomial(canary, truth) * multinomial(baseline, truth)
            grown = latency.tilted(tilts, pooled, canary, baseline)
            found = [mean + chance * math.exp(each) for mean, each in zip(found, grown, strict=True)]
    assert max(found) <= 1.0 + 1e-9


def events() -> st.SearchStrategy[Events]:
    """Counts of one tick, none included."""
    arm = st.integers(0, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, min(n, 12))))
    return st.builds(lambda c, b: Events(c[0], c[1], b[0], b[1]), arm, arm)


def histograms() -> st.SearchStrategy[Histogram]:
    """Bucket counts of one tick, none included."""
    arm = st.tuples(*[st.integers(0, 60)] * 4)
    return st.builds(lambda c, b: Histogram(c, b, BOUNDS), arm, arm)


def observations() -> st.SearchStrategy[Mapping[str, Observation]]:
    """What a tick may bring: counts, silence, or nonsense."""
    gone = st.one_of(st.builds(Missing, st.just("no answer"), st.sampled_from(Arm)), st.just(Faulty("NaN")))
    return st.fixed_dictionaries(
        {},
        optional={
            "errors": st.one_of(events(), events(), events(), gone),
            "latency": st.one_of(histograms(), histograms(), histograms(), gone),
            "refused": st.one_of(events(), events(), events(), gone),
        },
    )


def runs() -> st.SearchStrategy[list[Tick]]:
    """Ticks in order, some left out."""
    gaps = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3), observations()), min_size=1, max_size=14)
    return gaps.map(_numbered)


def _numbered(parts: list[tuple[int, int, Mapping[str, Observation]]]) -> list[Tick]:
    found, index = [], -1
    for gap, step, seen in parts:
        index += gap
        found.append(Tick(index, index * 250, 250, step, seen))
    return found


@given(runs())
@settings(max_examples=40, deadline=None)
def test_a_tick_that_is_folded_twice_counts_once(ticks: list[Tick]) -> None:
    once = twice = begin(PLAN)
    for tick in ticks:
        once = observe(PLAN, once, tick)
        twice = observe(PLAN, observe(PLAN, twice, tick), tick)
    assert once == twice


@given(runs())
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_metrics_changes_neither_evidence_nor_answer(ticks: list[Tick]) -> None:
    other = replace(PLAN, metrics=(LIMIT, LATENCY, ERRORS))
    first, second = begin(PLAN), begin(other)
    for tick in ticks:
        first, second = observe(PLAN, first, tick), observe(other, second, tick)
    assert first.evidence == pytest.approx(second.evidence, abs=1e-9)
    assert dict(evidence_of(PLAN, first)) == dict(evidence_of(other, second))
    for name in ("errors", "latency", "refused"):
        assert first.metric(name) == second.metric(name)


@given(runs(), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_ticks_without_data_leave_the_evidence_unchanged(ticks: list[Tick], silent: int) -> None:
    state = begin(PLAN)
    for tick in ticks:
        state = observe(PLAN, state, tick)
    quiet = state
    for index in range(silent):
        seen: Mapping[str, Observation] = {
            "errors": Missing("no answer"),
            "latency": Histogram((0,) * 4, (0,) * 4, BOUNDS),
        }
        quiet = observe(PLAN, quiet, Tick(state.ticks + index, 0, 250, 0, seen))
    assert quiet.evidence == state.evidence
    assert [each.main.evidence for each in quiet.metrics] == [each.main.evidence for each in state.metrics]


@given(st.lists(st.sampled_from(("missing", "faulty", "zero", "absent")), max_size=30), st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_data_is_never_a_go(kinds: list[str], accepts: bool) -> None:
    plan = JudgePlan((ERRORS, LATENCY, LIMIT), window_ticks=12, no_harm=NoHarm(1) if accepts else None)
    nothing: dict[str, Mapping[str, Observation]] = {
        "missing": {"errors": Missing("gone"), "latency": Missing("gone"), "refused": Missing("gone")},
        "faulty": {"errors": Faulty("NaN"), "latency": Faulty("NaN"), "refused": Faulty("NaN")},
        "zero": {"errors": Events(0, 0, 0, 0), "latency": Histogram((0,) * 4, (0,) * 4, BOUNDS)},
        "absent": {},
    }
    state = begin(plan)
    assert verdict(plan, state).kind is JudgeKind.CONTINUE
    for index, kind in enumerate(kinds):
        state = observe(plan, state, Tick(index, 0, 10_000, 0, nothing[kind]))
        answer = verdict(plan, state)
        assert answer.kind in (JudgeKind.CONTINUE, JudgeKind.HOLD, JudgeKind.INCONCLUSIVE)


@given(st.integers(0, 50), st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_one_tick_alone_never_aborts(extra: int, requests: int) -> None:
    plan = JudgePlan((EventRule("errors", 0.5), EventRule("refused", 0.5)))
    seen = Events(requests, requests, requests + extra, 0)
    state = observe(plan, begin(plan), Tick(0, 0, 10_000, 0, {"errors": seen, "refused": Events(1, 0, 1, 0)}))
    assert verdict(plan, state).kind is JudgeKind.CONTINUE


@given(
    st.lists(st.tuples(*[st.floats(-8.0, 8.0)] * 2), min_size=1, max_size=40), st.floats(0.1, 3.0), st.floats(0.0, 2.0)
)
@settings(max_examples=120, deadline=None)
def test_evidence_with_a_cap_never_exceeds_the_mass_that_bounds_false_aborts(
    increments: list[tuple[float, float]], cap: float, carried: float
) -> None:
    mixture = Mixture((0.3, 0.7), 12, cap, carried=carried)
    process = start(mixture)
    for each in increments:
        before = process
        process = advance(mixture, process, each)
        assert process.evidence + process.owed <= process.mass + 1e-9
        assert process.evidence - before.evidence <= cap + 1e-12
        assert process.owed <= carried


@given(st.lists(st.tuples(*[st.integers(0, 40)] * 4), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_a_shift_keeps_the_number_of_requests_and_only_moves_them_up(rows: list[tuple[int, ...]]) -> None:
    for margin in (1.0, 1.03, 1.3, 2.0, 3.0):
        for bounds in ((10.0, 20.0, 40.0), (10.0, 25.0, 50.0)):
            shift = latency.shift_for(bounds, margin)
            for counts in rows:
                moved = latency.shifted(shift, counts)
                assert math.fsum(moved) == pytest.approx(sum(counts), abs=1e-9)
                below = list(itertools.accumulate(counts))
                assert all(
                    after <= before + 1e-9 for after, before in zip(itertools.accumulate(moved), below, strict=True)
                )


@given(st.tuples(*[st.integers(0, 50)] * 6).filter(lambda counts: sum(counts) > 0))
@settings(max_examples=100, deadline=None)
def test_tilts_never_fall_over_the_buckets_even_where_some_are_empty(counts: tuple[int, ...]) -> None:
    total = sum(counts)
    q = tuple(count / total for count in counts)
    for tilt in latency.slower_tilts(q):
        assert all(high >= low - 1e-12 for low, high in itertools.pairwise(tilt))
