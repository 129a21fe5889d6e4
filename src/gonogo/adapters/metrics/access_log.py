"""Counts requests of each slot from the access log of a proxy that writes one JSON object a line.

The two versions are told apart by the upstream that answered. `format` says who writes: each has a line that its
documentation allows (docs/rollouts.md shows the three), and every field can be named otherwise.

* nginx writes one value for each upstream that it tried (`10.0.0.1:80, 10.0.0.2:80`): each try counts for its upstream,
  so that a failing version is not hidden by the one that helped out.
* A try without an answer has no duration (`-`, `-1`): it is slower than every bound, never fast and never left out.
* A line that names no upstream, or another one than a slot, is nobody's. One without any `{` is a message of the
  program. Other lines that cannot be read are counted: beyond one in a hundred the log says nothing at all, because
  nobody knows whose requests those were.
* A slot that no line has named yet is missing, and not one without requests (PM-01).
* A sample says where in the log it ends, and another process goes on from there with its counts: neither a restart of
  the engine nor a rotation meanwhile counts a line twice.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import field
from itertools import accumulate

from gonogo.adapters.http_calls import printable
from gonogo.adapters.metrics.log_tail import LogTail
from gonogo.errors import BadInput, Broken
from gonogo.ports import CounterSample, MetricSample
from gonogo.values import dataclass

INFINITE = "+Inf"
BOUNDS = tuple(f"{2 ** (step / 4) / 1000:.9g}" for step in range(61))
"""From 1 ms to 33 s in steps of one ratio, in which the judge can shift a distribution by its margin."""

ERRORS_FROM = 500
MOST_UNUSABLE = 0.01
_TRIES = re.compile(r"\s*[,:]\s+")


@dataclass(frozen=True, slots=True)
class LineForm:
    """The members of a line: upstream, HTTP status and duration, and how many seconds one unit of that is."""

    upstream: str
    status: str
    duration: str
    unit: float


FORMS: Mapping[str, LineForm] = {
    "haproxy": LineForm("upstream", "status", "ms", 0.001),
    "nginx": LineForm("upstream", "status", "seconds", 1.0),
    "caddy": LineForm("upstream", "status", "duration", 1.0),
}


@dataclass(frozen=True, slots=True)
class Try:
    """One request at one upstream; `seconds` is None where it never answered."""

    upstream: str
    error: bool
    seconds: float | None


def read_line(line: bytes, form: LineForm) -> tuple[Try, ...]:
    """The tries of a line, none where it names no upstream; BadInput where it is no such line."""
    start = line.find(b"{")
    try:
        found = json.loads(line[start:]) if start >= 0 else None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"no JSON object: {printable(line, 80)}") from error
    if not isinstance(found, dict) or form.upstream not in found:
        raise BadInput(f"no object with `{form.upstream}`: {printable(line, 80)}")
    upstreams = _parts(found[form.upstream])
    if upstreams in ([""], ["-"]):
        return ()
    statuses, durations = _parts(found.get(form.status)), _parts(found.get(form.duration))
    if not len(upstreams) == len(statuses) == len(durations):
        raise BadInput(f"upstream, status and duration do not belong together: {printable(line, 80)}")
    return tuple(
        Try(upstream, _status(status) >= ERRORS_FROM, _seconds(duration, form.unit))
        for upstream, status, duration in zip(upstreams, statuses, durations, strict=True)
    )


def _parts(value: object) -> list[str]:
    if isinstance(value, str):
        return _TRIES.split(value.strip())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [repr(value)]
    raise BadInput("upstream, status or duration is missing")


def _status(text: str) -> int:
    """The status; 0 where the client went away before there was one."""
    if text in {"-", "-1", "0"}:
        return 0
    if not re.fullmatch("[1-9][0-9]{2}", text):
        raise BadInput(f"`{text[:20]}` is no HTTP status")
    return int(text)


def _seconds(text: str, unit: float) -> float | None:
    try:
        value = -1.0 if text == "-" else float(text)
    except ValueError:
        value = math.nan
    if not value < math.inf:
        raise BadInput(f"`{text[:20]}` is no duration")
    return value * unit if value >= 0 else None


@dataclass(slots=True)
class _Counted:
    requests: int = 0
    errors: int = 0
    buckets: list[int] = field(default_factory=list)


def _counted(one: CounterSample) -> _Counted:
    sums = [count for _, count in one.buckets]
    return _Counted(one.requests, one.errors, [high - low for low, high in zip((0, *sums), sums, strict=False)])


@dataclass(slots=True)
class AccessLog:
    """`slots` maps each slot to its upstream as the log writes it (host and port); counts since the log was begun."""

    tail: LogTail
    slots: Mapping[str, str]
    form: LineForm
    bounds: tuple[str, ...] = BOUNDS
    _limits: tuple[float, ...] = ()
    _counts: dict[str, _Counted] = field(default_factory=dict)
    _lines: int = 0
    _unusable: int = 0
    _first: str = ""
    _position: str = ""

    def __post_init__(self) -> None:
        self._limits = tuple(float(bound) for bound in self.bounds)

    def sample(self) -> MetricSample:
        """Read what was added since the last time."""
        try:
            for line in self.tail.lines():
                self._take(line)
        except Broken as error:
            return self._nothing(f"{error.where}: {error.what}")
        if self._unusable > self._lines * MOST_UNUSABLE:
            reason = f"{self._unusable} of {self._lines} lines are unusable, the first: {self._first}"
            return self._nothing(f"{self.tail.path}: {reason}")
        self._position = self.tail.position()
        return MetricSample(tuple(self._slots()), tuple(self._unnamed()), self._position)

    def sample_after(self, before: MetricSample) -> MetricSample:
        """As `sample`, with the counts of `before` and the lines since; `before` may be of another process."""
        if before.position and before.position != self._position:
            self.tail.continue_at(before.position)
            self._counts = {self.slots[one.slot]: _counted(one) for one in before.slots if one.slot in self.slots}
        return self.sample()

    def _slots(self) -> Iterator[CounterSample]:
        for slot, upstream in self.slots.items():
            counted = self._counts.get(upstream)
            if counted is not None:
                sums = tuple(accumulate(counted.buckets))
                buckets = tuple(zip((*self.bounds, INFINITE), sums, strict=True))
                yield CounterSample(slot, counted.requests, counted.errors, buckets)

    def _unnamed(self) -> Iterator[tuple[str, str]]:
        for slot, upstream in self.slots.items():
            if upstream not in self._counts:
                yield slot, f"{self.tail.path}: none of {self._lines} lines names the upstream {upstream}"

    def _nothing(self, reason: str) -> MetricSample:
        return MetricSample((), tuple((slot, reason) for slot in self.slots))

    def _take(self, line: bytes) -> None:
        if b"{" not in line:
            return
        self._lines += 1
        try:
            tries = read_line(line, self.form)
        except BadInput as error:
            self._unusable += 1
            self._first = self._first or error.what
            return
        for one in tries:
            self._add(one)

    def _add(self, one: Try) -> None:
        if one.upstream not in self.slots.values():
            return
        counted = self._counts.setdefault(one.upstream, _Counted(buckets=[0] * (len(self.bounds) + 1)))
        counted.requests += 1
        counted.errors += one.error
        place = len(self._limits) if one.seconds is None else bisect_left(self._limits, one.seconds)
        counted.buckets[place] += 1
