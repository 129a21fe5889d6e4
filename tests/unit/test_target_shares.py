"""Weights in percent, the order in which they change, and belief only after a read-back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.adapters.shares import check_weights, confirm, ordered_changes, percentages
from gonogo.errors import BadInput, Broken
from gonogo.ports import TrafficSeen

SLOTS = {"blue": "127.0.0.1:1", "green": "127.0.0.1:2"}
splits = st.integers(0, 100).map(lambda green: {"blue": 100 - green, "green": green})


@pytest.mark.req("PX-01")
@settings(max_examples=60)
@given(splits, splits)
def test_every_prefix_of_the_changes_leaves_a_server_with_a_weight(
    before: dict[str, int], after: dict[str, int]
) -> None:
    now = dict(before)
    for slot, weight in ordered_changes(before, after):
        now[slot] = weight
        assert sum(now.values()) >= 100
    assert now == after


@pytest.mark.req("PX-01")
def test_a_full_switch_raises_the_new_side_before_it_lowers_the_old_one() -> None:
    changes = ordered_changes({"blue": 100, "green": 0}, {"blue": 0, "green": 100})
    assert changes == (("green", 100), ("blue", 0))


def test_nothing_is_sent_where_nothing_changes() -> None:
    assert ordered_changes({"blue": 95, "green": 5}, {"blue": 95, "green": 5}) == ()


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.integers(0, 256), min_size=1))
def test_percentages_are_whole_add_up_to_100_and_never_give_a_share_to_weight_0(raw: dict[str, int]) -> None:
    found = percentages(raw)
    assert sum(found.values()) == (100 if sum(raw.values()) else 0)
    assert all(found[slot] == 0 for slot, weight in raw.items() if weight == 0)


def test_nineteen_to_one_is_five_percent() -> None:
    assert percentages({"blue": 19, "green": 1}) == {"blue": 95, "green": 5}


@pytest.mark.parametrize(
    "weights", [{}, {"blue": 100}, {"blue": 50, "green": 49}, {"blue": 101, "green": -1}, {"blue": 50, "red": 50}]
)
def test_a_wish_that_is_no_distribution_over_the_known_slots_is_refused(weights: dict[str, int]) -> None:
    with pytest.raises(BadInput):
        check_weights(weights, SLOTS)


@pytest.mark.parametrize(
    "seen",
    [
        TrafficSeen({"blue": 96, "green": 4}, "as read", readable=True),
        TrafficSeen({"blue": 95, "green": 5}, "cannot say", readable=False),
        TrafficSeen({}, "cannot say", readable=False),
    ],
)
def test_a_move_is_not_believed_where_the_read_back_differs_or_cannot_be_read(seen: TrafficSeen) -> None:
    with pytest.raises(Broken, match="asked for blue 95 %, green 5 %, the target now does") as caught:
        confirm(seen, {"blue": 95, "green": 5}, "here", "fine")
    assert "it said: fine" in caught.value.what
    assert "half done" in caught.value.next_step
