"""One process that goes on with every run as soon as there is something to do (engine sections 4 and 5.3).

It holds no truth: what it forgets, the next sweep finds in the journal. A run that waits costs neither a thread nor a
processor; a moment that has come, a signature or a freed environment makes somebody look at it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from datetime import timedelta
from typing import Final

from gonogo.engine.local import LocalWakeups
from gonogo.errors import Busy, GonogoError
from gonogo.ports import Clock, Journal
from gonogo.run.standing import ASKED, priorities
from gonogo.terms import RunId
from gonogo.values import dataclass

AT_WORK: Final = frozenset({"open", "running"})
"""How a run stands in which an engine has something to do at once."""
BUSY: Final = timedelta(seconds=2)
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(seconds=60)


@dataclass(slots=True)
class LocalWorker:
    """Drives the runs of one journal, from several threads; `drive` drives one until nothing is left to do now."""

    journal: Journal
    clock: Clock
    wakeups: LocalWakeups
    drive: Callable[[RunId], None]
    report: Callable[[str], None]
    faults: dict[RunId, int] = field(default_factory=dict)

    def sweep(self) -> None:
        """Wake every run that has something to do, and set a timer for each that will have."""
        now, live = self.clock.now(), self.wakeups.live()
        known = {standing.run: standing for standing in self.journal.standings()}
        for run in self.journal.runs():
            standing = known.get(run)
            if run in live:
                continue
            if standing is None or standing.status in AT_WORK:
                self.wakeups.wake_at(run, now, "sweep")
            elif standing.due is not None:
                self.wakeups.wake_at(run, max(standing.due, now), "timer")
        for lease in self.journal.leases():
            line = self.journal.waiting(lease.environment) if lease.run is None and lease.hold is None else ()
            for waiter in line[:1]:
                self.wakeups.wake_at(waiter.run, now, "lease")

    def one(self, worker: str) -> bool:
        """Drive the run whose turn it is; whether there was one. A fault is told, and tried again after a pause."""
        run = self.wakeups.take(worker, priorities(self.journal.waiting(ASKED)))
        if run is None:
            return False
        try:
            self.drive(run)
        except Busy:
            # Somebody else drives it, and looks at it until nothing is left to do.
            self.wakeups.wake_at(run, self.clock.now() + BUSY, "busy")
        except GonogoError as error:
            self._later(run, error)
        else:
            self.faults.pop(run, None)
        finally:
            self.wakeups.finished(run)
        return True

    def _later(self, run: RunId, error: GonogoError) -> None:
        count = self.faults[run] = self.faults.get(run, 0) + 1
        pause = min(FIRST_PAUSE * 2 ** (count - 1), LONGEST_PAUSE)
        self.wakeups.wake_at(run, self.clock.now() + pause, "fault")
        self.report(f"{run}: {error}")
