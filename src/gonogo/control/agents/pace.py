"""How fast agents may call, how many of them may wait, and how their refused calls are written down without end.

A refused call stands in the log of the site by itself, up to a hundred of one agent in a minute; of more only the
number is written, each time it has doubled and at the end: a flood fills no disk, and no refusal goes uncounted.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from typing import Final

from gonogo.ports import Clock
from gonogo.values import dataclass

MOST_REFUSALS: Final = 100
MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast one agent may call: so many calls a second after a burst, runs an hour, operations and waiting looks.

    `waiting` is for one agent and `waiting_all` for all together: whoever waits holds a thread of the server.
    """

    per_second: float = 10.0
    burst: int = 50
    runs_per_hour: int = 30
    operations: int = 4
    waiting: int = 8
    waiting_all: int = 64


@dataclass(slots=True)
class _Used:
    """What one agent has used up, and what of this minute's refusals stands in the log."""

    left: float
    at: float
    runs: list[float] = field(default_factory=list)
    waiting: int = 0
    minute: float = 0.0
    refused: int = 0
    unsaid: int = 0
    next_word: int = MOST_REFUSALS


@dataclass(frozen=True, slots=True)
class Word:
    """What is written for one more refusal: how many earlier ones were only counted, and whether it stands itself."""

    unsaid: int
    itself: bool


class Allowances:
    """What every agent has used up of its pace; for several threads."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self.pace = pace
        self._clock = clock
        self._used: dict[str, _Used] = {}
        self._waiting = 0
        self._guard = threading.Lock()

    def may_call(self, name: str) -> bool:
        """Whether the agent may make a call now; the call is counted."""
        with self._guard:
            now, used = self._clock.monotonic(), self._of(name)
            used.left = min(float(self.pace.burst), used.left + (now - used.at) * self.pace.per_second)
            used.at = now
            if used.left < 1:
                return False
            used.left -= 1
            return True

    def may_open(self, name: str) -> bool:
        """Whether the agent may open a run now; the run is counted."""
        with self._guard:
            now, used = self._clock.monotonic(), self._of(name)
            used.runs = [moment for moment in used.runs if now - moment < 60 * MINUTE]
            if len(used.runs) >= self.pace.runs_per_hour:
                return False
            used.runs.append(now)
            return True

    @contextmanager
    def waiting(self, name: str) -> Iterator[bool]:
        """Whether the agent may wait for a change; where too many wait already, it gets its answer at once."""
        with self._guard:
            used = self._of(name)
            may = used.waiting < self.pace.waiting and self._waiting < self.pace.waiting_all
            used.waiting += may
            self._waiting += may
        try:
            yield may
        finally:
            with self._guard:
                used.waiting -= may
                self._waiting -= may

    def refused(self, name: str) -> Word:
        """Count one more refused call of the agent; gives what has to be written about it now."""
        with self._guard:
            now, used = self._clock.monotonic(), self._of(name)
            unsaid = 0
            if now - used.minute >= MINUTE:
                unsaid, used.unsaid = used.unsaid, 0
                used.minute, used.refused, used.next_word = now, 0, MOST_REFUSALS
            used.refused += 1
            if used.refused <= MOST_REFUSALS:
                return Word(unsaid, itself=True)
            used.unsaid += 1
            if used.unsaid >= used.next_word:
                unsaid, used.unsaid, used.next_word = used.unsaid, 0, 2 * used.next_word
            return Word(unsaid, itself=False)

    def unsaid(self) -> dict[str, int]:
        """How many refused calls of each agent were counted and never written; they count as written from now on."""
        with self._guard:
            found = {name: used.unsaid for name, used in self._used.items() if used.unsaid}
            for name in found:
                self._used[name].unsaid = 0
            return found

    def _of(self, name: str) -> _Used:
        return self._used.setdefault(name, _Used(float(self.pace.burst), self._clock.monotonic()))
