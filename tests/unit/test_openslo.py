"""OpenSLO files: what is promised becomes limits of the judge and budgets of the health window; nothing is guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gonogo.errors import BadInput
from gonogo.findings import Origin
from gonogo.plan.openslo import read_openslo
from gonogo.plan.project import BurnBinding, HealthWindow, Promise
from gonogo.run.judging import JudgeKind, begin, observe, verdict
from gonogo.run.judging_plan import EventRule, JudgePlan
from gonogo.run.judging_ticks import Events, Faulty, Histogram, Missing, Tick
from gonogo.run.served import Counts
from gonogo.run.promises import Budget, budgets, budgets_verdict, limit_rules, observed
from gonogo.terms import Verdict

MEANT = {"web-errors": "error_rate", "web-fast": "slower than 300ms", "web-p95": "p95 in ms"}
FILE = """# promises of the shop
apiVersion: openslo/v1
kind: SLI
metadata: {name: web-errors}
spec:
  ratioMetric:
    counter: true
    good: {metricSource: {type: Prometheus, spec: {query: 'sum(http_requests_total{code!~"5.."})'}}}
    total: {metricSource: {type: Prometheus, spec: {query: sum(http_requests_total)}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: availability, displayName: The shop answers}
spec:
  service: shop
  indicatorRef: web-errors
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{displayName: good, target: 0.999}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: latency}
spec:
  indicator:
    metadata: {name: web-fast}
    spec: {ratioMetric: {counter: true, bad: {metricSource: {}}, total: {metricSource: {}}}}
  objectives:
    - {targetPercent: 95}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: slowest}
spec:
  indicator: {metadata: {name: web-p95}, spec: {thresholdMetric: {metricSource: {}}}}
  objectives: [{op: lte, value: 250, target: 0.99}]
