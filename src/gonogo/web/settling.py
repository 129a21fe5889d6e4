"""What a signature settles, once it is on record: a halt that it lifts is lifted, a log by hand is sealed anew."""

from __future__ import annotations

from gonogo.control.door import Door
from gonogo.engine.by_hand import POINT as BY_HAND
from gonogo.engine.resuming import POINT as RESUME
from gonogo.run.asking import who_is_missing
from gonogo.terms import Actor, RunId


def settle(door: Door, run: RunId, name: str, actor: Actor) -> bool:
    """Carry out what round `name` settles; whether a halt was lifted, so that the run can go on.

    A halt that more people have to lift stays until the last of them has signed.
    """
    opened = door.load(run)
    found = opened.state.rounds[name]
    if found.point == BY_HAND:
        door.file_by_hand(run, name, {}, actor)
    if found.point != RESUME or opened.state.halted is None or who_is_missing(opened.plan, found):
        return False
    door.lift(run, name, actor)
    return True
