"""A health window that would fail goes on by configured steps, up to a limit, and never passes by it (SOK-04)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.engine.measuring.after import objectives_seen
from gonogo.evidence.ledger import time_text
from gonogo.findings import Origin
from gonogo.measure.health import HealthSeen, health_body
from gonogo.measure.stored_fields import Fields
from gonogo.plan.model import Plan
from gonogo.plan.project import BurnBinding, Objective, Promise
from gonogo.plan.stored import stored_plan
from gonogo.run.arms import Arms
from gonogo.run.events import MetricsSampled, Recorded, data_of, type_of
from gonogo.run.events_of_traffic import WindowExtended
from gonogo.run.health_window import longest_watch, next_in_watch, window_answer, window_end
from gonogo.run.rolling import HoldUntil, RollDone, Rolling, rolled
from gonogo.terms import Person, Verdict

KEPT = Path(__file__).resolve().parents[1] / "cases" / "plans" / "kept-by-0.1.0.json"
BEGAN = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
ARMS = Arms("blue", "green")
LENGTH = 10
"""Seconds and, with a sample each second, samples."""
PROMISED = Promise("answers", None, Decimal("0.02"), Origin("slo.yaml", 1))


def plan_with(extensions: int, extend_by: int = 0, *, promised: bool = False) -> Plan:
    """A plan whose health window takes 10 s and is sampled each second."""
    plan = stored_plan(KEPT.read_bytes())
    found = replace(
        plan.project.health,
        length=Decimal(LENGTH),
        tick=Decimal(1),
        extensions=extensions,
        extend_by=Decimal(extend_by),
        objectives=() if promised else (Objective("errors", "error_rate", Decimal("0.05"), Origin("gonogo.yaml", 1)),),
        promises=(PROMISED,) if promised else (),
        burn=(BurnBinding(Decimal(5), Decimal(10), Decimal(2)),),
    )
    return replace(plan, project=replace(plan.project, health=found))


def at(second: float) -> datetime:
    return BEGAN + timedelta(seconds=second)


def watched(plan: Plan, errors: Sequence[int | None]) -> tuple[Rolling, list[WindowExtended], float]:
    """A window with so many errors of 100 requests in each second (None: silence) until it is over, as the engine goes."""
    known, total, bad, found = None, 0, 0, []
    for second in range(len(errors) + 1):
        seen = errors[second - 1] if second else 0
        total, bad = total + 100, bad + (seen or 0)
        slots = {} if seen is None else {"green": [total, bad, total, total], "blue": [0, 0, 0, 0]}
        sample = MetricsSampled("t", 1, second, -1, slots, ["1", "+Inf"], [] if slots else ["green"])
        known = rolled(plan, ARMS, known, Recorded(second, at(second), Person("rm1"), sample))
        while isinstance(act := next_in_watch(plan, known, at(second)), WindowExtended):
            found.append(act)
            known = rolled(plan, ARMS, known, Recorded(second, at(second), Person("rm1"), act))
        if isinstance(act, RollDone):
            return known, found, second
        assert isinstance(act, HoldUntil)
    raise AssertionError(f"the window was not over after {len(errors)} s")


def verdict_of(plan: Plan, errors: Sequence[int | None]) -> tuple[Verdict, list[WindowExtended], float]:
    known, found, second = watched(plan, errors)
    return window_answer(plan, known, at(second)).verdict, found, second


@pytest.mark.req("SOK-04")
def test_a_breach_extends_the_window_by_one_step_with_its_reason_and_a_clean_length_passes() -> None:
    verdict, found, second = verdict_of(plan_with(1), [0, 0, 0, 9, *[0] * 30])
    assert found == [WindowExtended("t", 1, 1, "errors", "0.09", "0.05", time_text(at(20)))]
    assert (verdict, second) == (Verdict.PASS, 20)


@pytest.mark.req("SOK-04")
def test_without_extensions_left_a_breach_fails_at_once_as_ever() -> None:
    assert verdict_of(plan_with(0), [0, 0, 0, 9, *[0] * 30]) == (Verdict.FAIL, [], 4)
    verdict, found, second = verdict_of(plan_with(2), [9] * 60)
    assert (verdict, [event.number for event in found], second) == (Verdict.FAIL, [1, 2], 20)


@pytest.mark.req("SOK-04")
def test_short_steps_are_taken_until_the_breach_is_left_behind_or_not_at_all() -> None:
    errors = [0, 0, 0, 9, *[0] * 30]
    verdict, found, second = verdict_of(plan_with(3, 2), errors)
    assert (verdict, [event.ends_at for event in found], second) == (
        Verdict.PASS,
        [time_text(at(end)) for end in (12, 14, 16)],
        16,
    )
    assert verdict_of(plan_with(2, 2), errors) == (Verdict.FAIL, [], 4), "after two steps the breach would still count"


@pytest.mark.req("SOK-04", "SOK-05")
def test_missing_samples_extend_the_window_and_never_pass_it() -> None:
    gap = [0, 0, 0, None, None, None, *[0] * 30]
    assert verdict_of(plan_with(0), gap)[0] is Verdict.INCONCLUSIVE
    verdict, found, second = verdict_of(plan_with(1), gap)
    assert (verdict, [event.clause for event in found], second) == (Verdict.PASS, ["missing samples"], 20)
    verdict, found, _ = verdict_of(plan_with(2), [0, 0, *[None] * 60])
    assert (verdict, len(found)) == (Verdict.INCONCLUSIVE, 2)


@pytest.mark.req("SOK-05", "DG4-02")
@pytest.mark.parametrize(("errors", "missing"), [([0] * 10, 0), ([0, 0, 0, None, None, None, 0, 0, 0, 0], 2)])
def test_the_log_of_a_window_says_when_nobody_looked_however_many_samples_stand_around_it(
    errors: list[int | None], missing: int
) -> None:
    plan = plan_with(0)
    known, _, _ = watched(plan, errors)
    (seen,) = objectives_seen(plan, known, at(LENGTH))
    body = health_body(HealthSeen(BEGAN, at(LENGTH), (seen,)), at(LENGTH))
    health = body["health"]
    assert isinstance(health, dict)
    found = Fields(body).part("health")
    assert (found.count("samples_missing"), found.maybe_text("status")) == (missing, None if missing else "pass")


@pytest.mark.req("SOK-04", "SOK-05")
def test_an_engine_that_was_dead_to_the_end_of_the_longest_window_extends_nothing() -> None:
    plan = plan_with(2)
    known, _, _ = watched(plan_with(0), [0, 9])
    assert isinstance(next_in_watch(plan, known, at(3)), WindowExtended)
    assert isinstance(next_in_watch(plan, known, at(25)), RollDone), "nobody sampled what would have to be whole"
    assert isinstance(next_in_watch(plan, known, at(60)), RollDone)


@pytest.mark.req("SOK-04", "DG4-02")
def test_a_burnt_budget_extends_the_window_and_is_counted_anew() -> None:
    verdict, found, second = verdict_of(plan_with(1, promised=True), [0, 0, 60, 60, *[0] * 30])
    assert [(event.clause, event.limit) for event in found] == [("answers: budget burn", "5")]
    assert (verdict, second) == (Verdict.PASS, 20)
    broken, found, _ = verdict_of(plan_with(1, promised=True), [5] * 30)
    assert (broken, [(event.clause, event.measured) for event in found]) == (Verdict.FAIL, [("answers", "0.05")])


@pytest.mark.req("SOK-04")
def test_an_extension_is_kept_in_the_ledger_as_words_and_numbers_and_read_again() -> None:
    known, found, _ = watched(plan_with(1), [9, *[0] * 30])
    assert type_of(found[0]) == "window.extended"
    assert WindowExtended(**json.loads(json.dumps(data_of(found[0])))) == found[0]
    assert "extended 1 of 1 times" in window_answer(plan_with(1), known, at(20)).explanation
    body = health_body(HealthSeen(BEGAN, window_end(plan_with(1), known), (), extended=len(known.extensions)), at(20))
    assert body["health"] == {**body["health"], "extended": 1, "window_end": "2026-03-03T09:00:20Z"}  # type: ignore[dict-item]


SECONDS = st.lists(st.sampled_from([0, 0, 0, 0, 0, 9, None]), min_size=50, max_size=50)


def seen_at(errors: Sequence[int | None], second: int) -> int | None:
    """What the sample of a second shows: nothing without a sample then and a second before."""
    known = [0, *errors]
    return known[second] if second > 0 and known[second - 1] is not None else None


@pytest.mark.req("SOK-04", "SOK-05")
@settings(max_examples=40)
@given(SECONDS, st.integers(0, 3), st.integers(0, 12))
def test_no_window_gets_more_than_its_limit_and_none_passes_but_by_one_clean_and_whole_length(
    errors: list[int | None], extensions: int, extend_by: int
) -> None:
    plan = plan_with(extensions, extend_by)
    known, found, second = watched(plan, errors)
    verdict = window_answer(plan, known, at(second)).verdict
    assert [event.number for event in found] == list(range(1, len(found) + 1))
    assert len(found) <= extensions
    assert window_end(plan, known) <= BEGAN + timedelta(seconds=float(longest_watch(plan.project.health)))
    if verdict is Verdict.PASS:
        assert window_end(plan, known) == at(second)
        last = range(int(second) - LENGTH, int(second))
        seen = {one: seen_at(errors, one) for one in last}
        assert 9 not in seen.values()
        assert all(any(seen[one] is not None for one in last[start : start + 2]) for start in range(0, LENGTH, 2))
    else:
        assert verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)
        assert 9 in errors or None in errors
