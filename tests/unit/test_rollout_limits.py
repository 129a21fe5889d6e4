"""Fixed limits, the health window and the burn rate: none of them passes without data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from gonogo.errors import BadInput
from gonogo.findings import Origin
from gonogo.protocol.threshold import Clause, Limit, Op
from gonogo.run.slo import (
    FixedRule,
    Measured,
    Tally,
    Tolerance,
    beside_bounds,
    counted,
    judge_rule,
    judge_rules,
    quantile_of,
    rate_of,
    tallied,
)
from gonogo.run.slo_burn import BudgetSample, BurnRule, burn_rate, judge_burn
from gonogo.run.slo_window import SloSample, SloWindow, judge_window, sampled
from gonogo.terms import Verdict, worst

ERRORS = FixedRule("error_rate", Op.LE, Decimal("0.01"), min_samples=50)
P95 = FixedRule("p95", Op.LE, Decimal(250), "ms")
WINDOW = SloWindow((ERRORS,), started_ms=0, length_ms=10_000, interval_ms=1_000)
BURN = BurnRule(Decimal("0.999"), Decimal(14), long_ms=60_000, short_ms=10_000)


def clause(limit: Limit) -> Clause:
    """A clause with this limit."""
    return Clause("p95", Op.LE, limit, "", "", "p95 <= it", Origin("protocol.md", 7))


@pytest.mark.req("PDV-05")
@pytest.mark.parametrize(
    ("bad", "total", "verdict"),
    [(1, 100, Verdict.PASS), (2, 100, Verdict.FAIL), (0, 50, Verdict.PASS), (0, 49, Verdict.INCONCLUSIVE)],
)
def test_an_error_rate_is_compared_with_its_limit_from_enough_requests_on(
    bad: int, total: int, verdict: Verdict
) -> None:
    assert judge_rule(ERRORS, rate_of(bad, total)).verdict is verdict


def test_an_answer_says_rule_figure_and_samples() -> None:
    assert judge_rule(ERRORS, rate_of(2, 100)).explanation == "error_rate ≤ 0.01: 0.02 from 100 samples, fail"
    assert judge_rule(P95, Measured(Decimal(180), 9)).explanation == "p95 ≤ 250 ms: 180 ms from 9 samples, pass"


@pytest.mark.parametrize(
    ("op", "holds"),
    [
        (Op.EQ, (False, True, False)),
        (Op.NE, (True, False, True)),
        (Op.GE, (False, True, True)),
        (Op.LE, (True, True, False)),
        (Op.GT, (False, False, True)),
        (Op.LT, (True, False, False)),
    ],
)
def test_every_comparison_means_what_it_says(op: Op, holds: tuple[bool, ...]) -> None:
    rule = FixedRule("m", op, Decimal(2))
    found = [judge_rule(rule, Measured(Decimal(value), 1)).verdict is Verdict.PASS for value in (1, 2, 3)]
    assert tuple(found) == holds


@pytest.mark.req("SOK-05")
@pytest.mark.parametrize(
    ("measured", "says"),
    [
        (None, "not measured"),
        (Measured(None, 0, "empty vector"), "empty vector"),
        (Measured(None, 0), "no figure"),
        (Measured(Decimal("NaN"), 100), "the figure is NaN"),
        (Measured(Decimal("sNaN"), 100), "the figure is sNaN"),
        (Measured(Decimal("Infinity"), 100), "the figure is Infinity"),
        (Measured(Decimal(0), 49), "49 samples, 50 needed"),
    ],
)
@pytest.mark.parametrize("no_data", [Verdict.INCONCLUSIVE, Verdict.ERROR, Verdict.FAIL])
def test_a_figure_that_is_no_figure_gets_the_declared_verdict_and_never_a_pass(
    measured: Measured | None, says: str, no_data: Verdict
) -> None:
    answer = judge_rule(replace(ERRORS, no_data=no_data), measured)
    assert answer.verdict is no_data
    assert answer.explanation == f"error_rate ≤ 0.01: {says}"


def test_a_negative_figure_is_an_error_of_the_measurement() -> None:
    assert judge_rule(P95, Measured(Decimal(-1), 100)).verdict is Verdict.ERROR


def test_no_rules_are_no_pass() -> None:
    assert worst(answer.verdict for answer in judge_rules((), {})) is Verdict.INCONCLUSIVE


def test_impossible_counts_give_no_rate() -> None:
    assert [rate_of(bad, total).value for bad, total in ((0, 0), (3, 2), (-1, 2), (0, -1))] == [None] * 4


def test_a_quantile_above_the_last_bucket_is_no_figure() -> None:
    assert quantile_of((0, 10, 0), (0.1, 0.2), Decimal("0.5")) == Measured(Decimal("0.15000000000000002"), 10)
    assert quantile_of((0, 0, 10), (0.1, 0.2), Decimal("0.5")) == Measured(None, 10, "above the last bucket bound 0.2")
    assert quantile_of((0, 0, 0), (0.1, 0.2), Decimal("0.5")).value is None


def test_a_limit_beside_the_bucket_bounds_is_pointed_out() -> None:
    assert beside_bounds(P95, (100.0, 250.0)) == ""
    assert beside_bounds(P95, (100.0, 300.0)) == (
        "p95 ≤ 250 ms: the limit is no bucket bound (100, 300), so the figure is a guess between two of them"
    )


@pytest.mark.parametrize(
    "build",
    [
        lambda: FixedRule("", Op.LE, Decimal(1)),
        lambda: FixedRule("m", Op.LE, Decimal("NaN")),
        lambda: FixedRule("m", Op.LE, Decimal(1), min_samples=0),
        lambda: FixedRule("m", Op.LE, Decimal(1), no_data=Verdict.PASS),
        lambda: replace(WINDOW, rules=()),
        lambda: replace(WINDOW, interval_ms=0),
        lambda: replace(WINDOW, interval_ms=10_001),
        lambda: replace(WINDOW, missing_allowed=-1),
        lambda: replace(WINDOW, extended=-1),
        lambda: BurnRule(Decimal(1), Decimal(2), 2, 1),
        lambda: BurnRule(Decimal("0.9"), Decimal(2), 1, 2),
    ],
)
def test_limits_that_make_no_sense_do_not_exist(build: Callable[[], object]) -> None:
    with pytest.raises(BadInput):
        build()


def test_failed_measurements_add_up_and_errors_count_only_in_a_row() -> None:
    good = judge_rule(ERRORS, rate_of(0, 100))
    bad = judge_rule(ERRORS, rate_of(9, 100))
    none = judge_rule(ERRORS, None)
    tolerance = Tolerance(failures=1, errors_in_row=2)
    tally = Tally()
    assert tallied(tolerance, tally) is Verdict.INCONCLUSIVE
    for answer, verdict in (
        (none, Verdict.INCONCLUSIVE),
        (none, Verdict.INCONCLUSIVE),
        (bad, Verdict.PASS),
        (none, Verdict.PASS),
        (none, Verdict.PASS),
        (none, Verdict.ERROR),
        (good, Verdict.PASS),
        (bad, Verdict.FAIL),
    ):
        tally = counted(tally, answer)
        assert tallied(tolerance, tally) is verdict
    assert tally == Tally(3, 2, 0)


def samples(*figures: tuple[int, int] | None, start: int = 0) -> list[SloSample]:
    """One sample a second from these counts; none where nothing was measured."""
    return [
        sampled(WINDOW, start + second * 1_000, {} if counts is None else {"error_rate": rate_of(*counts)})
        for second, counts in enumerate(figures)
    ]


@pytest.mark.req("SOK-01")
def test_a_window_passes_at_its_end_when_every_interval_was_good() -> None:
    good = samples(*[(0, 100)] * 10)
    running = judge_window(WINDOW, good[:5], 5_000)
    assert (running.verdict, running.complete, running.missing) == (Verdict.INCONCLUSIVE, False, 0)
    assert running.explanation == "5 s to go; 5 samples, 0 breaches, 0 missing"
    done = judge_window(WINDOW, good, 10_000)
    assert (done.verdict, done.complete, done.samples) == (Verdict.PASS, True, 10)


@pytest.mark.req("SOK-02")
def test_a_breach_fails_the_window_at_once_and_says_when() -> None:
    answer = judge_window(WINDOW, samples((0, 100), (0, 100), (5, 100)), 2_500)
    assert (answer.verdict, answer.breaches) == (Verdict.FAIL, 1)
    assert answer.explanation.startswith("error_rate ≤ 0.01: 0.05 from 100 samples, fail at 2 s")
    tolerant = replace(WINDOW, breaches_allowed=1)
    assert judge_window(tolerant, samples((0, 100), (5, 100), *[(0, 100)] * 8), 10_000).verdict is Verdict.PASS


@pytest.mark.req("SOK-05")
@pytest.mark.parametrize(
    "figures",
    [
        [],
        [(0, 100)] * 9,
        [(0, 100)] * 9 + [None],
        [None] + [(0, 100)] * 9,
        [(0, 100)] * 9 + [(0, 3)],
    ],
)
def test_a_silent_interval_makes_the_window_inconclusive(figures: list[tuple[int, int] | None]) -> None:
    answer = judge_window(WINDOW, samples(*figures), 10_000)
    assert answer.verdict is Verdict.INCONCLUSIVE
    assert answer.missing == 10 - sum(1 for counts in figures if counts == (0, 100))


def test_a_second_rule_without_figures_makes_the_window_inconclusive() -> None:
    window = replace(WINDOW, rules=(ERRORS, P95))
    seen = [sampled(window, second * 1_000, {"error_rate": rate_of(0, 100)}) for second in range(10)]
    assert judge_window(window, seen, 10_000).verdict is Verdict.INCONCLUSIVE


def test_samples_outside_the_window_or_of_the_future_do_not_count() -> None:
    assert judge_window(WINDOW, samples((9, 10), start=-1_000), 10_000).breaches == 0
    assert judge_window(WINDOW, samples((90, 100), start=10_000), 20_000).breaches == 0
    assert judge_window(WINDOW, samples((90, 100), start=5_000), 4_000).breaches == 0


@pytest.mark.req("SOK-05")
def test_the_window_is_judged_from_recorded_samples_alone_whatever_their_order() -> None:
    good = samples(*[(0, 100)] * 10)
    assert judge_window(WINDOW, good[::-1], 10_000) == judge_window(WINDOW, good, 10_000)


@pytest.mark.req("SOK-04")
def test_an_extended_window_needs_a_whole_clean_length() -> None:
    window = replace(WINDOW, extension_ms=5_000)
    seen = samples(*[(0, 100)] * 4, (9, 100), *[(0, 100)] * 10)
    assert judge_window(window, seen, 10_000).verdict is Verdict.FAIL
    longer = replace(window, extended=1)
    assert (longer.ends_ms, longer.judged_from_ms) == (15_000, 5_000)
    assert judge_window(longer, seen, 15_000).verdict is Verdict.PASS


def test_an_interval_that_is_cut_off_by_the_end_needs_a_sample_too() -> None:
    window = replace(WINDOW, length_ms=1_500)
    assert judge_window(window, samples((0, 100)), 1_500).missing == 1
    assert judge_window(window, samples((0, 100), (0, 100)), 1_500).verdict is Verdict.PASS


def budget(*counts: tuple[int, int]) -> list[BudgetSample]:
    """One sample every ten seconds."""
    return [BudgetSample(n * 10_000, (n + 1) * 10_000, bad, total) for n, (bad, total) in enumerate(counts)]


@pytest.mark.req("SOK-02")
@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ([(0, 1000)] * 6, Verdict.PASS),
        ([(20, 1000)] * 6, Verdict.FAIL),
        ([(20, 1000)] * 5 + [(0, 1000)], Verdict.PASS),
        ([(0, 1000)] * 5 + [(20, 1000)], Verdict.PASS),
        ([(0, 1000)] * 5 + [(0, 0)], Verdict.INCONCLUSIVE),
        ([(0, 1000)] * 5 + [(5, 2)], Verdict.INCONCLUSIVE),
        ([], Verdict.INCONCLUSIVE),
    ],
)
def test_the_budget_burns_too_fast_only_when_both_spans_say_so(counts: list[tuple[int, int]], verdict: Verdict) -> None:
    assert judge_burn(BURN, budget(*counts), 60_000).verdict is verdict


def test_a_hole_in_the_long_span_is_no_pass_but_may_fail() -> None:
    calm = budget(*[(0, 1000)] * 6)
    assert judge_burn(BURN, calm[2:], 60_000).verdict is Verdict.INCONCLUSIVE
    assert judge_burn(BURN, calm[:3] + calm[4:], 60_000).verdict is Verdict.INCONCLUSIVE
    assert judge_burn(BURN, budget(*[(20, 1000)] * 6)[4:], 60_000).verdict is Verdict.FAIL


def test_a_burn_rate_of_one_uses_the_budget_exactly_up() -> None:
    assert burn_rate(1, 1000, Decimal("0.999")) == 1
    assert burn_rate(0, 0, Decimal("0.999")) is None
    assert burn_rate(5, 2, Decimal("0.999")) is None
    explanation = judge_burn(BURN, budget(*[(20, 1000)] * 6), 60_000).explanation
    assert explanation == "the error budget burns too fast: 20 times over 60 s, 20 times over 10 s; limit 14 times"