"""


def promises_of(text: str = FILE, meant: dict[str, str] = MEANT) -> tuple[Promise, ...]:
    found = read_openslo(text.encode(), "slo/web.yaml", meant)
    assert [str(finding) for finding in found.findings] == []
    return found.promises


def said(text: str, meant: dict[str, str] = MEANT) -> str:
    return "\n".join("; ".join((str(item), *item.notes)) for item in read_openslo(text.encode(), "slo/web.yaml", meant).findings)


@pytest.mark.req("DG4-02")
def test_ratios_and_thresholds_become_shares_of_bad_requests_with_their_lines() -> None:
    assert [(one.name, one.bound, one.allowed, str(one.origin)) for one in promises_of()] == [
        ("availability", None, Decimal("0.001"), "slo/web.yaml:19"),
        ("latency", Decimal("0.300"), Decimal("0.05"), "slo/web.yaml:29"),
        ("slowest", Decimal("0.250"), Decimal("0.05"), "slo/web.yaml:36"),
    ]


@pytest.mark.req("DG4-02")
@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("openslo/v1\nkind: SLI", "openslo/v2alpha\nkind: SLI", "slo/web.yaml:2: error[GN1004]: `apiVersion` is `openslo/v2alpha`"),
        ("kind: SLI", "kind: SLX", "objects of kind `SLX` are not known"),
        ("target: 0.999", "target: 1.0", "slo/web.yaml:19: error[GN1004]: `availability` needs `target` between 0 and 1"),
        ("target: 0.999", "target: .nan", "must be a number"),
        ("target: 0.999", "target: 0.999, targetPercent: 99.9", "`availability` needs `target`"),
        ("target: 0.999", "target: 0.999, op: lte, value: 3", "`op` and `value` belong to threshold metrics"),
        ("target: 0.999", "target: 0.3", "at most half bad"),
        ("target: 0.999", "target: 0.999, compositeWeight: 1", "composed of several indicators, which is not supported"),
        ("target: 0.999", "target: 0.999, tagret: 1", "unknown key `spec.objectives[0].tagret`"),
        ("indicatorRef: web-errors", "indicatorRef: web-erors", "there is no SLI `web-erors` in this file"),
        ("  indicatorRef: web-errors\n", "", "SLO `availability` has neither `indicator` nor `indicatorRef`"),
        ("Occurrences", "RatioTimeslices", "it must be one of Occurrences, Timeslices"),
        ("op: lte, ", "op: gte, ", "other comparisons are not supported"),
        ("value: 250, ", "", "needs `op` lte or lt and a `value` above 0"),
        ("bad: {metricSource: {}}, ", "", "needs `total`, and either `good` or `bad`"),
        ("bad: {metricSource: {}}, total", "raw: {metricSource: {}}, total", "computed elsewhere (`raw`)"),
        ("thresholdMetric: {metricSource: {}}", "", "needs either `ratioMetric` or `thresholdMetric`"),
        ("name: latency}", "name: availability}", "several objectives are called `availability`"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_its_line(old: str, new: str, why: str) -> None:
    assert old in FILE
    assert why in said(FILE.replace(old, new))


@pytest.mark.parametrize(
    ("meant", "why"),
    [
        ({**MEANT, "web-errors": ""}, "what SLI `web-errors` of `availability` means here is not bound"),
        ({**MEANT, "web-errors": "p95 in ms"}, "`availability` cannot be judged as `p95 in ms`"),
        ({**MEANT, "web-p95": "slower than 3s"}, "`slowest` cannot be judged as `slower than 3s`"),
        ({**MEANT, "web-fast": "slower than fast"}, "`latency` cannot be judged as `slower than fast`"),
        ({**MEANT, "web-fast": "p95"}, "`latency` cannot be judged as `p95`"),
    ],
)
def test_an_indicator_that_means_nothing_here_is_no_promise_kept(meant: dict[str, str], why: str) -> None:
    assert why in said(FILE, meant)


@pytest.mark.parametrize("text", ["apiVersion: openslo/v1\nkind: Service\nmetadata: {name: shop}\n", "# nothing\n---\n# at all\n"])
def test_a_file_without_an_objective_is_refused(text: str) -> None:
    assert "no objective, no pass" in said(text)


def test_what_is_no_yaml_is_refused_with_its_line() -> None:
    with pytest.raises(BadInput) as caught:
        read_openslo(FILE.replace("metadata: {name: latency}", "metadata: {name: latency").encode(), "slo/web.yaml", MEANT)
    assert caught.value.where.startswith("slo/web.yaml:2")


PROMISES = (
    Promise("errors", None, Decimal("0.001"), Origin("slo.yaml", 1)),
    Promise("slow", Decimal("0.3"), Decimal("0.05"), Origin("slo.yaml", 2)),
)


@pytest.mark.req("DG4-02")
def test_the_judge_aborts_a_release_that_breaks_a_promise_which_the_old_version_broke_as_well() -> None:
    rules = limit_rules(PROMISES[:1])
    plan = JudgePlan((EventRule("errors", 0.8, 1.1), *rules), window_ticks=30)
    state = begin(plan)
    for index in range(30):
        seen = {"errors": Events(500, 5, 1500, 15)}
        state = observe(plan, state, Tick(index, index * 10_000, 10_000, 0, {**seen, **observed(PROMISES[:1], seen)}))
        if verdict(plan, state).kind is JudgeKind.ABORT:
            break
    answer = verdict(plan, state)
    assert (answer.kind, answer.metric) == (JudgeKind.ABORT, "slo:errors")
    assert index < 10


def test_one_error_in_a_short_interval_is_no_broken_promise() -> None:
    plan = JudgePlan((EventRule("errors", 0.8, 1.1), *limit_rules(PROMISES[:1])), window_ticks=30)
    seen = {"errors": Events(20, 1, 60, 0)}
    state = observe(plan, begin(plan), Tick(0, 0, 10_000, 0, {**seen, **observed(PROMISES[:1], seen)}))
    assert verdict(plan, state).kind is JudgeKind.CONTINUE


@pytest.mark.req("PM-02", "SOK-05")
def test_slow_requests_are_counted_from_a_bucket_bound_on_and_from_nothing_else() -> None:
    counted = {"latency": Histogram((80, 15, 4, 1), (90, 10, 0, 0), (0.1, 0.3, 1.0))}
    assert observed(PROMISES[1:], counted) == {"slo:slow": Events(100, 5, 100, 0)}
    beside = observed(PROMISES[1:], {"latency": Histogram((80, 20), (90, 10), (0.25,))})["slo:slow"]
    assert isinstance(beside, Faulty)
    assert beside.reason == "slow: 0.3 s is no bucket bound (0.25), so nobody can count what took longer"
    assert isinstance(observed(PROMISES, {})["slo:errors"], Missing)
    assert observed(PROMISES[1:], {"latency": Missing("gone")}) == {"slo:slow": Missing("gone")}


START = datetime(2026, 11, 21, 9, tzinfo=UTC)
HEALTH = HealthWindow(
    Decimal(600), Decimal(10), 0, (), "slo.yaml", {}, (BurnBinding(Decimal("14.4"), Decimal(600), Decimal(50)),), PROMISES[:1]
)


def watched(*errors: int | None, requests: int = 1000, health: HealthWindow = HEALTH) -> Budget:
    """One interval of ten seconds for each number of errors, None for a silent source."""
    ticks = tuple(
        (START + timedelta(seconds=10 * number), -1, None if bad is None else Counts(requests, bad, (requests,)), None)
        for number, bad in enumerate(errors, 1)
    )
    (found,) = budgets(health, START, ticks, (), over=len(errors) * 10 >= health.length)
    return found


@pytest.mark.req("SOK-02", "DG4-02")
def test_a_budget_that_burns_over_both_spans_fails_at_once() -> None:
    found = watched(0, 0, 1000, 1000)
    assert found.verdict is Verdict.FAIL
    assert found.newest is not None
    assert "the error budget burns too fast" in str(found)
    # 2000 of 60,000 expected requests in ten minutes, at one in a thousand: 33 times too fast.
    assert found.newest.long_rate == Decimal(2000) / 60000 / Decimal("0.001")


@pytest.mark.req("SOK-02")
def test_a_first_error_does_not_burn_a_budget_whose_long_span_has_hardly_begun() -> None:
    assert watched(1, requests=20).verdict is Verdict.INCONCLUSIVE
    assert watched(20, requests=20).verdict is Verdict.FAIL


@pytest.mark.req("DG4-02", "SOK-05")
@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        ([0] * 60, Verdict.PASS),
        ([1] * 60, Verdict.PASS),
        ([2] * 60, Verdict.FAIL),
        ([0] * 59, Verdict.INCONCLUSIVE),
        ([0] * 30 + [None] + [0] * 29, Verdict.INCONCLUSIVE),
        ([None] * 60, Verdict.INCONCLUSIVE),
    ],
)
def test_at_the_end_the_promise_was_kept_over_the_whole_window_and_nothing_is_missing(
    errors: list[int | None], verdict: Verdict
) -> None:
    assert watched(*errors).verdict is verdict


@pytest.mark.req("SOK-05")
def test_a_window_without_requests_keeps_no_promise() -> None:
    assert watched(*[0] * 60, requests=0).verdict is Verdict.INCONCLUSIVE


def test_no_service_levels_leave_the_window_to_its_objectives() -> None:
    assert budgets_verdict(()) is Verdict.PASS


@pytest.mark.req("SOK-05")
def test_before_its_first_interval_a_window_says_nothing() -> None:
    assert watched().verdict is Verdict.INCONCLUSIVE
