"""A worker: drives runs from the queue, takes over what dead workers had, and sweeps what nobody looks at.

Killing it is the normal way to stop it: whatever it was doing is found again by others. SIGTERM is a faster version of
the same: nothing new is taken, segments end after their present event, and after ten seconds the process ends anyway;
commands go on under their supervisors and are found again (engine sections 5.1 to 5.3).
"""

from __future__ import annotations

import os
import platform
import re
import secrets
import signal
from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from threading import Event
from typing import Final

from gonogo.adapters.workers_postgres import PostgresMembership, Worker, WorkerSeen
from gonogo.control.assembling import Report
from gonogo.control.door import Door
from gonogo.control.stores.shared import SharedStore
from gonogo.control.workers.places import WorkerPlaces, place_lines
from gonogo.control.workers.segments import Segments
from gonogo.engine.crash_points import FOUND_BY_SWEEP, TAKEN_OVER
from gonogo.errors import BadInput, Broken, Busy, GonogoError, Refused
from gonogo.evidence.ledger import time_text
from gonogo.run.standing import Standing
from gonogo.terms import RunId
from gonogo.values import dataclass

LOOK: Final = 0.3
"""Seconds between two looks at the list of workers: a dead one is seen at most so much later."""
SWEEP: Final = 5.0
MOST_AT_ONCE: Final = 64
RECONNECT: Final = 0.5
JUDGE_NOBODY: Final = 5.0
"""After an own reconnect nobody is called dead for so long: the others reconnect too."""
PATIENCE: Final = 10.0
FORGET_EVERY: Final = 3600.0
FORGOTTEN_AFTER: Final = timedelta(days=1)
LOOKED_AT: Final = MOST_AT_ONCE + 4
"""So many runs of each queue may be looked at at once, also while every place is taken: only so it is known who waits.

The number stands in the database for all workers of a queue: whoever started last would change it for the others.
"""
SENT_AWAY: Final = 7
"""The exit code of a worker that was taken over or sent away; a service manager starts a new one."""


@dataclass(frozen=True, slots=True)
class Employment:
    """How a worker works: the environments that it reaches (none named: all), and how many runs at once (EXE-02)."""

    reaches: tuple[str, ...] = ()
    at_once: int = 4


def work(root: Path, environ: Mapping[str, str], employed: Employment, report: Report) -> None:
    """Work until a signal or the loss of the place on the list; ends the process itself and never returns (EN-08)."""
    door = Door.at(root, environ, report, by_worker=True)
    shared = _shared(door)
    worker = _introduced(door, employed)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    shared.demand_right_clock()
    _ = shared.queue  # Its tables, and the journal's, are there before anybody is on the list.
    membership = shared.workers.join(worker)
    segments = Segments(
        door, shared, worker, WorkerPlaces(shared, door.world.clock, worker, employed.at_once), membership
    )
    engine = shared.engine()
    places = (*worker.reaches, worker.place)
    serving = engine.Serving(worker.name, places, LOOKED_AT)
    engine.serve(shared.address.reveal(), shared.database.pool, serving, segments.drive)
    report(f"worker {worker.name} reaches {', '.join(worker.reaches)}; at most {employed.at_once} runs at once")
    _Watch(door, shared, membership, segments, stop).keep()
    segments.stopping.set()
    report(f"worker {worker.name} stops: what it has goes to others")
    engine.stop_serving(PATIENCE)
    try:
        membership.release_all()
        shared.queue.abandon(worker.name)
        membership.leave()
    except GonogoError as error:
        report(f"{error}")
    os._exit(0)


def workers(door: Door) -> tuple[WorkerSeen, ...]:
    """All workers on the list of the project's database."""
    return _shared(door).workers.seen()


def line_of(seen: WorkerSeen) -> str:
    """A worker in a line for people."""
    worker = seen.worker
    state = "alive" if seen.alive else "dead, to be taken over"
    return f"{worker.name}  {state}  on {worker.host} since {worker.started}, reaches {', '.join(worker.reaches)}"


def sent_away(door: Door, name: str) -> WorkerSeen:
    """Take a worker off the list and hand what it had to others. It ends itself as soon as it sees that.

    Safe beside a worker that lives and works: of two drivers of a run one is always told that the other was faster.
    """
    shared = _shared(door)
    sent = shared.workers.strike_off(name)
    shared.queue.abandon(name)
    return sent


