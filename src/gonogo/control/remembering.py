"""Remembering where a run stands, for lists: a projection that may be lost at any time and is never read to decide."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from gonogo.control.opening import Opened
from gonogo.control.viewing import in_line, status_of
from gonogo.engine.bench import World
from gonogo.errors import GonogoError
from gonogo.evidence.ledger import time_of
from gonogo.run.machine import AwaitPeople, WaitUntil, decide
from gonogo.run.standing import Standing


def remember(world: World, opened: Opened) -> None:
    """Keep where a run stands now. What cannot be kept is not: nothing hangs on it."""
    with suppress(GonogoError):
        world.journal.keep_standing(standing_of(world, opened))


def standing_of(world: World, opened: Opened) -> Standing:
    """Where a run stands, and from when on something else may be decided."""
    act = decide(opened.plan, opened.state, world.clock.now())
    status, following = status_of(opened.run, act)
    return Standing(
        opened.run,
        opened.state.seq,
        opened.plan.name,
        opened.plan.release.version,
        opened.plan.environment,
        in_line(world, opened) or status if status in {"open", "running"} else status,
        following,
        opened.entries[0].ts,
        _due(act),
    )


def _due(act: object) -> datetime | None:
    match act:
        case AwaitPeople(round=asked):
            return time_of(asked.expires_at)
        case WaitUntil(moment):
            return moment
        case _:
            return None
