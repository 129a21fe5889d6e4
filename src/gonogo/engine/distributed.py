"""Wake-ups in a durable queue beside the ledger, for workers on many hosts: the only file that knows DBOS.

A queue row holds no truth: only the name of a run that somebody should look at. One segment drives a run from its
present state until nothing is left to do now; it is never replayed, so it calls nothing of the queue while it works.
Ids EN-... name the traps of that package (engine section 9), each shown by a test.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import metadata
from typing import Any, Final, Protocol, runtime_checkable
from uuid import uuid4

from gonogo.values import dataclass

# What stands in the environment would change how the package behaves, some of it already while it is imported.
for _name in [name for name in os.environ if name.startswith("DBOS_")]:
    del os.environ[_name]

import dbos._serialization as pickled  # noqa: E402 - after the environment was cleaned
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions, WorkflowStatus  # noqa: E402

from gonogo.errors import Broken  # noqa: E402
from gonogo.ports import Clock, Transaction  # noqa: E402
from gonogo.terms import RunId  # noqa: E402

PACKAGE: Final = f"dbos {metadata.version('dbos')}"
"""What made the queue's tables."""

APP: Final = "gonogo"
VERSION: Final = "engine-1"
"""Raised only when an older worker could not understand what a newer one enqueues (EN-12)."""

QUEUE: Final = "drive"
SEGMENT: Final = "drive"
POLL: Final = 0.1
UNDER_WAY: Final = ("ENQUEUED", "DELAYED", "PENDING")
ENDED: Final = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
MOST_FORGOTTEN: Final = 1000


def _refuse(_self: object, _data: str) -> object:
    """EN-01: rows marked as pickled would be unpickled by whoever reads or merely lists them."""
    raise ValueError("a pickled row is refused")


pickled.DefaultSerializer.deserialize = _refuse  # type: ignore[method-assign, assignment]


@runtime_checkable
class OpenRows(Protocol):
    """A transaction of the journal whose connection the queue can join."""

    rows: Any


def queue_of(place: str) -> str:
    """The queue of what has to be done at one place: an environment to reach, or a host that started something."""
    return f"{QUEUE}:{place}" if place else QUEUE


def prepare_queue(address: str) -> None:
    """Make or upgrade the queue's own tables; safe beside others that do the same. `address` names the database."""
    DBOS.migrate(_with_driver(address))


