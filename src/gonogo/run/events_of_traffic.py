"""What was seen of the traffic beside what was moved, and how long it is watched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class TrafficFound:
    """At sample `index` the target said something else than what was moved last.

    Without `weights` it could not be read; `detail` says why.
    """

    task: str
    attempt: int
    index: int
    weights: Mapping[str, int]
    detail: str


@dataclass(frozen=True, slots=True)
class WindowExtended:
    """The health window goes on by one configured step, because its gate would fail (SOK-04); this is the `number`-th.

    `clause` is what failed, `measured` and `limit` its figures as text; the window ends at `ends_at` (UTC) from now on.
    """

    task: str
    attempt: int
    number: int
    clause: str
    measured: str
    limit: str
    ends_at: str

    def __str__(self) -> str:
        return f"extension {self.number}: {self.clause}: {self.measured}, limit {self.limit}; until {self.ends_at}"


@dataclass(frozen=True, slots=True)
class DrainEnded:
    """A script is about to end `place`, which was taken out of the traffic, though requests may be under way there.

    `open` is how many are, as the target counted them in that moment; None where it does not count them, or did not
    answer. They had `drain` seconds since the traffic was moved away, as text.
    """

    task: str
    attempt: int
    place: str
    open: int | None
    drain: str

    def __str__(self) -> str:
        count = "an unknown number of" if self.open is None else str(self.open)
        requests = "request" if self.open == 1 else "requests"
        return f"{self.place} is ended with {count} {requests} under way, after a drain of {self.drain} s"


OfTraffic: TypeAlias = TrafficFound | WindowExtended | DrainEnded
EVENTS_OF_TRAFFIC: Final[Mapping[str, type[OfTraffic]]] = {
    "traffic.found": TrafficFound,
    "window.extended": WindowExtended,
    "drain.ended": DrainEnded,
}
