"""Driving a run from the command line: progress as it happens, the end in one sentence, the exit code of its kind."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

from gonogo.cli.progress import Progress
from gonogo.cli.saying import say, say_json, tell
from gonogo.control.door import Door
from gonogo.control.viewing import as_json as view_json
from gonogo.control.viewing import text_of, view
from gonogo.engine.driver import AwaitEnvironment, Stopped
from gonogo.errors import Busy
from gonogo.run.machine import AwaitPeople, Over, Parked, WaitUntil
from gonogo.terms import RunId

EXIT: dict[str, int] = {"ready": 0, "released": 0, "rolled_back": 4, "aborted": 2}

LOOK_S: Final = 0.2
MOST_AT_ONCE: Final = 20
"""So many people may abort a run at once before one of them is told that another one drives it."""


def end(door: Door, run: RunId, *, as_json: bool) -> int:
    """Drive a run that is to end, as `drive` does; where another engine drives it, wait for that one to end it.

    Two would be one too many: the engine at work sees the abort before its next act, and takes traffic back itself.
    """
    if not door.workers_drive and door.is_driven(run):
        tell(f"{run} is being aborted by the engine that drives it; this waits for its end (ctrl-c ends the waiting)")
    for _ in range(MOST_AT_ONCE):
        while not door.workers_drive and door.is_driven(run):
            time.sleep(LOOK_S)
        # Several people may have waited for this moment: one of them drives, and the others wait for that one.
        with suppress(Busy):
            return drive(door, run, patient=False, as_json=as_json)
    return drive(door, run, patient=False, as_json=as_json)


def drive(door: Door, run: RunId, *, patient: bool, as_json: bool, priority: int = 0) -> int:
    """Drive `run`, print its progress to stderr and its end to stdout."""
    opened = door.load(run)
    progress = Progress(opened.plan, lambda digest: text_of(door.world, digest), quiet=as_json)
    progress.begin(run, opened.state)
    with progress.ticking(opened.state):
        stopped = door.drive(run, patient=patient, listener=progress.heard, priority=priority)
    seen = view(door.world, door.load(run))
    if as_json:
        say_json(view_json(seen))
    else:
        say(_sentence(run, stopped))
        for why in filter(None, (seen.halt, seen.taken_back)):
            say(f"  why: {why}")
        for waiting in seen.waiting:
            say(f"  waiting at `{waiting.point}` for {'; '.join(waiting.missing)}")
        if seen.next_step:
            say(f"  next: {seen.next_step}")
    return _code(stopped)


def _sentence(run: RunId, stopped: Stopped) -> str:
    match stopped:
        case Over("released"):
            return f"GO: {run} is released"
        case Over("ready"):
            return f"GO: {run} is ready"
        case Over("rolled_back"):
            return f"NO-GO: {run} was rolled back"
        case Over(outcome):
            return f"NO-GO: {run} is {outcome}"
        case Parked():
            return f"NO-GO: {run} is halted"
        case AwaitPeople():
            return f"WAITING: {run} waits for people"
        case AwaitEnvironment(lease, ahead):
            first = f"{lease.run} holds it" if lease.run and lease.run != run else f"{ahead[0]} comes first"
            return f"WAITING: {run} stands in line for {lease.environment}: {first}"
        case WaitUntil(moment, why):
            return f"WAITING: {run} waits until {moment:%Y-%m-%d %H:%M:%S} UTC: {why}"


def _code(stopped: Stopped) -> int:
    match stopped:
        case Over(outcome):
            return EXIT.get(outcome, 1)
        case Parked():
            return 2
        case _:
            return 3
