"""The auditor's table of a project, from the log of the site and the logs of its runs."""

from __future__ import annotations

from gonogo.control.door import Door
from gonogo.errors import GonogoError
from gonogo.reports.auditing import (
    SOC2,
    Audited,
    Change,
    Point,
    drawn,
    period_of,
    points_of,
    population,
    population_gaps,
)
from gonogo.terms import RunId


def audit(door: Door, period: str, sample: int, seed: int) -> Audited:
    """Population, sample and points of a period; WrongUsage for a period that cannot be read."""
    found = period_of(period)
    site = door.world.journal.site()
    changes = population(site, found)
    points = {change.run: _points(door, change) for change in drawn(changes, sample, seed)}
    return Audited(found, seed, changes, points, population_gaps(site, door.runs()))


def _points(door: Door, change: Change) -> tuple[Point, ...]:
    try:
        opened = door.load(RunId(change.run))
    except GonogoError as error:
        return (Point(SOC2, "documented", "", f"the run cannot be read: {error.what}"),)
    return points_of(change, opened.plan, opened.state, opened.entries)
