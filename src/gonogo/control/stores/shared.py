"""Journal, vault, queue and workers of a project in PostgreSQL; imported only where a database is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from threading import Lock
from types import ModuleType
from typing import Final, Protocol

from gonogo.adapters.clock import SystemClock
from gonogo.adapters.journals.home import ANYBODY, Belonging
from gonogo.adapters.journals.postgres import PostgresJournal
from gonogo.adapters.journals.transaction import JournalTransaction
from gonogo.adapters.postgres import Postgres
from gonogo.adapters.vault import Cipher, FolderVault
from gonogo.adapters.vault_postgres import PostgresVault
from gonogo.adapters.workers_postgres import PostgresWorkers
from gonogo.control.stores.storing import Store, needed
from gonogo.engine.wakeups import Wakeups
from gonogo.errors import Refused
from gonogo.ports import CrashPoint
from gonogo.terms import RunId, Secret

ENGINE: Final = "gonogo.engine.distributed"


MOST_WRONG: Final = timedelta(seconds=3)
"""So far the clocks of two hosts may differ: less than a ledger tolerates between two entries."""


class WrongClock(Refused):
    """The clock of this host is not that of the others."""


class Queue(Wakeups, Protocol):
    """The wake-ups of `engine/distributed.py`, with what only workers need."""

    def hand_to(self, run: RunId, place: str, why: str) -> None:
        """Let a worker look at `run` that serves the queue of `place`."""

    def clear_stale(self) -> tuple[RunId, ...]:
        """Cancel segments whose worker is not alive."""

    def forget(self, before: datetime) -> int:
        """Delete the rows of segments that ended before."""


class SharedStore:
    """One database of a project, for one process. The queue is loaded when it is first needed: reading needs none.

    `belonging` says whose the database has to be. `by_worker` says that whoever writes events
    drives the run itself, and has to tell nobody.
    """

    def __init__(
        self, address: Secret, crash: CrashPoint, *, belonging: Belonging = ANYBODY, by_worker: bool = False
    ) -> None:
        self.address: Final = address
        self.database: Final = Postgres(address, belonging)
        self.workers: Final = PostgresWorkers(self.database)
        self.journal: Final = PostgresJournal(self.database, crash=crash, told=self._told, ready=lambda: self.queue)
        self._by_worker = by_worker
        self._queue: Queue | None = None
        self._guard = Lock()

    def engine(self) -> ModuleType:
        """The module that knows the queue's package."""
        return needed(ENGINE)

    @property
    def queue(self) -> Queue:
        """The queue, with its tables made where they are missing."""
        with self._guard:
            if self._queue is None:
                engine = self.engine()
                self.journal.prepare()
                self.database.prepare_beside(engine.PACKAGE, lambda: engine.prepare_queue(self.address.reveal()))
                self._queue = engine.QueueWakeups(self.database.pool, SystemClock(), self._living)
            return self._queue

    def alive(self) -> Sequence[str]:
        """The names of the workers that are alive."""
        return tuple(seen.worker.name for seen in self.workers.seen() if seen.alive)

    def _living(self) -> frozenset[str]:
        workers = [seen.worker for seen in self.workers.seen() if seen.alive]
        return frozenset(name for worker in workers for name in (worker.name, worker.place, *worker.reaches))

    def is_driven(self, run: RunId) -> bool:
        """Whether a worker drives a run now."""
        return self.workers.is_driven(run)

    def nudge(self, run: RunId) -> None:
        """Let a worker look at a run now."""
        self.queue.wake_at(run, SystemClock().now(), "asked")

    def adopt(self) -> str:
        """From now on the journal of this database is the project's, whichever its folder knew before; where it is."""
        self.database.adopt()
        return self.database.home().place

    def clock_ahead(self) -> timedelta:
        """How far the wall clock of this machine is ahead of the database's, which all workers have in common."""
        with self.database.transaction() as opened:
            there = opened.execute("select clock_timestamp()").scalar()
        assert isinstance(there, datetime)
        return SystemClock().now() - there

    def demand_right_clock(self) -> None:
        """Refused where this machine's clock is wrong: what it wrote would keep every other worker from writing."""
        ahead = self.clock_ahead()
        if abs(ahead) > MOST_WRONG:
            seconds, word = abs(ahead).total_seconds(), "ahead of" if ahead > timedelta(0) else "behind"
            raise WrongClock(
                f"the clock of this host is {seconds:.0f} s {word} the database's; nothing is done here",
                where=self.database.place,
                next_step="set the clock (chrony, systemd-timesyncd); other workers go on meanwhile",
            )

    def _told(self, transaction: JournalTransaction, run: RunId, why: str) -> None:
        if why == "lease" or not self._by_worker:
            self.queue.wake(transaction, run, why)


def open_shared(
    address: Secret,
    cache: Callable[[Cipher | None], FolderVault],
    crash: CrashPoint,
    *,
    belonging: Belonging,
    by_worker: bool = False,
) -> Store:
    """The store of a project in a database; nothing is opened before it is needed."""
    shared = SharedStore(address, crash, belonging=belonging, by_worker=by_worker)
    return Store(shared.journal, lambda cipher: PostgresVault(shared.database, cache(cipher)), shared)