class QueueWakeups:
    """The `Wakeups` port on the queue in the journal's database; `pool` is the journal's own pool (EN-17).

    `living` names the workers that are alive, and the places where they act. Never starts a worker
    (EN-14).
    """

    def __init__(self, pool: Any, clock: Clock, living: Callable[[], frozenset[str]]) -> None:  # noqa: ANN401 - opaque
        self._clock = clock
        self._living = living
        self._client = DBOSClient(
            system_database_engine=pool,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APP,
            lazy=True,
            retry_connection_errors=False,
        )

    def wake(self, transaction: Transaction, run: RunId, why: str) -> None:
        """Let a worker look at `run` when `transaction` is committed: the event and the row, or neither of them."""
        if not isinstance(transaction, OpenRows):
            raise Broken("this transaction is not one of the queue's database", next_step="report this fault")
        self._client.enqueue_in_transaction(transaction.rows.raw, _options(run, why), run)

    def wake_at(self, run: RunId, moment: datetime, why: str) -> None:
        """Let a worker look at `run` at `moment`, never before, at most about a second after; survives everything."""
        delay = max(0.0, (moment - self._clock.now()).total_seconds())
        self._client.enqueue(_options(run, why, delay=delay), run)

    def hand_to(self, run: RunId, place: str, why: str) -> None:
        """Let a worker look at `run` that serves the queue of `place`."""
        self._client.enqueue(_options(run, why, place=place), run)

    def live(self) -> frozenset[RunId]:
        """Runs that a living worker drives now, or that lie in a queue, but for that of a host where nobody works."""
        living = self._living()
        return frozenset(
            RunId(row.queue_partition_key)
            for row in self._listed()
            if row.queue_partition_key
            and (row.status != "PENDING" or row.executor_id in living)
            and (not _is_host(_place(row)) or _place(row) in living)
        )

    def abandon(self, worker: str) -> tuple[RunId, ...]:
        """Hand what a worker had to others (engine section 5.2): its segments are cancelled, each run is told anew.

        Whoever dies between the two is healed by the sweep (CP-13).
        """
        had = []
        for row in self._listed(executor=worker):
            self._client.cancel_workflow(row.workflow_id)
            run = RunId(row.queue_partition_key or "")
            self._client.enqueue(_options(run, "taken", place=_place(row)), run)
            had.append(run)
        return tuple(had)

    def clear_stale(self) -> tuple[RunId, ...]:
        """Cancel segments whose worker is not alive: each would block its run for ever (EN-15)."""
        living = self._living()
        stale = [row for row in self._listed() if row.status == "PENDING" and row.executor_id not in living]
        for row in stale:
            self._client.cancel_workflow(row.workflow_id)
        return tuple(RunId(row.queue_partition_key or "") for row in stale)

    def forget(self, before: datetime) -> int:
        """Delete the rows of segments that ended before `before` (EN-20); how many."""
        rows = self._client.list_workflows(
            status=list(ENDED),
            name=SEGMENT,
            end_time=before.isoformat(),
            limit=MOST_FORGOTTEN,
            load_input=False,
            load_output=False,
        )
        if rows:
            self._client.delete_workflows([row.workflow_id for row in rows])
        return len(rows)

    def _listed(self, executor: str | None = None) -> list[WorkflowStatus]:
        status = ["PENDING"] if executor else list(UNDER_WAY)
        return self._client.list_workflows(
            status=status, executor_id=executor, name=SEGMENT, load_input=False, load_output=False
        )


@dataclass(frozen=True, slots=True)
class Serving:
    """What a worker process takes: its name, the places whose queues it serves, how many of each queue at once."""

    worker: str
    places: Sequence[str]
    at_once: int


def serve(address: str, pool: Any, serving: Serving, drive: Callable[[RunId], str]) -> None:  # noqa: ANN401 - opaque
    """Begin to take runs from the queue, in threads of this process; returns at once. Once in a process (EN-14).

    `drive` gets each run and says in a word what came of it; it must not raise.
    """
    DBOS(
        config={
            "name": APP,
            "system_database_url": _with_driver(address),
            "system_database_engine": pool,
            "application_version": VERSION,
            "executor_id": serving.worker,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "ERROR",
        }
    )

    @DBOS.workflow(name=SEGMENT, max_recovery_attempts=None)
    def segment(run: str) -> str:
        return drive(RunId(run))

    queues = [queue_of(place) for place in ("", *serving.places)]
    DBOS.listen_queues(queues)
    DBOS.launch()
    for name in queues:
        DBOS.register_queue(
            name,
            partition_concurrency=1,
            worker_concurrency=serving.at_once,
            polling_interval_sec=POLL,
            on_conflict="always_update",
        )


def stop_serving(patience: float) -> None:
    """Take nothing new, and let segments end for at most `patience` seconds. The process has to end itself (EN-08)."""
    DBOS.destroy(workflow_completion_timeout_sec=round(patience))


def _options(run: RunId, why: str, *, delay: float = 0.0, place: str = "") -> EnqueueOptions:
    options: EnqueueOptions = {
        "queue_name": queue_of(place),
        "workflow_name": SEGMENT,
        "app_version": VERSION,
        "queue_partition_key": run,
        # Always a new one: the same id a second time is silently ignored (EN-13).
        "workflow_id": f"{run}:{why}:{uuid4().hex[:12]}",
    }
    if delay > 0:
        options["delay_seconds"] = delay
    return options


def _with_driver(address: str) -> str:
    return address.replace("postgresql://", "postgresql+psycopg://", 1)


def _place(row: WorkflowStatus) -> str:
    return (row.queue_name or "").partition(":")[2]


def _is_host(place: str) -> bool:
    """Whether a place is a host's, and no environment's: its name ends with a mark of the folder."""
    return ":" in place
