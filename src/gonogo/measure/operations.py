"""Readiness of operations: body of `operational-readiness.json` (F28, OPS-01..04, NB-28).

A runbook is current when it was updated for this release and is not older than its limit. Every duty needs a primary
and a backup for the whole of the deployment and the health window; every level of escalation a contact that answers.
Where nobody tried a contact that is named, nothing is known to be wrong, and there is no pass either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from gonogo.evidence.canonical import Tree
from gonogo.measure.derived import Derived, filled
from gonogo.measure.figures import Body, duration_text, maybe_time, time_text, without_none
from gonogo.measure.stored_fields import Fields
from gonogo.values import dataclass

_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.+?)\s*#*\s*\Z")


@dataclass(frozen=True, slots=True)
class RunbookSeen:
    """A runbook that the release names; `updated_at` is None where it does not exist or has no date.

    `lacking` are the sections that it has to have and has not, or has without a word below.
    """

    name: str
    service: str
    updated_at: datetime | None
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DutySeen:
    """Who is on call for one function, from when to when; empty names are gaps."""

    function: str
    primary: str
    backup: str
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class EscalationSeen:
    """One level of the escalation matrix; `reachable` is None where nobody tried."""

    level: int
    contact: str
    reachable: bool | None


@dataclass(frozen=True, slots=True)
class OperationsSeen:
    """Everything that operations have prepared.

    `changed_at` is when the release last changed what runbooks describe; `window` is the time from the start of the
    deployment to the end of the health window.
    """

    runbooks: tuple[RunbookSeen, ...]
    on_call: tuple[DutySeen, ...]
    escalation: tuple[EscalationSeen, ...]
    changed_at: datetime
    runbook_max_age: timedelta
    window: tuple[datetime, datetime]


def operations_body(seen: OperationsSeen, now: datetime) -> Body:
    """Body of the operational readiness as of `now` (F28)."""
    raw: Body = {
        "operations": {
            "checked_at": time_text(now),
            "changed_at": time_text(seen.changed_at),
            "runbook_max_age": duration_text(seen.runbook_max_age),
            "window_start": time_text(seen.window[0]),
            "window_end": time_text(seen.window[1]),
        },
        "runbooks": [
            without_none(
                {
                    "name": book.name,
                    "service": book.service,
                    "updated_at": maybe_time(book.updated_at),
                    "current": _is_current(book.updated_at, seen.changed_at, seen.runbook_max_age, now),
                    "lacking": list(book.lacking) or None,
                }
            )
            for book in seen.runbooks
        ],
        "on_call": [
            {
                "function": duty.function,
                "primary": duty.primary,
                "backup": duty.backup,
                "from": time_text(duty.begins_at),
                "to": time_text(duty.ends_at),
            }
            for duty in seen.on_call
        ],
        "escalation": [
            without_none({"level": step.level, "contact": step.contact, "reachable": step.reachable})
            for step in seen.escalation
        ],
    }
    return filled(raw, derived_operations(raw))


def derived_operations(body: Mapping[str, Tree]) -> Derived:
    """Status and gaps, from the rows alone (III.2). An empty list of any of the three kinds is no pass.

    A level of escalation that nobody tried to reach is none either (OPS-03).
    """
    fields = Fields(body)
    found = operations_gaps(body)
    escalation = fields.rows("escalation")
    nothing = not (fields.rows("runbooks") and fields.rows("on_call") and escalation)
    untried = any(not row.has("reachable") for row in escalation)
    return {
        "/operations/gaps": list(found),
        "/operations/status": "fail" if found else None if nothing or untried else "pass",
    }


def operations_gaps(body: Mapping[str, Tree]) -> tuple[str, ...]:
    """One sentence for each thing that operations lack (OPS-01..03)."""
    fields = Fields(body)
    about = fields.part("operations")
    start, end = about.moment("window_start"), about.moment("window_end")
    found = [
        f"runbook {row.text('name')} {_book_gap(row, about)}"
        for row in fields.rows("runbooks")
        if _book_gap(row, about)
    ]
    found += [
        f"runbook {row.text('name')} has nothing under `{heading}`"
        for row in fields.rows("runbooks")
        for heading in (row.texts("lacking") if row.has("lacking") else ())
    ]
    for row in fields.rows("on_call"):
        if row.moment("to") > start and row.moment("from") < end:
            found += _duty_gaps(row, start, end)
    found += [f"{name} is not on call for the whole window" for name in _uncovered(fields.rows("on_call"), start, end)]
    levels = sorted(row.count("level") for row in fields.rows("escalation"))
    if levels and levels != list(range(1, len(levels) + 1)):
        found.append(f"escalation levels are {', '.join(map(str, levels))}, not each from 1 on once")
    for row in fields.rows("escalation"):
        if not row.filled("contact"):
            found.append(f"escalation level {row.count('level')} has no contact")
        elif row.has("reachable") and not row.flag("reachable"):
            found.append(f"escalation level {row.count('level')} was not reached")
    return tuple(found)


def _duty_gaps(row: Fields, start: datetime, end: datetime) -> list[str]:
    name = row.text("function")
    part = row.moment("from") > start or row.moment("to") < end
    when = f" from {row.text('from')} to {row.text('to')}" if part else ""
    found = [f"{name} has no {word} on call{when}" for word in ("primary", "backup") if not row.filled(word)]
    if row.filled("primary") and row.text("primary") == row.text("backup"):
        found.append(f"{name} has one person as primary and backup{when}")
    return found


def _uncovered(rows: Sequence[Fields], start: datetime, end: datetime) -> list[str]:
    """Functions whose duties, one after the other, leave a part of the window without anybody."""
    found = []
    for name in dict.fromkeys(row.text("function") for row in rows):
        reached = start
        own = sorted((row.moment("from"), row.moment("to")) for row in rows if row.text("function") == name)
        for begins, ends in own:
            reached = max(reached, ends) if begins <= reached else reached
        if reached < end:
            found.append(name)
    return found


def headings_without_words(text: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """Which of `wanted` are no heading of a Markdown text, or a heading with nothing below it (OPS-01)."""
    filled: dict[str, bool] = {}
    open_headings: list[tuple[int, str]] = []
    for line in text.splitlines():
        found = _HEADING.match(line)
        if found is None:
            filled |= {name: True for _, name in open_headings if line.strip()}
            continue
        depth, name = len(found[1]), found[2].strip().casefold()
        open_headings = [(level, known) for level, known in open_headings if level < depth]
        open_headings.append((depth, name))
        filled.setdefault(name, False)
    return tuple(name for name in wanted if not filled.get(name.strip().casefold(), False))


def _book_gap(row: Fields, about: Fields) -> str:
    updated_at = row.maybe_moment("updated_at")
    if updated_at is None:
        return "does not exist or has no date"
    limit = about.duration("runbook_max_age")
    if not _is_current(updated_at, about.moment("changed_at"), limit, about.moment("checked_at")):
        return f"was last updated {updated_at:%Y-%m-%d}, before the change or too long ago"
    return "" if row.flag("current") else "is not marked as current"


def _is_current(updated_at: datetime | None, changed_at: datetime, max_age: timedelta, now: datetime) -> bool:
    return updated_at is not None and changed_at <= updated_at <= now and now - updated_at <= max_age
