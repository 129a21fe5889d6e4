"""The contract of wake-ups: hints that come with a commit or not at all, never too early, one driver a run."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gonogo.engine.local import LocalWakeups
from gonogo.errors import Broken
from gonogo.ports import Draft
from gonogo.terms import Engine, RunId
from worlds import MORNING, MemoryJournal, SimulatedClock

RUN, OTHER = RunId("pre-deployment-v2-1f3a"), RunId("pre-deployment-v3-2b4c")
ENGINE = Engine("eu1")
EVENT = Draft("run.opened", {"release": "v2"})


@pytest.fixture
def journal() -> MemoryJournal:
    made = MemoryJournal()
    for run in (RUN, OTHER):
        made.open_run(run, [EVENT], actor=ENGINE, now=MORNING)
    return made


@pytest.mark.req("WFS-10")
def test_a_run_is_woken_when_the_event_is_committed_and_not_before(journal: MemoryJournal) -> None:
    wakeups = LocalWakeups(SimulatedClock())
    with journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        transaction.append(EVENT)
        wakeups.wake(transaction, RUN, "event")
        wakeups.wake(transaction, OTHER, "lease")
        assert wakeups.live() == frozenset()
    assert wakeups.live() == {RUN, OTHER}


def test_a_transaction_that_is_rolled_back_wakes_nobody(journal: MemoryJournal) -> None:
    wakeups = LocalWakeups(SimulatedClock())
    with pytest.raises(Broken), journal.write(RUN, 0, actor=ENGINE, now=MORNING) as transaction:
        wakeups.wake(transaction, RUN, "event")
        raise Broken("the disk is full")
    assert wakeups.live() == frozenset()


def test_a_timer_is_never_early_and_a_run_with_one_is_alive() -> None:
    clock = SimulatedClock()
    wakeups = LocalWakeups(clock)
    wakeups.wake_at(RUN, MORNING + timedelta(days=3), "window")
    assert (wakeups.live(), wakeups.take("one")) == ({RUN}, None)
    clock.sleep(3 * 86400 - 0.001)
    assert wakeups.take("one") is None
    clock.sleep(0.001)
    assert wakeups.take("one") == RUN


def test_a_run_is_handed_to_one_driver_at_a_time_and_a_word_that_came_meanwhile_is_not_lost() -> None:
    wakeups = LocalWakeups(SimulatedClock())
    for why in ("event", "event", "sweep"):
        wakeups.wake_at(RUN, MORNING, why)
    assert wakeups.take("one") == RUN
    assert wakeups.take("two") is None, "three words before it was looked at are one look"
    wakeups.wake_at(RUN, MORNING, "event")
    assert wakeups.take("two") is None
    wakeups.finished(RUN)
    assert wakeups.take("two") == RUN
    wakeups.finished(RUN)
    assert (wakeups.take("one"), wakeups.live()) == (None, frozenset())


def test_what_a_dead_worker_had_goes_to_another_one() -> None:
    wakeups = LocalWakeups(SimulatedClock())
    for run in (RUN, OTHER):
        wakeups.wake_at(run, MORNING, "event")
    assert [wakeups.take("dead"), wakeups.take("alive")] == [RUN, OTHER]
    assert wakeups.abandon("dead") == (RUN,)
    assert wakeups.abandon("dead") == ()
    assert wakeups.take("alive") == RUN
