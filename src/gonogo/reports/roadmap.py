"""Improvements as a roadmap: ranked, with what they need, when each can be done, and what stands in the way (LRN-14).

Ranked by benefit for each day of work (cost of delay over size, Reinertsen 2009). The timeline is that of one team with
a given capacity: in order of rank, nothing before what it depends on, and a share of each length kept as a buffer. It
only plans: documents and limits change by review.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from gonogo.terms import Json
from gonogo.values import dataclass

KINDS: Final = ("text", "limit", "automation", "enhancement", "tooling")
WEEK: Final = 7


@dataclass(frozen=True, slots=True)
class Planning:
    """What is planned about an improvement; `benefit` from 1 to 5, `effort` in person-days, None where nobody said.

    `after` are the numbers of improvements that come first, `waits_for` is work of others with the day it is expected,
    `needs` are equipment and infrastructure, `links` other protocols that it touches.
    """

    kind: str = ""
    benefit: int | None = None
    effort: Decimal | None = None
    owner: str = ""
    milestone: str = ""
    due: date | None = None
    after: tuple[int, ...] = ()
    waits_for: tuple[tuple[str, date], ...] = ()
    needs: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    done: bool = False


@dataclass(frozen=True, slots=True)
class Improvement:
    """An improvement on file, by its number, with what is planned about it."""

    number: int
    run: str
    by: str
    what: str
    reason: str
    expected: str
    planning: Planning


@dataclass(frozen=True, slots=True)
class Item:
    """A place on the roadmap: from when to when it is worked on, the day with its buffer, and what is wrong with it."""

    improvement: Improvement
    rank: int
    begin: date | None
    end: date | None
    buffered: date | None
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Roadmap:
    """Items by rank, those without a plan last; milestones by the day on which the last of their items is done."""

    items: tuple[Item, ...]
    milestones: tuple[tuple[str, date], ...]
    days: Decimal
    weeks: Decimal


@dataclass(frozen=True, slots=True)
class Team:
    """Person-days a week that a team has for improvements, and the share of each length that is kept as a buffer."""

    capacity: Decimal
    buffer: Decimal


def roadmap(improvements: Sequence[Improvement], team: Team, today: date) -> Roadmap:
    """The roadmap from `today` on; what is done is left out."""
    pending = [item for item in improvements if not item.planning.done]
    known = {item.number: item for item in improvements}
    order = _in_order(pending, known)
    ends: dict[int, date] = {}
    free = Decimal(0)
    items: list[Item] = []
    for rank, item in enumerate(order, start=1):
        problems = tuple(_problems(item, known, order))
        if item.planning.effort is None or any(problem.startswith("goes round") for problem in problems):
            items.append(Item(item, rank, None, None, None, problems))
            continue
        wait = max((_days(today, day) for day in _not_before(item, ends)), default=Decimal(0))
        begun = max(free, wait)
        free = begun + item.planning.effort * WEEK / team.capacity
        ends[item.number] = _day(today, free)
        buffered = _day(today, free + (free - begun) * team.buffer)
        late = (
            [f"is due on {item.planning.due}, and done on {buffered} with its buffer"] if _late(item, buffered) else []
        )
        items.append(Item(item, rank, _day(today, begun), ends[item.number], buffered, (*problems, *late)))
    days = sum((item.planning.effort or Decimal(0) for item in order), Decimal(0))
    return Roadmap(tuple(items), _milestones(items), days, days / team.capacity)


def _in_order(pending: Sequence[Improvement], known: Mapping[int, Improvement]) -> list[Improvement]:
    """By worth for each day of work, and each after what it depends on; without a plan, or going round, last."""
    left = sorted(pending, key=lambda item: (-_worth(item), item.number))
    found: list[Improvement] = []
    while left:
        placed = {item.number for item in found}
        ready = [item for item in left if all(_met(number, placed, known) for number in item.planning.after)]
        following = ready[0] if ready else left[0]
        found.append(following)
        left.remove(following)
    return found


def _met(number: int, placed: set[int], known: Mapping[int, Improvement]) -> bool:
    return number in placed or number not in known or known[number].planning.done


def _worth(item: Improvement) -> Decimal:
    planning = item.planning
    if planning.benefit is None or not planning.effort:
        return Decimal(-1)
    return Decimal(planning.benefit) / planning.effort


def _not_before(item: Improvement, ends: Mapping[int, date]) -> Iterator[date]:
    yield from (ends[number] for number in item.planning.after if number in ends)
    yield from (day for _, day in item.planning.waits_for)


def _days(today: date, day: date) -> Decimal:
    return Decimal((day - today).days)


def _day(today: date, days: Decimal) -> date:
    return today + timedelta(days=math.ceil(days))


def _late(item: Improvement, buffered: date) -> bool:
    return item.planning.due is not None and buffered > item.planning.due


def _problems(item: Improvement, known: Mapping[int, Improvement], order: Sequence[Improvement]) -> Iterator[str]:
    planning, places = item.planning, {each.number: at for at, each in enumerate(order)}
    for name, value in (("benefit", planning.benefit), ("effort", planning.effort), ("owner", planning.owner)):
        if not value:
            yield f"nobody said its {name}"
    for number in planning.after:
        if number not in known:
            yield f"comes after number {number}, which is not on file"
        elif places.get(number, -1) > places[item.number]:
            yield f"goes round: it comes after number {number}, which comes after it"


def _milestones(items: Sequence[Item]) -> tuple[tuple[str, date], ...]:
    found: dict[str, date] = {}
    for item in items:
        name = item.improvement.planning.milestone
        if name and item.buffered is not None:
            found[name] = max(found.get(name, item.buffered), item.buffered)
    return tuple(sorted(found.items(), key=lambda each: each[1]))


def roadmap_lines(found: Roadmap, team: Team) -> Iterator[str]:
    """The roadmap for people."""
    for item in found.items:
        improvement, planning = item.improvement, item.improvement.planning
        when = f"{item.begin} to {item.end}, with its buffer {item.buffered}" if item.begin else "not planned"
        yield f"{item.rank}. #{improvement.number} {improvement.what}   ({planning.kind or 'no kind'})   {when}"
        worth = f"benefit {planning.benefit or '?'} of 5, effort {_number(planning.effort)} days"
        yield f"    {worth}, owner {planning.owner or '?'}; expected: {improvement.expected}; from {improvement.run}"
        for name, values in _more(planning):
            yield f"    {name}: {', '.join(values)}"
        yield from (f"    ! {problem}" for problem in item.problems)
    yield from (f"milestone {name}: {day}" for name, day in found.milestones)
    buffer = f"{team.buffer * 100:f}".rstrip("0").rstrip(".")
    yield (
        f"{len(found.items)} improvements, {_number(found.days)} person-days: {found.weeks:.1f} weeks at"
        f" {_number(team.capacity)} days a week, buffer {buffer} %"
    )


def _more(planning: Planning) -> Iterator[tuple[str, Sequence[str]]]:
    if planning.after:
        yield "after", [f"#{number}" for number in planning.after]
    if planning.waits_for:
        yield "waits for", [f"{what} ({day})" for what, day in planning.waits_for]
    if planning.needs:
        yield "needs", planning.needs
    if planning.links:
        yield "touches", planning.links
    if planning.due:
        yield "due", [str(planning.due)]


def _number(value: Decimal | None) -> str:
    return "?" if value is None else f"{value.normalize():f}"


def item_row(item: Item) -> dict[str, Json]:
    """A place on the roadmap for programs."""
    planning = item.improvement.planning
    return {
        "number": item.improvement.number,
        "rank": item.rank,
        "run": item.improvement.run,
        "what": item.improvement.what,
        "reason": item.improvement.reason,
        "expected": item.improvement.expected,
        "kind": planning.kind or None,
        "benefit": planning.benefit,
        "effort_days": None if planning.effort is None else _number(planning.effort),
        "owner": planning.owner or None,
        "milestone": planning.milestone or None,
        "due": _text(planning.due),
        "after": [*planning.after],
        "waits_for": [{"what": what, "until": str(day)} for what, day in planning.waits_for],
        "needs": [*planning.needs],
        "links": [*planning.links],
        "begin": _text(item.begin),
        "end": _text(item.end),
        "buffered": _text(item.buffered),
        "problems": [*item.problems],
    }


def _text(day: date | None) -> str | None:
    return None if day is None else str(day)
