"""Readings of metrics in a file: one JSON object a line, appended as they are taken (`gonogo judge record`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gonogo.errors import BadInput, Broken
from gonogo.evidence.canonical import Tree, read_line, write_line
from gonogo.ports import MetricSample
from gonogo.run.calibrating import Counted
from gonogo.values import dataclass

MOST_LINE = 4 << 20
_LOOK = "gonogo judge record writes such a file"


@dataclass(frozen=True, slots=True)
class SampleFile:
    """A file of readings; only lines with the buckets of the first one count, and half a line at the end does not."""

    path: Path

    def append(self, at_ms: int, sample: MetricSample) -> None:
        """One more reading. What could not be read is not in it; nothing is written for a reading of nothing."""
        if not sample.slots:
            return
        bounds = [bound for bound, _ in sample.slots[0].buckets]
        instances: dict[str, Tree] = {
            one.slot: [one.requests, one.errors, *(count for _, count in one.buckets)]
            for one in sample.slots
            if [bound for bound, _ in one.buckets] == bounds
        }
        line = write_line({"at_ms": at_ms, "bounds": bounds, "instances": instances})
        try:
            with self.path.open("ab") as file:
                file.write(line)
        except OSError as error:
            raise Broken(f"cannot be written: {error.strerror}", where=str(self.path)) from error

    def bounds(self) -> tuple[str, ...]:
        """The bucket bounds of the first reading."""
        for bounds, _ in self._lines():
            return bounds
        raise BadInput("holds no reading", where=str(self.path), next_step=_LOOK)

    def served(self) -> tuple[str, ...]:
        """The instances whose requests grew."""
        first: dict[str, int] = {}
        grown = set()
        for _, reading in self._lines():
            for name, counts in reading.instances.items():
                if first.setdefault(name, counts[0]) != counts[0]:
                    grown.add(name)
        return tuple(sorted(grown))

    def readings(self, bounds: tuple[str, ...]) -> Iterator[Counted]:
        """Every reading with these bounds, in the order of the file."""
        return (reading for found, reading in self._lines() if found == bounds)

    def _lines(self) -> Iterator[tuple[tuple[str, ...], Counted]]:
        try:
            with self.path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    if line.endswith(b"\n"):
                        yield self._read(line, number)
        except OSError as error:
            raise BadInput(f"cannot be read: {error.strerror}", where=str(self.path), next_step=_LOOK) from error

    def _read(self, line: bytes, number: int) -> tuple[tuple[str, ...], Counted]:
        where = f"{self.path}:{number}"
        body = read_line(line, name=where, limit=MOST_LINE)
        at, bounds, instances = body.get("at_ms"), body.get("bounds"), body.get("instances")
        if not isinstance(at, int) or not isinstance(bounds, list | tuple) or not isinstance(instances, dict):
            raise BadInput("is no reading", where=where, next_step=_LOOK)
        counts = {str(name): _counts(found, len(bounds) + 2, where) for name, found in instances.items()}
        return tuple(map(str, bounds)), Counted(at, counts)


def _counts(found: object, length: int, where: str) -> tuple[int, ...]:
    counts = found if isinstance(found, list | tuple) else ()
    if len(counts) != length or not all(isinstance(each, int) and each >= 0 for each in counts):
        raise BadInput(f"{length} counts of an instance are expected", where=where, next_step=_LOOK)
    return tuple(counts)
