"""How many cases a running suite has finished so far, from what its runner has printed (TST-06).

For people who watch, never for a gate: the report decides. Understood are `go test -json`, TAP, pytest (`-v` and its
dots), JUnit XML on the way, and the marks of spec reporters (node, jest, mocha).
"""

from __future__ import annotations

import re

from gonogo.values import dataclass

MOST_BYTES = 8 << 20
"""Of a longer output only so much is looked at."""

_GO = re.compile(rb'"Action":\s?"(pass|fail|skip)"[^\n]*"Test":|"Test":[^\n]*"Action":\s?"(pass|fail|skip)"')
_TAP = re.compile(rb"^[ ]*(not ok|ok)\b[^\n]*$", re.MULTILINE)
_VERBOSE = re.compile(rb"(?:^| )(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)(?: |$)", re.MULTILINE)
_DOTS = re.compile(rb"^(?:[\w./-]+\.py )?([.FEsxX]+)(?:\s+\[\s*\d+%\])?\s*$", re.MULTILINE)
_SPEC = re.compile("^\\s*(✔|✓|√|✖|✗|✕|×|﹣)".encode(), re.MULTILINE)
_SPEC_FAILED = frozenset(mark.encode() for mark in "✖✗✕×")
_SUMMARY = (b"FAILED", b"ERROR")


@dataclass(frozen=True, slots=True)
class CountedSoFar:
    """Finished cases of a suite that still runs."""

    passed: int
    failed: int
    skipped: int

    def __str__(self) -> str:
        """For people, in one phrase."""
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped so far"


def counted_so_far(printed: bytes) -> CountedSoFar | None:
    """The counts in what a runner has printed; None where it prints nothing that can be counted."""
    for read in (_go, _junit, _tap, _verbose, _dots, _spec):
        found = read(printed[:MOST_BYTES])
        if found is not None:
            return found
    return None


def _counted(passed: int, failed: int, skipped: int) -> CountedSoFar | None:
    return CountedSoFar(passed, failed, skipped) if passed or failed or skipped else None


def _go(printed: bytes) -> CountedSoFar | None:
    words = [first or second for first, second in _GO.findall(printed)]
    return _counted(words.count(b"pass"), words.count(b"fail"), words.count(b"skip"))


def _junit(printed: bytes) -> CountedSoFar | None:
    if b"<testcase" not in printed:
        return None
    failed, skipped = printed.count(b"<failure") + printed.count(b"<error"), printed.count(b"<skipped")
    return _counted(max(printed.count(b"<testcase") - failed - skipped, 0), failed, skipped)


def _tap(printed: bytes) -> CountedSoFar | None:
    rows = list(_TAP.finditer(printed))
    skipped = sum(b"# SKIP" in row[0].upper() for row in rows)
    failed = sum(row[1] == b"not ok" for row in rows)
    return _counted(len(rows) - failed - skipped, failed, skipped)


def _verbose(printed: bytes) -> CountedSoFar | None:
    lines = [line for line in printed.splitlines() if not line.startswith(_SUMMARY)]
    words = [found[1] for line in lines if (found := _VERBOSE.search(line)) is not None]
    failed = sum(word in (b"FAILED", b"ERROR", b"XPASS") for word in words)
    skipped = sum(word in (b"SKIPPED", b"XFAIL") for word in words)
    return _counted(words.count(b"PASSED"), failed, skipped)


def _dots(printed: bytes) -> CountedSoFar | None:
    marks = b"".join(_DOTS.findall(printed))
    failed = marks.count(b"F") + marks.count(b"E") + marks.count(b"X")
    return _counted(marks.count(b"."), failed, marks.count(b"s") + marks.count(b"x"))


def _spec(printed: bytes) -> CountedSoFar | None:
    marks = _SPEC.findall(printed)
    failed, skipped = sum(mark in _SPEC_FAILED for mark in marks), marks.count("﹣".encode())
    return _counted(len(marks) - failed - skipped, failed, skipped)
