"""A run as its caller saw it: an act that is meant for that, and is not done on a run that moved on since.

The number of the last entry that the caller saw travels with the act to the journal. The journal appends only behind
the entry that the writer names, in one transaction, so nobody can come in between the comparison and the act (the
`If-Match` of HTTP, RFC 9110 section 13.1.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, cast

from gonogo.engine.bench import World
from gonogo.errors import BadInput, Refused
from gonogo.ports import Journal, Moved, Transaction
from gonogo.terms import Actor, RunId
from gonogo.values import dataclass

VARIABLE: Final = "GONOGO_SEEN"
"""How a call of the HTTP API says it to the process that carries it out: `SEQ@RUN`."""
NOT_AS_SEEN: Final = "the run is not where you saw it"
_SAID: Final = re.compile(r"([0-9]{1,12})@(.{1,300})")


class MovedOn(Refused):
    """The run is not where the caller saw it; nothing was done."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A run and the number of the last entry that somebody saw of it."""

    run: RunId
    seq: int

    def __str__(self) -> str:
        return f"{self.seq}@{self.run}"

    def moved_on(self, now: int) -> MovedOn:
        """What is told to a caller where the run's last entry is number `now`."""
        return MovedOn(
            f"{NOT_AS_SEEN}: its last entry was {self.seq}, and is {now} now; nothing was done",
            where=self.run,
            next_step="look at the run again, then decide again",
        )


@dataclass(slots=True)
class SeenJournal:
    """A journal that takes the first entry of an act on one run only behind the entry that the caller saw.

    What the same act writes afterwards stands behind entries of its own. Everything else is the journal itself.
    """

    journal: Journal
    seen: Seen
    _begun: bool = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the journal has of this name
        return getattr(self.journal, name)

    @contextmanager
    def write(self, run: RunId, after: int, *, actor: Actor, now: datetime) -> Iterator[Transaction]:
        """A transaction as the journal's own; MovedOn where its run has another last entry than the caller saw."""
        first = run == self.seen.run and not self._begun
        if first and after != self.seen.seq:
            raise self.seen.moved_on(after)
        try:
            with self.journal.write(run, after, actor=actor, now=now) as transaction:
                yield transaction
        except Moved as error:
            if not first:
                raise
            raise self.seen.moved_on(self.journal.entries(run)[-1].seq) from error
        self._begun = self._begun or first


def world_seen(world: World, seen: Seen) -> World:
    """The same world for one act on a run that has to be where it was seen."""
    return replace(world, journal=cast("Journal", SeenJournal(world.journal, seen)))


def seen_said(environ: Mapping[str, str]) -> Seen | None:
    """What the environment of a process says that its caller saw; None where it says nothing."""
    text = environ.get(VARIABLE, "")
    if not text:
        return None
    said = _SAID.fullmatch(text)
    if said is None:
        raise BadInput(f"{VARIABLE} is no SEQ@RUN", where=text[:60], next_step="say 17@RUN, or leave it out")
    return Seen(RunId(said[2]), int(said[1]))
