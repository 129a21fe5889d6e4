"""The judge's arithmetic against figures that were computed beforehand, to 12 significant digits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest

from gonogo.run import judging_exam as exam
from gonogo.run import judging_latency as latency
from gonogo.run.judging import begin, observe, verdict
from gonogo.run.judging_events import (
    Alternatives,
    Dispersion,
    above_limit,
    against_limit,
    better_than,
    compared,
    events_dispersion,
    share,
    worse_than,
)
from gonogo.run.judging_mixture import Mixture, advance, log_sum, skip, start
from gonogo.run.judging_plan import EventRule, JudgePlan, LatencyRule
from gonogo.run.judging_show import ratio_interval
from gonogo.run.judging_ticks import Events, Histogram, Observation, Tick

TICKS = (
    Events(500, 1, 1500, 3),
    Events(480, 3, 1510, 2),
    Events(510, 2, 1490, 4),
    Events(500, 4, 1500, 1),
    Events(495, 5, 1480, 2),
    Events(505, 6, 1520, 3),
    Events(500, 5, 1500, 2),
    Events(500, 7, 1500, 3),
)
CAP = 0.5 * math.log(80)
BOUNDS = tuple(2 ** (k / 8) for k in range(7))
REFERENCE = (5, 15, 30, 25, 13, 8, 3, 1)
EVEN_TILTS = (0.7 / 6,) * 6 + (0.2 / 3,) * 3 + (0.1 / 3,) * 3
"""The weights before decision 21: the same over all six tilts of the whole distribution."""
CANARY = ((2, 6, 14, 13, 9, 6, 3, 2), (1, 7, 12, 12, 9, 7, 4, 1), (2, 5, 13, 13, 10, 7, 3, 2))
BASELINE = ((8, 23, 44, 38, 20, 12, 4, 2), (7, 22, 46, 37, 19, 13, 5, 1), (8, 24, 45, 36, 19, 12, 4, 2))


def twelve(values: Sequence[float]) -> list[str]:
    """The values to 12 significant digits."""
    return [f"{value:.12g}" for value in values]


def evidence(
    ticks: Sequence[Events], margin: float, *, cap: float = math.inf, phi: float = 1.0, window: int = 180
) -> list[str]:
    """Evidence ln E after each tick of the main process for events."""
    alternatives = worse_than(margin)
    mixture = Mixture(alternatives.weights, window, cap, phi)
    process, found = start(mixture), []
    for seen in ticks:
        silent = seen.n_c == 0 or seen.n_b == 0
        process = (
            skip(mixture, process) if silent else advance(mixture, process, compared(seen, margin, alternatives.ratios))
        )
        found.append(process.evidence)
    return twelve(found)


def latency_evidence(
    margin: float, phi: float, weights: Sequence[float] = latency.TILT_WEIGHTS, cap: float = math.inf
) -> list[float]:
    """Evidence ln E after each tick of the main process for latency."""
    shift = latency.shift_for(BOUNDS, margin)
    q = latency.shape(REFERENCE, shift)
    mixture = Mixture(tuple(weights), 180, cap, phi)
    process, pooled, found = start(mixture), latency.prior(q), []
    for canary, baseline in zip(CANARY, BASELINE, strict=True):
        moved = latency.shifted(shift, baseline)
        process = advance(mixture, process, latency.tilted(latency.slower_tilts(q), pooled, canary, moved))
        pooled = latency.pooled_with(pooled, moved)
        found.append(process.evidence)
    return found


def test_errors_without_margin_give_the_known_evidence() -> None:
    assert evidence(TICKS, 1.0) == [
        "-0.221120511347", "0.239368306715", "0.161865057738", "1.54604384115",
        "3.92251975178", "6.92727185113", "9.836684556", "13.9357651311",
    ]  # fmt: skip


def test_errors_with_a_margin_of_ten_percent_give_the_known_evidence() -> None:
    assert evidence(TICKS, 1.10) == [
        "-0.265816392712", "0.151330568052", "0.0362017247067", "1.24764074141",
        "3.33215867088", "5.98737219883", "8.59325842191", "12.2721298136",
    ]  # fmt: skip


def test_dispersion_and_cap_together_give_the_known_evidence() -> None:
    assert evidence(TICKS, 1.10, cap=CAP, phi=1.2) == [
        "-0.24171220333", "0.106957668423", "0.00283165774853", "0.96152372558",
        "2.61739048008", "4.77734882244", "6.91731630421", "9.10832962154",
    ]  # fmt: skip


def test_the_cap_lets_a_catastrophe_grow_by_two_ticks_only() -> None:
    catastrophe = (Events(500, 40, 1500, 2), Events(500, 40, 1500, 3))
    assert evidence(catastrophe, 1.10, cap=CAP) == ["2.19101331734", "4.38202663467"]
    assert evidence(catastrophe, 1.10) == ["41.6463228162", "84.2314453401"]


def test_what_the_cap_held_back_comes_in_later_up_to_the_declared_part_unless_the_next_tick_denies_it() -> None:
    alternatives = worse_than(1.10)
    mixture = Mixture(alternatives.weights, 180, CAP, carried=0.5 * CAP)
    catastrophe, calm, better = Events(500, 40, 1500, 2), Events(500, 1, 1500, 3), Events(500, 0, 1500, 12)
    hit = advance(mixture, start(mixture), compared(catastrophe, 1.10, alternatives.ratios))
    assert (hit.evidence, hit.owed) == (CAP, 0.5 * CAP), "40 nats more are lost"
    after = advance(mixture, hit, compared(calm, 1.10, alternatives.ratios))
    grown = after.mass - hit.mass
    assert grown < 0.0
    assert after.evidence == pytest.approx(min(2 * CAP, 1.5 * CAP + grown))
    denied = advance(mixture, hit, compared(better, 1.10, alternatives.ratios))
    assert denied.evidence < CAP
    assert denied.owed == 0.0


def test_an_extension_after_six_ticks_gives_the_known_evidence() -> None:
    found = evidence(TICKS, 1.10, window=6)
    assert found[:6] == evidence(TICKS, 1.10)[:6]
    assert found[6:] == ["8.59324928557", "12.272120988"]


def test_a_tick_without_requests_leaves_the_evidence_exactly_as_it_was() -> None:
    assert evidence((TICKS[0], Events(0, 0, 1500, 3)), 1.10) == ["-0.265816392712", "-0.265816392712"]


def test_the_warm_up_guard_looks_for_three_times_the_errors() -> None:
    alternatives = worse_than(3.0)
    assert twelve(alternatives.ratios) == ["1.5", "2.66666666667", "5.33333333333", "13.3333333333"]
    assert twelve(alternatives.weights) == ["0.352941176471", "0.294117647059", "0.205882352941", "0.147058823529"]
    mixture = Mixture(alternatives.weights, cap=0.5 * math.log(400))
    process, found = start(mixture), []
    for seen in (Events(500, 20, 1500, 2), Events(500, 25, 1500, 3)):
        process = advance(mixture, process, compared(seen, 3.0, alternatives.ratios))
        found.append(process.evidence)
    assert twelve(found) == ["2.99573227355", "5.99146454711"]


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (2.0, ["0.165904998866", "1.1812312321", "1.35818871259", "2.72057235523"]),
        (1.5, ["0.032145008686", "0.638604981249", "0.67471341344", "1.51029447779"]),
    ],
)
def test_the_go_certificate_for_errors_gives_the_known_evidence(ratio: float, expected: list[str]) -> None:
    better = better_than(ratio)
    mixture = Mixture(better.weights)
    process, found = start(mixture), []
    for seen in (Events(500, 1, 1500, 3), Events(480, 0, 1510, 4), Events(510, 1, 1490, 3), Events(500, 0, 1500, 5)):
        process = advance(mixture, process, compared(seen, ratio, better.ratios))
        found.append(process.mass)
    assert twelve(found) == expected


def test_single_increments_and_the_split_are_as_computed_by_hand() -> None:
    seen = Events(500, 4, 1500, 1)
    assert f"{share(seen, 1.10):.12g}" == "0.268292682927"
    wanted = Alternatives((1.6 / 1.1, 3 / 1.1, 8 / 1.1), (1.0, 1.0, 1.0))
    assert twelve(compared(seen, 1.10, wanted.ratios)) == ["0.923427148842", "2.10934595787", "3.00198395206"]


def test_alternatives_close_to_the_margin_are_left_out_and_weights_sum_to_one() -> None:
    alternatives = worse_than(1.10)
    assert twelve(alternatives.ratios) == [
        "1.45454545455", "2", "2.72727272727", "4.09090909091", "7.27272727273", "14.5454545455", "36.3636363636",
    ]  # fmt: skip
    assert twelve(alternatives.weights) == [
        "0.214285714286", "0.214285714286", "0.166666666667", "0.142857142857",
        "0.119047619048", "0.0833333333333", "0.0595238095238",
    ]  # fmt: skip
    assert len(worse_than(1.0).ratios) == 8
    assert math.fsum(worse_than(1.0).weights) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("margin", "phi", "expected"),
    [
        (1.0, 1.0, ["0.51188629205", "1.69537372665", "3.71704373847"]),
        (1.03, 1.0, ["-0.175167694997", "-0.155799993569", "-0.0202864653721"]),
        (1.03, 1.1, ["-0.171485449748", "-0.157058282982", "-0.0369378912133"]),
    ],
)
def test_latency_gives_the_known_evidence(margin: float, phi: float, expected: list[str]) -> None:
    assert twelve(latency_evidence(margin, phi)) == expected


@pytest.mark.parametrize(
    ("margin", "phi", "expected"),
    [
        (1.0, 1.0, ["0.340260209067", "1.45882546361", "3.49272926669"]),
        (1.03, 1.0, ["-0.281399715715", "-0.276767811143", "-0.182679532069"]),
        (1.03, 1.1, ["-0.277851185594", "-0.277196707003", "-0.194259477548"]),
    ],
)
def test_with_even_weights_of_the_tilts_latency_gives_the_evidence_of_the_design(
    margin: float, phi: float, expected: list[str]
) -> None:
    assert twelve(latency_evidence(margin, phi, EVEN_TILTS)) == expected


def test_with_even_weights_of_the_tilts_a_release_gives_the_evidence_of_the_design() -> None:
    errors = evidence((Events(55, 2, 158, 1), Events(53, 3, 150, 1), Events(55, 4, 150, 2)), 1.10, cap=CAP)
    both = zip(map(float, errors), latency_evidence(1.03, 1.0, EVEN_TILTS, CAP), strict=True)
    release = [log_sum((math.log(0.5) + one, math.log(0.5) + other)) for one, other in both]
    # The errors were rounded to twelve digits above.
    assert release == pytest.approx([0.124623295835, 1.0381809961, 2.40734763579], rel=1e-10)


def test_the_shifted_reference_and_the_tilts_are_as_computed() -> None:
    q = latency.shape(REFERENCE, latency.shift_for(BOUNDS, 1.03))
    assert twelve(q) == [
        "0.0329422650366", "0.115884530073", "0.24882679511", "0.267057734963",
        "0.170938563912", "0.0970577349634", "0.0470577349634", "0.020234640978",
    ]  # fmt: skip
    tilts = latency.slower_tilts(q)
    assert twelve(tilts[2]) == [
        "0.586726461667", "0.716174112261", "0.860053539249", "1.01975321025",
        "1.18384137228", "1.3485563413", "1.53287854905", "1.78691752534",
    ]  # fmt: skip
    assert twelve(tilts[7]) == ["1"] * 6 + ["2.26505702177", "3"]
    assert twelve(tilts[10]) == ["1"] * 7 + ["2.97680799197"]


def test_the_exam_of_latency_gives_the_known_score() -> None:
    shift = latency.shift_for(BOUNDS, 1.03)
    z = latency.scores(latency.shape(REFERENCE, shift))
    totals = exam.LatencyTotals()
    for canary, baseline in zip(CANARY, BASELINE, strict=True):
        score = latency.score_of(z, canary, latency.shifted(shift, baseline))
        totals = exam.with_latency(totals, score, canary, baseline)
    assert twelve([totals.score, totals.spread]) == ["11.895764173", "114.148042264"]
    assert f"{exam.z_of_latency(totals):.12g}" == "1.11341767759"


def test_the_dispersion_of_one_latency_block_is_as_computed() -> None:
    block = [Histogram(canary, baseline, BOUNDS) for canary, baseline in zip(CANARY, BASELINE, strict=True)]
    plain = tuple(count / 100 for count in REFERENCE)
    found = latency.latency_dispersion(plain, [block])
    assert twelve([math.sqrt(found.squares), found.variance]) == ["38.0706709184", "116.663846181"]


def test_errors_and_latency_together_give_the_known_release_evidence() -> None:
    plan = JudgePlan((EventRule("errors", 0.5), LatencyRule("latency", 0.5, BOUNDS, REFERENCE)))
    errors = (Events(55, 2, 158, 1), Events(53, 3, 150, 1), Events(55, 4, 150, 2))
    state, by_errors, release = begin(plan), [], []
    for index, seen in enumerate(errors):
        latencies = Histogram(CANARY[index], BASELINE[index], BOUNDS)
        counts: Mapping[str, Observation] = {"errors": seen, "latency": latencies}
        state = observe(plan, state, Tick(index, index * 10_000, 10_000, 0, counts))
        by_errors.append(state.metric("errors").main.evidence)
        release.append(state.evidence)
    assert twelve(by_errors) == ["0.41258420333", "1.58717597234", "3.06226425181"]
    assert twelve(release) == ["0.161282191822", "1.05529594734", "2.41393954306"]
    answer = verdict(plan, state)
    assert (answer.kind.value, answer.metric) == ("continue", "errors")


def test_the_release_aborts_at_the_sixth_tick_when_errors_are_half_of_the_weight() -> None:
    found = [math.log(0.5) + float(each) for each in evidence(TICKS, 1.10, cap=CAP)]
    assert twelve(found[4:6]) == ["2.63901149032", "4.83002480766"]
    assert found[4] < math.log(40) <= found[5]


def test_the_exact_tail_over_steps_is_as_computed() -> None:
    assert f"{exam.tail([(80, 0.25)], 30):.12g}" == "0.0089396742933"
    assert f"{exam.tail([(40, 0.25), (40, 0.25)], 30):.12g}" == "0.0089396742933"


def test_the_exact_tail_over_steps_of_five_twentyfive_and_fifty_percent_is_as_computed() -> None:
    chances = [(count, 1.1 * part / (1.1 * part + 1 - part)) for count, part in ((10, 0.05), (12, 0.25), (8, 0.5))]
    assert f"{exam.tail(chances, 9):.12g}" == "0.394586634939"


def test_the_exam_of_errors_in_one_stratum_gives_the_known_score() -> None:
    totals = exam.EventTotals()
    for seen in TICKS:
        totals = exam.with_events(totals, 0, seen, 1.10)
    sums = totals.sums
    pi = share(sums, 1.10)
    assert (sums.x_c, sums.x_c + sums.x_b) == (33, 53)
    assert f"{pi:.12g}" == "0.267801574227"
    assert exam.tail([(53, pi)], 33) == pytest.approx(6.59745283514e-8, rel=1e-11)
    z = exam.z_of_events(totals, 1.10)
    assert z is not None
    # The figures were computed from 1 - p, whose rounding leaves ten digits; ours is computed from p itself.
    assert [z, z / math.sqrt(1.2)] == pytest.approx([5.27611811887, 4.81641484961], rel=1e-10)
    assert math.erfc(z / math.sqrt(2)) / 2 == pytest.approx(6.59745283514e-8, rel=1e-11)


def test_the_dispersion_of_errors_is_as_computed() -> None:
    blocks = [
        [Events(250, 1, 250, 0), Events(255, 0, 250, 1)],
        [Events(240, 3, 250, 0), Events(250, 2, 245, 0)],
        [Events(250, 0, 250, 2), Events(255, 1, 250, 1)],
    ]
    found = events_dispersion(blocks)
    assert found.variance == pytest.approx(2.74956309275, rel=1e-11)
    assert found.estimate == pytest.approx(2.68148107653, rel=1e-11)


def test_an_estimate_that_shows_dispersion_counts_at_its_upper_end_and_one_that_does_not_is_kept() -> None:
    assert Dispersion(2.0 * 98, 98.0, 98).phi == pytest.approx(2.0 * (1 + 1.6448536269514722 / 7))
    assert Dispersion(1.2 * 98, 98.0, 98).phi == pytest.approx(1.2), "within the noise of 98 blocks"
    assert Dispersion(0.7 * 98, 98.0, 98).phi == 1.0
    assert Dispersion(0.0, 0.0, 0).phi == 1.0


def test_the_absolute_limit_gives_the_known_evidence() -> None:
    alternatives = above_limit(0.002)
    mixture = Mixture(alternatives.weights, 180)
    process, found = start(mixture), []
    for seen in TICKS:
        process = advance(mixture, process, against_limit(seen, 0.002, alternatives.ratios))
        found.append(process.evidence)
    assert twelve(found) == [
        "-0.283513549481", "0.132281451361", "0.285878649608", "1.67875050384",
        "4.59207302912", "9.06343219152", "12.7004757338", "19.2233164463",
    ]  # fmt: skip


def test_the_estimated_ratio_and_its_lower_end_are_as_computed() -> None:
    totals = exam.EventTotals()
    for seen in TICKS:
        totals = exam.with_events(totals, 0, seen, 1.10)
    assert twelve([totals.ratio_top, totals.ratio_bottom]) == ["24.7669210563", "5.00182603123"]
    assert f"{totals.ratio:.12g}" == "4.95157586482"
    assert f"{ratio_interval(TICKS, 180).low:.12g}" == "1.83400808641"
