"""What a rollout makes of traffic that is not what it moved: a change of somebody else, and a target that is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gonogo.run import rollout
from gonogo.run.arms import Arms
from gonogo.run.events import EVENTS, Event, Recorded, TrafficMoved, data_of, type_of
from gonogo.run.events_of_traffic import DrainEnded, TrafficFound
from gonogo.run.rolling import MOST_UNREAD, UNREAD_MS, Rolling, read_back, rolled

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
ARMS = Arms("blue", "green")


def after(*events: Event, tick: float = 1.0) -> Rolling:
    """The rollout after these events, one every `tick` seconds."""
    known = None
    for number, event in enumerate(events):
        at = AT + timedelta(seconds=number * tick)
        known = rolled(None, ARMS, known, Recorded(number, at, "engine", event))  # type: ignore[arg-type]
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
    assert after(MOVED, *row[:-1], tick=10).progress.abort == ""
    why = "the target is lost: not read at 3 samples in 20.0 s: the socket does not answer"
    assert after(MOVED, *row, tick=10).progress.abort == why
    apart = [found(index) for index in range(4, 4 + 2 * MOST_UNREAD, 2)]
    assert after(MOVED, *apart, tick=10).progress.abort == ""


@pytest.mark.req("ARB-01", "PX-05")
def test_a_proxy_that_is_away_for_less_than_two_seconds_is_not_lost_however_short_the_ticks_are() -> None:
    row = [found(index) for index in range(4, 4 + UNREAD_MS // 100 + 1)]
    known = after(MOVED, *row[:-1], tick=0.1)
    assert (known.progress.abort, known.unread and known.unread.count) == ("", 20)
    assert after(MOVED, *row, tick=0.1).progress.abort.startswith("the target is lost: not read at 21 samples in 2.0 s")
    twice = [found(4)] * 30
    assert after(MOVED, *twice, tick=0.1).progress.abort == "", "one sample is one, however often it is asked before a move"


@pytest.mark.req("PX-05", "RGD-01")
def test_the_share_of_a_run_is_what_was_read_back_last_whoever_moved_it() -> None:
    back = TrafficMoved("b", 1, -1, 0, {"blue": 100, "green": 0})
    assert read_back(None, MOVED, "green") == 5
    assert read_back(5, found(3), "green") == 5, "what could not be read is no figure"
    assert read_back(5, found(3, blue=60, green=40), "green") == 40
    assert read_back(40, back, "green") == 0


@pytest.mark.req("ROL-02")
@pytest.mark.parametrize(
    ("open_there", "words"),
    [
        (3, "green is ended with 3 requests under way, after a drain of 10 s"),
        (1, "green is ended with 1 request under way, after a drain of 10 s"),
        (None, "green is ended with an unknown number of requests under way, after a drain of 10 s"),
    ],
)
def test_what_a_script_cuts_is_said_with_its_number_and_unknown_is_never_none(open_there: int | None, words: str) -> None:
    event = DrainEnded("t", 1, "green", open_there, "10")
    assert str(event) == words
    assert EVENTS[type_of(event)](**data_of(event)) == event


def test_what_was_found_is_read_from_the_ledger_as_it_was_written() -> None:
    event = found(3, blue=100, green=0)
    assert EVENTS[type_of(event)](**data_of(event)) == event
