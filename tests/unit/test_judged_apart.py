"""Several services of one release are judged each by itself, under one bound; what the project declares reaches the judge."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from gonogo.adapters.metrics.together import TogetherSource
from gonogo.findings import Origin
from gonogo.plan.model import Plan
from gonogo.plan.project import DispersionBinding, Objective
from gonogo.plan.stored import stored_plan
from gonogo.ports import CounterSample, MetricSample
from gonogo.run.arms import Arms
from gonogo.run.comparing import judge_plan_for, of_service
from gonogo.run.events import Event, MetricsSampled, Recorded, TrafficMoved
from gonogo.run.judging import JudgeKind
from gonogo.run.judging_plan import EventRule, LatencyRule
from gonogo.run.rolling import Rolling, rolled
from gonogo.terms import Engine

KEPT = Path(__file__).resolve().parents[1] / "cases" / "plans" / "kept-by-0.1.0.json"
BEGAN = datetime(2026, 11, 21, 9, tzinfo=UTC)
ARMS = Arms("blue", "green")
TASK = "deploy#roll"
BOUNDS = ["0.1", "1.0", "+Inf"]
BIG, SMALL = (3000, 1000), (60, 20)
"""Requests of the old and the new version in one tick: a big service, and one with a fiftieth of its traffic."""


def plan(*, together: bool = False, **changed: object) -> Plan:
    kept = stored_plan(KEPT.read_bytes())
    binding = replace(
        kept.project.rollout, tick=Decimal(10), hold=Decimal(600), services_together=together, **changed  # type: ignore[arg-type]
    )
    return replace(kept, project=replace(kept.project, services=("shop", "mail"), rollout=binding))


def counters(requests: int, errors: int, index: int) -> list[int]:
    fast = requests * 9 // 10
    return [each * index for each in (requests, errors, fast, requests, requests)]


def sample(index: int, *, mail_fails: int, apart: bool = True) -> MetricsSampled:
    """Counters after so many ticks; of 20 requests at the new version of mail `mail_fails` fail."""
    shop = {"blue": counters(BIG[0], 3, index), "green": counters(BIG[1], 1, index)}
    mail = {"blue": counters(SMALL[0], 0, index), "green": counters(SMALL[1], mail_fails, index)}
    slots = {slot: [a + b for a, b in zip(shop[slot], mail[slot], strict=True)] for slot in shop}
    if apart:
        slots |= {of_service(name, slot): one[slot] for name, one in (("shop", shop), ("mail", mail)) for slot in one}
    return MetricsSampled(TASK, 1, index, 0, slots, BOUNDS, [])


def ran(judged: Plan, ticks: int, *, mail_fails: int, apart: bool = True) -> Rolling:
    moved: list[Event] = [TrafficMoved(TASK, 1, 0, 25, {"blue": 75, "green": 25})]
    events = [sample(1, mail_fails=mail_fails, apart=apart), *moved]
    events += [sample(index, mail_fails=mail_fails, apart=apart) for index in range(2, ticks + 2)]
    known = None
    for number, event in enumerate(events):
        entry = Recorded(number, BEGAN + timedelta(seconds=10 * number), Engine("here"), event)
        known = rolled(judged, ARMS, known, entry)
    assert known is not None
    return known


@pytest.mark.req("ARB-01", "ROL-01")
def test_a_small_service_that_fails_is_found_by_its_own_metrics_and_drowns_in_the_sum() -> None:
    apart = ran(plan(), 8, mail_fails=1)
    assert apart.answer is not None
    assert (apart.answer.kind, apart.answer.metric) == (JudgeKind.ABORT, "errors of mail")
    together = ran(plan(together=True), 8, mail_fails=1)
    assert together.answer is not None
    assert together.answer.kind is JudgeKind.CONTINUE, "16 errors beside 24 of three times the traffic"


@pytest.mark.req("ARB-01")
def test_all_services_and_metrics_share_the_one_declared_bound() -> None:
    judged = ran(plan(), 1, mail_fails=0).judge_plan
    assert judged is not None
    assert [rule.name for rule in judged.metrics] == [
        "errors of shop", "latency of shop", "errors of mail", "latency of mail",
    ]  # fmt: skip
    assert math.fsum(rule.weight for rule in judged.metrics) == pytest.approx(1.0)
    assert judged.alpha_anytime + judged.alpha_final == pytest.approx(float(plan().project.rollout.alpha))


@pytest.mark.req("ARB-01")
def test_equal_services_are_not_aborted_and_the_requests_of_all_stay_on_record() -> None:
    known = ran(plan(), 40, mail_fails=0)
    assert known.answer is not None
    assert known.answer.kind in {JudgeKind.CONTINUE, JudgeKind.GO}
    assert known.ticks[-1][3] is not None
    assert known.ticks[-1][3].requests == BIG[1] + SMALL[1]


def test_samples_of_an_earlier_version_without_services_are_judged_as_they_were() -> None:
    known = ran(plan(), 3, mail_fails=2, apart=False)
    assert known.judge_plan is not None
    assert [rule.name for rule in known.judge_plan.metrics] == ["errors", "latency"]


@pytest.mark.req("PM-01")
def test_nothing_is_judged_before_every_service_was_counted_once() -> None:
    whole = sample(1, mail_fails=0)
    lacking = {name: counts for name, counts in whole.slots.items() if name != "mail/blue"}
    assert judge_plan_for(plan(), replace(whole, slots=lacking, missing=["mail/blue"]), ARMS) is None
    assert judge_plan_for(plan(), whole, ARMS) is not None


@pytest.mark.req("ARB-01")
def test_the_warm_up_and_the_dispersion_that_are_declared_reach_the_judge() -> None:
    told = DispersionBinding(Decimal("5.6"), Decimal("1.2"), 144)
    judged = judge_plan_for(plan(warm_up=Decimal(60), dispersion=told), sample(1, mail_fails=0), ARMS)
    assert judged is not None
    assert judged.warmup_ticks == 6
    assert [(type(rule), rule.phi, rule.phi_blocks) for rule in judged.metrics[:2]] == [
        (EventRule, 5.6, 144),
        (LatencyRule, 1.2, 144),
    ]


@pytest.mark.req("ARB-01")
@pytest.mark.parametrize(("every", "ticks", "aborted"), [(0, 1, True), (30, 1, False), (30, 2, False), (30, 3, True)])
def test_fixed_limits_are_measured_over_all_requests_since_the_last_time(every: int, ticks: int, *, aborted: bool) -> None:
    kept = plan().project.rollout
    few = Objective("errors", "error_rate", Decimal("0.0005"), Origin("gonogo.yaml", 1))
    judged = plan(limits=(few,), failures=0, least_requests=10, limits_every=Decimal(every), alpha=kept.alpha)
    known = ran(judged, ticks, mail_fails=0)
    assert bool(known.progress.abort) is aborted
    if aborted:
        assert f"from {ticks * (BIG[1] + SMALL[1])} samples" in known.progress.abort


@pytest.mark.req("ARB-01")
@pytest.mark.parametrize(("ticks", "aborted"), [(1, False), (2, False), (3, True)])
def test_requests_that_were_too_few_for_a_figure_are_measured_with_those_that_follow(ticks: int, *, aborted: bool) -> None:
    """Else a limit with short ticks would forget most requests, and go back for want of a figure that was there."""
    each = BIG[1] + SMALL[1]
    few = Objective("errors", "error_rate", Decimal("0.0005"), Origin("gonogo.yaml", 1))
    known = ran(plan(limits=(few,), failures=0, least_requests=2 * each + 1), ticks, mail_fails=0)
    assert bool(known.progress.abort) is aborted
    if aborted:
        assert f"from {3 * each} samples" in known.progress.abort


@pytest.mark.req("ARB-01")
def test_without_a_figure_for_long_enough_a_limit_still_takes_the_rollout_back() -> None:
    few = Objective("errors", "error_rate", Decimal("0.5"), Origin("gonogo.yaml", 1))
    known = ran(plan(limits=(few,), failures=0, errors_in_row=4, least_requests=10**9), 6, mail_fails=0)
    assert known.progress.abort.startswith("no figure 5 times in a row")


class Counted:
    """A source that says what it was given."""

    def __init__(self, slots: dict[str, tuple[int, int]], missing: dict[str, str]) -> None:
        self.found = MetricSample(
            tuple(CounterSample(slot, requests, errors, ()) for slot, (requests, errors) in slots.items()),
            tuple(missing.items()),
        )

    def sample(self) -> MetricSample:
        """All of it."""
        return self.found


@pytest.mark.req("PM-01")
def test_services_are_read_as_a_sum_and_each_by_itself_and_a_silent_one_is_missing_in_both() -> None:
    shop = Counted({"blue": (100, 1), "green": (50, 0)}, {})
    mail = Counted({"blue": (10, 5)}, {"green": "no answer"})
    found = TogetherSource({"shop": shop, "mail": mail}).sample()
    assert {one.slot: (one.requests, one.errors) for one in found.slots} == {
        "blue": (110, 6), "shop/blue": (100, 1), "shop/green": (50, 0), "mail/blue": (10, 5),
    }  # fmt: skip
    assert dict(found.missing) == {"green": "mail: no answer", "mail/green": "no answer"}
