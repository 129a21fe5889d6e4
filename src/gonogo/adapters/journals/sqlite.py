"""The journal in one SQLite file: a hash-chained ledger per run, one for the site, and the leases of environments.

Every change is one transaction that takes the write lock first and moves the run's head by compare-and-set, so of two
writers one wins and the other gets Moved. Full synchronisation: what was committed survives a power cut (WFS-10).
Reading makes no file: where there is no journal yet, there are no runs.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from gonogo.adapters.journals import leases, schema
from gonogo.adapters.journals.transaction import (
    SQLITE,
    JournalRead,
    JournalTransaction,
    exists_already,
    heads_of,
    ledger_of,
    no_such,
    pass_on,
    runs_of,
    written_in,
)
from gonogo.evidence.ledger import Entry
from gonogo.ports import SITE_LOG, CrashPoint, Draft, Lease, Transaction
from gonogo.run.site import hold_note
from gonogo.run.standing import Standing, Waiter
from gonogo.terms import Actor, RunId

MOST_IDLE: Final = 4
"""Connections that are kept for the next call; keeping at least one saves a checkpoint at every close."""


class SqliteJournal:
    """The `Journal` port on one file; usable from several threads and several processes at once.

    `wait` is how long (seconds) a call waits for other writers before Busy; `crash` is called at CP-02, CP-09, CP-15.
    """

    def __init__(self, path: Path, *, wait: float = 30.0, crash: CrashPoint = pass_on) -> None:
        self._path = path
        self._wait = wait
        self._crash = crash
        self._read = JournalRead(str(path), SQLITE)
        self._idle: list[tuple[sqlite3.Connection, tuple[int, int]]] = []
        self._guard = threading.Lock()
        # Whoever closes last leaves the journal as one file; the end of the process is no reason to leave three.
        weakref.finalize(self, _close_all, self._idle)

    def __enter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what was kept."""
        self.close()

    def close(self) -> None:
        """Close the connections that are kept; the journal can be used again afterwards."""
        with self._guard:
            _close_all(self._idle)

    def open_run(
        self, run: RunId, drafts: Sequence[Draft], *, actor: Actor, now: datetime, notes: Sequence[Draft] = ()
    ) -> tuple[Entry, ...]:
        """Begin a ledger with `drafts`. Raises Refused where the run exists already, Broken, Busy."""
        self._create()
        with self._writing(run, (actor, now)) as transaction:
            if run == SITE_LOG or not transaction.begin_run():
                raise exists_already(run)
            entries = tuple(transaction.append(draft) for draft in drafts)
            for draft in notes:
                transaction.note(draft)
            return entries

    def note(self, drafts: Sequence[Draft], *, actor: Actor, now: datetime) -> tuple[Entry, ...]:
        """Add entries to the site's log that belong to no run. Raises Broken, Busy, Tampered."""
        self._create()
        with self._writing(SITE_LOG, (actor, now)) as transaction:
            return tuple(transaction.note(draft) for draft in drafts)

    def site(self) -> tuple[Entry, ...]:
        """The site's log, oldest first. Raises Tampered for a broken chain."""
        return self._chain(SITE_LOG, -1) or ()

    def entries(self, run: RunId, after: int = -1) -> tuple[Entry, ...]:
        """Events of `run` numbered above `after`. Raises BadInput for an unknown run, Tampered for a broken chain."""
        found = self._chain(run, after)
        if found is None:
            raise no_such(run, str(self._path))
        return found

    def _chain(self, run: RunId, after: int) -> tuple[Entry, ...] | None:
        with self._reading() as opened:
            return None if opened is None else ledger_of(opened, run, after, str(self._path))

    @contextmanager
    def write(self, run: RunId, after: int, *, actor: Actor, now: datetime) -> Iterator[Transaction]:
        """A transaction on `run`, whose last event has to be number `after`; rolled back by any exception.

        Raises Moved where the head is elsewhere, BadInput for an unknown run, Busy and Broken for the file.
        """
        with self._reading() as opened:
            if opened is None:
                raise no_such(run, str(self._path))
        with self._writing(run, (actor, now)) as transaction:
            transaction.stand_at(after)
            yield transaction

    @contextmanager
    def _writing(self, run: RunId, author: tuple[Actor, datetime]) -> Iterator[JournalTransaction]:
        with self._connection() as opened, schema.immediate(opened):
            transaction = JournalTransaction(opened, run, author, self._crash, self._read)
            try:
                yield transaction
            finally:
                transaction.end()
        transaction.committed()

    def runs(self) -> tuple[RunId, ...]:
        """All runs, oldest first; none where there is no journal yet."""
        with self._reading() as opened:
            return () if opened is None else runs_of(opened)

    def heads(self) -> dict[RunId, int]:
        """The number of the last entry of every log; none where there is no journal yet."""
        with self._reading() as opened:
            return {} if opened is None else heads_of(opened)

    def written(self) -> int:
        """How many entries all logs hold together; 0 where there is no journal yet."""
        with self._reading() as opened:
            return 0 if opened is None else written_in(opened)

    def lease(self, environment: str) -> Lease:
        """The lease of an environment; fence 0 where nobody ever held it."""
        with self._reading() as opened:
            return Lease(environment, 0, None, None) if opened is None else leases.lease_of(opened, environment)

    def leases(self) -> tuple[Lease, ...]:
        """The leases of all environments that were ever taken or stopped, by name."""
        with self._reading() as opened:
            return () if opened is None else leases.all_leases(opened)

    def hold(self, environment: str, reason: str | None, *, actor: Actor, now: datetime) -> Lease:
        """Stop every run before its next effect on `environment` (a reason), or lift that stop (None)."""
        self._create()
        with self._writing(SITE_LOG, (actor, now)) as transaction:
            leases.hold(transaction.rows, environment, reason)
            transaction.note(Draft(*hold_note(environment, reason)))
            return leases.lease_of(transaction.rows, environment)

    def wait(self, waiter: Waiter) -> None:
        """Stand in line for an environment; the place is kept, the priority is the new one."""
        self._create()
        with self._connection() as opened, schema.immediate(opened):
            leases.wait(opened, waiter)

    def leave(self, run: RunId, environment: str = "") -> None:
        """Leave the line for an environment, or every line."""
        with self._reading() as opened:
            if opened is None or not leases.stands_in_line(opened, run):
                return
        with self._connection() as opened, schema.immediate(opened):
            leases.leave(opened, run, environment)

    def waiting(self, environment: str) -> tuple[Waiter, ...]:
        """Who stands in line for an environment, first first."""
        with self._reading() as opened:
            return () if opened is None else leases.waiting(opened, environment)

    def keep_standing(self, standing: Standing) -> None:
        """Remember where a run stands; no effect where something newer is known."""
        self._create()
        with self._connection() as opened, schema.immediate(opened):
            leases.keep_standing(opened, standing)

    def standings(self) -> tuple[Standing, ...]:
        """The remembered standings that hold still, oldest run first."""
        with self._reading() as opened:
            return () if opened is None else leases.standings(opened)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection; None where there is no journal yet, or its making was interrupted."""
        if self._is_missing():
            yield None
            return
        with self._connection() as opened:
            yield None if schema.is_empty(opened) else opened

    def _create(self) -> None:
        try:
            schema.create(self._path, self._wait, lambda: self._crash("CP-15"))
        except sqlite3.Error as error:
            raise schema.explained(error, self._path) from error

    def _is_missing(self) -> bool:
        return not self._path.exists()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            opened, identity = self._borrow()
            sound = True
            try:
                yield opened
            except sqlite3.Error:
                sound = False
                raise
            finally:
                self._give_back(opened, identity if sound else None)
        except sqlite3.Error as error:
            raise schema.explained(error, self._path) from error

    def _borrow(self) -> tuple[sqlite3.Connection, tuple[int, int]]:
        seen = self._path.stat()
        identity = (seen.st_dev, seen.st_ino)
        with self._guard:
            kept = self._idle.pop() if self._idle else None
        if kept is not None and kept[1] == identity:
            return kept
        # The file was replaced: what is written through the old connection would go to a file without a name.
        if kept is not None:
            kept[0].close()
        return schema.connect(self._path, self._wait), identity

    def _give_back(self, opened: sqlite3.Connection, identity: tuple[int, int] | None) -> None:
        with self._guard:
            if identity is not None and len(self._idle) < MOST_IDLE:
                self._idle.append((opened, identity))
                return
        opened.close()


def _close_all(idle: list[tuple[sqlite3.Connection, tuple[int, int]]]) -> None:
    while idle:
        idle.pop()[0].close()
