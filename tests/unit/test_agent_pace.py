"""How fast agents may call, how many may wait, what is written of their refused calls, and what one answer has room for."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from gonogo.control.agents.logs import Cursor
from gonogo.control.agents.pace import MOST_REFUSALS, Allowances, Pace, Word
from gonogo.errors import BadInput
from gonogo.reports.agent_answers import MOST_ROWS, fitting
from gonogo.run.agents import created_fields
from tests.agents_world import wish
from tests.worlds import MORNING, SimulatedClock


def allowances(**pace: float) -> tuple[Allowances, SimulatedClock]:
    clock = SimulatedClock()
    return Allowances(Pace(**pace), clock), clock  # type: ignore[arg-type]


def test_after_a_burst_calls_wait_for_their_turn() -> None:
    allowed, clock = allowances(per_second=10, burst=5)
    assert [allowed.may_call("bot") for _ in range(7)] == [True] * 5 + [False] * 2
    assert allowed.may_call("other"), "each agent has a pace of its own"
    clock.sleep(0.25)
    assert [allowed.may_call("bot") for _ in range(3)] == [True, True, False]


def test_so_many_runs_are_opened_in_an_hour() -> None:
    allowed, clock = allowances(runs_per_hour=2)
    assert [allowed.may_open("bot") for _ in range(3)] == [True, True, False]
    clock.sleep(3600)
    assert allowed.may_open("bot")


def test_who_waits_for_a_change_holds_no_more_places_than_its_own_and_all_together_no_more_than_there_are() -> None:
    """A09: whoever polls from many connections keeps nobody else from being answered."""
    allowed, _ = allowances(waiting=2, waiting_all=3)
    with ExitStack() as stack:
        assert [stack.enter_context(allowed.waiting("bot")) for _ in range(3)] == [True, True, False]
        assert [stack.enter_context(allowed.waiting("other")) for _ in range(2)] == [True, False]
    with allowed.waiting("third") as may:
        assert may, "who has its answer gives its place back"


def test_of_a_flood_of_refusals_a_hundred_stand_in_the_log_and_the_others_are_counted_to_the_last() -> None:
    """V4: so many entries as the number has digits, never as many as there were calls."""
    allowed, clock = allowances()
    words = [allowed.refused("bot") for _ in range(100_000)]
    assert sum(word.itself for word in words) == MOST_REFUSALS
    assert len([word for word in words if word.unsaid]) < 12
    rest = allowed.unsaid()
    assert MOST_REFUSALS + sum(word.unsaid for word in words) + rest["bot"] == 100_000
    assert allowed.unsaid() == {}, "what was written is not written again"
    clock.sleep(61)
    assert allowed.refused("bot") == Word(0, itself=True)


def test_what_was_not_written_in_one_minute_is_written_with_the_first_refusal_of_the_next() -> None:
    allowed, clock = allowances()
    for _ in range(MOST_REFUSALS + 7):
        allowed.refused("bot")
    clock.sleep(61)
    assert allowed.refused("bot") == Word(7, itself=True)


@pytest.mark.parametrize(("letters", "count"), [(10, 100), (400, 40), (5000, 4)])
def test_a_page_holds_the_rows_for_which_an_answer_has_room_and_its_cursor_leads_to_the_next(letters: int, count: int) -> None:
    rows = [{"text": "x" * letters}] * count
    shown = fitting(rows)
    assert 1 <= shown <= count
    assert shown == count or (shown + 1) * (letters + 12) > MOST_ROWS
    assert fitting([{"text": "x" * 50_000}]) == 1, "one row always goes out; what is too long in it is cut"


def test_a_place_in_an_output_is_written_and_read() -> None:
    assert Cursor.of("") == Cursor(0, 0, 0)
    assert Cursor.of(str(Cursor(2, 1 << 31, 40_000))) == Cursor(2, 1 << 31, 40_000)


def test_no_token_bears_the_name_of_the_agent_without_one() -> None:
    with pytest.raises(BadInput, match="the agent without a token"):
        created_fields(wish("local"), "gonogo_agent_" + "0" * 12 + "_" + "A" * 43, {}, MORNING)
