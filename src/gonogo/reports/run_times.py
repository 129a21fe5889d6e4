"""Real times of runs beside the expected ones: before, main, after and in all, work only (EXE-01, C58, C59)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from gonogo.run.awaiting import words_of
from gonogo.run.worktime import AFTER, BEFORE, LIMIT, MAIN, WorkTime
from gonogo.terms import Json, RunId
from gonogo.values import dataclass

TOTAL: Final = "total"
EXPECTED: Final[Mapping[str, tuple[int, int, int]]] = {
    BEFORE: (0, 5, 15),
    MAIN: (15, 45, 45),
    AFTER: (0, 10, 20),
    TOTAL: (30, 60, 60),
}
"""Minutes by part: what is usual from and to, and beyond what it is an overrun. Two texts differ: the longer counts."""


@dataclass(frozen=True, slots=True)
class PartTime:
    """The work of one part of one run."""

    part: str
    worked: timedelta

    @property
    def over(self) -> bool:
        """Whether it took longer than the longer expectation."""
        return self.worked > timedelta(minutes=EXPECTED[self.part][2])


@dataclass(frozen=True, slots=True)
class RunTime:
    """The times of one run."""

    run: RunId
    protocol: str
    times: WorkTime

    def parts(self) -> Iterator[PartTime]:
        """Every part, and all of them together."""
        for part in (BEFORE, MAIN, AFTER):
            yield PartTime(part, self.times.parts.get(part, timedelta(0)))
        yield PartTime(TOTAL, sum(self.times.parts.values(), timedelta(0)))


def time_row(found: RunTime) -> dict[str, Json]:
    """The times of a run for programs; lengths with their unit."""
    rows: list[Json] = [
        {
            "part": item.part,
            "worked_ms": item.worked // timedelta(milliseconds=1),
            "expected_min": list(EXPECTED[item.part][:2]),
            "limit_min": EXPECTED[item.part][2],
            "over": item.over,
        }
        for item in found.parts()
    ]
    return {
        "run": found.run,
        "protocol": found.protocol,
        "parts": rows,
        "waited_ms": found.times.waited // timedelta(milliseconds=1),
        "limit_s": int(LIMIT.total_seconds()),
    }


def time_lines(found: RunTime) -> Iterator[tuple[str, bool]]:
    """The times of a run for people, each line with whether it tells of an overrun."""
    yield f"{found.run}   waited {words_of(found.times.waited)} for people, windows or the health window", False
    for item in found.parts():
        least, most, limit = EXPECTED[item.part]
        usual = f"{least} to {most} min" if least else f"{most} min"
        word = f"   OVER {limit} min" if item.over else ""
        yield f"    {item.part:7} {words_of(item.worked):>10}   expected {usual}{word}", item.over
