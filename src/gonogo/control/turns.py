"""Whose turn it is on one machine: a place among the runs that are worked on, and the line before an environment.

Lines are hints. Who stands ahead counts only while an engine drives it: nobody waits for the dead. A lease is not taken
from the dead either: it is its run's, which goes on by `gonogo resume` and finds out first what became of its act.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Final

from gonogo.adapters.run_lock import RunLocks
from gonogo.adapters.run_places import RunPlaces
from gonogo.control.assembling import Report
from gonogo.engine.driver import AwaitEnvironment, Paused, Stopped
from gonogo.errors import EnvironmentTaken, WrongUsage
from gonogo.plan.model import Effect, Execute, Roll, Route
from gonogo.ports import Clock, Journal
from gonogo.run.machine import NextAct, Over, Perform
from gonogo.run.standing import ASKED, Waiter, priorities
from gonogo.run.state import RunState
from gonogo.terms import RunId
from gonogo.values import dataclass

AT_ONCE: Final = "GONOGO_AT_ONCE"
"""The variable that says how many runs are worked on at once on this machine."""
DEFAULT_AT_ONCE: Final = 4
PLACES: Final = "@places"
"""The line for a place; no environment can have this name."""
PAUSE: Final = 0.25
FIRST_WORD: Final = 4
"""After so many looks in vain a person is told what is waited for."""


def at_once(environ: Mapping[str, str]) -> int:
    """How many runs may be worked on at once; WrongUsage where the variable does not say a number from 1."""
    said = environ.get(AT_ONCE, "")
    if said and not (said.isdecimal() and int(said)):
        raise WrongUsage(f"{AT_ONCE} is `{said}`", next_step="say how many runs at once: a number from 1")
    return int(said or DEFAULT_AT_ONCE)


@dataclass(slots=True)
class Turns:
    """The turns of one run that is driven by this process."""

    journal: Journal
    clock: Clock
    run: RunId
    locks: RunLocks
    places: RunPlaces
    priority: int
    report: Report
    told: set[str] = field(default_factory=set)

    def drive(self, driven: Callable[[], Stopped | Paused], *, patient: bool) -> Stopped | Paused:
        """Drive a run, each time from where its ledger ends, standing in line for its environment where it has to."""
        self._ask_priority()
        while True:
            try:
                stopped = driven()
            except EnvironmentTaken as taken:
                waits = self.await_environment(taken, patient=patient)
                if waits is not None:
                    return waits
            else:
                if isinstance(stopped, Over):
                    self.journal.leave(self.run)
                return stopped

    def before(self, _state: RunState, act: NextAct) -> None:
        """Wait for a place; EnvironmentTaken where a living run stands ahead in the line for the environment."""
        self._take_place()
        environment = _environment(act)
        if environment and self.journal.lease(environment).run is None:
            ahead = self.ahead(environment)
            if ahead:
                raise EnvironmentTaken(
                    f"the run {ahead[0]} stands ahead in the line for {environment}",
                    environment=environment,
                    next_step=f"wait until it has ended, or see: gonogo status {ahead[0]}",
                )

    def rest(self, seconds: float) -> None:
        """Sleep without keeping a place from others."""
        self.places.leave()
        self.clock.sleep(seconds)

    def ahead(self, environment: str) -> tuple[RunId, ...]:
        """Runs before this one in a line, as far as an engine drives them; all of them where it is not in it."""
        found = []
        for waiter in self.journal.waiting(environment):
            if waiter.run == self.run:
                break
            if self.locks.is_driven(waiter.run):
                found.append(waiter.run)
        return tuple(found)

    def await_environment(self, taken: EnvironmentTaken, *, patient: bool) -> AwaitEnvironment | None:
        """Stand in line; None as soon as it is this run's turn, and where nobody is patient, what it waits for."""
        name = taken.environment
        self.places.leave()
        self.journal.wait(Waiter(name, self.run, self.priority, self.clock.now()))
        while True:
            lease, ahead = self.journal.lease(name), self.ahead(name)
            if lease.run in (None, self.run) and not ahead:
                return None
            if not patient:
                return AwaitEnvironment(lease, ahead)
            self._say(f"waiting for {name}: {lease.run or ahead[0]} comes first")
            self.clock.sleep(PAUSE)

    def _ask_priority(self) -> None:
        """What was asked for a run holds for whoever goes on with it, until somebody asks for something else."""
        if self.priority:
            self.journal.wait(Waiter(ASKED, self.run, self.priority, self.clock.now()))
        else:
            self.priority = priorities(self.journal.waiting(ASKED)).get(self.run, 0)

    def _take_place(self) -> None:
        looks = 0
        while not self.places.held:
            if not self.ahead(PLACES) and self.places.take():
                self.journal.leave(self.run, PLACES)
                return
            if not looks:
                self.journal.wait(Waiter(PLACES, self.run, self.priority, self.clock.now()))
            looks += 1
            if looks == FIRST_WORD:
                self._say(f"waiting for a place: as many runs are at work here as may be ({AT_ONCE})")
            self.clock.sleep(PAUSE)

    def _say(self, words: str) -> None:
        if words not in self.told:
            self.told.add(words)
            self.report(f"{self.run}: {words}")


def _environment(act: NextAct) -> str:
    if not isinstance(act, Perform):
        return ""
    match act.task.act:
        case Execute() as command:
            return command.environment if command.effect is not Effect.NONE else ""
        case Route(environment=environment) | Roll(environment=environment):
            return environment
        case _:
            return ""
