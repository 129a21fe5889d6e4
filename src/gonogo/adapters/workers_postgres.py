"""Who works on this database, and who of them is dead: a row and an advisory lock for each worker (engine section 5.1).

The server frees a lock with the connection that holds it, so a killed worker is known to be dead at once, one that was
cut off after a few seconds, and one that is only slow never: nobody is robbed on suspicion. Nothing here reads a clock.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from threading import Lock
from typing import Any, Final

from gonogo.adapters.postgres import Line, Postgres
from gonogo.errors import BadInput, Broken, Busy, GonogoError
from gonogo.values import dataclass

CLASS: Final = 7001
"""The first half of the key of each worker's advisory lock; the second is its number, which is never used again."""

SWEEPING: Final = 7002
DRIVING: Final = 7003
"""The first half of the key under which a worker drives a run; the second is a number made of the run's name.

Two runs may have the same one, hardly ever: then the one waits for the other, and nothing else happens.
"""

_ALIVE: Final = (
    "select cast(objid as bigint) from pg_locks where locktype = 'advisory' and classid = cast(? as oid)"
    " and objsubid = 2 and granted and database = (select oid from pg_database where datname = current_database())"
)
_IS_DRIVEN: Final = (
    "select 1 from pg_locks where locktype = 'advisory' and classid = cast(? as oid) and granted and objsubid = 2"
    " and cast(objid as bigint) = cast(hashtext(?) as bigint) & 4294967295"
    " and database = (select oid from pg_database where datname = current_database())"
)
_HANG_UP: Final = (
    "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and classid = cast(? as oid)"
    " and objid = cast(? as oid) and objsubid = 2 and granted"
    " and database = (select oid from pg_database where datname = current_database())"
)
_OTHERS: Final = "select number, line, pg_try_advisory_lock(?, number) from gonogo_worker where number <> ?"


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as it says of itself. `name` is new at every start; `place` is the host and folder where it acts.

    `reaches` names the environments that it can act on.
    """

    name: str
    host: str
    place: str
    pid: int
    reaches: tuple[str, ...]
    version: str
    started: str


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A worker on the list; `alive` says that it holds its lock now."""

    number: int
    worker: Worker
    alive: bool


class PostgresWorkers:
    """The list of workers of a database."""

    def __init__(self, database: Postgres) -> None:
        self._database = database

    def seen(self) -> tuple[WorkerSeen, ...]:
        """All workers that are on the list, oldest first, and whether each is alive."""
        with self._database.reading() as opened:
            if opened is None:
                return ()
            alive = {row[0] for row in opened.execute(_ALIVE, (CLASS,)).fetchall()}
            rows = opened.execute("select number, line from gonogo_worker order by number").fetchall()
        return tuple(_seen(row, row[0] in alive) for row in rows)

    def is_driven(self, run: str) -> bool:
        """Whether a worker has claimed `run`."""
        with self._database.reading() as opened:
            return opened is not None and opened.execute(_IS_DRIVEN, (DRIVING, run)).fetchone() is not None

    def strike_off(self, name: str) -> WorkerSeen:
        """Take a worker off the list, alive or not; a living one ends itself when it sees that. Raises BadInput.

        Its connection is closed: with it go the claims by which it would keep others from its runs while it hangs.
        """
        seen = self.seen()
        found = next((one for one in seen if one.worker.name == name), None)
        if found is None:
            known = ", ".join(one.worker.name for one in seen) or "none"
            raise BadInput(f"there is no worker {name}", next_step=f"workers on the list: {known}")
        with self._database.writing() as opened:
            opened.execute("delete from gonogo_worker where number = ?", (found.number,))
        # One that logs in as another user cannot be cut off from here: it lets go when it sees that it is struck off.
        with suppress(Broken), self._database.writing() as opened:
            opened.execute(_HANG_UP, (CLASS, found.number))
        return found

    def join(self, worker: Worker) -> PostgresMembership:
        """Come on the list; the lock is held before the row is there, so that nobody sees it free."""
        return PostgresMembership(self._database, worker)


