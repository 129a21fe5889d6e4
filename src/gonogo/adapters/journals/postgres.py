"""The journal in PostgreSQL: the same ledgers, digests and leases as in SQLite, for workers on many hosts (WFS-10).

Every change is one transaction that locks the run's head first and moves it by compare-and-set, so of two writers one
wins and the other gets Moved. Reading makes no tables: where there are none yet, there are no runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TypeAlias

from gonogo.adapters.journals import leases
from gonogo.adapters.journals.journal import RowsJournal
from gonogo.adapters.journals.leases import Rows
from gonogo.adapters.journals.transaction import POSTGRES, JournalRead, JournalTransaction, pass_on
from gonogo.adapters.postgres import Postgres
from gonogo.ports import CrashPoint
from gonogo.run.standing import Waiter
from gonogo.terms import RunId

Told: TypeAlias = Callable[[JournalTransaction, RunId, str], None]


def tell_nobody(_transaction: JournalTransaction, _run: RunId, _why: str) -> None:
    """There is no queue beside this journal."""


def nothing_to_do() -> None:
    """There is nothing to get ready."""


class PostgresJournal(RowsJournal):
    """The `Journal` port on a database; usable from several threads, processes and hosts at once.

    `told` is called in each transaction, before its commit, for every run that somebody has to look at because of it;
    `ready` before each transaction, so that nothing has to be made for `told` while rows are locked.
    `crash` is called at CP-02, CP-09 and CP-15. Each call may raise Broken or Busy for the database.
    """

    def __init__(
        self,
        database: Postgres,
        *,
        crash: CrashPoint = pass_on,
        told: Told = tell_nobody,
        ready: Callable[[], object] = nothing_to_do,
    ) -> None:
        super().__init__(JournalRead(database.place, POSTGRES), crash)
        self._database = database
        self._told = told
        self._ready = ready

    def prepare(self) -> None:
        """Make the tables where they are missing, all or none; safe beside others that do the same."""
        self._database.prepare(lambda: self._crash("CP-15 in the database"))

    def first_of(self, names: Sequence[str], most: int | None) -> tuple[Waiter, ...]:
        """The first `most` (None: all) of several lines together, by priority and then by how long they wait."""
        with self._reading() as opened:
            return () if opened is None else leases.first_of(opened, names, most)

    def leave_lines(self, run: RunId, beginning: str) -> None:
        """Leave every line whose name begins so."""
        with self._reading() as opened:
            if opened is not None:
                leases.leave_lines(opened, run, beginning)

    def _expect(self, _run: RunId) -> None:
        self.prepare()

    def _reading(self) -> AbstractContextManager[Rows | None]:
        return self._database.reading()

    def _changing(self) -> AbstractContextManager[Rows]:
        return self._database.writing()

    def _get_ready(self) -> None:
        self._ready()

    def _tell(self, transaction: JournalTransaction) -> None:
        for woken, why in transaction.to_tell():
            self._told(transaction, woken, why)
