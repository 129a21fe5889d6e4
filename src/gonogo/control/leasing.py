"""Leases of a project as people see and change them: who holds what, who waits, emergency stops, giving back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from gonogo.adapters.run_lock import RunLocks
from gonogo.control.door import Door
from gonogo.control.meanwhile import anew
from gonogo.control.stores.own_place import original_of, settle_here
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.control.stores.storing import Shared
from gonogo.engine.releasing import ask_release, release
from gonogo.errors import Busy, GonogoError, Refused
from gonogo.ports import Draft, Lease
from gonogo.reports.holding_times import expected_end, held_for
from gonogo.run.site import ADOPTED, stops_on_record
from gonogo.run.standing import Waiter
from gonogo.terms import Actor, RunId
from gonogo.values import dataclass

EARLIER: Final = 5
"""So many earlier runs say how long an environment is held."""


@dataclass(frozen=True, slots=True)
class Held:
    """An environment: its lease, whether an engine drives the run that holds it, and the line.

    `expected` is when the run would have given it back by now, were it as slow as the slowest of the last few of its
    protocol; None where there is none, or it is free. `overdue` says that this moment has gone by.
    """

    lease: Lease
    driven: bool
    line: tuple[Waiter, ...]
    following: str
    expected: datetime | None = None
    overdue: bool = False


def held_now(door: Door) -> tuple[Held, ...]:
    """Every environment of the project, and others that runs took once, by name."""
    journal = door.world.journal
    names = sorted({*door.workspace.project.environments, *(lease.environment for lease in journal.leases())})
    found = []
    for name in names:
        lease = journal.lease(name)
        driven = lease.run is not None and door.is_driven(lease.run)
        following = "" if lease.run is None or driven else f"gonogo resume {lease.run}, or gonogo abort {lease.run}"
        expected = None if lease.run is None else _expected(door, lease)
        overdue = expected is not None and expected < door.world.clock.now()
        found.append(Held(lease, driven, journal.waiting(name), following, expected, overdue))
    return tuple(found)


def _expected(door: Door, lease: Lease) -> datetime | None:
    """When the run that holds an environment would have given it back; None where a log cannot be read, too."""
    journal, found = door.world.journal, None
    assert lease.run is not None
    with suppress(GonogoError):
        protocol = journal.entries(lease.run)[0].data.get("protocol")
        earlier = [each.run for each in journal.standings() if each.protocol == protocol and each.run != lease.run]
        lengths = (held_for(journal.entries(run), lease.environment) for run in earlier[-EARLIER:])
        found = expected_end(lease.since, lengths)
    return found


def hold(door: Door, environment: str, reason: str, actor: Actor) -> None:
    """Stop every run before its next act on an environment; a rollback under way goes on."""
    door.world.journal.hold(environment, reason, actor=actor, now=door.world.clock.now())


def adopt(door: Door, actor: Actor) -> Path | None:
    """From now on this workspace is the real one, not the one that it was copied from; the site's log says so.

    Gives the state folder of the original, which refuses to act from now on; None where it is not within reach. Busy
    where an engine is at work there.
    """
    state = door.workspace.root / STATE_FOLDER
    original = original_of(state)
    if original is not None:
        locks = RunLocks(original / "runs", door.world.clock)
        driven = [folder.name for folder in (original / "runs").glob("*") if locks.is_driven(RunId(folder.name))]
        if driven:
            raise Busy(f"an engine is at work on {driven[0]} in {original.parent}", next_step="end it there first")
    note: dict[str, str | int] = {"place": str(state.resolve())}
    door.world.journal.note([Draft(ADOPTED, note)], actor=actor, now=door.world.clock.now())
    return settle_here(state)


def adopt_database(shared: Shared, door: Door, actor: Actor) -> str:
    """From now on the journal of the named database is this project's, whichever this folder knew; where it is.

    The log of the site says so. A database of another project is refused all the same.
    """
    place = shared.adopt()
    door.world.journal.note([Draft(ADOPTED, {"place": place})], actor=actor, now=door.world.clock.now())
    return place


def lift_hold(door: Door, environment: str, actor: Actor) -> None:
    """End an emergency stop; Refused where there is none, by the table of leases and by the log of the site."""
    journal = door.world.journal
    if journal.lease(environment).hold is None and environment not in stops_on_record(journal.site()):
        raise Refused(f"{environment} is not stopped", next_step="see: gonogo lock status")
    door.world.journal.hold(environment, None, actor=actor, now=door.world.clock.now())


@contextmanager
def let_go(door: Door, environment: str, actor: Actor) -> Iterator[tuple[RunId, str]]:
    """Give an environment back for the run that holds it; the block has its round signed, after it the run has ended.

    While the block lasts no engine of this machine can begin to drive the run. Refused where nobody holds it, Busy
    where an engine is at work on it.
    """
    run = door.world.journal.lease(environment).run
    if run is None:
        raise Refused(f"nobody holds {environment}", next_step="see: gonogo lock status")
    locks = RunLocks(door.workspace.root / STATE_FOLDER / "runs", door.world.clock)
    with locks.driving(run):
        plan = door.load(run).plan
        name = anew(door.world, lambda: ask_release(door.world, plan, run, environment, actor))
        yield run, name
        anew(door.world, lambda: release(door.world, plan, run, environment, name, actor))
