"""The journal in PostgreSQL: the same ledgers, digests and leases as in SQLite, for workers on many hosts (WFS-10).

Every change is one transaction that locks the run's head first and moves it by compare-and-set, so of two writers one
wins and the other gets Moved. Reading makes no tables: where there are none yet, there are no runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TypeAlias

from gonogo.adapters.journals import leases
from gonogo.adapters.journals.transaction import (
    POSTGRES,
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
from gonogo.adapters.postgres import Postgres
from gonogo.evidence.ledger import Entry
from gonogo.ports import SITE_LOG, CrashPoint, Draft, Lease, Transaction
from gonogo.run.site import hold_note
from gonogo.run.standing import Standing, Waiter
from gonogo.terms import Actor, RunId

Told: TypeAlias = Callable[[JournalTransaction, RunId, str], None]


def tell_nobody(_transaction: JournalTransaction, _run: RunId, _why: str) -> None:
    """There is no queue beside this journal."""


def nothing_to_do() -> None:
    """There is nothing to get ready."""


class PostgresJournal:
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
        self._database = database
        self._crash = crash
        self._told = told
        self._ready = ready
        self._read = JournalRead(database.place, POSTGRES)

    def prepare(self) -> None:
        """Make the tables where they are missing, all or none; safe beside others that do the same."""
        self._database.prepare(lambda: self._crash("CP-15 in the database"))

    def open_run(
        self, run: RunId, drafts: Sequence[Draft], *, actor: Actor, now: datetime, notes: Sequence[Draft] = ()
    ) -> tuple[Entry, ...]:
        """Begin a ledger with `drafts`. Raises Refused where the run exists already."""
        with self._writing(run, (actor, now)) as transaction:
            if run == SITE_LOG or not transaction.begin_run():
                raise exists_already(run)
            entries = tuple(transaction.append(draft) for draft in drafts)
            for draft in notes:
                transaction.note(draft)
        return entries

    def note(self, drafts: Sequence[Draft], *, actor: Actor, now: datetime) -> tuple[Entry, ...]:
        """Add entries to the site's log that belong to no run. Raises Tampered."""
        with self._writing(SITE_LOG, (actor, now)) as transaction:
            return tuple(transaction.note(draft) for draft in drafts)

    def site(self) -> tuple[Entry, ...]:
        """The site's log, oldest first. Raises Tampered for a broken chain."""
        return self._chain(SITE_LOG, -1) or ()

    def entries(self, run: RunId, after: int = -1) -> tuple[Entry, ...]:
        """Events of `run` numbered above `after`. Raises BadInput for an unknown run, Tampered for a broken chain."""
        found = self._chain(run, after)
        if found is None:
            raise no_such(run, self._database.place)
        return found

    def _chain(self, run: RunId, after: int) -> tuple[Entry, ...] | None:
        with self._database.reading() as opened:
            return None if opened is None else ledger_of(opened, run, after, self._database.place)

    @contextmanager
    def write(self, run: RunId, after: int, *, actor: Actor, now: datetime) -> Iterator[Transaction]:
        """A transaction on `run`, whose last event has to be number `after`; rolled back by any exception.

        Raises Moved where the head is elsewhere, BadInput for an unknown run.
        """
        with self._writing(run, (actor, now)) as transaction:
            transaction.stand_at(after)
            yield transaction

    @contextmanager
    def _writing(self, run: RunId, author: tuple[Actor, datetime]) -> Iterator[JournalTransaction]:
        self._ready()
        self.prepare()
        with self._database.writing() as opened:
            transaction = JournalTransaction(opened, run, author, self._crash, self._read)
            try:
                yield transaction
                for woken, why in transaction.to_tell():
                    self._told(transaction, woken, why)
            finally:
                transaction.end()
        transaction.committed()

    def runs(self) -> tuple[RunId, ...]:
        """All runs, oldest first; none where there are no tables yet."""
        with self._database.reading() as opened:
            return () if opened is None else runs_of(opened)

    def heads(self) -> dict[RunId, int]:
        """The number of the last entry of every log; none where there is no journal yet."""
        with self._database.reading() as opened:
            return {} if opened is None else heads_of(opened)

    def written(self) -> int:
        """How many entries all logs hold together; 0 where there is no journal yet."""
        with self._database.reading() as opened:
            return 0 if opened is None else written_in(opened)

    def lease(self, environment: str) -> Lease:
        """The lease of an environment; fence 0 where nobody ever held it."""
        with self._database.reading() as opened:
            return Lease(environment, 0, None, None) if opened is None else leases.lease_of(opened, environment)

    def leases(self) -> tuple[Lease, ...]:
        """The leases of all environments that were ever taken or stopped, by name."""
        with self._database.reading() as opened:
            return () if opened is None else leases.all_leases(opened)

    def hold(self, environment: str, reason: str | None, *, actor: Actor, now: datetime) -> Lease:
        """Stop every run before its next effect on `environment` (a reason), or lift that stop (None)."""
        with self._writing(SITE_LOG, (actor, now)) as transaction:
            leases.hold(transaction.rows, environment, reason)
            transaction.note(Draft(*hold_note(environment, reason)))
            return leases.lease_of(transaction.rows, environment)

    def wait(self, waiter: Waiter) -> None:
        """Stand in line for an environment; the place is kept, the priority is the new one."""
        with self._database.writing() as opened:
            leases.wait(opened, waiter)

    def leave(self, run: RunId, environment: str = "") -> None:
        """Leave the line for an environment, or every line."""
        with self._database.reading() as opened:
            if opened is not None:
                leases.leave(opened, run, environment)

    def waiting(self, environment: str) -> tuple[Waiter, ...]:
        """Who stands in line for an environment, first first."""
        with self._database.reading() as opened:
            return () if opened is None else leases.waiting(opened, environment)

    def first_of(self, names: Sequence[str], most: int | None) -> tuple[Waiter, ...]:
        """The first `most` (None: all) of several lines together, by priority and then by how long they wait."""
        with self._database.reading() as opened:
            return () if opened is None else leases.first_of(opened, names, most)

    def leave_lines(self, run: RunId, beginning: str) -> None:
        """Leave every line whose name begins so."""
        with self._database.reading() as opened:
            if opened is not None:
                leases.leave_lines(opened, run, beginning)

    def keep_standing(self, standing: Standing) -> None:
        """Remember where a run stands; no effect where something newer is known."""
        with self._database.writing() as opened:
            leases.keep_standing(opened, standing)

    def standings(self) -> tuple[Standing, ...]:
        """The remembered standings that hold still, oldest run first."""
        with self._database.reading() as opened:
            return () if opened is None else leases.standings(opened)
