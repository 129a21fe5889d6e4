"""The journal in one SQLite file: a hash-chained ledger per run, one for the site, and the leases of environments.

Every change is one transaction that takes the write lock first and moves the run's head by compare-and-set, so of two
writers one wins and the other gets Moved. Full synchronisation: what was committed survives a power cut (WFS-10).
Reading makes no file: where there is no journal yet, there are no runs.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from gonogo.adapters import journal_leases as leases
from gonogo.adapters import journal_schema
from gonogo.errors import BadInput, Broken, Busy, Refused, Tampered
from gonogo.evidence.ledger import NOTHING_BEFORE, Entry, actor_text, next_entry, read_entry, time_text
from gonogo.ports import SITE_LOG, CrashPoint, Draft, Lease, Moved, Transaction
from gonogo.run.site import hold_note
from gonogo.run.standing import Standing, Waiter
from gonogo.terms import Actor, Digest, RunId

MOST_IDLE: Final = 4
"""Connections that are kept for the next call; keeping at least one saves a checkpoint at every close."""

_NEW_HEAD: Final = "insert into gonogo_head (run, seq, hash) values (?, -1, ?) on conflict do nothing"


def pass_on(_point: str) -> None:
    """The crash point of real runs: nothing happens."""


class SqliteJournal:
    """The `Journal` port on one file; usable from several threads and several processes at once.

    `wait` is how long (seconds) a call waits for other writers before Busy; `crash` is called at CP-02, CP-09, CP-15.
    """

    def __init__(self, path: Path, *, wait: float = 30.0, crash: CrashPoint = pass_on) -> None:
        self._path = path
        self._wait = wait
        self._crash = crash
        self._idle: list[tuple[sqlite3.Connection, tuple[int, int]]] = []
        self._guard = threading.Lock()

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
            idle, self._idle = self._idle, []
        for opened, _ in idle:
            opened.close()

    def open_run(
        self, run: RunId, drafts: Sequence[Draft], *, actor: Actor, now: datetime, notes: Sequence[Draft] = ()
    ) -> tuple[Entry, ...]:
        """Begin a ledger with `drafts`. Raises Refused where the run exists already, Broken, Busy."""
        self._create()
        with self._connection() as opened, journal_schema.immediate(opened):
            if run == SITE_LOG or not opened.execute(_NEW_HEAD, (run, NOTHING_BEFORE)).rowcount:
                raise Refused(f"the run {run} exists already", next_step=f"go on with it, or see: gonogo status {run}")
            transaction = self._transaction(opened, run, None, (actor, now))
            entries = tuple(transaction.append(draft) for draft in drafts)
            for draft in notes:
                transaction.note(draft)
            return entries

    def note(self, drafts: Sequence[Draft], *, actor: Actor, now: datetime) -> tuple[Entry, ...]:
        """Add entries to the site's log that belong to no run. Raises Broken, Busy, Tampered."""
        self._create()
        with self._connection() as opened, journal_schema.immediate(opened):
            transaction = self._transaction(opened, SITE_LOG, None, (actor, now))
            return tuple(transaction.note(draft) for draft in drafts)

    def site(self) -> tuple[Entry, ...]:
        """The site's log, oldest first. Raises Tampered for a broken chain."""
        if self._is_missing():
            return ()
        with self._connection() as opened:
            if _head(opened, SITE_LOG) is None:
                return ()
        return self.entries(SITE_LOG)

    def entries(self, run: RunId, after: int = -1) -> tuple[Entry, ...]:
        """Events of `run` numbered above `after`. Raises BadInput for an unknown run, Tampered for a broken chain."""
        if self._is_missing():
            raise self._no_such(run)
        with self._connection() as opened, _snapshot(opened):
            head = _head(opened, run)
            if head is None:
                raise self._no_such(run)
            query = "select line from gonogo_event where run = ? and seq >= ? order by seq"
            rows = opened.execute(query, (run, max(after, 0))).fetchall()
        chain = tuple(read_entry(bytes(row[0])) for row in rows)
        self._check_links(run, head, chain, max(after, 0))
        return tuple(entry for entry in chain if entry.seq > after)

    @contextmanager
    def write(self, run: RunId, after: int, *, actor: Actor, now: datetime) -> Iterator[Transaction]:
        """A transaction on `run`, whose last event has to be number `after`; rolled back by any exception.

        Raises Moved where the head is elsewhere, BadInput for an unknown run, Busy and Broken for the file.
        """
        if self._is_missing():
            raise self._no_such(run)
        with self._connection() as opened, journal_schema.immediate(opened):
            head = _head(opened, run)
            if head is None:
                raise self._no_such(run)
            if head[0] != after:
                raise _moved(run, after, head[0])
            transaction = self._transaction(opened, run, self._last(opened, run, head), (actor, now))
            try:
                yield transaction
            finally:
                transaction.end()
        transaction.committed()

    def runs(self) -> tuple[RunId, ...]:
        """All runs, oldest first; none where there is no journal yet."""
        if self._is_missing():
            return ()
        with self._connection() as opened:
            if journal_schema.is_empty(opened):
                return ()
            query = "select run from gonogo_head where run <> ? order by rowid"
            return tuple(RunId(row[0]) for row in opened.execute(query, (SITE_LOG,)))

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
        with self._connection() as opened, journal_schema.immediate(opened):
            leases.hold(opened, environment, reason)
            note = Draft(*hold_note(environment, reason))
            self._transaction(opened, SITE_LOG, None, (actor, now)).note(note)
            return leases.lease_of(opened, environment)

    def wait(self, waiter: Waiter) -> None:
        """Stand in line for an environment; the place is kept, the priority is the new one."""
        self._create()
        with self._connection() as opened, journal_schema.immediate(opened):
            leases.wait(opened, waiter)

    def leave(self, run: RunId) -> None:
        """Leave every line."""
        with self._reading() as opened:
            if opened is None or not leases.stands_in_line(opened, run):
                return
        with self._connection() as opened, journal_schema.immediate(opened):
            leases.leave(opened, run)

    def waiting(self, environment: str) -> tuple[Waiter, ...]:
        """Who stands in line for an environment, first first."""
        with self._reading() as opened:
            return () if opened is None else leases.waiting(opened, environment)

    def keep_standing(self, standing: Standing) -> None:
        """Remember where a run stands; no effect where something newer is known."""
        self._create()
        with self._connection() as opened, journal_schema.immediate(opened):
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
            yield None if journal_schema.is_empty(opened) else opened

    def _create(self) -> None:
        try:
            journal_schema.create(self._path, self._wait, lambda: self._crash("CP-15"))
        except sqlite3.Error as error:
            raise journal_schema.explained(error, self._path) from error

    def _is_missing(self) -> bool:
        return not self._path.exists()

    def _no_such(self, run: RunId) -> BadInput:
        return BadInput(f"there is no run {run}", where=str(self._path), next_step="see the runs with: gonogo status")

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
            raise journal_schema.explained(error, self._path) from error

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
        return journal_schema.connect(self._path, self._wait), identity

    def _give_back(self, opened: sqlite3.Connection, identity: tuple[int, int] | None) -> None:
        with self._guard:
            if identity is not None and len(self._idle) < MOST_IDLE:
                self._idle.append((opened, identity))
                return
        opened.close()

    def _transaction(
        self, opened: sqlite3.Connection, run: RunId, last: Entry | None, author: tuple[Actor, datetime]
    ) -> _SqliteTransaction:
        return _SqliteTransaction(opened, run, last, author, self._crash, lambda: self._site_end(opened))

    def _site_end(self, opened: sqlite3.Connection) -> Entry | None:
        """The last entry of the site's log, whose head is made where there is none yet."""
        opened.execute(_NEW_HEAD, (SITE_LOG, NOTHING_BEFORE))
        head = _head(opened, SITE_LOG)
        return None if head is None else self._last(opened, SITE_LOG, head)

    def _last(self, opened: sqlite3.Connection, run: RunId, head: tuple[int, str]) -> Entry | None:
        if head[0] < 0:
            return None
        query = "select line from gonogo_event where run = ? and seq = ?"
        row = opened.execute(query, (run, head[0])).fetchone()
        if row is None:
            raise self._tampered(run, head[0])
        last = read_entry(bytes(row[0]))
        self._check_links(run, head, (last,), head[0])
        return last

    def _check_links(self, run: RunId, head: tuple[int, str], chain: Sequence[Entry], first: int) -> None:
        expected = NOTHING_BEFORE if first == 0 or not chain else chain[0].prev
        number = first
        for entry in chain:
            if entry.seq != number or entry.prev != expected:
                raise self._tampered(run, number)
            number, expected = number + 1, entry.digest
        if number <= head[0] or (chain and (chain[-1].seq, chain[-1].digest) != head):
            raise self._tampered(run, number)

    def _tampered(self, run: RunId, number: int) -> Tampered:
        return Tampered(
            f"event {number} of run {run} is not what gonogo recorded, or is gone",
            where=str(self._path),
            next_step="compare with an exported log or a package of this run; do not go on with it",
        )


