"""Whose turn it is on one machine: places to work, and the line before an environment, with the living only in it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from gonogo.adapters.run_lock import RunLocks
from gonogo.adapters.run_places import RunPlaces
from gonogo.control.turns import PLACES, Turns, at_once
from gonogo.engine.driver import AwaitEnvironment
from gonogo.errors import EnvironmentTaken, WrongUsage
from gonogo.plan.model import Effect, Execute, Measure, Task
from gonogo.ports import Draft
from gonogo.run.machine import Look, Perform
from gonogo.run.standing import Waiter
from gonogo.run.state import RunState
from gonogo.terms import Engine, RunId
from worlds import MORNING, MemoryJournal, SimulatedClock

ENGINE = Engine("local")
RUNS = tuple(RunId(f"pre-deployment-v{number}") for number in range(1, 7))
LOOK = Look(Task("1.1#look", "look", Measure("x")), 1)
DEPLOY = Perform(Task("1.1#deploy", "deploy", Execute("deploy", "production", Effect.PRODUCTION, "deploy", repeatable=False)), 1, 1)


class Clock(SimulatedClock):
    """A clock that lets something happen while somebody sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: list[Callable[[], None]] = []

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        assert len(self.sleeps) < 100, "waits for ever"
        if self.meanwhile:
            self.meanwhile.pop(0)()


@dataclass
class Machine:
    """One machine with runs that are driven or not."""

    root: Path
    clock: Clock = field(default_factory=Clock)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    said: list[str] = field(default_factory=list)

    def turns(self, run: RunId, *, most: int = 4, priority: int = 0) -> Turns:
        locks = RunLocks(self.root / "runs", self.clock)
        return Turns(self.journal, self.clock, run, locks, RunPlaces(self.root / "places", most), priority, self.said.append)

    @contextmanager
    def driven(self, run: RunId, **how: int) -> Iterator[Turns]:
        with RunLocks(self.root / "runs", self.clock).driving(run):
            turns = self.turns(run, **how)
            yield turns
            turns.places.leave()

    def holds(self, run: RunId) -> None:
        with self.journal.write(run, 0, actor=ENGINE, now=MORNING) as change:
            change.take_lease("production")

    def gives_back(self, run: RunId) -> None:
        with self.journal.write(run, 0, actor=ENGINE, now=MORNING) as change:
            change.free_lease("production")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    for run in RUNS:
        made.journal.open_run(run, [Draft("run.opened", {})], actor=ENGINE, now=MORNING)
    return made


@pytest.mark.req("EXE-02")
def test_four_runs_are_worked_on_at_once_and_a_fifth_waits_until_one_has_ended(machine: Machine) -> None:
    with ExitStack() as stack:
        first, *_ = four = [stack.enter_context(machine.driven(run)) for run in RUNS[:4]]
        for turns in four:
            turns.before(RunState(), LOOK)
        fifth = stack.enter_context(machine.driven(RUNS[4]))
        machine.clock.meanwhile = [lambda: None] * 5 + [first.places.leave]
        fifth.before(RunState(), LOOK)
        assert (fifth.places.held, first.places.held, len(machine.clock.sleeps)) == (True, False, 6)
        assert machine.said == [f"{RUNS[4]}: waiting for a place: as many runs are at work here as may be (GONOGO_AT_ONCE)"]
        assert machine.journal.waiting(PLACES) == ()


@pytest.mark.req("EXE-02")
def test_whoever_waits_for_people_keeps_no_place_from_others(machine: Machine) -> None:
    with machine.driven(RUNS[0], most=1) as first, machine.driven(RUNS[1], most=1) as second:
        first.before(RunState(), LOOK)
        first.rest(0.2)
        second.before(RunState(), LOOK)
        assert (first.places.held, second.places.held) == (False, True)


def test_of_those_who_wait_for_a_place_the_higher_priority_goes_first(machine: Machine) -> None:
    with ExitStack() as stack:
        (one, low, high) = (stack.enter_context(machine.driven(run, most=1, priority=number)) for number, run in enumerate(RUNS[:3]))
        one.before(RunState(), LOOK)
        machine.journal.wait(Waiter(PLACES, low.run, 1, MORNING))
        machine.clock.meanwhile = [one.places.leave, low.places.leave]
        high.before(RunState(), LOOK)
        assert high.places.held
        assert low.ahead(PLACES) == ()


def test_a_place_is_free_again_when_its_process_was_killed(machine: Machine) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        RunPlaces(machine.root / "places", 1).take()
        os.write(write, b"x")
        signal.pause()
    os.read(read, 1)
    mine = RunPlaces(machine.root / "places", 1)
    assert not mine.take()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert mine.take()


@pytest.mark.req("EXE-05")
def test_a_run_that_cannot_have_its_environment_stands_in_line_and_says_who_holds_it(machine: Machine) -> None:
    machine.holds(RUNS[0])
    turns = machine.turns(RUNS[1], priority=7)
    taken = EnvironmentTaken("held", environment="production", next_step="")
    found = turns.await_environment(taken, patient=False)
    assert isinstance(found, AwaitEnvironment)
    assert (found.lease.run, found.ahead) == (RUNS[0], ())
    assert machine.journal.waiting("production") == (Waiter("production", RUNS[1], 7, MORNING),)


@pytest.mark.req("EXE-05")
def test_a_patient_run_goes_on_as_soon_as_the_environment_is_given_back_and_it_is_its_turn(machine: Machine) -> None:
    machine.holds(RUNS[0])
    with machine.driven(RUNS[1]) as ahead, machine.driven(RUNS[2]) as behind:
        machine.journal.wait(Waiter("production", ahead.run, 0, MORNING - timedelta(minutes=1)))
        taken = EnvironmentTaken("held", environment="production", next_step="")
        behind.places.take()
        machine.clock.meanwhile = [lambda: machine.gives_back(RUNS[0]), lambda: machine.journal.leave(ahead.run)]
        assert behind.await_environment(taken, patient=True) is None
        assert (len(machine.clock.sleeps), behind.places.held) == (2, False)
        assert machine.said == [
            f"{behind.run}: waiting for production: {RUNS[0]} comes first",
            f"{behind.run}: waiting for production: {ahead.run} comes first",
        ]


@pytest.mark.req("EXE-05")
def test_nobody_overtakes_a_living_run_in_line_and_nobody_waits_for_a_dead_one(machine: Machine) -> None:
    machine.journal.wait(Waiter("production", RUNS[0], 0, MORNING))
    with machine.driven(RUNS[1]) as late:
        with RunLocks(machine.root / "runs", machine.clock).driving(RUNS[0]):
            late.before(RunState(), LOOK)
            with pytest.raises(EnvironmentTaken, match=f"{RUNS[0]} stands ahead in the line for production"):
                late.before(RunState(), DEPLOY)
        late.before(RunState(), DEPLOY)


def test_how_many_runs_at_once_is_a_number_from_one() -> None:
    assert (at_once({}), at_once({"GONOGO_AT_ONCE": "9"})) == (4, 9)
    for wrong in ("0", "many", "-1"):
        with pytest.raises(WrongUsage, match="GONOGO_AT_ONCE"):
            at_once({"GONOGO_AT_ONCE": wrong})
