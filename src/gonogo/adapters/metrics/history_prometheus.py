"""The counters of every instance of a version over the last hours, from a Prometheus that scrapes them (PM-01, PM-05).

It is asked a quarter of an hour at a time, so that a long history of many instances is never in one answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from gonogo.adapters.metrics.prometheus_api import Course, PrometheusApi
from gonogo.adapters.metrics.scrape import EXACT, INFINITE, MetricNames
from gonogo.errors import BadInput, Broken
from gonogo.run.calibrating import Counted
from gonogo.values import dataclass

SPAN = 900.0
_LOOK = "this is `url` of the environment's `metrics`; it has to answer from here"


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to `end` in seconds since 1970, a reading every `step` seconds."""

    start: float
    end: float
    step: float


@dataclass(frozen=True, slots=True)
class PrometheusHistory:
    """`wanted` are label matchers that hold for the version; the label `by` tells its instances apart."""

    api: PrometheusApi
    names: MetricNames
    wanted: str
    by: str
    span: Span

    def served(self) -> tuple[str, ...]:
        """The instances that served requests in the span."""
        length = max(1, round(self.span.end - self.span.start))
        query = f"sum by ({self.by}) (increase({self.names.requests}{{{self.wanted}}}[{length}s])) > 0"
        with self._named():
            found = [one.labels.get(self.by, "") for one in self.api.instant(query, self.span.end)]
        return tuple(sorted(name for name in found if name))

    def bounds(self) -> tuple[str, ...]:
        """The bucket bounds as they are now, the last infinite; none where no histogram is counted."""
        series = f"{self.names.histogram}_bucket{{{self.wanted}}}"
        found = {one.labels.get("le", "") for one in self.api.instant(f"count by (le) ({series})", self.span.end)}
        if not found:
            return ()
        ordered = tuple(sorted(found, key=_bound))
        if ordered[-1] != INFINITE:
            raise BadInput(f"the histogram {self.names.histogram} does not end with +Inf", where=self.api.url)
        return ordered

    def readings(self, bounds: Sequence[str]) -> Iterator[Counted]:
        """The counters at each step. An instance that lacks one of them at a moment has no reading then."""
        start = self.span.start
        while start <= self.span.end:
            end = min(start + SPAN - self.span.step, self.span.end)
            yield from self._part(start, end, bounds)
            start = end + self.span.step

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Errors name the address and not the query, which may be long."""
        try:
            yield
        except Broken as error:
            raise Broken(error.what, where=self.api.url, next_step=_LOOK) from error

    def _part(self, start: float, end: float, bounds: Sequence[str]) -> Iterator[Counted]:
        names, step = self.names, self.span.step
        requests = f"sum by ({self.by}, {names.code_label}) ({names.requests}{{{self.wanted}}})"
        found: dict[float, dict[str, dict[str, int]]] = {}
        buckets = f"sum by ({self.by}, le) ({names.histogram}_bucket{{{self.wanted}}})"
        with self._named():
            for course in self.api.course(requests, start, end, step):
                self._counted(found, course, names.code_label)
            for course in self.api.course(buckets, start, end, step) if bounds else ():
                self._counted(found, course, "le")
        for at in sorted(found):
            read = {name: _counters(counts, bounds) for name, counts in found[at].items() if name}
            yield Counted(round(at * 1000), {name: counts for name, counts in read.items() if counts})

    def _counted(self, found: dict[float, dict[str, dict[str, int]]], course: Course, label: str) -> None:
        name, kind = course.labels.get(self.by, ""), f"{label} {course.labels.get(label, '')}"
        for at, value in course.values:
            if not (0 <= value <= EXACT and value.is_integer()):
                raise BadInput(f"a counter of {name} is {value}, which is no count", where=self.api.url)
            found.setdefault(at, {}).setdefault(name, {})[kind] = int(value)


def _counters(counts: Mapping[str, int], bounds: Sequence[str]) -> tuple[int, ...]:
    """Requests, errors and buckets of one instance; nothing where one of them was not counted."""
    codes = {kind.rpartition(" ")[2]: count for kind, count in counts.items() if not kind.startswith("le ")}
    buckets = [counts.get(f"le {bound}") for bound in bounds]
    if not codes or any(count is None for count in buckets):
        return ()
    bad = sum(count for code, count in codes.items() if code.startswith("5"))
    return (sum(codes.values()), bad, *(count for count in buckets if count is not None))


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -math.inf