class _SqliteTransaction:
    """What `SqliteJournal.write` hands out; of no use after its block."""

    def __init__(
        self,
        opened: sqlite3.Connection,
        run: RunId,
        last: Entry | None,
        author: tuple[Actor, datetime],
        crash: CrashPoint,
        site_end: Callable[[], Entry | None],
    ) -> None:
        self._opened = opened
        self._run = run
        self._last = last
        self._actor, self._now = author
        self._crash = crash
        self._site_end = site_end
        self._ended = False
        self._acts: list[Callable[[], None]] = []

    def end(self) -> None:
        """Refuse everything from now on: outside the block each statement would commit by itself."""
        self._ended = True

    def append(self, draft: Draft) -> Entry:
        """Add an event. Raises Moved where the head is elsewhere, BadInput for data that no line can hold."""
        self._demand_open()
        self._last = self._add(self._run, self._last, draft)
        self._crash("CP-09")
        return self._last

    def note(self, draft: Draft) -> Entry:
        """Add an entry to the site's log. Raises Tampered where its end is not what was recorded."""
        self._demand_open()
        return self._add(SITE_LOG, self._site_end(), draft)

    def _add(self, run: RunId, last: Entry | None, draft: Draft) -> Entry:
        entry = next_entry(last, ts=self._now, type=draft.type, actor=self._actor, data=draft.data)
        advanced = self._opened.execute(
            "update gonogo_head set seq = ?, hash = ? where run = ? and seq = ?",
            (entry.seq, entry.digest, run, entry.seq - 1),
        )
        if not advanced.rowcount:
            raise _moved(run, entry.seq - 1, None)
        self._opened.execute("insert into gonogo_event (run, seq, line) values (?, ?, ?)", (run, entry.seq, entry.line))
        return entry

    def take_lease(self, environment: str, reason: str = "", *, past_hold: bool = False) -> int:
        """Take or keep the environment, with a higher fence. Raises Busy (held), Refused (emergency stop)."""
        self._demand_open()
        taker = leases.Taker(self._run, actor_text(self._actor), reason, time_text(self._now), past_hold)
        if not leases.take(self._opened, environment, taker):
            raise not_free(leases.lease_of(self._opened, environment))
        self._crash("CP-02")
        return leases.lease_of(self._opened, environment).fence

    def free_lease(self, environment: str) -> RunId | None:
        """Give the environment back; who is first in line for it now."""
        self._demand_open()
        return leases.free(self._opened, environment, self._run)

    def after_commit(self, act: Callable[[], None]) -> None:
        """Do something when this transaction is committed, and not at all where it is not."""
        self._demand_open()
        self._acts.append(act)

    def committed(self) -> None:
        """Do what was to be done after the commit."""
        for act in self._acts:
            act()

    def _demand_open(self) -> None:
        if self._ended:
            raise Broken(
                "this transaction has ended", next_step="report this fault: a write came after its transaction"
            )


