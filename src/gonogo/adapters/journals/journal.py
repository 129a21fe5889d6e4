"""Every verb of a journal on open rows: SQLite and PostgreSQL say only how one gets at them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime

from gonogo.adapters.journals import leases
from gonogo.adapters.journals.leases import Rows
from gonogo.adapters.journals.transaction import (
    JournalRead,
    JournalTransaction,
    exists_already,
    heads_of,
    ledger_of,
    no_such,
    runs_of,
    written_in,
)
from gonogo.evidence.ledger import Entry
from gonogo.ports import SITE_LOG, CrashPoint, Draft, Lease, Transaction
from gonogo.run.site import hold_note
from gonogo.run.standing import Standing, Waiter
from gonogo.terms import Actor, RunId


class RowsJournal(ABC):
    """The `Journal` port on tables; usable from several threads and several processes at once.

    `read` is what its transactions have in common; `crash` is called at CP-02 and CP-09. Each call may raise Broken or
    Busy for the database.
    """

    def __init__(self, read: JournalRead, crash: CrashPoint) -> None:
        self._read = read
        self._crash = crash

    @abstractmethod
    def prepare(self) -> None:
        """Make the tables where they are missing, all or none; safe beside others that do the same."""

    @abstractmethod
    def _expect(self, run: RunId) -> None:
        """Get ready to write on a run that is there already; BadInput where nothing can be there."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Rows | None]:
        """Rows to read from; None where there are no tables yet."""

    @abstractmethod
    def _changing(self) -> AbstractContextManager[Rows]:
        """Rows in a transaction for writing: committed at the end of the block, rolled back by any exception."""

    def _get_ready(self) -> None:
        """Before a transaction on a log: what `_tell` needs is made while no rows are locked."""
        return

    def _tell(self, _transaction: JournalTransaction) -> None:
        """Before its commit: tell whoever works on runs what it means for them; nobody, on one machine."""
        return

    def open_run(
        self, run: RunId, drafts: Sequence[Draft], *, actor: Actor, now: datetime, notes: Sequence[Draft] = ()
    ) -> tuple[Entry, ...]:
        """Begin a ledger with `drafts`. Raises Refused where the run exists already, Broken, Busy."""
        self.prepare()
        with self._writing(run, (actor, now)) as transaction:
            if run == SITE_LOG or not transaction.begin_run():
                raise exists_already(run)
            entries = tuple(transaction.append(draft) for draft in drafts)
            for draft in notes:
                transaction.note(draft)
        return entries

    def note(self, drafts: Sequence[Draft], *, actor: Actor, now: datetime) -> tuple[Entry, ...]:
        """Add entries to the site's log that belong to no run. Raises Broken, Busy, Tampered."""
        self.prepare()
        with self._writing(SITE_LOG, (actor, now)) as transaction:
            return tuple(transaction.note(draft) for draft in drafts)

    def site(self) -> tuple[Entry, ...]:
        """The site's log, oldest first. Raises Tampered for a broken chain."""
        return self._chain(SITE_LOG, -1) or ()

    def entries(self, run: RunId, after: int = -1) -> tuple[Entry, ...]:
        """Events of `run` numbered above `after`. Raises BadInput for an unknown run, Tampered for a broken chain."""
        found = self._chain(run, after)
        if found is None:
            raise no_such(run, self._read.where)
        return found

    @contextmanager
    def write(self, run: RunId, after: int, *, actor: Actor, now: datetime) -> Iterator[Transaction]:
        """A transaction on `run`, whose last event has to be number `after`; rolled back by any exception.

        Raises Moved where the head is elsewhere, BadInput for an unknown run, Busy and Broken for the database.
        """
        self._expect(run)
        with self._writing(run, (actor, now)) as transaction:
            transaction.stand_at(after)
            yield transaction

    def runs(self) -> tuple[RunId, ...]:
        """All runs, oldest first; none where there are no tables yet."""
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
        self.prepare()
        with self._writing(SITE_LOG, (actor, now)) as transaction:
            leases.hold(transaction.rows, environment, reason)
            transaction.note(Draft(*hold_note(environment, reason)))
            return leases.lease_of(transaction.rows, environment)

    def wait(self, waiter: Waiter) -> None:
        """Stand in line for an environment; the place is kept, the priority is the new one."""
        self.prepare()
        with self._changing() as opened:
            leases.wait(opened, waiter)

    def leave(self, run: RunId, environment: str = "") -> None:
        """Leave the line for an environment, or every line."""
        with self._reading() as opened:
            if opened is None or not leases.stands_in_line(opened, run):
                return
        with self._changing() as opened:
            leases.leave(opened, run, environment)

    def waiting(self, environment: str) -> tuple[Waiter, ...]:
        """Who stands in line for an environment, first first."""
        with self._reading() as opened:
            return () if opened is None else leases.waiting(opened, environment)

    def keep_standing(self, standing: Standing) -> None:
        """Remember where a run stands; no effect where something newer is known."""
        self.prepare()
        with self._changing() as opened:
            leases.keep_standing(opened, standing)

    def standings(self) -> tuple[Standing, ...]:
        """The remembered standings that hold still, oldest run first."""
        with self._reading() as opened:
            return () if opened is None else leases.standings(opened)

    def _chain(self, run: RunId, after: int) -> tuple[Entry, ...] | None:
        with self._reading() as opened:
            return None if opened is None else ledger_of(opened, run, after, self._read.where)

    @contextmanager
    def _writing(self, run: RunId, author: tuple[Actor, datetime]) -> Iterator[JournalTransaction]:
        self._get_ready()
        with self._changing() as opened:
            transaction = JournalTransaction(opened, run, author, self._crash, self._read)
            try:
                yield transaction
                self._tell(transaction)
            finally:
                transaction.end()
        transaction.committed()
