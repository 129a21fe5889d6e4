"""A place that was taken out of the traffic ends what it has begun, before a script ends the place (ROL-01, ARB-07).

A proxy stops sending at once and calls nothing back: who restarts or stops a slot or host in that moment cuts what is
under way there. Where the target counts open requests, they are waited for; where it does not, all of `drain` since the
traffic was moved away passes. It is bounded either way, an abort ends the wait before an installation, and on the way
back nobody waits for it: users have the old version already.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from gonogo.engine.bench import Bench
from gonogo.errors import GonogoError
from gonogo.plan.model import Execute
from gonogo.ports import Target
from gonogo.run.shifting import last_moved

ENDING = frozenset({"deploy", "redeploy", "rollback"})
"""Purposes of commands that end what runs at a place."""

LOOK = 0.2
ABORTED = frozenset({"abort.requested"})


def has_let_end(bench: Bench, command: Execute) -> bool:
    """Wait for the requests at the place that `command` is about to end; false where an abort came first."""
    environment = bench.plan.project.environments[command.environment]
    place = command.host or str(bench.seen(environment.kind).get("candidate") or "")
    target = bench.world.targets.get(environment.name)
    if command.purpose not in ENDING or target is None or not place:
        return True
    moved = last_moved(bench.plan, bench.state, environment.name)
    until = (moved or bench.world.clock.now()) + timedelta(seconds=float(environment.target.drain))
    while (left := _left(bench, until)) > 0 and _is_waited_for(target, place, moved):
        bench.world.clock.sleep(min(LOOK, left))
        if is_aborted(bench) and bench.state.rollback is None:
            return False
    return True


def is_aborted(bench: Bench) -> bool:
    """Whether somebody ended the run, also since this act was decided."""
    fresh = bench.world.journal.entries(bench.run, bench.state.seq)
    return bench.state.aborting or any(entry.type in ABORTED for entry in fresh)


def _left(bench: Bench, until: datetime) -> float:
    return (until - bench.world.clock.now()).total_seconds()


def _is_waited_for(target: Target, place: str, moved: datetime | None) -> bool:
    """Whether requests are under way at a place without traffic, as far as the target can say.

    Where it cannot, they are as long as the time since the move has not passed; a place out of which nobody moved
    anything in this run was idle all the while. One that serves is none that anything was taken out of.
    """
    try:
        seen = target.traffic()
        if seen.readable and seen.weights.get(place):
            return False
        counted = target.open_requests()
    except GonogoError:
        counted = None
    return moved is not None if counted is None else counted.get(place, 0) > 0
