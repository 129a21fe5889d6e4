"""The journal in one SQLite file: a hash-chained ledger per run, one for the site, and the leases of environments.

Every change is one transaction that takes the write lock first and moves the run's head by compare-and-set, so of two
writers one wins and the other gets Moved. Full synchronisation: what was committed survives a power cut (WFS-10).
Reading makes no file: where there is no journal yet, there are no runs.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from gonogo.adapters.journals import schema
from gonogo.adapters.journals.journal import RowsJournal
from gonogo.adapters.journals.transaction import SQLITE, JournalRead, no_such, pass_on
from gonogo.ports import CrashPoint
from gonogo.terms import RunId

MOST_IDLE: Final = 4
"""Connections that are kept for the next call; keeping at least one saves a checkpoint at every close."""


class SqliteJournal(RowsJournal):
    """The `Journal` port on one file; usable from several threads and several processes at once.

    `wait` is how long (seconds) a call waits for other writers before Busy; `crash` is called at CP-02, CP-09, CP-15.
    """

    def __init__(self, path: Path, *, wait: float = 30.0, crash: CrashPoint = pass_on) -> None:
        super().__init__(JournalRead(str(path), SQLITE), crash)
        self._path = path
        self._wait = wait
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

    def prepare(self) -> None:
        """Make the file and its tables where they are missing, all or none; safe beside others that do the same."""
        try:
            schema.create(self._path, self._wait, lambda: self._crash("CP-15"))
        except sqlite3.Error as error:
            raise schema.explained(error, self._path) from error

    def _expect(self, run: RunId) -> None:
        with self._reading() as opened:
            if opened is None:
                raise no_such(run, self._read.where)

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as opened, schema.immediate(opened):
            yield opened

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection; None where there is no journal yet, or its making was interrupted."""
        if self._is_missing():
            yield None
            return
        with self._connection() as opened:
            yield None if schema.is_empty(opened) else opened

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