def _shared(door: Door) -> SharedStore:
    shared = door.store.shared if door.store else None
    if not isinstance(shared, SharedStore):
        raise Refused(
            "this project keeps its journal on this machine, where each command drives its run itself",
            next_step="name a database for many hosts: docs/distributed.md",
        )
    return shared


def _introduced(door: Door, employed: Employment) -> Worker:
    known = tuple(door.workspace.project.environments)
    unknown = [name for name in employed.reaches if name not in known]
    if unknown:
        raise BadInput(
            f"there is no environment `{unknown[0]}`", next_step=f"environments of gonogo.yaml: {', '.join(known)}"
        )
    host = platform.node()
    plain = re.sub(r"[^a-z0-9-]+", "-", host.lower()).strip("-")[:40] or "host"
    return Worker(
        f"{plain}-{secrets.token_hex(4)}",
        host,
        door.world.place,
        os.getpid(),
        employed.reaches or known,
        metadata.version("gonogo"),
        time_text(door.world.clock.now()),
    )


def _rests(standing: Standing, now: datetime) -> bool:
    """Whether a remembered standing says that no engine has anything to do; any doubt makes the sweep look."""
    known = standing.status not in {"open", "running"} and not standing.status.startswith("waiting for ")
    people = standing.status == "waiting for people"
    return (known or people) and (standing.due is None or standing.due > now)


@dataclass(slots=True)
class _Watch:
    """The worker's own thread: is it still on the list, who is dead, which run does nobody look at."""

    door: Door
    shared: SharedStore
    membership: PostgresMembership
    segments: Segments
    stop: Event
    judging_from: float = 0.0
    swept_at: float = float("-inf")
    forgotten_at: float = float("-inf")

    def keep(self) -> None:
        """Until the process is asked to stop. Ends it at once where its place is gone."""
        self._attach()
        while not self.stop.wait(LOOK):
            try:
                if not self.membership.stands():
                    self._end("it was taken over or sent away")
                self._look()
            except (Broken, Busy) as error:
                self.door.report(str(error))
                self._reconnect()

    def _reconnect(self) -> None:
        while not self.stop.wait(RECONNECT):
            try:
                stands = self.membership.stand_again()
            except (Broken, Busy):
                continue
            if not stands:
                self._end("it was taken over or sent away while its connection was lost")
            self.door.report("the database answers again")
            self.judging_from = self._time() + JUDGE_NOBODY
            return

    def _look(self) -> None:
        now = self._time()
        if now < self.judging_from:
            return
        with self.membership.dead() as dead:
            for seen in dead:
                self.door.report(f"worker {seen.worker.name} is dead: its runs are taken over")
                self.shared.queue.abandon(seen.worker.name)
                self.door.world.crash(TAKEN_OVER)
        self.segments.places.look()
        if now - self.swept_at >= SWEEP:
            self.swept_at = now
            with self.membership.alone() as alone:
                if alone:
                    self._sweep()

    def _sweep(self) -> None:
        """Look for runs that wait for an engine and that nobody was told of (engine section 5.3)."""
        queue, journal, now = self.shared.queue, self.door.world.journal, self.door.world.clock.now()
        queue.clear_stale()
        resting = {found.run for found in journal.standings() if _rests(found, now)}
        for run in sorted(set(journal.runs()) - resting - queue.live() - self._in_line()):
            if self.segments.settle_down(self.door.load(run)) == "open":
                self.door.world.crash(FOUND_BY_SWEEP)
                queue.wake_at(run, now, "sweep")
        if self._time() - self.forgotten_at >= FORGET_EVERY:
            self.forgotten_at = self._time()
            queue.forget(now - FORGOTTEN_AFTER)

    def _in_line(self) -> frozenset[RunId]:
        """Runs that wait for a place: who has one wakes them."""
        lines = place_lines(tuple(self.door.workspace.project.environments))
        return frozenset(waiter.run for waiter in self.shared.journal.first_of(lines, None))

    def _attach(self) -> None:
        """Ask for the runs of which a command was started here and is still open: only here its result can be seen."""
        for run in self.door.runs():
            if self._is_open_here(run):
                self.shared.queue.hand_to(run, self.segments.worker.place, "here")

    def _is_open_here(self, run: RunId) -> bool:
        state = self.door.load(run).state
        here = self.segments.worker.place
        return not state.outcome and any(known.open and known.host == here for known in state.tasks.values())

    def _end(self, why: str) -> None:
        self.door.report(f"worker {self.segments.worker.name} ends: {why}")
        os._exit(SENT_AWAY)

    def _time(self) -> float:
        return self.door.world.clock.monotonic()