def not_free(lease: Lease) -> Busy | Refused:
    """Why an environment cannot be taken: an emergency stop, or the run that holds it (EXE-05)."""
    if lease.hold is not None:
        return Refused(
            f"the environment {lease.environment} is stopped: {lease.hold}",
            next_step="lift the stop when its reason is gone; nothing is deployed before",
        )
    return Busy(
        f"the run {lease.run} holds the environment {lease.environment}",
        next_step=f"wait until it has ended, or see: gonogo status {lease.run}",
    )


def _moved(run: RunId, expected: int, found: int | None) -> Moved:
    place = "" if found is None else f", it is at event {found}"
    return Moved(
        f"somebody else wrote to run {run} after event {expected}{place}",
        next_step="nothing was changed; load the run again and decide again",
    )


def _head(opened: sqlite3.Connection, run: RunId) -> tuple[int, Digest] | None:
    if journal_schema.is_empty(opened):
        return None
    row = opened.execute("select seq, hash from gonogo_head where run = ?", (run,)).fetchone()
    return None if row is None else (int(row[0]), Digest(row[1]))


@contextmanager
def _snapshot(opened: sqlite3.Connection) -> Iterator[None]:
    opened.execute("begin")
    try:
        yield
    finally:
        if opened.in_transaction:
            opened.execute("rollback")
