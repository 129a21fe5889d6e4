"""The places of one worker (EXE-02), and the line before them that all workers of a database have in common.

A run takes a place when it has something to do, and gives it back when it rests. Where none is free it stands in line,
and who has a free place calls the first of those that something can be done for there: by priority, then by how long
they wait. The queue of words knows no order: it brings a run here, and here it is seen whether it is its turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from threading import Lock
from typing import Final

from gonogo.adapters.workers_postgres import Worker
from gonogo.control.stores.shared import SharedStore
from gonogo.errors import Waiting
from gonogo.ports import Clock
from gonogo.run.standing import ASKED, Waiter, priorities
from gonogo.terms import RunId
from gonogo.values import dataclass

LINE: Final = "@places:"
"""The beginning of the names of these lines; an environment that a worker has to reach follows, or nothing."""
LOOKED_AT: Final = 50
"""So many in line are looked at: more than one worker has places."""
PATIENCE: Final = 5.0
"""Seconds for which a place is kept for a run that was called."""
CALL_AGAIN: Final = (1.0, 30.0)
"""Seconds after which a run that was called is called again, within that patience and after it.

The first call may have reached a worker that had no place either.
"""


class NoPlace(Waiting):
    """It is not this run's turn; it stands in line."""

    def __init__(self) -> None:
        super().__init__("no place is free", next_step="start another worker, or wait")


def place_lines(places: tuple[str, ...]) -> tuple[str, ...]:
    """The lines of what can be done anywhere, and of what has to be done at one of `places`."""
    return tuple(f"{LINE}{place}" for place in ("", *places))


@dataclass(slots=True)
class WorkerPlaces:
    """As many places as `most`; used by several threads."""

    shared: SharedStore
    clock: Clock
    worker: Worker
    most: int
    held: set[RunId] = field(default_factory=set)
    called: dict[RunId, tuple[float, float]] = field(default_factory=dict)
    guard: Lock = field(default_factory=Lock)

    @property
    def free(self) -> int:
        """How many places are free."""
        return self.most - len(self.held)

    def take(self, run: RunId, place: str) -> None:
        """Take a place for a run that has something to do at `place`, or keep it. Raises NoPlace."""
        if run in self.held:
            return
        self.called.pop(run, None)
        mine = self._waiter(run, place)
        if self._took(mine):
            return
        self.shared.journal.wait(mine)
        # Who gave a place back before this run stood in line has woken nobody.
        if not self._took(mine):
            raise NoPlace

    def give_back(self, run: RunId) -> None:
        """Give back what a run has; does nothing where it has none."""
        with self.guard:
            self.held.discard(run)

    def leave(self, run: RunId) -> None:
        """A run that rests stands in line no longer."""
        self.shared.journal.leave_lines(run, LINE)

    def look(self) -> None:
        """Call the first in line, as many as there are free places here."""
        if self.free > 0:
            self._coming(self._first(), self.free)

    def _took(self, mine: Waiter) -> bool:
        """Whether there is a free place that nobody who comes has a better right to."""
        if self.free <= 0:
            return False
        ahead = [waiter for waiter in self._first() if _rank(waiter) < _rank(mine) and waiter.run != mine.run]
        coming = self._coming(ahead, self.free)
        with self.guard:
            if self.free <= coming:
                return False
            self.held.add(mine.run)
        self.leave(mine.run)
        return True

    def _coming(self, line: Sequence[Waiter], most: int) -> int:
        """Call the first `most` of a line; how many of them are on their way.

        Nobody waits for a run that was called and did not come: it is called again from time to time, and that is all.
        """
        now, coming = self.clock.monotonic(), 0
        for waiter in line:
            if coming >= most:
                break
            known = self.called.get(waiter.run)
            first, last = known or (now, now)
            expected = now - first < PATIENCE
            if known is None or now - last > CALL_AGAIN[not expected]:
                self.called[waiter.run] = (first, now)
                self.shared.queue.hand_to(waiter.run, waiter.environment.removeprefix(LINE), "place")
            coming += expected
        return coming

    def _waiter(self, run: RunId, place: str) -> Waiter:
        journal = self.shared.journal
        there = {waiter.run: waiter for waiter in journal.waiting(f"{LINE}{place}")}
        asked = priorities(journal.waiting(ASKED)).get(run, 0)
        since = there[run].since if run in there else self.clock.now()
        return Waiter(f"{LINE}{place}", run, asked, since)

    def _first(self) -> tuple[Waiter, ...]:
        found = self.shared.journal.first_of(place_lines(self.worker.reaches), LOOKED_AT)
        for run in set(self.called) - {waiter.run for waiter in found}:
            self.called.pop(run, None)
        return found


def _rank(waiter: Waiter) -> tuple[int, object, str]:
    return -waiter.priority, waiter.since, waiter.run
