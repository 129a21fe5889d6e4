"""What the judge answers, when, and in which words."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from gonogo.errors import BadInput
from gonogo.run.judging import (
    acknowledged,
    JudgeAnswer,
    JudgeKind,
    begin,
    final_exam,
    observe,
    verdict,
)
from gonogo.run.judging_plan import (
    EventRule,
    JudgePlan,
    LatencyRule,
    LimitRule,
    MetricRule,
    NoHarm,
)
from gonogo.run.judging_show import odds, quantile, ratio_interval
from gonogo.run.judging_state import JudgeState
from gonogo.run.judging_ticks import (
    Arm,
    Events,
    Faulty,
    Histogram,
    Missing,
    Observation,
    Tick,
)
from gonogo.terms import Verdict

BOUNDS = (50.0, 100.0, 250.0, 500.0, 1000.0)
REFERENCE = (500, 300, 150, 40, 8, 2)
ERRORS = JudgePlan((EventRule("errors", 1.0),), window_ticks=30)
BOTH = JudgePlan((EventRule("errors", 0.5), LatencyRule("latency", 0.5, BOUNDS, REFERENCE)), window_ticks=30)
GOOD = Events(500, 2, 1500, 6)
BAD = Events(500, 20, 1500, 6)
FAST = Histogram((50, 30, 15, 4, 1, 0), (150, 90, 45, 12, 3, 0), BOUNDS)
SLOW = Histogram((20, 30, 30, 14, 5, 1), (150, 90, 45, 12, 3, 0), BOUNDS)


def ticks(seen: Sequence[Mapping[str, Observation]], lasted_ms: int = 10_000) -> list[Tick]:
    """The observations as ticks from 0."""
    return [Tick(index, index * lasted_ms, lasted_ms, 0, each) for index, each in enumerate(seen)]


def folded(plan: JudgePlan, seen: Sequence[Mapping[str, Observation]], lasted_ms: int = 10_000) -> JudgeState:
    """The state after these observations."""
    state = begin(plan)
    for tick in ticks(seen, lasted_ms):
        state = observe(plan, state, tick)
    return state


def answered(plan: JudgePlan, seen: Sequence[Mapping[str, Observation]], lasted_ms: int = 10_000) -> JudgeAnswer:
    """The answer after these observations."""
    return verdict(plan, folded(plan, seen, lasted_ms))


@pytest.mark.req("ARB-01")
def test_ten_times_the_errors_abort_after_two_ticks_and_the_answer_gives_figures() -> None:
    answer = answered(ERRORS, [{"errors": BAD}] * 2)
    assert answer.kind is JudgeKind.ABORT
    assert answer.kind.verdict is Verdict.FAIL
    assert answer.metric == "errors"
    assert answer.log_evidence >= answer.threshold == math.log(40)
    assert answer.explanation == (
        "errors: 10.00 times the old version's (40 of 1000 = 4.000% on the new version, 12 of 3000 = 0.400% on the old)"
        "; 2 of 2 ticks used; independence of requests not checked; since about tick 0; "
        "evidence 1 : 40 against the limit 1 : 40 at tick 1"
    )


@pytest.mark.req("ARB-02")
def test_slower_answers_abort_although_no_request_fails() -> None:
    answer = answered(BOTH, [{"errors": GOOD, "latency": SLOW}] * 6)
    assert (answer.kind, answer.metric) == (JudgeKind.ABORT, "latency")
    assert "p95 600 on the new version, 250 on the old, +140.0%" in answer.explanation


def test_an_abort_is_not_taken_back() -> None:
    answer = answered(ERRORS, [{"errors": BAD}] * 3 + [{"errors": Events(500, 0, 1500, 6)}] * 27)
    assert answer.kind is JudgeKind.ABORT


def test_equal_versions_are_certified_before_the_planned_end() -> None:
    plan = replace(
        BOTH, metrics=(EventRule("errors", 0.5), LatencyRule("latency", 0.5, BOUNDS, REFERENCE, certify=1.3))
    )
    good: Mapping[str, Observation] = {"errors": Events(2500, 5, 7500, 30), "latency": FAST}
    answers = [answered(plan, [good] * count).kind for count in (1, 25)]
    assert answers == [JudgeKind.CONTINUE, JudgeKind.GO]
    assert JudgeKind.GO.verdict is Verdict.PASS


def test_while_it_runs_nothing_is_decided() -> None:
    answer = answered(ERRORS, [{"errors": GOOD}])
    assert (answer.kind, answer.kind.verdict) == (JudgeKind.CONTINUE, Verdict.INCONCLUSIVE)
    assert answer.explanation.startswith("29 of 30 ticks to go; evidence of harm 1 : ")


def test_the_planned_end_without_a_certificate_is_inconclusive_and_says_what_lacks() -> None:
    answer = answered(ERRORS, [{"errors": Events(50, 0, 150, 1)}] * 30)
    assert (answer.kind, answer.kind.verdict) == (JudgeKind.INCONCLUSIVE, Verdict.INCONCLUSIVE)
    assert "errors: 30 bad events on the old version, 50 needed" in answer.explanation


def test_a_plan_that_accepts_no_evidence_of_harm_gets_a_go_in_these_words() -> None:
    plan = replace(ERRORS, no_harm=NoHarm(1000))
    answer = answered(plan, [{"errors": Events(50, 0, 150, 1)}] * 30)
    assert answer.kind is JudgeKind.GO
    assert answer.explanation.startswith("no evidence of harm at the planned end, which the plan accepts")
    few = answered(plan, [{"errors": Events(5, 0, 15, 0)}] * 30)
    assert few.kind is JudgeKind.INCONCLUSIVE
    assert "errors: 150 requests in one arm, 1000 needed" in few.explanation


@pytest.mark.req("SOK-05")
def test_a_window_in_which_one_fifth_of_the_ticks_is_silent_is_no_go() -> None:
    plan = replace(ERRORS, no_harm=NoHarm(10))
    seen: Sequence[Mapping[str, Observation]] = [{"errors": GOOD}] * 23 + [{"errors": Missing("timeout", Arm.BOTH)}] * 7
    assert "23 of 30 ticks had data, 80 % needed" in answered(plan, seen).explanation
    assert answered(plan, seen).kind is JudgeKind.INCONCLUSIVE


def test_the_exam_at_the_planned_end_finds_what_the_running_evidence_did_not() -> None:
    seen: Sequence[Mapping[str, Observation]] = [
        {"errors": Events(100, 2, 300, 2)},
        {"errors": Events(100, 0, 300, 1)},
    ] * 15
    assert answered(ERRORS, seen[:29]).kind is JudgeKind.CONTINUE
    after = folded(ERRORS, seen)
    answer = verdict(ERRORS, after)
    assert answer.kind is JudgeKind.ABORT
    assert answer.explanation.endswith("the exam at the planned end gives z 2.37, limit 1.96")
    assert final_exam(ERRORS, after) == after.exam


def test_the_exam_is_not_repeated_after_an_extension() -> None:
    state = folded(ERRORS, [{"errors": GOOD}] * 40)
    assert state.exam == folded(ERRORS, [{"errors": GOOD}] * 30).exam
    assert state.exam is not None


@pytest.mark.req("SOK-05")
@pytest.mark.parametrize(
    ("seen", "silent_ticks", "says"),
    [
        (Missing("connection refused", Arm.CANARY), 7, "the new version alone is silent for 70 s (connection refused)"),
        (Events(0, 0, 1500, 6), 7, "the new version alone is silent for 70 s (no requests)"),
        (Missing("no answer", Arm.BOTH), 13, "no comparison for 130 s (no answer)"),
        (Missing("no answer", Arm.BASELINE), 13, "no comparison for 130 s (no answer)"),
    ],
)
def test_long_silence_holds_for_a_person(seen: Observation, silent_ticks: int, says: str) -> None:
    before = answered(ERRORS, [{"errors": GOOD}] + [{"errors": seen}] * (silent_ticks - 1))
    held = answered(ERRORS, [{"errors": GOOD}] + [{"errors": seen}] * silent_ticks)
    assert before.kind is JudgeKind.CONTINUE
    assert (held.kind, held.kind.verdict) == (JudgeKind.HOLD, Verdict.ERROR)
    assert held.explanation == f"errors: {says}; a person looks"


def test_silence_is_counted_in_time_and_not_in_ticks() -> None:
    silent: Mapping[str, Observation] = {"errors": Missing("refused", Arm.CANARY)}
    assert answered(ERRORS, [silent] * 25, lasted_ms=250).kind is JudgeKind.CONTINUE
    assert answered(replace(ERRORS, canary_silence_ms=6_000), [silent] * 25, lasted_ms=250).kind is JudgeKind.HOLD


def test_silence_ends_with_the_first_sample() -> None:
    silent: Mapping[str, Observation] = {"errors": Missing("refused", Arm.CANARY)}
    assert answered(ERRORS, [silent] * 10 + [{"errors": GOOD}]).kind is JudgeKind.CONTINUE


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (Events(5, 6, 10, 0), "more bad events than requests on the new version: 6 of 5"),
        (Events(5, 0, 10, -1), "negative counts on the old version: -1 bad of 10"),
        (Faulty("NaN in http_requests_total"), "NaN in http_requests_total"),
        (FAST, "Histogram where a EventRule expects another kind of counts"),
    ],
)
def test_counts_that_cannot_be_true_hold_until_a_person_looked(seen: Observation, says: str) -> None:
    state = folded(ERRORS, [{"errors": GOOD}, {"errors": seen}, {"errors": GOOD}])
    answer = verdict(ERRORS, state)
    assert answer.kind is JudgeKind.HOLD
    assert answer.explanation == f"errors: {says} (tick 1, 1 such); a person looks"
    assert verdict(ERRORS, acknowledged(state)).kind is JudgeKind.CONTINUE


def test_what_a_person_puts_aside_is_neither_silence_nor_evidence() -> None:
    silent: Mapping[str, Observation] = {"errors": Missing("refused", Arm.CANARY)}
    held = folded(ERRORS, [{"errors": GOOD}] + [silent] * 10)
    assert verdict(ERRORS, acknowledged(held)).kind is JudgeKind.HOLD
    harmed = folded(ERRORS, [{"errors": BAD}, {"errors": Events(5, 6, 10, 0)}])
    assert acknowledged(harmed).evidence == harmed.evidence > 1.0


@pytest.mark.parametrize(
    "seen",
    [
        replace(FAST, bounds=(*BOUNDS[:-1], 2000.0)),
        replace(FAST, c=(1, 2)),
        replace(FAST, b=(1, 2, 3, 4, -5, 6)),
    ],
)
def test_changed_buckets_hold(seen: Histogram) -> None:
    assert answered(BOTH, [{"errors": GOOD, "latency": seen}]).kind is JudgeKind.HOLD


def test_an_abort_weighs_more_than_a_hold() -> None:
    seen: Sequence[Mapping[str, Observation]] = [{"errors": Events(1, 2, 1, 0)}] + [{"errors": BAD}] * 3
    assert answered(ERRORS, seen).kind is JudgeKind.ABORT


def test_a_slow_start_is_forgiven_in_the_warm_up_and_not_without_it() -> None:
    cold = Events(500, 5, 1500, 6)
    seen: Sequence[Mapping[str, Observation]] = [{"errors": cold}] * 8 + [{"errors": GOOD}] * 10
    assert answered(replace(ERRORS, warmup_ticks=8), seen).kind is JudgeKind.GO
    assert answered(ERRORS, [{"errors": cold}] * 14).kind is JudgeKind.ABORT


def test_a_catastrophe_in_the_warm_up_aborts_in_two_ticks_of_the_guard() -> None:
    answer = answered(replace(ERRORS, warmup_ticks=12), [{"errors": Events(500, 60, 1500, 6)}] * 2)
    assert answer.kind is JudgeKind.ABORT
    assert answer.explanation.endswith("found by the warm-up guard")


def test_the_guard_is_frozen_and_the_exam_is_blind_for_the_warm_up() -> None:
    plan = replace(BOTH, warmup_ticks=3)
    state = folded(plan, [{"errors": GOOD, "latency": FAST}] * 10)
    assert [metric.guard.ticks for metric in state.metrics if metric.guard] == [3, 3]
    assert [metric.main.ticks for metric in state.metrics] == [7, 7]
    assert state.metric("errors").events.sums == Events(3500, 14, 10500, 42)
    assert sum(state.metric("latency").latency.canary) == 700


def test_an_absolute_limit_needs_no_old_version() -> None:
    plan = JudgePlan((LimitRule("refused", 1.0, 0.01),), window_ticks=20, no_harm=NoHarm(100))
    assert answered(plan, [{"refused": Events(100, 10, 0, 0)}] * 4).kind is JudgeKind.ABORT
    assert answered(plan, [{"refused": Events(100, 0, 0, 0)}] * 20).kind is JudgeKind.GO
    assert answered(plan, [{"refused": Events(0, 0, 500, 0)}] * 20).kind is JudgeKind.HOLD


def test_an_absolute_limit_has_an_exam_too() -> None:
    plan = JudgePlan((LimitRule("refused", 1.0, 0.01),), window_ticks=5)
    state = folded(plan, [{"refused": Events(20, 1, 0, 0)}] * 5)
    taken = state.exam
    assert taken is not None
    assert taken.scores[0].z == pytest.approx(2.70334027369)


def test_five_times_the_errors_are_seen_in_ticks_of_a_quarter_of_a_second() -> None:
    plan = replace(ERRORS, window_ticks=240)
    seen: Sequence[Mapping[str, Observation]] = [
        {"errors": Events(13, 1, 38, 0)},
        {"errors": Events(12, 0, 37, 1)},
    ] * 40
    state = begin(plan)
    for tick in ticks(seen, 250):
        state = observe(plan, state, tick)
    assert verdict(plan, state).kind is JudgeKind.ABORT


def test_ticks_left_out_count_as_silent_and_the_exam_still_happens_at_the_planned_end() -> None:
    state = folded(ERRORS, [{"errors": GOOD}] * 5)
    late = observe(ERRORS, state, Tick(40, 400_000, 10_000, 0, {"errors": GOOD}))
    assert late.ticks == 41
    assert late.metric("errors").skipped == 35
    assert late.exam == replace(final_exam(ERRORS, state))


@pytest.mark.parametrize("tick", [Tick(0, 0, 0, 0, {}), Tick(-1, 0, 10, 0, {}), Tick(200_000, 0, 10, 0, {})])
def test_a_tick_without_duration_or_far_ahead_is_refused(tick: Tick) -> None:
    with pytest.raises(BadInput):
        observe(ERRORS, begin(ERRORS), tick)


def test_a_state_of_another_plan_is_refused() -> None:
    with pytest.raises(BadInput) as caught:
        observe(ERRORS, begin(BOTH), Tick(0, 0, 10_000, 0, {"errors": GOOD}))
    assert str(caught.value).startswith("judge: the state belongs to a plan with other metrics")


def latency_rule(**changed: object) -> MetricRule:
    """A latency rule with some values changed."""
    values: dict[str, object] = {"name": "latency", "weight": 1.0, "bounds": BOUNDS, "reference": REFERENCE, **changed}
    return LatencyRule(**values)  # type: ignore[arg-type]  # wrong values are the point here


@pytest.mark.parametrize(
    "build",
    [
        lambda: EventRule("", 1.0),
        lambda: EventRule("errors", 0.0),
        lambda: EventRule("errors", 1.0, margin=0.9),
        lambda: EventRule("errors", 1.0, margin=33.0),
        lambda: EventRule("errors", 1.0, certify=1.0),
        lambda: EventRule("errors", 1.0, phi=0.9),
        lambda: EventRule("errors", 1.0, phi=math.nan),
        lambda: EventRule("errors", math.nan),
        lambda: LimitRule("refused", 1.0, 0.0),
        lambda: LimitRule("refused", 1.0, 0.8),
        lambda: latency_rule(bounds=()),
        lambda: latency_rule(bounds=(50.0, 50.0, 250.0, 500.0, 1000.0)),
        lambda: latency_rule(bounds=(*BOUNDS[:-1], math.inf)),
        lambda: latency_rule(reference=(0,) * 6),
        lambda: latency_rule(reference=(1, 2)),
        lambda: latency_rule(margin=0.5),
        lambda: NoHarm(0),
        lambda: JudgePlan(()),
        lambda: JudgePlan((EventRule("errors", 0.5),)),
        lambda: JudgePlan((EventRule("errors", 0.5), EventRule("errors", 0.5))),
        lambda: replace(ERRORS, alpha_anytime=0.0),
        lambda: replace(ERRORS, warmup_ticks=30),
        lambda: replace(ERRORS, min_used_percent=0),
    ],
)
def test_a_plan_that_could_not_be_judged_does_not_exist(build: Callable[[], object]) -> None:
    with pytest.raises(BadInput) as caught:
        build()
    assert caught.value.next_step == "correct the rollout section of the configuration"


def test_one_decision_takes_less_than_a_millisecond_with_fifty_two_buckets() -> None:
    bounds = tuple(2 ** (k / 8) for k in range(40, 91))
    reference = tuple(range(1, 53))
    plan = JudgePlan((EventRule("errors", 0.5), LatencyRule("latency", 0.5, bounds, reference)))
    state = begin(plan)
    taken = []
    for index in range(40):
        counts = Histogram(tuple(range(52)), tuple(range(52, 0, -1)), bounds)
        tick = Tick(index, index * 10_000, 10_000, 0, {"errors": GOOD, "latency": counts})
        began = time.process_time()
        state = observe(plan, state, tick)
        taken.append(time.process_time() - began)
    assert min(taken) < 0.001


def test_quantiles_are_interpolated_and_open_above_the_last_bound() -> None:
    assert quantile((0, 10, 0, 0), (10.0, 20.0, 40.0), 0.5) == 15.0
    assert quantile((0, 0, 0, 10), (10.0, 20.0, 40.0), 0.95) == math.inf
    assert quantile((0, 0, 0, 0), (10.0, 20.0, 40.0), 0.95) is None


def test_an_interval_without_evidence_has_no_ends() -> None:
    found = ratio_interval([Events(10, 0, 10, 0)], 180)
    assert (found.low, found.high) == (None, None)


def test_odds_are_written_for_people() -> None:
    assert [odds(math.log(40)), odds(0.0), odds(50.0)] == ["1 : 40", "1 : 1", "1 : 10^22"]
