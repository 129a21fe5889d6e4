"""One segment of a run in a worker: drive it from where it stands until nothing is left to do here and now.

A segment holds no truth: it may be killed at any line, and the next one starts from the ledger alone. What it cannot do
here it hands to a worker that can: an act on an environment to one that reaches it, an open command to its own host.
"""

from __future__ import annotations

from dataclasses import field
from datetime import timedelta
from threading import BoundedSemaphore, Event
from typing import Final, Protocol

from gonogo.adapters.commands import SupervisedCommands
from gonogo.adapters.workers_postgres import Worker
from gonogo.control.assembling import assemble
from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.control.remembering import remember
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.control.stores.shared import SharedStore, WrongClock
from gonogo.control.tracing import traced
from gonogo.control.workers.places import NoPlace, WorkerPlaces
from gonogo.control.workflow_files import WorkflowFiles
from gonogo.engine.driver import Driver
from gonogo.errors import Busy, EnvironmentTaken, GonogoError, Waiting
from gonogo.plan.model import Execute, Plan, Roll, Route, Shift, Task, Watch
from gonogo.ports import Draft, Moved
from gonogo.run.events import Recorded, RunHalted, data_of, type_of
from gonogo.run.machine import AwaitPeople, Look, NextAct, Over, Parked, Perform, Sample, Settle, WaitUntil, decide
from gonogo.run.standing import ASKED, Waiter, priorities
from gonogo.run.state import RunState
from gonogo.terms import Engine, RunId
from gonogo.values import dataclass

MOST_LOADING: Final = 2
"""So many runs are read at once: those that are worked on must not have to wait for many that only look for a place."""
MOST_FAULTS: Final = 5
"""So often a segment may end by a fault without any new event; then the run halts and people look (ERR-10)."""
AGAIN: Final = "@again"
"""The line of runs that somebody was to look at while another drove them."""
BUSY: Final = timedelta(seconds=2)
IN_LINE: Final = timedelta(seconds=30)
"""How often a run in line looks again by itself; whoever gives the environment back wakes it at once."""
FIRST_PAUSE: Final = 5
LONGEST_PAUSE: Final = 60


class Elsewhere(Waiting):
    """The next act has to be done at another place."""

    def __init__(self, place: str) -> None:
        super().__init__(f"the next act needs a worker at {place}", next_step=f"gonogo worker --reach {place}")
        self.place = place


class Stopping(Waiting):
    """This worker ends; another goes on with the run."""


class Claims(Protocol):
    """Who drives which run: `PostgresMembership` for workers."""

    def claim(self, run: str) -> bool:
        """Whether `run` may be driven here now; nobody else may, until it is released or this worker is dead."""

    def release(self, run: str) -> None:
        """Let others drive it."""

    def holds(self, run: str) -> bool:
        """Whether the claim still stands."""


