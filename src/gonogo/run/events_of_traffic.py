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


OfTraffic: TypeAlias = TrafficFound | WindowExtended
EVENTS_OF_TRAFFIC: Final[Mapping[str, type[OfTraffic]]] = {
    "traffic.found": TrafficFound,
    "window.extended": WindowExtended,
}
