"""What a transaction of the journal does, on whatever database holds its tables: SQLite and PostgreSQL share each line.

The caller begins, commits and rolls back; here are the compare-and-set of the head, the chain of digests, and what is
said where they do not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from datetime import datetime
from typing import Final

from gonogo.adapters.journals import leases
from gonogo.adapters.journals.leases import Rows
from gonogo.adapters.journals.stops import StopsRead
from gonogo.errors import BadInput, Broken, EnvironmentTaken, Refused, Tampered
from gonogo.evidence.ledger import NOTHING_BEFORE, Entry, actor_text, next_entry, read_entry, time_text
from gonogo.ports import SITE_LOG, CrashPoint, Draft, Lease, Moved
from gonogo.terms import Actor, Digest, RunId
from gonogo.values import dataclass

NEW_HEAD: Final = "insert into gonogo_head (run, seq, hash) values (?, -1, ?) on conflict do nothing"
_HEAD: Final = "select seq, hash from gonogo_head where run = ?"
_LINE: Final = "select line from gonogo_event where run = ? and seq = ?"


_CHAIN: Final = (
    "select h.seq, h.hash, e.line from gonogo_head h left join gonogo_event e on e.run = h.run and e.seq >= ?"
    " where h.run = ? order by e.seq"
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What two databases say differently: how a row is locked, and which lines of a log hold some bytes, in order."""

    locking: str
    holds: str


SQLITE: Final = Dialect("", "instr(line, ?) > 0 order by seq")
POSTGRES: Final = Dialect(" for update", "position(? in line) > 0 order by seq")


@dataclass(frozen=True, slots=True)
class JournalRead:
    """What the transactions of a journal have in common: its place for people, its dialect, which stops were read."""

    where: str
    dialect: Dialect
    stops: StopsRead = field(default_factory=StopsRead, compare=False)


def pass_on(_point: str) -> None:
    """The crash point of real runs: nothing happens."""


def ledger_of(rows: Rows, run: RunId, after: int, where: str) -> tuple[Entry, ...] | None:
    """Events of `run` numbered above `after`, by one query; None for an unknown run. Raises Tampered."""
    first = max(after, 0)
    # The last known event is read again with the new ones: what follows is checked against it.
    found = rows.execute(_CHAIN, (first, run)).fetchall()
    if not found:
        return None
    chain = tuple(read_entry(bytes(row[2])) for row in found if row[2] is not None)
    check_links(run, (int(found[0][0]), Digest(found[0][1])), chain, first, where)
    return tuple(entry for entry in chain if entry.seq > after)


def runs_of(rows: Rows) -> tuple[RunId, ...]:
    """All runs, oldest first."""
    found = rows.execute("select run from gonogo_head where run <> ? order by rowid", (SITE_LOG,))
    return tuple(RunId(row[0]) for row in found)


def heads_of(rows: Rows) -> dict[RunId, int]:
    """The number of the last entry of every log."""
    return {RunId(row[0]): int(row[1]) for row in rows.execute("select run, seq from gonogo_head")}


def written_in(rows: Rows) -> int:
    """How many entries all logs hold together."""
    found = rows.execute("select coalesce(sum(seq + 1), 0) from gonogo_head").fetchall()
    return int(found[0][0])


