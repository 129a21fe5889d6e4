"""What a rollout makes of traffic that is not what it moved: a change of somebody else, and a target that is lost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gonogo.run import rollout
from gonogo.run.arms import Arms
from gonogo.run.events import EVENTS, Event, Recorded, TrafficMoved, data_of, type_of
from gonogo.run.events_of_traffic import TrafficFound
from gonogo.run.rolling import MOST_UNREAD, Rolling, read_back, rolled

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
ARMS = Arms("blue", "green")


def after(*events: Event) -> Rolling:
    known = None
    for number, event in enumerate(events):
        known = rolled(None, ARMS, known, Recorded(number, AT, "engine", event))  # type: ignore[arg-type]
    assert known is not None
    return known


def found(index: int, **weights: int) -> TrafficFound:
    return TrafficFound("t", 1, index, weights, "the socket does not answer")


MOVED = TrafficMoved("t", 1, 0, 5, {"blue": 95, "green": 5})


@pytest.mark.req("PX-05", "ARB-01")
def test_traffic_that_was_not_moved_by_this_rollout_takes_it_back_at_once() -> None:
    known = after(MOVED, found(3, blue=100, green=0))
    act = rollout.next_act(rollout.Canary(), known.progress, 0)
    assert act == rollout.Undo("the target was changed behind our back: it does blue 100 %, green 0 %, 5 % were moved")


@pytest.mark.req("ARB-01")
def test_a_target_that_cannot_be_read_is_lost_after_several_samples_in_a_row_and_not_after_a_restart() -> None:
    row = [found(index) for index in range(4, 4 + MOST_UNREAD)]
    assert after(MOVED, *row[:-1]).progress.abort == ""
    assert after(MOVED, *row).progress.abort == "the target is lost: the socket does not answer"
    apart = [found(index) for index in range(4, 4 + 2 * MOST_UNREAD, 2)]
    assert after(MOVED, *apart).progress.abort == ""


@pytest.mark.req("PX-05", "RGD-01")
def test_the_share_of_a_run_is_what_was_read_back_last_whoever_moved_it() -> None:
    back = TrafficMoved("b", 1, -1, 0, {"blue": 100, "green": 0})
    assert read_back(None, MOVED, "green") == 5
    assert read_back(5, found(3), "green") == 5, "what could not be read is no figure"
    assert read_back(5, found(3, blue=60, green=40), "green") == 40
    assert read_back(40, back, "green") == 0


def test_what_was_found_is_read_from_the_ledger_as_it_was_written() -> None:
    event = found(3, blue=100, green=0)
    assert EVENTS[type_of(event)](**data_of(event)) == event
