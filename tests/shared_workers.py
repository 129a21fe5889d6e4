"""Workers in processes of their own, on a shared database: started as users start them, really killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from gonogo.adapters.postgres import Postgres
from gonogo.adapters.workers_postgres import PostgresWorkers, WorkerSeen
from gonogo.control.assembling import CRASH_VARIABLE
from gonogo.errors import Waiting
from gonogo.terms import RunId, Secret
from postgres_server import fresh_database
from tests.projects import Project

KILLED = -signal.SIGKILL
SOURCE = Path(__file__).resolve().parents[1] / "src"
LONGEST = 60.0


def eventually(true: Callable[[], object], what: str, seconds: float = LONGEST) -> float:
    """Wait until something is so; how many seconds that took."""
    begun = time.monotonic()
    while not true():
        if time.monotonic() - begun > seconds:
            raise AssertionError(f"never within {seconds:g} s: {what}")
        time.sleep(0.05)
    return time.monotonic() - begun


@dataclass
class Site:
    """A project whose journal is in a database, with the workers that were started for it."""

    project: Project
    url: str
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(
        self, *options: str, root: Path | None = None, url: str = "", crash: str = "", inside: Sequence[str] = (), **environ: str
    ) -> subprocess.Popen[bytes]:
        """Start a worker; with `crash` it dies at that point. Its words go to a file beside the project.

        `inside` is a command that starts another one somewhere else, such as in a network of its own.
        """
        root = root or self.project.root
        told = {
            **os.environ,
            "PYTHONPATH": str(SOURCE),
            "RECORD": str(self.project.record),
            "GONOGO_DATABASE": url or self.url,
            **({CRASH_VARIABLE: crash} if crash else {}),
            **environ,
        }
        words = self.project.root.parent / f"worker-{len(self.processes)}.log"
        with words.open("wb") as log:
            command = [*inside, sys.executable, "-m", "gonogo", "worker", "-C", str(root), *options]
            process = subprocess.Popen(command, env=told, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.processes.append(process)
        return process

    def said(self, process: subprocess.Popen[bytes]) -> str:
        """What a worker has said so far."""
        return (self.project.root.parent / f"worker-{self.processes.index(process)}.log").read_text("utf-8", "replace")

    def workers(self) -> tuple[WorkerSeen, ...]:
        """All that are on the list."""
        database = Postgres(Secret(self.url))
        try:
            return PostgresWorkers(database).seen()
        finally:
            database.close()

    def alive(self, number: int) -> float:
        """Wait until so many workers are alive; how long that took."""
        return eventually(lambda: sum(1 for seen in self.workers() if seen.alive) == number, f"{number} workers alive")

    def events(self, run: RunId) -> list[str]:
        """The types of a run's events."""
        door = self.project.door()
        try:
            return [entry.type for entry in door.world.journal.entries(run)]
        finally:
            close(door)

    @contextmanager
    def signed_by_all(self, run: RunId) -> Iterator[None]:
        """While the block lasts, everybody signs whatever is asked; at its end, until the run has come to its end."""
        failed: list[BaseException] = []

        def sign() -> None:
            try:
                eventually(lambda: self._gone_on(run), "a worker is alive")
            except BaseException as error:  # noqa: BLE001 - told in the test's own thread
                failed.append(error)

        signing = threading.Thread(target=sign)
        signing.start()
        try:
            yield
        finally:
            signing.join(LONGEST)
        assert not signing.is_alive(), f"{run} does not end: {self.events(run)[-5:]}"
        if failed:
            raise failed[0]

    def _gone_on(self, run: RunId) -> bool:
        """Go on with a run as far as it goes; False where no worker is alive yet, which takes its time on a busy machine."""
        try:
            self.project.go_on(run)
        except Waiting:
            return False
        return True

    def drivers(self, run: RunId) -> tuple[str, ...]:
        """The workers that wrote into a run's ledger, in the order in which they came."""
        door = self.project.door()
        try:
            named = (str(entry.actor) for entry in door.world.journal.entries(run))
            return tuple(dict.fromkeys(name.partition(":")[2] for name in named if name.startswith("engine:")))
        finally:
            close(door)

    def process_of(self, name: str) -> subprocess.Popen[bytes]:
        """The process of a worker."""
        return next(process for process in self.processes if f"worker {name} reaches" in self.said(process))

    def stop(self) -> None:
        """End every worker that is left; the supervisors of commands end by themselves."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def close(door: object) -> None:
    """Close the connections of a door on a shared database."""
    door.store.shared.database.close()  # type: ignore[attr-defined]


@contextmanager
def site_of(project: Project, url: str = "", environ: Mapping[str, str] | None = None) -> Iterator[Site]:
    """The project with its journal in a new database."""
    url = url or fresh_database()
    shared = replace(project, environ={"GONOGO_DATABASE": url, **(environ or {})})
    site = Site(shared, url)
    try:
        yield site
    finally:
        site.stop()
