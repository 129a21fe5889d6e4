"""Driving all runs of a project from one process, several at once, as long as it lives (EXE-02, WFS-10)."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import Final

from gonogo.control.door import Door
from gonogo.control.stores.project_root import STATE_FOLDER
from gonogo.control.turns import at_once
from gonogo.engine.local import LocalWakeups
from gonogo.engine.working import LocalWorker
from gonogo.errors import Refused
from gonogo.terms import RunId

LOOK: Final = 0.25
"""Seconds between two looks at the journal's file; one call of the system each."""


def drive_all(door: Door, told: Callable[[RunId, str], None], *, once: bool, stop: Event) -> None:
    """Go on with every run that has something to do, until `stop` is set, or with `once` until nothing is left now."""
    if door.store is not None and door.store.shared is not None:
        raise Refused("workers drive the runs of this project", next_step="start one on any host: gonogo worker")

    def drive(run: RunId) -> None:
        door.drive(run, patient=False, listener=lambda _state, _event: None)
        standing = next((each for each in door.world.journal.standings() if each.run == run), None)
        told(run, standing.status if standing else "driven")

    clock = door.world.clock
    worker = LocalWorker(door.world.journal, clock, LocalWakeups(clock), drive, door.report)
    most, seen = at_once(door.world.environ), ""
    threads: list[Thread] = []
    while not stop.is_set():
        now_seen = _state_of(door)
        if now_seen != seen:
            worker.sweep()
            seen = now_seen
        threads = [each for each in threads if each.is_alive()]
        due = worker.wakeups.next_moment()
        if due is not None and due <= clock.now() and len(threads) < most:
            threads.append(Thread(target=worker.one, args=(f"thread-{len(threads)}",), daemon=True))
            threads[-1].start()
        elif once and not threads and (due is None or due > clock.now()) and _state_of(door) == seen:
            return
        stop.wait(LOOK if not threads and not once else LOOK / 10)


def _state_of(door: Door) -> str:
    """What changes with every commit to the journal, without opening it."""
    found = []
    for name in ("journal.db", "journal.db-wal"):
        path = door.workspace.root / STATE_FOLDER / name
        try:
            seen = path.stat()
        except OSError:
            continue
        found.append(f"{seen.st_ino}:{seen.st_size}:{seen.st_mtime_ns}")
    return " ".join(found)
