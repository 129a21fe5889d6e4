"""One process that goes on with every run: what it wakes, when, how many at once, and that waiting costs nothing."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from command_line import gonogo

from gonogo.engine.local import LocalWakeups
from gonogo.engine.working import LocalWorker
from gonogo.errors import Broken, Busy, GonogoError
from gonogo.ports import Draft
from gonogo.run.standing import ASKED, Standing, Waiter
from gonogo.terms import Engine, RunId
from tests.projects import small_project
from tests.unit.test_cli_errors import Nowhere
from worlds import MORNING, MemoryJournal, SimulatedClock

ENGINE = Engine("local")


@dataclass
class Machine:
    """Runs that stand somewhere, and a worker that writes down what it drives."""

    clock: SimulatedClock = field(default_factory=SimulatedClock)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    driven: list[RunId] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    fault: GonogoError | None = None

    def __post_init__(self) -> None:
        self.worker = LocalWorker(self.journal, self.clock, LocalWakeups(self.clock), self.drive, self.said.append)

    def run(self, name: str, status: str = "", due: timedelta | None = None) -> RunId:
        run = RunId(name)
        self.journal.open_run(run, [Draft("run.opened", {})], actor=ENGINE, now=MORNING)
        if status:
            self.stands(run, status, due)
        return run

    def stands(self, run: RunId, status: str, due: timedelta | None = None) -> None:
        moment = None if due is None else MORNING + due
        self.journal.keep_standing(Standing(run, 0, "p", "v1", "staging", status, "", MORNING, moment))

    def drive(self, run: RunId) -> None:
        self.driven.append(run)
        if self.fault is not None:
            raise self.fault
        self.stands(run, "waiting for people")

    def go_on(self) -> list[RunId]:
        """Sweep and drive until nothing is due; what was driven."""
        self.driven.clear()
        self.worker.sweep()
        while self.worker.one("one"):
            pass
        return list(self.driven)


@pytest.mark.req("WFS-10", "ERR-11")
def test_what_has_something_to_do_is_driven_and_what_waits_for_people_is_left_alone() -> None:
    machine = Machine()
    unseen, opened = machine.run("unseen"), machine.run("opened", "open")
    for status in ("halted", "waiting for people", "released", "waiting for production, which other holds"):
        machine.run(status.partition(",")[0].replace(" ", "-"), status)
    assert machine.go_on() == [unseen, opened]
    assert machine.go_on() == []


@pytest.mark.req("WFS-10")
def test_a_timer_of_days_comes_when_it_is_due_and_not_before() -> None:
    machine = Machine()
    run = machine.run("windowed", "waiting until Monday", timedelta(days=3))
    assert machine.go_on() == []
    machine.clock.sleep(3 * 86400 - 1)
    assert machine.go_on() == []
    machine.clock.sleep(1)
    assert machine.go_on() == [run]


@pytest.mark.req("EXE-05")
def test_a_freed_environment_wakes_whoever_is_first_in_line_and_a_stopped_one_nobody() -> None:
    machine = Machine()
    holder, first, second = (machine.run(name, "halted") for name in ("holder", "first", "second"))
    with machine.journal.write(holder, 0, actor=ENGINE, now=MORNING) as change:
        change.take_lease("production")
    for run, priority in ((second, 0), (first, 5)):
        machine.journal.wait(Waiter("production", run, priority, MORNING))
    assert machine.go_on() == []
    with machine.journal.write(holder, 0, actor=ENGINE, now=MORNING) as change:
        change.free_lease("production")
    machine.journal.hold("production", "tonight nobody", actor=ENGINE, now=MORNING)
    assert machine.go_on() == []
    machine.journal.hold("production", None, actor=ENGINE, now=MORNING)
    assert machine.go_on() == [first]


def test_a_fault_is_told_and_tried_again_after_longer_and_longer_pauses() -> None:
    machine = Machine(fault=Broken("the disk is full", next_step="free space"))
    run = machine.run("unlucky", "open")
    assert machine.go_on() == [run]
    waited = []
    for _ in range(6):
        moment = machine.worker.wakeups.next_moment()
        assert moment is not None
        waited.append((moment - machine.clock.now()).total_seconds())
        machine.clock.sleep(waited[-1])
        machine.worker.one("one")
    assert waited == [5, 10, 20, 40, 60, 60]
    assert "the disk is full" in machine.said[0]
    machine.fault = Busy("another engine drives it")
    machine.clock.sleep(60)
    machine.worker.one("one")
    moment = machine.worker.wakeups.next_moment()
    assert moment is not None
    assert (moment - machine.clock.now()).total_seconds() == 2


class ManyRuns(MemoryJournal):
    """A journal with 10,000 runs that wait until tomorrow."""

    names = tuple(RunId(f"run-{number}") for number in range(10_000))
    known = tuple(Standing(run, 0, "p", "v1", "staging", "waiting", "", MORNING, MORNING + timedelta(days=1)) for run in names)

    def runs(self) -> tuple[RunId, ...]:
        return self.names

    def standings(self) -> tuple[Standing, ...]:
        return self.known


@pytest.mark.req("EXE-02")
def test_ten_thousand_live_runs_wait_for_an_hour_with_flat_memory() -> None:
    machine = Machine(journal=ManyRuns())
    machine.worker.sweep()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(60):
        machine.clock.sleep(60)
        assert not machine.worker.one("one")
    machine.worker.sweep()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(machine.worker.wakeups.live()) == 10_000
    assert grown < 100_000, f"{grown} bytes more after an hour"


@pytest.mark.req("EXE-02")
def test_of_those_that_are_due_the_higher_priority_goes_first_and_then_whoever_came_first() -> None:
    machine = Machine()
    names = [machine.run(f"p-v{number}", "running") for number in range(1, 6)]
    for run, priority in ((names[3], 7), (names[1], -5)):
        machine.journal.wait(Waiter(ASKED, run, priority, MORNING))
    assert machine.go_on() == [names[number] for number in (3, 0, 2, 4, 1)]


@pytest.mark.req("EXE-02", "ERR-11")
def test_the_command_drives_what_is_left_to_do_and_ends(tmp_path: Path) -> None:
    shop = small_project(tmp_path / "shop", Nowhere(tmp_path / "world/staging"), Nowhere(tmp_path / "world/production"))
    run = shop.begin("pre-deployment")
    said = gonogo("drive", "--once", "--project", shop.root)
    assert (said.code, said.out) == (0, f"{run}   halted\n"), said
    assert gonogo("drive", "--once", "--json", "--project", shop.root).out == ""
    shop.lift(run)
    assert gonogo("drive", "--once", "--json", "--project", shop.root).json() == {"run": run, "status": "halted"}