class JournalTransaction:
    """The `Transaction` port on open rows; of no use after its block.

    `journal` is what all transactions of one journal share.
    """

    def __init__(
        self,
        rows: Rows,
        run: RunId,
        author: tuple[Actor, datetime],
        crash: CrashPoint,
        journal: JournalRead,
    ) -> None:
        self.rows: Final = rows
        self._run = run
        self._last: Entry | None = None
        self._actor, self._now = author
        self._crash = crash
        self._where = journal.where
        self._journal = journal
        self._head_query = _HEAD + journal.dialect.locking
        self._noted = 0
        self._ended = False
        self._written = False
        self._acts: list[Callable[[], None]] = []
        self._freed: list[RunId] = []

    def begin_run(self) -> bool:
        """Make the head of the run; False where it is there already."""
        return bool(self.rows.execute(NEW_HEAD, (self._run, NOTHING_BEFORE)).rowcount)

    def stand_at(self, after: int) -> None:
        """Demand that the run's last event is number `after`. Raises Moved, BadInput, Tampered."""
        head = self._head(self._run)
        if head is None:
            raise no_such(self._run, self._where)
        if head[0] != after:
            raise moved(self._run, after, head[0])
        self._last = self._entry_at(self._run, head)

    def end(self) -> None:
        """Refuse everything from now on: outside the block each statement would commit by itself."""
        self._ended = True

    def append(self, draft: Draft) -> Entry:
        """Add an event. Raises Moved where the head is elsewhere, BadInput for data that no line can hold."""
        self._demand_open()
        self._last = self._add(self._run, self._last, draft)
        self._written = True
        self._crash("CP-09")
        return self._last

    def note(self, draft: Draft) -> Entry:
        """Add an entry to the site's log. Raises Tampered where its end is not what was recorded."""
        self._demand_open()
        self.rows.execute(NEW_HEAD, (SITE_LOG, NOTHING_BEFORE))
        head = self._head(SITE_LOG)
        entry = self._add(SITE_LOG, None if head is None else self._entry_at(SITE_LOG, head), draft)
        self._noted += 1
        return entry

    def _head(self, run: RunId) -> tuple[int, Digest] | None:
        """Number and digest of a ledger's last entry; nobody else moves it before this transaction has ended.

        Locked before the entry is looked for, not together with it: a join would find what was there before the lock.
        """
        row = self.rows.execute(self._head_query, (run,)).fetchone()
        return None if row is None else (int(row[0]), Digest(row[1]))

    def _entry_at(self, run: RunId, head: tuple[int, Digest]) -> Entry | None:
        if head[0] < 0:
            return None
        row = self.rows.execute(_LINE, (run, head[0])).fetchone()
        if row is None:
            raise tampered(run, head[0], self._where)
        last = read_entry(bytes(row[0]))
        check_links(run, head, (last,), head[0], self._where)
        return last

    def _add(self, run: RunId, last: Entry | None, draft: Draft) -> Entry:
        entry = next_entry(last, ts=self._now, type=draft.type, actor=self._actor, data=draft.data)
        advanced = self.rows.execute(
            "update gonogo_head set seq = ?, hash = ? where run = ? and seq = ?",
            (entry.seq, entry.digest, run, entry.seq - 1),
        )
        if not advanced.rowcount:
            raise moved(run, entry.seq - 1, None)
        self.rows.execute("insert into gonogo_event (run, seq, line) values (?, ?, ?)", (run, entry.seq, entry.line))
        return entry

    def take_lease(self, environment: str, reason: str = "", *, past_hold: bool = False) -> int:
        """Take or keep the environment, with a higher fence. Raises Busy (held), Refused (emergency stop), Tampered."""
        self._demand_open()
        if not past_hold:
            self._demand_same_stop(environment)
        taker = leases.Taker(self._run, actor_text(self._actor), reason, time_text(self._now), past_hold)
        if not leases.take(self.rows, environment, taker):
            raise not_free(leases.lease_of(self.rows, environment))
        self._crash("CP-02")
        return leases.lease_of(self.rows, environment).fence

    def _demand_same_stop(self, environment: str) -> None:
        """Demand that the row of an environment and the site's log say the same of an emergency stop. Raises Tampered.

        The row is quick to look at and any shell can change it; the log is a chain. No act begins where they differ.
        """
        dialect = self._journal.dialect
        held = leases.held_by_table(self.rows, environment, dialect.locking)
        entry = self._journal.stops.now(self.rows, dialect.holds, self._noted).get(environment)
        logged = None if entry is None else str(entry.data.get("reason"))
        if held != logged:
            raise stop_differs(environment, held, entry, self._where)

    def free_lease(self, environment: str) -> RunId | None:
        """Give the environment back; who is first in line for it now."""
        self._demand_open()
        first = leases.free(self.rows, environment, self._run)
        self._freed += [first] if first is not None else []
        return first

    def after_commit(self, act: Callable[[], None]) -> None:
        """Do something when this transaction is committed, and not at all where it is not."""
        self._demand_open()
        self._acts.append(act)

    def to_tell(self) -> tuple[tuple[RunId, str], ...]:
        """Who has to be told of this transaction, each with a word why: its run has an event, another may go on."""
        own = ((self._run, "event"),) if self._written else ()
        return (*own, *((run, "lease") for run in self._freed))

    def committed(self) -> None:
        """Do what was to be done after the commit."""
        for act in self._acts:
            act()

    def _demand_open(self) -> None:
        if self._ended:
            raise Broken(
                "this transaction has ended", next_step="report this fault: a write came after its transaction"
            )


