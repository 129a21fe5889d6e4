"""Duties over a time from the shifts of single calendars, or from a list that a command or file gives (OPS-02)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from gonogo.errors import BadInput
from gonogo.evidence.canonical import read_object
from gonogo.measure.calendar import Shift
from gonogo.measure.operations import DutySeen
from gonogo.measure.stored_fields import Fields

MOST_BYTES = 1 << 22


def read_rota(data: bytes, name: str) -> tuple[DutySeen, ...]:
    """`{"on_call": [{"function", "primary", "backup", "from", "to"}]}`; BadInput where it is anything else."""
    rows = Fields(read_object(data, name=name, limit=MOST_BYTES), name).rows("on_call")
    found = [
        DutySeen(
            row.text("function"),
            row.text("primary"),
            row.maybe_text("backup") or "",
            row.moment("from"),
            row.moment("to"),
        )
        for row in rows
    ]
    if any(duty.begins_at >= duty.ends_at for duty in found):
        raise BadInput(f"{name}: a duty ends before it begins", where=name, next_step="correct `from` and `to`")
    return tuple(found)


def duties(
    function: str, shifts: Mapping[str, Sequence[Shift]], begin: datetime, end: datetime
) -> tuple[DutySeen, ...]:
    """Who is primary and backup of a function in each part of the time; an empty name where nobody, or several, are."""
    edges = {begin, end}
    for shift in (*shifts.get("primary", ()), *shifts.get("backup", ())):
        edges |= {moment for moment in (shift.begins, shift.ends) if begin < moment < end}
    cuts = sorted(edges)
    found: list[DutySeen] = []
    for start, stop in pairwise(cuts):
        primary, backup = (_on_duty(shifts.get(place, ()), start) for place in ("primary", "backup"))
        last = found[-1] if found else None
        if last is not None and (last.primary, last.backup) == (primary, backup):
            found[-1] = DutySeen(function, primary, backup, last.begins_at, stop)
        else:
            found.append(DutySeen(function, primary, backup, start, stop))
    return tuple(found)


def _on_duty(shifts: Sequence[Shift], at: datetime) -> str:
    people = {shift.person for shift in shifts if shift.begins <= at < shift.ends}
    return people.pop() if len(people) == 1 else ""
