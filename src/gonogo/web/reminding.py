"""Telling people what is due while the dashboard is up, as `gonogo tell` does: no engine has to be at work (COM-25).

One thread looks once a minute at the open runs and at those that ended lately, and reads only what is new of them. It
waits for no channel, and nothing waits for it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from gonogo.control.opening import Opened
from gonogo.control.telling import Teller, tell_summary
from gonogo.errors import GonogoError
from gonogo.reports.cadence import FORGOTTEN
from gonogo.terms import RunId
from gonogo.web.memory import Row
from gonogo.web.site import Site
from gonogo.web.trail import SERVER

EVERY_S: Final = 60.0
FIRST_S: Final = 2.0
SOON_S: Final = 1.0
"""So often is looked what became of a message that is on its way."""
BREATH_S: Final = 0.02
"""Between two runs, readers come first."""
MOST_FOLDED: Final = 20
"""So many finished runs are read from their beginning at each look; the others have time."""
ENDS_S: Final = 5.0


class Reminders:
    """What one server tells people."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._teller = Teller.of(site.door, self._opened)
        self._told: set[RunId] = set()
        """Finished runs of which nothing more is to be told."""
        self._due = 0.0

    def go_on(self, over: threading.Event) -> None:
        """Look again and again, until `over` is set."""
        pause = FIRST_S
        while not over.wait(pause):
            if self._site.now() >= self._due:
                self._due = self._site.now() + EVERY_S
                try:
                    self.look(over)
                except (GonogoError, OSError) as error:
                    # A disk that is full now may have room a minute later.
                    sys.stderr.write(f"reminders: {type(error).__name__}: they are tried again\n")
            pause = SOON_S if self._teller.carry() else max(self._due - self._site.now(), SOON_S)

    def look(self, over: threading.Event) -> None:
        """Say everything that is due now, each once, and begin to carry it."""
        rows = self._site.memory.rows()
        now = self._site.door.world.clock.now()
        for run in (*(row.run for row in rows if not row.is_over), *self._ended(rows, now)):
            if over.is_set():
                return
            self._teller.tell(run)
            time.sleep(BREATH_S)
        self._put_away(rows, now)
        tell_summary(self._site.door, SERVER, self._site.memory.site(), self._read)

    def _ended(self, rows: tuple[Row, ...], now: datetime) -> tuple[RunId, ...]:
        """The finished runs of which something may still be told: those that are known, and some of the others."""
        since = now - self._pause() - FORGOTTEN
        ended = [row.run for row in rows if row.closed_at and row.closed_at >= since and row.run not in self._told]
        known = [run for run in ended if self._teller.knows(run)]
        return (*known, *[run for run in ended if not self._teller.knows(run)][:MOST_FOLDED])

    def _put_away(self, rows: tuple[Row, ...], now: datetime) -> None:
        for row in rows:
            asked = row.closed_at is not None and row.closed_at + self._pause() <= now
            if asked and row.run not in self._told and self._teller.is_quiet(row.run):
                self._told.add(row.run)
                self._teller.forget(row.run)

    def _pause(self) -> timedelta:
        """So long after its end a run asks for its retrospective."""
        return timedelta(seconds=float(self._site.door.workspace.project.cadence.retrospective))

    def _opened(self, run: RunId) -> Opened:
        return self._site.memory.known(run).opened

    def _read(self, run: RunId) -> Opened:
        time.sleep(BREATH_S)
        return self._site.door.load(run)


@contextmanager
def reminding(site: Site) -> Iterator[None]:
    """Tell people what is due as long as the block lasts."""
    over = threading.Event()
    thread = threading.Thread(target=Reminders(site).go_on, args=(over,), name="remind", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(ENDS_S)
