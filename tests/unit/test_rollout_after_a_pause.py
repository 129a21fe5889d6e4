"""An engine that was away: what it knew before moves nothing, and no patience is over before it has looked again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gonogo.control.compiled import compile_for
from gonogo.control.sources import open_workspace
from gonogo.plan.model import Plan
from gonogo.run.arms import Arms
from gonogo.run.comparing import judge_plan_for
from gonogo.run.events import MetricsSampled, Recorded, RolloutPromoted
from gonogo.run.events_of_traffic import TrafficFound
from gonogo.run.judging import JudgeKind, begin, observe
from gonogo.run.judging_ticks import Faulty, Tick
from gonogo.run.rolling import (
    AskStep,
    HoldUntil,
    MoveTo,
    RollDone,
    RollFailed,
    Rolling,
    next_in_roll,
    rolled,
)
from gonogo.run.rollout import Progress, StepAnswer, aborted
from gonogo.run.served import moment_ms
from gonogo.terms import Engine, Person
from tests.projects import small_project
from tests.worlds_http import place

BEGAN = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
LOOKED = BEGAN + timedelta(seconds=1)
"""After the hold of 600 ms, and long before the patience of 10 s is over."""
AWAY = LOOKED + timedelta(hours=3)
ARMS = Arms("blue", "green")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    root = tmp_path_factory.mktemp("away")
    with place(root / "staging") as staging, place(root / "production") as production:
        project = small_project(root / "shop", staging, production)
        found = compile_for(open_workspace(project.root), "deployment-automation", "v2").plan
    assert found is not None
    return found


def rolling(plan: Plan, kind: JudgeKind, step: int = 0) -> Rolling:
    """A canary at 5 % (step 0), looked at and answered once since its hold was over."""
    counts = {"blue": [1000, 1, 500, 1000], "green": [50, 0, 25, 50]}
    sample = MetricsSampled("t", 1, 3, step, counts, ["1", "+Inf"], [], {})
    answer = StepAnswer(step, kind, 5, "as told")
    progress = Progress(step, (5, 50, 100)[step], moment_ms(BEGAN), answer)
    judged = judge_plan_for(plan, sample, ARMS)
    assert judged is not None
    return Rolling("t", 1, ARMS, BEGAN, 4, sample, LOOKED, progress, judged)


@pytest.mark.req("ROL-06")
@pytest.mark.parametrize(("step", "onward"), [(0, MoveTo), (2, RollDone)])
def test_an_engine_that_was_away_looks_before_it_goes_on(plan: Plan, step: int, onward: type) -> None:
    known = rolling(plan, JudgeKind.CONTINUE, step)
    assert isinstance(next_in_roll(plan, known, LOOKED + timedelta(seconds=9)), onward), "a slow machine is not away"
    due = next_in_roll(plan, known, AWAY)
    assert isinstance(due, HoldUntil)
    assert (due.moment, due.step) == (AWAY, step), "it is sampled at once"
    assert isinstance(next_in_roll(plan, replace(known, last_at=AWAY), AWAY), onward)


@pytest.mark.req("ROL-06", "ARB-01")
def test_patience_is_over_by_a_sample_and_not_by_the_clock(plan: Plan) -> None:
    known = rolling(plan, JudgeKind.HOLD)
    assert isinstance(next_in_roll(plan, known, AWAY), HoldUntil)
    over = next_in_roll(plan, replace(known, last_at=AWAY), AWAY)
    assert isinstance(over, RollFailed)
    assert over.why == "the judge holds: as told; nothing came in time"


@pytest.mark.req("ARB-01", "PM-05")
def test_who_looked_at_counts_that_cannot_be_true_lets_the_judge_go_on_and_promotes_nothing(plan: Plan) -> None:
    known = rolling(plan, JudgeKind.HOLD)
    assert known.judge_plan is not None
    faulty = {rule.name: Faulty("NaN in http_requests_total") for rule in known.judge_plan.metrics}
    held = observe(known.judge_plan, begin(known.judge_plan), Tick(0, 0, 1000, 0, faulty))
    answer = StepAnswer(0, JudgeKind.HOLD, 5, "as told", faulty=True)
    known = replace(known, judge=held, progress=replace(known.progress, answer=answer))
    due = next_in_roll(plan, known, LOOKED)
    assert isinstance(due, AskStep)
    assert due.why == "the judge holds: as told"
    signed = Recorded(9, LOOKED, Person("rm1"), RolloutPromoted("t", 1, 0, "promotion-1"))
    after = rolled(plan, ARMS, known, signed)
    assert after.judge is not None
    assert (after.judge.ticks, {metric.fault for metric in after.judge.metrics}) == (1, {None})
    assert (after.progress.answer, after.progress.promoted) == (None, frozenset())
    assert isinstance(next_in_roll(plan, after, LOOKED), HoldUntil)


@pytest.mark.req("ARB-01")
def test_what_is_decided_already_waits_for_no_look(plan: Plan) -> None:
    known = rolling(plan, JudgeKind.CONTINUE)
    known = replace(known, progress=aborted(known.progress, "a person said so"))
    assert next_in_roll(plan, known, AWAY) == RollFailed("rollout_undone", "a person said so")


@pytest.mark.req("ROL-06")
def test_between_the_acts_of_a_batch_nobody_looks(plan: Plan) -> None:
    known = rolling(plan, JudgeKind.CONTINUE)
    assert isinstance(next_in_roll(plan, known, AWAY, begun={1}), MoveTo)


@pytest.mark.req("PX-05", "ROL-06")
@pytest.mark.parametrize(("step", "onward"), [(0, MoveTo), (2, RollDone)])
def test_nothing_goes_on_while_the_target_cannot_be_read_and_everything_does_when_it_can(
    plan: Plan, step: int, onward: type
) -> None:
    known = rolling(plan, JudgeKind.CONTINUE, step)
    unread = TrafficFound("t", 1, known.samples - 1, {}, "connection refused")
    waiting = rolled(plan, ARMS, known, Recorded(9, LOOKED, Engine("here"), unread))
    due = next_in_roll(plan, waiting, LOOKED)
    assert isinstance(due, HoldUntil)
    assert (due.moment - LOOKED, due.step) == (timedelta(seconds=float(plan.project.rollout.tick)), step)
    assert "cannot be read" in due.why
    assert isinstance(next_in_roll(plan, replace(waiting, samples=known.samples + 1), LOOKED), onward)
