"""Planning improvements: what is said about each, noted in the log of the site, and the roadmap of all (LRN-14)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from gonogo.control.door import Door
from gonogo.control.learning.notes import IMPROVEMENT, MOST_BYTES, noted
from gonogo.errors import Refused
from gonogo.evidence.canonical import Tree, read_object, write_json
from gonogo.ports import Draft
from gonogo.reports.roadmap import Improvement, Planning, Roadmap, Team, roadmap
from gonogo.terms import Actor, Digest, Json

PLANNED: Final = "improvement.planned"


def improvements_of(door: Door) -> tuple[Improvement, ...]:
    """Every improvement on file that proposes a change, by its number (its place in the log from 1), as planned."""
    plans = _plans(door)
    return tuple(
        Improvement(
            number,
            str(row["run"]),
            str(row["by"]),
            str(row.get("what")),
            str(row.get("reason")),
            str(row.get("expected")),
            plans.get(number, Planning()),
        )
        for number, row in enumerate(noted(door, IMPROVEMENT), start=1)
        if str(row.get("what")).strip().lower() != "none"
    )


def plan_improvement(door: Door, number: int, said: Mapping[str, Tree], actor: Actor) -> Improvement:
    """Note what is planned about an improvement; fields that are not said stay. Refused for a number not on file."""
    known = {item.number: item for item in improvements_of(door)}
    if number not in known:
        raise Refused(f"there is no improvement {number}", next_step="gonogo improvements --roadmap shows the numbers")
    if number in _numbers(said.get("after")):
        raise Refused(f"improvement {number} cannot come after itself", next_step="name another number with --after")
    body = door.world.vault.put(write_json(dict(said)))
    data: dict[str, Json] = {"run": known[number].run, "number": number, "body_sha256": body}
    door.world.journal.note([Draft(PLANNED, data)], actor=actor, now=door.world.clock.now())
    return next(item for item in improvements_of(door) if item.number == number)


def roadmap_of(door: Door) -> tuple[Roadmap, Team]:
    """The roadmap of a project as of today, for the team of its `cadence`."""
    cadence = door.workspace.project.cadence
    team = Team(cadence.capacity, cadence.buffer)
    return roadmap(improvements_of(door), team, door.world.clock.now().date()), team


def _plans(door: Door) -> dict[int, Planning]:
    found: dict[int, dict[str, Tree]] = {}
    for entry in door.world.journal.site():
        if entry.type == PLANNED and isinstance(number := entry.data.get("number"), int):
            data = door.world.vault.read(Digest(str(entry.data.get("body_sha256"))))
            said = read_object(data, name=PLANNED, limit=MOST_BYTES)
            found[number] = {**found.get(number, {}), **said}
    return {number: _planning(said) for number, said in found.items()}


def _planning(said: Mapping[str, Tree]) -> Planning:
    benefit, due = said.get("benefit"), said.get("due")
    waits = (item for item in _items(said.get("waits_for")) if isinstance(item, Mapping))
    return Planning(
        kind=str(said.get("kind", "")),
        benefit=benefit if isinstance(benefit, int) else None,
        effort=Decimal(str(said["effort"])) if "effort" in said else None,
        owner=str(said.get("owner", "")),
        milestone=str(said.get("milestone", "")),
        due=date.fromisoformat(str(due)) if due else None,
        after=_numbers(said.get("after")),
        waits_for=tuple((str(each["what"]), date.fromisoformat(str(each["until"]))) for each in waits),
        needs=tuple(str(item) for item in _items(said.get("needs"))),
        links=tuple(str(item) for item in _items(said.get("links"))),
        done=said.get("done") is True,
    )


def _numbers(value: Tree) -> tuple[int, ...]:
    return tuple(item for item in _items(value) if isinstance(item, int))


def _items(value: Tree) -> tuple[Tree, ...]:
    return tuple(value) if isinstance(value, list | tuple) else ()
