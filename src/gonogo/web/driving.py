"""Engines of this server: a run that somebody lets go on in the browser is driven here, as `gonogo resume` would.

A server that dies is an engine that dies: commands live on under their supervisor, and the next engine finds out.
"""

from __future__ import annotations

import threading
from typing import Final

from gonogo.adapters.run_lock import RunLocks
from gonogo.control.door import Door
from gonogo.errors import GonogoError
from gonogo.run.events import Recorded
from gonogo.run.state import RunState
from gonogo.terms import RunId

MOST: Final = 8
"""So many runs are driven at once by one server; more of them wait for `gonogo resume` elsewhere."""


class Drivers:
    """The runs that this server drives."""

    def __init__(self, door: Door, locks: RunLocks) -> None:
        self._door, self._locks = door, locks
        self._threads: dict[RunId, threading.Thread] = {}
        self._said: dict[RunId, str] = {}
        self._guard = threading.Lock()

    def drive(self, run: RunId) -> bool:
        """Begin to drive a run in the background; False where somebody drives it already, or too many are driven."""
        with self._guard:
            self._threads = {name: thread for name, thread in self._threads.items() if thread.is_alive()}
            if run in self._threads or len(self._threads) >= MOST or self._locks.is_driven(run):
                return False
            self._said.pop(run, None)
            thread = threading.Thread(target=self._driven, args=(run,), name=f"drive {run}", daemon=True)
            self._threads[run] = thread
            thread.start()
            return True

    def is_driven(self, run: RunId) -> bool:
        """Whether an engine is at work on a run, here or elsewhere on this machine."""
        thread = self._threads.get(run)
        return (thread is not None and thread.is_alive()) or self._locks.is_driven(run)

    def said(self, run: RunId) -> str:
        """Why the last engine of this server stopped with an error; empty where it did not."""
        return self._said.get(run, "")

    def join(self, seconds: float) -> None:
        """Let what is driven come to its next stop, for at most so long each."""
        for thread in tuple(self._threads.values()):
            thread.join(seconds)

    def _driven(self, run: RunId) -> None:
        try:
            self._door.drive(run, patient=False, listener=_silent)
        except GonogoError as error:
            self._said[run] = f"{error.what}; {error.next_step}" if error.next_step else error.what


def _silent(_state: RunState, _entry: Recorded) -> None:
    """The ledger is what pages read."""
