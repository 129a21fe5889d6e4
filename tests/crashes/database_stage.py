"""Stages whose truth is in PostgreSQL: each engine is one segment of a worker, in a process that really dies by SIGKILL.

What a worker does besides (its place on the list, the queue) is left out, so that an engine costs milliseconds as on
SQLite; whole workers are killed in tests/scenarios/test_distributed*.py. A scene is the folders and a copy of the database.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import platform
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path

from gonogo.adapters.workers_postgres import Worker
from gonogo.control.door import Door
from gonogo.control.workers.segments import Segments
from gonogo.control.stores.shared import SharedStore
from gonogo.control.workers.places import WorkerPlaces
from gonogo.control.stores.storing import ADDRESS
from gonogo.evidence.ledger import time_text
from gonogo.terms import Person, RunId
from postgres_server import fresh_database, server
from tests.crashes.crash_harness import (
    BEGUN,
    FORKING,
    KILLED,
    LONGEST,
    Stage,
    prepare_server,
    stage_at,
    told_failure,
    wait_until,
)
from tests.projects import Project


@dataclass(frozen=True)
class SharedProject(Project):
    """A project on a shared database. Its people tell no worker of what they sign: engines are started by the test."""

    opened: list[Door] = field(default_factory=list, compare=False)

    def door(self, **environ: str) -> Door:
        if not self.opened:
            told = {**os.environ, "RECORD": str(self.record), **self.environ, **environ}
            self.opened.append(Door.at(self.root, told, by_worker=True))
        return self.opened[0]

    def close(self) -> None:
        """Let go of the database."""
        for door in self.opened:
            assert door.store is not None and isinstance(door.store.shared, SharedStore)
            door.store.shared.database.close()
        self.opened.clear()


def _serve(orders: Connection) -> None:
    """Fork an engine for each order, and say how it ended: what engines import was imported once, here."""
    for name in ("gonogo.engine.distributed", "psycopg", "sqlalchemy.dialects.postgresql.psycopg"):
        importlib.import_module(name)
    while True:
        try:
            root, environ, job, errors = orders.recv()
        except EOFError:
            os._exit(0)
        engine = os.fork()
        if engine == 0:
            orders.close()
            with told_failure(errors):
                door = Door.at(root, {**os.environ, **environ}, by_worker=True)
                errors.with_name(BEGUN).touch()
                _act(door, job)
            os._exit(0)
        orders.send(engine)
        # Its number stays its own until it is reaped, which is after the test was told: no kill can hit anybody else.
        os.waitid(os.P_PID, engine, os.WEXITED | os.WNOWAIT)
        orders.send(None)
        orders.recv()
        orders.send(os.waitstatus_to_exitcode(os.waitpid(engine, 0)[1]))


def _act(door: Door, job: Sequence[str]) -> None:
    match job:
        case ("drive", run):
            assert door.store is not None and isinstance(door.store.shared, SharedStore)
            shared, worker = door.store.shared, _worker(door)
            done = Segments(door, shared, worker, WorkerPlaces(shared, door.world.clock, worker, 1), Alone()).drive(RunId(run))
            if done not in {"resting", "open"}:
                raise RuntimeError(done)
        case ("open", protocol, release):
            door.open(protocol, release, Person("dev1"))
        case _:
            raise ValueError(job)


class Alone:
    """The claims of an engine that is the only one: a stage has one at a time."""

    def claim(self, run: str) -> bool:
        return True

    def release(self, run: str) -> None:
        pass

    def holds(self, run: str) -> bool:
        return True


def _worker(door: Door) -> Worker:
    now, reaches = time_text(door.world.clock.now()), tuple(door.workspace.project.environments)
    return Worker(f"engine-{os.getpid()}", platform.node(), door.world.place, os.getpid(), reaches, metadata.version("gonogo"), now)


@dataclass
class Ordered:
    """An engine that the host was told to start."""

    orders: Connection
    errors: Path
    number: int

    def has_begun(self, sign: str = BEGUN) -> None:
        """Wait until it has opened the project (or, with `TRACE`, passed its first point), or has ended already."""
        wait_until(lambda: self.errors.with_name(sign).exists() or self.orders.poll(), LONGEST)

    def kill(self) -> None:
        """SIGKILL, now."""
        os.kill(self.number, signal.SIGKILL)

    def ended(self) -> bool:
        """Wait for its end; whether it was killed. An engine that fails or hangs fails the test with what it said."""
        assert self.orders.poll(LONGEST), "the engine hangs"
        self.orders.recv()
        self.orders.send("reap it")
        code = self.orders.recv()
        said = self.errors.read_text(encoding="utf-8") if self.errors.exists() else ""
        assert code in {0, KILLED}, f"the engine ended with {code}: {said}"
        return bool(code == KILLED)


@dataclass
class DatabaseStage(Stage):
    """A stage whose journal and vault are in a database."""

    orders: Connection | None = None
    databases: dict[str, str] = field(default_factory=dict)

    def begin(self, *job: str, crash: str = "", handed: bytes = b"", trace: bool = False, **environ: str) -> Ordered:  # type: ignore[override]
        """Start an engine; with `crash` it dies at this point."""
        assert self.orders is not None and not handed
        told, errors = self.told(crash, trace=trace, **environ)
        self.orders.send((self.project.root, told, job, errors))
        return Ordered(self.orders, errors, self.orders.recv())

    def save(self, name: str) -> None:
        super().save(name)
        self._let_go()
        self.databases[name] = server().database(self._database())

    def restore(self, name: str) -> None:
        super().restore(name)
        self._let_go()
        # Whoever died may still have a connection; and a long run would fill the disk with what it is done with.
        server().sql(f"drop database if exists {self._database()} with (force)")
        url = server().database(self.databases[name].rpartition("/")[2])
        self.project = replace(self.project, environ={ADDRESS: url}, opened=[])

    def is_over(self, run: RunId) -> bool:
        return bool(self.project.state(run).outcome)

    def _let_go(self) -> None:
        assert isinstance(self.project, SharedProject)
        self.project.close()

    def _database(self) -> str:
        return self.project.environ[ADDRESS].rpartition("/")[2]


@contextmanager
def database_stage(stage: Stage) -> Iterator[DatabaseStage]:
    """The same project on a new database; nothing of it may have been driven yet."""
    known = {each.name: getattr(stage.project, each.name) for each in fields(Project)}
    project = SharedProject(**{**known, "environ": {ADDRESS: fresh_database()}})
    prepare_server()
    ours, theirs = multiprocessing.Pipe()
    host = FORKING.Process(target=_serve, args=(theirs,))
    host.start()
    theirs.close()
    made = DatabaseStage(stage.root, project, stage.scenes, orders=ours)
    try:
        yield made
    finally:
        assert isinstance(made.project, SharedProject)
        made.project.close()
        ours.close()
        host.join(LONGEST)


@contextmanager
def database_stage_at(root: Path) -> Iterator[DatabaseStage]:
    """A stage below `root` whose truth is in a database."""
    with stage_at(root) as stage, database_stage(stage) as made:
        yield made
