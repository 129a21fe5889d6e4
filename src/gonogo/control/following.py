"""Watching a run that workers drive: every event as it comes, until there is nothing to wait for.

Nothing is decided here: where a run stands is folded from the ledger, by the very functions that its driver uses. A
database that restarts is waited for, as workers wait for it: a pipeline that only watches must not fail for that.
"""

from __future__ import annotations

from typing import Final

from gonogo.control.opening import Opened
from gonogo.control.stores.storing import Shared
from gonogo.engine.bench import World
from gonogo.engine.driver import Listener, Stopped
from gonogo.errors import Broken, Busy, Waiting
from gonogo.evidence.ledger import Entry
from gonogo.run.events import recorded
from gonogo.run.machine import AwaitPeople, NextAct, Over, Parked, WaitUntil, decide
from gonogo.run.standing import ASKED, Waiter
from gonogo.run.state import RunState, advance
from gonogo.terms import RunId
from gonogo.values import dataclass

LOOK: Final = 0.15
"""Seconds between two looks at the ledger."""
ALONE: Final = 10.0
"""So many seconds without an event, before it is asked whether any worker is alive."""
LOST: Final = 60.0
"""So many seconds without an answer of the database, before whoever watches is told."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How somebody wants a run to be gone on with: whether they stay while people are awaited, and its priority."""

    patient: bool
    priority: int = 0


def follow(world: World, opened: Opened, shared: Shared, wanted: Wanted, *, listener: Listener) -> Stopped:
    """Tell the workers of a run, with its priority, and hear its events until nobody has to be waited for.

    That is when it is over, halted, or waits for people or a far moment.

    Raises Waiting where no worker is alive: the run stays as it is, and goes on with the first one that starts.
    """
    if wanted.priority:
        world.journal.wait(Waiter(ASKED, opened.run, wanted.priority, world.clock.now()))
    shared.nudge(opened.run)
    state, quiet_since = opened.state, world.clock.monotonic()
    while True:
        fresh = [recorded(entry) for entry in _entries(world, opened.run, state.seq)]
        for event in fresh:
            state = advance(opened.plan, state, event)
            listener(state, event)
        act = decide(opened.plan, state, world.clock.now())
        stopped = _stopped(state, act, patient=wanted.patient)
        if stopped is not None:
            return stopped
        now = world.clock.monotonic()
        quiet_since = now if fresh else quiet_since
        if now - quiet_since > ALONE:
            _demand_workers(opened, shared)
            quiet_since = now
        world.clock.sleep(LOOK)


def _entries(world: World, run: RunId, after: int) -> tuple[Entry, ...]:
    """Events above `after`. Raises Broken or Busy where the database has not answered for `LOST` seconds."""
    begun = world.clock.monotonic()
    while True:
        try:
            return world.journal.entries(run, after)
        except (Broken, Busy):
            if world.clock.monotonic() - begun > LOST:
                raise
        world.clock.sleep(LOOK)


def _stopped(state: RunState, act: NextAct, *, patient: bool) -> Stopped | None:
    match act:
        case Over():
            return act
        case Parked(halted) if halted.seq in state.proposals:
            return act
        case AwaitPeople() if not patient:
            return act
        case WaitUntil(far=True) if not patient:
            return act
        case _:
            return None


def _demand_workers(opened: Opened, shared: Shared) -> None:
    if not shared.alive():
        raise Waiting(
            f"no worker is alive, so that nobody drives {opened.run}",
            next_step="start one on a host that reaches its environments: gonogo worker",
        )
