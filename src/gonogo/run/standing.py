"""Where runs stand and who waits for whom: values for lists and queues, never read to decide anything."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from gonogo.terms import RunId
from gonogo.values import dataclass

ASKED: Final = "@asked"
"""The line in which runs stand for nothing: it says with which priority somebody wants them to be gone on with."""


@dataclass(frozen=True, slots=True)
class Waiter:
    """A run that wants an environment which it cannot have now. The higher priority goes first, then who waits longer.

    Being in line gives no right: it says whom to wake, and who lets whom go first. Opinions of the queue can be wrong
    at no cost but time (engine section 1).
    """

    environment: str
    run: RunId
    priority: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run was seen to stand: a projection for lists, never read to decide; rebuilt from events at any time.

    It holds as long as `seq` is the number of the run's last event. `due` is the moment from which an engine has
    something to do again, and what stands here holds no more; None: only an event changes anything.
    """

    run: RunId
    seq: int
    protocol: str
    release: str
    environment: str
    status: str
    following: str
    opened_at: datetime
    due: datetime | None = None


def priorities(asked: Iterable[Waiter]) -> dict[RunId, int]:
    """The priority of each run for which somebody asked for one, from the line `ASKED`; all others have 0."""
    return {waiter.run: waiter.priority for waiter in asked}
