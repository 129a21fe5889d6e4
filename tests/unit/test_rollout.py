"""What a strategy does next, step by step, and what it says beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gonogo.errors import BadInput
from gonogo.run.judging import JudgeKind
from gonogo.run.rollout import (
    AwaitPromotion,
    BlueGreen,
    Canary,
    DeployBatch,
    Finished,
    Hold,
    MoveTraffic,
    Progress,
    Promotion,
    Rolling,
    StepAnswer,
    Undo,
    aborted,
    answered,
    is_faulty,
    looked_at,
    missing,
    moved,
    next_act,
    preview,
    promoted,
)

NO_ABORT = "goes on unless the judge aborts, holds or has no data"
CANARY = Canary(steps=(10, 50, 100), hold_ms=1_000, patience_ms=5_000)


def said(step: int, kind: JudgeKind, ticks: int = 4) -> StepAnswer:
    """An answer of the judge about a step."""
    return StepAnswer(step, kind, ticks, "errors 4.95 times")


def at_step(step: int, percent: int, answer: StepAnswer | None = None) -> Progress:
    """Progress at a step that began at 0."""
    return Progress(step, percent, 0, answer)


@pytest.mark.req("ROL-01")
def test_a_canary_moves_step_by_step_to_all_traffic() -> None:
    progress, now, percents = Progress(), 0, []
    while not isinstance(act := next_act(CANARY, progress, now), Finished):
        if isinstance(act, MoveTraffic):
            percents.append(act.percent)
            progress = answered(moved(progress, act, now), said(act.step, JudgeKind.GO))
        now += 500
    assert percents == [10, 50, 100]
    assert now == 3 * CANARY.hold_ms


@pytest.mark.req("ROL-01")
def test_a_rolling_rollout_replaces_every_instance_once() -> None:
    strategy = Rolling((2, 2, 2, 2, 2), max_unavailable=2, hold_ms=0)
    progress = Progress()
    replaced: list[int] = []
    while not isinstance(act := next_act(strategy, progress, 0), Finished):
        assert isinstance(act, DeployBatch)
        replaced.extend(range(act.first, act.first + act.count))
        progress = answered(moved(progress, act, 0), said(act.step, JudgeKind.CONTINUE))
    assert replaced == list(range(10))
    assert progress.percent == 100


@pytest.mark.req("ROL-01")
def test_blue_green_gives_no_traffic_before_a_person_switches() -> None:
    strategy = BlueGreen(hold_ms=1_000)
    first = next_act(strategy, Progress(), 0)
    assert first == MoveTraffic(0, 0)
    checked = answered(moved(Progress(), MoveTraffic(0, 0), 0), said(0, JudgeKind.GO))
    assert next_act(strategy, checked, 0) == AwaitPromotion(0, 3_600_000, "step 1 is promoted by a person")
    assert next_act(strategy, promoted(checked, 0), 0) == MoveTraffic(100, 1)
    switched = moved(promoted(checked, 0), MoveTraffic(100, 1), 10)
    assert next_act(strategy, switched, 20) == Hold(1_010, 1, "step 2 is held")
    assert next_act(strategy, switched, 1_010) == Finished()


@pytest.mark.req("ARB-01")
def test_an_abort_in_the_middle_undoes() -> None:
    progress = answered(at_step(1, 50), said(1, JudgeKind.ABORT))
    assert next_act(CANARY, progress, 0) == Undo("errors 4.95 times")


def test_an_abort_is_not_forgotten_when_the_judge_says_something_else_later() -> None:
    progress = answered(answered(at_step(1, 50), said(1, JudgeKind.ABORT)), said(1, JudgeKind.GO))
    assert isinstance(next_act(CANARY, progress, 9_999), Undo)


def test_an_abort_about_an_earlier_step_still_undoes() -> None:
    assert isinstance(next_act(CANARY, at_step(1, 50, said(0, JudgeKind.ABORT)), 0), Undo)


@pytest.mark.req("ARB-02")
def test_a_person_or_a_failed_check_can_abort_with_a_reason() -> None:
    assert next_act(CANARY, aborted(at_step(0, 10), "smoke test failed"), 0) == Undo("smoke test failed")
    assert next_act(CANARY, aborted(Progress(), ""), 0) == Undo("aborted without a reason")


def test_a_step_without_an_answer_is_held_and_undone_when_patience_ends() -> None:
    progress = at_step(0, 10)
    assert next_act(CANARY, progress, 1_000) == Hold(6_000, 0, "no answer of the judge about step 1")
    assert next_act(CANARY, progress, 6_000) == Undo("no answer of the judge about step 1; nothing came in time")


def test_an_answer_about_another_step_or_without_data_does_not_promote() -> None:
    old = at_step(1, 50, said(0, JudgeKind.GO))
    assert next_act(CANARY, old, 1_000) == Hold(6_000, 1, "no answer of the judge about step 2")
    empty = at_step(0, 10, said(0, JudgeKind.GO, ticks=0))
    assert next_act(CANARY, empty, 1_000) == Hold(6_000, 0, "0 ticks with data in step 1, 3 needed")


@pytest.mark.parametrize(
    ("kind", "first", "before_all"),
    [
        (JudgeKind.GO, MoveTraffic(50, 1), MoveTraffic(100, 2)),
        (JudgeKind.CONTINUE, MoveTraffic(50, 1), Hold(6_000, 1, "the judge has not decided: errors 4.95 times")),
        (
            JudgeKind.HOLD,
            Hold(6_000, 0, "the judge holds: errors 4.95 times"),
            Hold(6_000, 1, "the judge holds: errors 4.95 times"),
        ),
        (
            JudgeKind.INCONCLUSIVE,
            AwaitPromotion(0, 6_000, "the judge is inconclusive: errors 4.95 times"),
            AwaitPromotion(1, 6_000, "the judge is inconclusive: errors 4.95 times"),
        ),
    ],
)
def test_all_traffic_needs_a_go_where_an_earlier_step_needs_no_abort(
    kind: JudgeKind, first: object, before_all: object
) -> None:
    assert next_act(CANARY, at_step(0, 10, said(0, kind)), 1_000) == first
    assert next_act(CANARY, at_step(1, 50, said(1, kind)), 1_000) == before_all


def test_a_person_can_promote_an_inconclusive_step_but_not_a_held_one() -> None:
    inconclusive = promoted(at_step(1, 50, said(1, JudgeKind.INCONCLUSIVE)), 1)
    assert next_act(CANARY, inconclusive, 1_000) == MoveTraffic(100, 2)
    held = promoted(at_step(1, 50, said(1, JudgeKind.HOLD)), 1)
    assert isinstance(next_act(CANARY, held, 1_000), Hold)


def test_counts_that_cannot_be_true_ask_a_person_after_whom_the_judge_has_to_answer_anew() -> None:
    """Nobody promotes a step by it: what was put aside were counts, not the judge."""
    held = at_step(1, 50, replace(said(1, JudgeKind.HOLD), faulty=True))
    assert next_act(CANARY, held, 1_000) == AwaitPromotion(1, 6_000, "the judge holds: errors 4.95 times")
    assert next_act(CANARY, held, 6_000) == Undo("the judge holds: errors 4.95 times; nothing came in time")
    after = looked_at(held)
    assert (is_faulty(held), is_faulty(after), after.promoted) == (True, False, frozenset())
    assert next_act(CANARY, after, 1_000) == Hold(6_000, 1, "no answer of the judge about step 2")
    assert next_act(CANARY, answered(after, said(1, JudgeKind.GO)), 1_000) == MoveTraffic(100, 2)


def test_a_manual_step_waits_for_a_person_even_with_a_go() -> None:
    strategy = Canary((10, 100), 1_000, (Promotion.MANUAL,), patience_ms=5_000)
    progress = at_step(0, 10, said(0, JudgeKind.GO))
    assert next_act(strategy, progress, 1_000) == AwaitPromotion(0, 6_000, "step 1 is promoted by a person")
    assert next_act(strategy, promoted(progress, 0), 1_000) == MoveTraffic(100, 1)
    assert next_act(strategy, progress, 6_000) == Undo("step 1 is promoted by a person; nothing came in time")


def test_a_certified_go_ends_a_hold_only_where_the_strategy_says_so() -> None:
    progress = at_step(0, 10, said(0, JudgeKind.GO))
    assert next_act(CANARY, progress, 0) == Hold(1_000, 0, "step 1 is held")
    early = Canary((10, 100), 1_000, early=True)
    assert next_act(early, progress, 0) == MoveTraffic(100, 1)
    assert isinstance(next_act(early, at_step(0, 10, said(0, JudgeKind.GO, ticks=1)), 0), Hold)
    assert isinstance(next_act(early, at_step(1, 100, said(1, JudgeKind.GO)), 0), Hold)


@pytest.mark.parametrize(
    "act",
    [MoveTraffic(100, 2), MoveTraffic(10, 0), MoveTraffic(5, 1)],
)
def test_a_move_that_skips_repeats_or_falls_is_refused(act: MoveTraffic) -> None:
    with pytest.raises(BadInput):
        moved(at_step(0, 10), act, 0)


def test_nothing_moves_after_an_abort() -> None:
    with pytest.raises(BadInput):
        moved(aborted(at_step(0, 10), "errors"), MoveTraffic(50, 1), 0)


def test_only_the_present_step_can_be_promoted() -> None:
    with pytest.raises(BadInput) as caught:
        promoted(at_step(0, 10), 1)
    assert str(caught.value).startswith("rollout: step 2 cannot be promoted, step 1 is the present one")


@pytest.mark.parametrize(
    "build",
    [
        lambda: Canary(steps=()),
        lambda: Canary(steps=(0, 100)),
        lambda: Canary(steps=(10, 50)),
        lambda: Canary(steps=(50, 10, 100)),
        lambda: Canary(promotions=(Promotion.MANUAL,)),
        lambda: Canary(hold_ms=-1),
        lambda: Canary(min_ticks=0),
        lambda: BlueGreen(patience_ms=-1),
        lambda: Rolling((), 1),
        lambda: Rolling((0,), 1),
        lambda: Rolling((1, 3), 2),
    ],
)
def test_a_strategy_that_makes_no_sense_does_not_exist(build: Callable[[], object]) -> None:
    with pytest.raises(BadInput):
        build()


@pytest.mark.req("DRY-01")
def test_the_preview_says_every_step_and_what_leaves_it() -> None:
    strategy = Canary((5, 25, 100), 30_000, (Promotion.AUTO, Promotion.MANUAL))
    lines = preview(strategy)
    assert [line.split(", hold 30 s, ") for line in lines[:3]] == [
        ["step 1 of 3: move 5 % of the traffic to the new version", NO_ABORT],
        ["step 2 of 3: move 25 % of the traffic to the new version", "a person promotes"],
        ["step 3 of 3: move 100 % of the traffic to the new version", "then finished"],
    ]
    waits = "waits at most 3600 s for an answer or a person after a hold, then undoes"
    assert lines[3] == f"an abort at any time undoes everything; {waits}"
    rolling = preview(Rolling((2, 2), 2))[0]
    assert rolling == f"step 1 of 2: replace instances 1 to 2 (50 % new), hold 60 s, {NO_ABORT}"
    assert preview(BlueGreen(promotion=Promotion.AUTO))[0].endswith("hold 0 s, goes on with a GO of the judge")


@pytest.mark.req("ROL-01")
@pytest.mark.parametrize(("lost", "begins"), [((), True), ((2,), True), ((0,), False), ((2, 3), True), ((0, 2), False)])
def test_instances_that_are_lost_count_against_what_may_be_unavailable(lost: tuple[int, ...], begins: bool) -> None:
    rolling = Rolling((2, 2), max_unavailable=2, hold_ms=0, patience_ms=5_000)
    first = moved(Progress(), DeployBatch(0, 2, 50, 0), 0)
    progress = missing(answered(first, said(0, JudgeKind.GO)), frozenset(lost))
    act = next_act(rolling, progress, 100)
    assert isinstance(act, DeployBatch) is begins
    if not begins:
        assert isinstance(act, Hold)
        assert "instances would be unavailable" in act.why
        late = next_act(rolling, progress, 5_000)
        assert isinstance(late, Undo)


def test_a_roll_does_not_begin_where_its_first_batch_would_leave_too_few() -> None:
    rolling = Rolling((1, 1, 1), max_unavailable=1)
    act = next_act(rolling, missing(Progress(), frozenset({2})), 0)
    assert act == Undo("nothing was begun: 2 instances would be unavailable (1 do not answer), 1 may be")
