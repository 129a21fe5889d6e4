"""A place that was taken out of the traffic ends what it has begun, before a script ends the place (ROL-01, ARB-07).

A proxy stops sending at once and calls nothing back: who restarts or stops a slot or host in that moment cuts what is
under way there. Where the target counts open requests, they are waited for; where it does not, all of `drain` since the
traffic was moved away passes. It is bounded either way, an abort ends the wait before an installation, and on the way
back nobody waits for it: users have the old version already.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from gonogo.engine.bench import Bench
from gonogo.errors import GonogoError
from gonogo.plan.model import Execute
from gonogo.plan.project import Environment
from gonogo.ports import Target
from gonogo.run.events_of_traffic import DrainEnded
from gonogo.run.shifting import last_moved

ENDING = frozenset({"deploy", "redeploy", "rollback"})
"""Purposes of commands that end what runs at a place."""

LOOK = 0.2
ABORTED = frozenset({"abort.requested"})


def let_end(bench: Bench, command: Execute) -> tuple[DrainEnded, ...] | None:
    """Wait for the requests at the place that `command` is about to end; what is cut there all the same.

    None where an abort came first.
    """
    environment = bench.plan.project.environments[command.environment]
    place = command.host or str(bench.seen(environment.kind).get("candidate") or "")
    if command.purpose not in ENDING or environment.name not in bench.world.targets or not place:
        return ()
    moved = last_moved(bench.plan, bench.state, environment.name)
    left: int | None = 0
    for turn, seen in enumerate(_left_under_way(bench, environment, place, moved)):
        if turn and is_aborted(bench) and bench.state.rollback is None:
            return None
        left = seen
    return () if left == 0 else (_cut(bench, environment, place, left),)


def cut_at(bench: Bench, name: str, place: str, moved: datetime) -> DrainEnded | None:
    """Wait for the requests at a place of environment `name`, whose traffic was `moved` away then; None: all ended."""
    environment = bench.plan.project.environments[name]
    *_, left = _left_under_way(bench, environment, place, moved)
    return None if left == 0 else _cut(bench, environment, place, left)


def _cut(bench: Bench, environment: Environment, place: str, left: int | None) -> DrainEnded:
    return DrainEnded(bench.task.id, bench.attempt, place, left, str(environment.target.drain))


def _left_under_way(bench: Bench, environment: Environment, place: str, moved: datetime | None) -> Iterator[int | None]:
    """What is under way at a place, again and again until it is nothing or the drain is over; at least once."""
    clock = bench.world.clock
    until = (moved or clock.now()) + timedelta(seconds=float(environment.target.drain))
    while True:
        left = _under_way(bench.world.targets[environment.name], place, moved)
        yield left
        rest = (until - clock.now()).total_seconds()
        if left == 0 or rest <= 0:
            return
        clock.sleep(min(LOOK, rest))


def is_aborted(bench: Bench) -> bool:
    """Whether somebody ended the run, also since this act was decided."""
    fresh = bench.world.journal.entries(bench.run, bench.state.seq)
    return bench.state.aborting or any(entry.type in ABORTED for entry in fresh)


def _under_way(target: Target, place: str, moved: datetime | None) -> int | None:
    """How many requests are under way at a place without traffic, as far as the target can say; None where it cannot.

    A place out of which nobody moved anything in this run was idle all the while, and one that serves is none that
    anything was taken out of: 0.
    """
    try:
        seen = target.traffic()
        if seen.readable and seen.weights.get(place):
            return 0
        counted = target.open_requests() or {}
    except GonogoError:
        counted = {}
    return counted.get(place, None if moved is not None else 0)