@dataclass(slots=True)
class Segments:
    """Drives runs for one worker, from several threads, as many at a time as there are `places` (EXE-02)."""

    door: Door
    shared: SharedStore
    worker: Worker
    places: WorkerPlaces
    claims: Claims
    stopping: Event = field(default_factory=Event)
    faults: dict[RunId, tuple[int, int]] = field(default_factory=dict)
    clock_is_wrong: bool = False
    loading: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(MOST_LOADING))

    def drive(self, run: RunId) -> str:
        """Drive `run`; says in a word what came of it, for the rows of the queue. Faults are told, never raised.

        Several queues may bring one run to several workers at once. One of them drives it; the others leave a word, and
        whoever drove it looks once more.
        """
        try:
            if not self._claimed(run):
                return "driven elsewhere"
            try:
                return self._outcome(run)
            finally:
                self.places.give_back(run)
                self.claims.release(run)
                self._hear_word(run)
                self.places.look()
        except GonogoError as error:
            return self._failed(run, error)

    def _outcome(self, run: RunId) -> str:
        try:
            return self._driven(run)
        except Elsewhere as elsewhere:
            self.shared.queue.hand_to(run, elsewhere.place, "elsewhere")
            return "elsewhere"
        except Stopping:
            self._again(run, timedelta(seconds=1), "stopped")
            return "stopped"
        except EnvironmentTaken as taken:
            return self._in_line(run, taken)
        except NoPlace:
            return "in line for a place"
        except WrongClock as error:
            return self._left_to_others(run, error)
        except (Busy, Moved):
            self._again(run, BUSY, "busy")
            return "busy"
        except GonogoError as error:
            return self._failed(run, error)

    def _claimed(self, run: RunId) -> bool:
        if self.claims.claim(run):
            return True
        journal = self.door.world.journal
        journal.wait(Waiter(AGAIN, run, 0, self.door.world.clock.now()))
        # Whoever drives it looks for a word after it has let go; it may have let go before this one was there.
        return self.claims.claim(run)

    def _hear_word(self, run: RunId) -> None:
        journal = self.door.world.journal
        if run in {waiter.run for waiter in journal.waiting(AGAIN)}:
            journal.leave(run, AGAIN)
            self._again(run, timedelta(0), "again")

    def _driven(self, run: RunId) -> str:
        self._demand_going_on()
        self.shared.demand_right_clock()
        with self.loading:
            opened = self.door.load(run)
        root, environ = self.door.workspace.root, self.door.world.environ
        world = assemble(root, opened.plan.project, environ, self.door.report, store=self.door.store)
        if isinstance(world.commands, SupervisedCommands):
            world.commands.prepare(run)
        files = WorkflowFiles(world, opened.plan, run)

        def before(_state: RunState, act: NextAct) -> None:
            self._demand_going_on()
            if not self.claims.holds(run):
                raise Busy(f"another worker drives {run} now", next_step="see: gonogo worker list")
            self.shared.demand_right_clock()
            self._demand_here(opened.plan, act)
            self.places.take(run, environment_needed(opened.plan, act))

        engine = Engine(self.worker.name)
        try:
            with traced(opened, root / STATE_FOLDER, environ, self.door.report) as spans:

                def heard(_state: RunState, event: Recorded) -> None:
                    files.follow()
                    spans(event)

                Driver(world, opened.plan, run, engine, patient=False, listener=heard, before=before).drive()
        finally:
            files.finish()
        self.faults.pop(run, None)
        self.clock_is_wrong = False
        return self.settle_down(self.door.load(run))

    def settle_down(self, opened: Opened) -> str:
        """Remember where a run stands that no engine has to look at now; `open` where one has."""
        act = decide(opened.plan, opened.state, self.door.world.clock.now())
        match act:
            case Parked(halted) if halted.seq not in opened.state.proposals:
                return "open"
            case WaitUntil(moment, _, True):
                self.shared.queue.wake_at(opened.run, moment, "timer")
            case Over():
                self.door.world.journal.leave(opened.run)
            case Parked() | AwaitPeople():
                pass
            case _:
                return "open"
        self.places.leave(opened.run)
        remember(self.door.world, opened)
        return "resting"

    def _demand_going_on(self) -> None:
        if self.stopping.is_set():
            raise Stopping("this worker is being stopped", next_step="another worker goes on with the run")

    def _demand_here(self, plan: Plan, act: NextAct) -> None:
        """Raises Elsewhere where the next act is for another worker."""
        if isinstance(act, Settle) and act.known.host not in {"", self.worker.place}:
            there = {seen.worker.place for seen in self.shared.workers.seen() if seen.alive}
            if act.known.host in there:
                raise Elsewhere(act.known.host)
        environment = environment_needed(plan, act)
        if environment and environment not in self.worker.reaches:
            raise Elsewhere(environment)

    def _in_line(self, run: RunId, taken: EnvironmentTaken) -> str:
        """Stand in line for an environment; whoever gives it back wakes who is first."""
        journal, now = self.door.world.journal, self.door.world.clock.now()
        asked = priorities(journal.waiting(ASKED)).get(run, 0)
        journal.wait(Waiter(taken.environment, run, asked, now))
        # It may have been given back before this run stood in line: then nobody wakes it.
        self._again(run, BUSY if journal.lease(taken.environment).run is None else IN_LINE, "line")
        return "in line"

    def _left_to_others(self, run: RunId, error: WrongClock) -> str:
        """Whoever's clock is right goes on; said once for as long as it is wrong."""
        if not self.clock_is_wrong:
            self.door.report(str(error))
        self.clock_is_wrong = True
        self._again(run, BUSY, "clock")
        return "wrong clock"

    def _again(self, run: RunId, pause: timedelta, why: str) -> None:
        self.shared.queue.wake_at(run, self.door.world.clock.now() + pause, why)

    def _failed(self, run: RunId, error: GonogoError) -> str:
        """Tell a fault, and look again later: each time after a longer pause, and at last the run halts."""
        self.door.report(f"{run}: {error}")
        try:
            seq = self.door.world.journal.entries(run)[-1].seq
            before, count = self.faults.get(run, (-1, 0))
            count = count + 1 if before == seq else 1
            self.faults[run] = (seq, count)
            if count >= MOST_FAULTS:
                self._halt(run, error)
            else:
                self._again(run, timedelta(seconds=min(FIRST_PAUSE * 2 ** (count - 1), LONGEST_PAUSE)), "fault")
        except GonogoError as second:
            # Without a database nothing can be said anywhere; the sweep finds the run when there is one again.
            self.door.report(f"{run}: {second}")
        return f"fault: {error.what}"

    def _halt(self, run: RunId, error: GonogoError) -> None:
        opened, world = self.door.load(run), self.door.world
        detail = world.vault.put(f"gonogo failed {MOST_FAULTS} times at the same point: {error}".encode())
        stage = next((stage.id for stage in opened.plan.stages if stage.tasks), opened.plan.closing.id)
        halted = RunHalted("engine_fault", "stop", stage, stage, detail)
        engine, now = Engine(self.worker.name), world.clock.now()
        with world.journal.write(run, opened.state.seq, actor=engine, now=now) as transaction:
            transaction.append(Draft(type_of(halted), data_of(halted)))


def environment_needed(plan: Plan, act: NextAct) -> str:
    """The environment that the next act works on or looks at; empty where any host can do it."""
    match act:
        case Perform(task=task) | Settle(task=task):
            return _environment_of(task)
        case Look(task=task) | Sample(task=task):
            return _environment_of(task) or _own_environment(plan)
        case _:
            return ""


def _environment_of(task: Task) -> str:
    match task.act:
        case Execute() | Route() | Shift() | Roll() | Watch():
            return task.act.environment
        case _:
            return ""


def _own_environment(plan: Plan) -> str:
    """The environment that a run is about: plans name it by its kind."""
    found = plan.project.environments.values()
    return next((each.name for each in found if plan.environment in {each.name, each.kind}), "")
