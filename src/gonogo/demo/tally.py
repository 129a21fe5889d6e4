"""What a load driver saw, as JSON lines: one per 100 ms, so that a demo can say what failed, when, and whose it was.

A line counts what ended in its interval: `sent`, `ok`, `failed`, `reconnects`, `unanswered`, `skipped`, the slowest
answer, and `by`: version -> outcome -> count. Outcomes are `ok`, `http_<status>` for answers from 500 on, `connect`,
`closed`, `timeout`, `malformed`, `unnamed` (an answer without a version); failures without an answer count under the
version `-`.
Times are of the machine's monotonic clock in seconds, comparable between processes; `wall` is Unix time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_object
from gonogo.values import dataclass

NOBODY = "-"
OK = "ok"


@dataclass(frozen=True, slots=True)
class Interval:
    """One line of a tally; `first_failed` and `last_failed` are monotonic seconds."""

    begun: float
    ended: float
    sent: int
    skipped: int
    reconnects: int
    unanswered: int
    slowest_ms: float
    first_failed: float | None
    last_failed: float | None
    by: Mapping[str, Mapping[str, int]]

    @property
    def ok(self) -> int:
        """Requests that were served."""
        return sum(outcomes.get(OK, 0) for outcomes in self.by.values())

    @property
    def failed(self) -> int:
        """Requests that were not."""
        return sum(sum(outcomes.values()) for outcomes in self.by.values()) - self.ok


class Recorder:
    """Collects outcomes and cuts them into intervals."""

    def __init__(self, now: float) -> None:
        self._restart(now)

    def _restart(self, now: float) -> None:
        self._begun = now
        self._by: dict[str, dict[str, int]] = {}
        self._failed: list[float] = []
        self.sent = self.skipped = self.reconnects = self.unanswered = 0
        self._slowest = 0.0

    def note(self, version: str, outcome: str, *, now: float, seconds: float) -> None:
        """Count one request that ended `now`."""
        outcomes = self._by.setdefault(version, {})
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        self._slowest = max(self._slowest, seconds)
        if outcome != OK:
            self._failed.append(now)

    def cut(self, now: float) -> Interval:
        """The interval up to `now`; the next begins there."""
        failed = self._failed
        found = Interval(
            self._begun,
            now,
            self.sent,
            self.skipped,
            self.reconnects,
            self.unanswered,
            round(self._slowest * 1000, 3),
            failed[0] if failed else None,
            failed[-1] if failed else None,
            self._by,
        )
        self._restart(now)
        return found


def line_of(interval: Interval, wall: float) -> str:
    """The interval as a line, LF included."""
    fields = {
        "begun": round(interval.begun, 4),
        "ended": round(interval.ended, 4),
        "wall": round(wall, 3),
        "sent": interval.sent,
        "ok": interval.ok,
        "failed": interval.failed,
        "skipped": interval.skipped,
        "reconnects": interval.reconnects,
        "unanswered": interval.unanswered,
        "slowest_ms": interval.slowest_ms,
        "first_failed": _rounded(interval.first_failed),
        "last_failed": _rounded(interval.last_failed),
        "by": interval.by,
    }
    return json.dumps(fields) + "\n"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


@dataclass(frozen=True, slots=True)
class Tally:
    """Intervals in order of time."""

    intervals: tuple[Interval, ...]

    def since(self, begun: float) -> Tally:
        """The intervals that began at `begun` or later."""
        return Tally(tuple(found for found in self.intervals if found.begun >= begun))

    @property
    def ok(self) -> int:
        """Requests that were served."""
        return sum(found.ok for found in self.intervals)

    @property
    def failed(self) -> int:
        """Requests that were not."""
        return sum(found.failed for found in self.intervals)

    @property
    def reconnects(self) -> int:
        """Requests sent again because their connection was closed before the first byte of an answer."""
        return sum(found.reconnects for found in self.intervals)

    @property
    def unanswered(self) -> int:
        """Those of the reconnects whose connection was a fresh one; not every client repeats these."""
        return sum(found.unanswered for found in self.intervals)

    @property
    def skipped(self) -> int:
        """Requests that were due and never sent, because too many were unanswered."""
        return sum(found.skipped for found in self.intervals)

    def by_version(self) -> Mapping[str, Mapping[str, int]]:
        """Counts by version and outcome."""
        total: dict[str, dict[str, int]] = {}
        for found in self.intervals:
            for version, outcomes in found.by.items():
                mine = total.setdefault(version, {})
                for outcome, count in outcomes.items():
                    mine[outcome] = mine.get(outcome, 0) + count
        return total

    def failures_without(self, version: str) -> int:
        """Failed requests that are not answers of `version`; the bad build's own share is left out."""
        return sum(
            count
            for name, outcomes in self.by_version().items()
            for outcome, count in outcomes.items()
            if outcome != OK and name != version
        )

    def breach_seconds(self) -> float | None:
        """Seconds from the first to the last failed request; None without a failure."""
        firsts = [found.first_failed for found in self.intervals if found.first_failed is not None]
        lasts = [found.last_failed for found in self.intervals if found.last_failed is not None]
        return max(lasts) - min(firsts) if firsts and lasts else None


def read_tally(path: Path) -> Tally:
    """The tally in `path`; a last line that is still being written is left out. BadInput where it is none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"the tally cannot be read: {error.strerror}", where=str(path)) from error
    lines = data.split(b"\n")[:-1]
    return Tally(tuple(_interval(line, f"{path}:{number}") for number, line in enumerate(lines, 1)))


def _interval(line: bytes, where: str) -> Interval:
    found = read_object(line, name=where)
    try:
        return Interval(
            _number(found["begun"]),
            _number(found["ended"]),
            _count(found["sent"]),
            _count(found["skipped"]),
            _count(found["reconnects"]),
            _count(found["unanswered"]),
            _number(found["slowest_ms"]),
            _time(found["first_failed"]),
            _time(found["last_failed"]),
            {version: dict(_counts(outcomes)) for version, outcomes in _members(found["by"])},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"not a line of a tally: {error!r}", where=where) from error


def _members(value: Tree) -> Iterable[tuple[str, Tree]]:
    if not isinstance(value, Mapping):
        raise TypeError("not an object")
    return value.items()


def _counts(value: Tree) -> Iterable[tuple[str, int]]:
    return ((name, _count(count)) for name, count in _members(value))


def _count(value: Tree) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError("not a count")
    return value


def _number(value: Tree) -> float:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError("not a number")
    return float(value)


def _time(value: Tree) -> float | None:
    return None if value is None else _number(value)
