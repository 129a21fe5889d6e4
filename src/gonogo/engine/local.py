"""Wake-ups in one process: a heap and the injected clock (engine section 2). Nothing here survives its process.

It may be lost at any time: whoever uses it also sweeps the remembered standings, which find what has to go on.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Mapping
from datetime import datetime
from itertools import count
from typing import Final

from gonogo.ports import Clock, Transaction
from gonogo.terms import RunId

NONE_ASKED: Final[Mapping[RunId, int]] = {}


class LocalWakeups:
    """The `Wakeups` port for one process, usable from several threads: each run is handed to one of them at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = count()
        self._heap: list[tuple[datetime, int, RunId, str]] = []
        self._driven: dict[RunId, str] = {}
        self._guard = threading.Lock()

    def wake(self, transaction: Transaction, run: RunId, why: str) -> None:
        """Let an engine look at `run` as soon as `transaction` is committed."""
        transaction.after_commit(lambda: self.wake_at(run, self._clock.now(), why))

    def wake_at(self, run: RunId, moment: datetime, why: str) -> None:
        """Let an engine look at `run` at `moment` or soon after, never before; forgotten with this process."""
        with self._guard:
            heapq.heappush(self._heap, (moment, next(self._numbers), run, why))

    def live(self) -> frozenset[RunId]:
        """The runs that a thread of this process drives now, or will look at without being told again."""
        with self._guard:
            return frozenset({*self._driven, *(run for _, _, run, _ in self._heap)})

    def abandon(self, worker: str) -> tuple[RunId, ...]:
        """Hand what the thread `worker` had to others at once; the runs that it had."""
        with self._guard:
            had = tuple(sorted(run for run, by in self._driven.items() if by == worker))
        for run in had:
            self.finished(run)
            self.wake_at(run, self._clock.now(), "taken")
        return had

    def take(self, worker: str, priorities: Mapping[RunId, int] = NONE_ASKED) -> RunId | None:
        """The run that comes first of those that are due and that nobody drives, from now on driven by `worker`.

        None where there is none. The higher priority comes first, then what is due longest, then what was told first.
        All that was said about a run up to now is answered by looking at it once.
        """
        now = self._clock.now()
        with self._guard:
            due = [item for item in self._heap if item[0] <= now and item[2] not in self._driven]
            if not due:
                return None
            run = min(due, key=lambda item: (-priorities.get(item[2], 0), item))[2]
            self._heap = [item for item in self._heap if item[2] != run or item[0] > now]
            heapq.heapify(self._heap)
            self._driven[run] = worker
            return run

    def finished(self, run: RunId) -> None:
        """Nobody drives `run` any more."""
        with self._guard:
            self._driven.pop(run, None)

    def next_moment(self) -> datetime | None:
        """When the next run is due that nobody drives; None where none will be."""
        with self._guard:
            return min((item[0] for item in self._heap if item[2] not in self._driven), default=None)