def check_links(run: RunId, head: tuple[int, Digest], chain: Sequence[Entry], first: int, where: str) -> None:
    """Demand that `chain` is whole from number `first` up to `head`. Raises Tampered with the first wrong number."""
    expected = NOTHING_BEFORE if first == 0 or not chain else chain[0].prev
    number = first
    for entry in chain:
        if entry.seq != number or entry.prev != expected:
            raise tampered(run, number, where)
        number, expected = number + 1, entry.digest
    if number <= head[0] or (chain and (chain[-1].seq, chain[-1].digest) != head):
        raise tampered(run, number, where)


def no_such(run: RunId, where: str) -> BadInput:
    """The complaint about a run that is not there."""
    return BadInput(f"there is no run {run}", where=where, next_step="see the runs with: gonogo status")


def exists_already(run: RunId) -> Refused:
    """The complaint about a run that is opened twice."""
    return Refused(f"the run {run} exists already", next_step=f"go on with it, or see: gonogo status {run}")


def tampered(run: RunId, number: int, where: str) -> Tampered:
    """The complaint about a ledger that is not what was written."""
    return Tampered(
        f"event {number} of run {run} is not what gonogo recorded, or is gone",
        where=where,
        next_step="compare with an exported log or a package of this run; do not go on with it",
    )


def moved(run: RunId, expected: int, found: int | None) -> Moved:
    """The complaint of the second of two writers."""
    place = "" if found is None else f", it is at event {found}"
    return Moved(
        f"somebody else wrote to run {run} after event {expected}{place}",
        next_step="nothing was changed; load the run again and decide again",
    )


def stop_differs(environment: str, held: str | None, entry: Entry | None, where: str) -> Tampered:
    """The complaint about an emergency stop that was set or cleared past gonogo."""
    told = f"that nothing stops {environment}"
    if entry is not None:
        reason = f"{entry.data.get('reason')} ({actor_text(entry.actor)}, {time_text(entry.ts)})"
        told = f"in entry {entry.seq} that {environment} is stopped: {reason}"
    shown = "that nothing stops it" if held is None else f"that it is stopped: {held}"
    return Tampered(
        f"the log of the site says {told}; the table of leases says {shown}: somebody changed one of them by hand",
        where=f"{where}, gonogo_lease, column hold",
        next_step=f"nothing begins there before both agree; find out who did it, then say what holds: "
        f"gonogo lock hold {environment} --reason TEXT, or gonogo lock lift {environment}",
    )


def not_free(lease: Lease) -> EnvironmentTaken | Refused:
    """Why an environment cannot be taken: an emergency stop, or the run that holds it (EXE-05)."""
    if lease.hold is not None:
        return Refused(
            f"the environment {lease.environment} is stopped: {lease.hold}",
            next_step=f"when its reason is gone: gonogo lock lift {lease.environment}; nothing is deployed before",
        )
    return EnvironmentTaken(
        f"the run {lease.run} holds the environment {lease.environment}",
        environment=lease.environment,
        next_step=f"wait until it has ended, or see: gonogo status {lease.run}",
    )
