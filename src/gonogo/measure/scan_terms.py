"""What a scan owes beside a readable report: the items that the project expects, its own tool, a time that fits.

A report that misses one of them is not a clean scan, and the sentence says what to do (SEC-01, SC-01, TR-06).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from gonogo.measure.figures import time_text
from gonogo.measure.scan_findings import ScanRead
from gonogo.values import dataclass

SKEW = timedelta(seconds=5)
"""How far the clock of a tool may lie from ours: both run on one machine, and some round to seconds."""


@dataclass(frozen=True, slots=True)
class ScanTerms:
    """What the project and the run say about one scan.

    `expects` are names or globs of items that the report has to name; `tool` is the name that it has to state, empty
    for any. The command ran from `began_at` to `ended_at` and came to `exit_code`; its report is of that time, or at
    most `max_age` older where the project takes in a finished scan.
    """

    expects: tuple[str, ...] = ()
    tool: str = ""
    began_at: datetime | None = None
    ended_at: datetime | None = None
    max_age: timedelta = timedelta(0)
    exit_code: int | None = None


def held_to(read: ScanRead, terms: ScanTerms) -> ScanRead:
    """The same scan with everything that it owes and does not show; a live service is as old as the run (SC-08)."""
    at = read.database_at
    if at is None and read.live:
        at = read.made_at or terms.ended_at
    return replace(read, database_at=at, missing=unseen(read, terms.expects), broken="; ".join(_faults(read, terms)))


def unseen(read: ScanRead, expects: tuple[str, ...]) -> tuple[str, ...]:
    """The expected items that the report does not name. A report that names none misses them all."""
    return tuple(wanted for wanted in expects if not any(_is(name, wanted) for name in read.names or ()))


def _is(name: str, wanted: str) -> bool:
    """Whether a name is the expected one, the same file below another folder, or one that the glob takes in."""
    plain = name.removeprefix("file://").removeprefix("./").replace("\\", "/")
    wanted = wanted.removeprefix("./")
    return plain == wanted or plain.endswith(f"/{wanted}") or fnmatchcase(plain, wanted)


def _faults(read: ScanRead, terms: ScanTerms) -> Iterator[str]:
    if read.broken:
        yield read.broken
    if terms.tool and read.tool.lower() != terms.tool.lower():
        yield f"its report is one of {read.tool}, not of {terms.tool}"
    if terms.expects and read.names is None:
        yield (
            "its report names nothing that it looked at, so that what it `expects` cannot be checked; "
            "let the tool write a report that lists its files, or remove `expects`"
        )
    if terms.exit_code and not read.findings:
        yield f"it ended with exit status {terms.exit_code}, though its report shows no finding; look at why it failed"
    yield from _time_faults(read.made_at, terms)


def _time_faults(made_at: datetime | None, terms: ScanTerms) -> Iterator[str]:
    if made_at is None:
        return
    if terms.ended_at is not None and made_at > terms.ended_at + SKEW:
        yield f"its report says that it was made at {time_text(made_at)}, after the scan had ended: correct the clock"
    if terms.began_at is not None and made_at < terms.began_at - terms.max_age - SKEW:
        yield (
            f"its report was made at {time_text(made_at)}, before this scan began: scan again, "
            "or say with `max_age` how old a finished scan may be"
        )