class PostgresMembership:
    """A worker's own place on the list, for as long as it lives, and the runs that it alone drives.

    Claims may be made and given up by any thread; everything else is for one.
    """

    def __init__(self, database: Postgres, worker: Worker) -> None:
        self._database = database
        self._claimed: set[str] = set()
        self._guard = Lock()
        database.prepare()
        self._line: Line | None = database.line()
        try:
            self.number: int = self._line.ask("select nextval('gonogo_worker_number')")[0][0]
            self._locked(self._line)
            with database.writing() as opened:
                opened.execute(
                    "insert into gonogo_worker (number, name, line) values (?, ?, ?)",
                    (self.number, worker.name, json.dumps(asdict(worker))),
                )
        except GonogoError:
            self._hang_up()
            raise

    def leave(self) -> None:
        """Give up the place, after the work was given up."""
        with suppress(GonogoError), self._database.writing() as opened:
            opened.execute("delete from gonogo_worker where number = ?", (self.number,))
        self._hang_up()

    def claim(self, run: str) -> bool:
        """Whether this worker may drive `run` now; nobody else may before `release`, or before this worker is dead.

        False where somebody drives it already, another thread of this worker too, or the connection is lost just now.
        """
        with self._guard, suppress(Broken, Busy):
            if run not in self._claimed and self._line is not None and self._has(self._line, run):
                self._claimed.add(run)
                return True
        return False

    def release(self, run: str) -> None:
        """Let others drive a run; does nothing where it was not claimed, or the claim was lost."""
        with self._guard:
            if run in self._claimed and self._line is not None:
                # Without a connection the claim is gone.
                with suppress(GonogoError):
                    self._line.ask("select pg_advisory_unlock(?, hashtext(?))", (DRIVING, run))
            self._claimed.discard(run)

    def holds(self, run: str) -> bool:
        """Whether this worker still has the claim that it made; asks nobody."""
        return run in self._claimed

    def release_all(self) -> None:
        """Let others drive whatever this worker had."""
        for run in tuple(self._claimed):
            self.release(run)

    def stands(self) -> bool:
        """Whether this worker is still on the list. False: it was taken over or sent away, and has to end itself.

        Raises Broken where the connection is lost: with it went the lock, and `stand_again` has to take it again.
        """
        if self._line is None:
            raise Broken("the worker has lost its connection to the database", where=self._database.place)
        return self._listed(self._line)

    def stand_again(self) -> bool:
        """Connect and lock again after the connection was lost, and say whether the place is still there.

        Runs that others have claimed meanwhile are theirs. Raises Broken as long as the database cannot be reached.
        """
        with self._guard:
            self._hang_up()
            line = self._line = self._database.line()
            stands = False
            try:
                stands = self._locked(line) and self._listed(line)
                self._claimed = {run for run in self._claimed if stands and self._has(line, run)}
            finally:
                if not stands:
                    self._hang_up()  # Else each attempt would leave a connection behind.
        return stands

    @contextmanager
    def dead(self) -> Iterator[tuple[WorkerSeen, ...]]:
        """The workers that are dead: in the block nobody else takes them over, after it they are off the list.

        An exception leaves them on the list, for whoever looks next. Raises Broken where the connection is lost.
        """
        line = self._line
        if line is None:
            raise Broken("the worker has lost its connection to the database", where=self._database.place)
        locked = [_seen(row, alive=False) for row in line.ask(_OTHERS, (CLASS, self.number)) if row[2]]
        try:
            # Another may have taken it over between the reading of its row and the taking of its lock.
            there = {row[0] for row in line.ask("select number from gonogo_worker")} if locked else set()
            found = tuple(seen for seen in locked if seen.number in there)
            yield found
            for seen in found:
                line.ask("delete from gonogo_worker where number = ? returning number", (seen.number,))
        finally:
            for seen in locked:
                line.ask("select pg_advisory_unlock(?, ?)", (CLASS, seen.number))

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nobody else is in such a block now: what one worker does for all of them, such as the sweep."""
        line = self._line
        if line is None:
            raise Broken("the worker has lost its connection to the database", where=self._database.place)
        got = line.ask("select pg_try_advisory_lock(?, 0)", (SWEEPING,))[0][0] is True
        try:
            yield got
        finally:
            if got:
                line.ask("select pg_advisory_unlock(?, 0)", (SWEEPING,))

    def _locked(self, line: Line) -> bool:
        return line.ask("select pg_try_advisory_lock(?, ?)", (CLASS, self.number))[0][0] is True

    def _has(self, line: Line, run: str) -> bool:
        return line.ask("select pg_try_advisory_lock(?, hashtext(?))", (DRIVING, run))[0][0] is True

    def _listed(self, line: Line) -> bool:
        return bool(line.ask("select 1 from gonogo_worker where number = ?", (self.number,)))

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            with suppress(GonogoError):
                line.close()


def _seen(row: Sequence[Any], alive: bool) -> WorkerSeen:  # noqa: FBT001 - a field of what is made
    fields = json.loads(row[1])
    fields["reaches"] = tuple(fields["reaches"])
    return WorkerSeen(row[0], Worker(**fields), alive)
