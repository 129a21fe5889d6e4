"""How long a run waited for people: measured from the log, by request, and in all (REV-05, REP-01).

Requests that are open at the same time are waited for once: the total is the length of time in which the run had at
least one incomplete request, not a sum over people.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from gonogo.plan.model import Plan
from gonogo.run.asking import standing
from gonogo.run.choosing import POINT as CHOICE
from gonogo.run.state import Round, RunState
from gonogo.values import dataclass

OWN_WORDS = ("dissent", "signoff", "acceptance")
"""Kinds that somebody states of their own accord; no run waits for them."""


ASIDE = ("manual", CHOICE)
"""Points at which people put something on record beside the run: it does not wait for that either."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """One request: since when, until when (None: people are still awaited), and who answered."""

    round: str
    point: str
    since: datetime
    until: datetime | None
    people: tuple[str, ...]

    def length(self, now: datetime) -> timedelta:
        """How long it was, or has been, waited for."""
        return max(timedelta(0), (self.until or now) - self.since)


def awaited(plan: Plan, state: RunState) -> tuple[Awaited, ...]:
    """Every request that the run waited for, in the order of asking."""
    asked = (item for item in state.rounds.values() if item.kind not in OWN_WORDS and item.point not in ASIDE)
    return tuple(_awaited(plan, state, item) for item in asked)


def _awaited(plan: Plan, state: RunState, asked: Round) -> Awaited:
    people = tuple(dict.fromkeys(answer.person for answer in asked.answers))
    return Awaited(asked.name, asked.point, asked.at, _until(plan, state, asked), people)


def _until(plan: Plan, state: RunState, asked: Round) -> datetime | None:
    """When enough had signed, or somebody had said no; else when the request, or the run, was over."""
    for count, answer in enumerate(asked.answers, start=1):
        found = standing(plan, replace(asked, answers=asked.answers[:count]))
        if found.met or found.no_go:
            return answer.at
    if asked.status == "open":
        return state.closed_at
    return asked.answers[-1].at if asked.answers else state.closed_at or state.at


def waited_in_all(found: Iterable[Awaited], now: datetime) -> timedelta:
    """The time in which at least one request was incomplete."""
    total, reached = timedelta(0), datetime.min.replace(tzinfo=now.tzinfo)
    for item in sorted(found, key=lambda each: each.since):
        begin, end = max(item.since, reached), item.until or now
        total += max(timedelta(0), end - begin)
        reached = max(reached, end)
    return total


def words_of(length: timedelta) -> str:
    """A length of time for people: `42 s`, `3 min`, `5 h 20 min`, `2 d 3 h`."""
    seconds = int(length.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 60:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if hours < 24 else f"{days} d {hours % 24} h"
