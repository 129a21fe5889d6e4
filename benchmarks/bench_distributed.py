"""Distributed mode on PostgreSQL: throughput of workers, take-over after a kill, what an append costs. Ratios are what to hold.

    python benchmarks/bench_distributed.py [RUNS]        (default 1000 runs of three steps of 100 ms)

Workers are processes of their own that take runs from the real queue; a step sleeps and appends its event with the real
journal. The server is made for this, with fsync on, and removed afterwards.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from usage import count, usage

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT), str(ROOT / "tests")]

STEP = 0.1
STEPS = 3
LONG = 600
"""So many steps that a run is never at its end while its worker is killed."""
AT_ONCE = 5
ALONE, MANY = 1, 4
LEAST_SPEEDUP = 3.5
MOST_TAKEOVER = 5.0
MOST_APPEND = 14.0


def work(url: str, steps: int) -> None:
    """A worker: the steps of each run that the queue gives."""
    from gonogo.adapters.workers_postgres import Worker
    from gonogo.control.stores.shared import SharedStore
    from gonogo.engine import distributed
    from gonogo.ports import Draft
    from gonogo.terms import Engine, RunId, Secret

    store = SharedStore(Secret(url), lambda _point: None, by_worker=True)
    name = f"bench-{os.getpid()}"
    membership = store.workers.join(Worker(name, "host", "host:1", os.getpid(), (), "0", ""))
    engine = Engine(name)
    _ = store.queue

    def drive(run: RunId) -> str:
        last = store.journal.entries(run)[-1]
        if last.type == "run.closed":
            return "over"
        for seq in range(last.seq, steps):
            time.sleep(STEP)
            kind = "run.closed" if seq == steps - 1 else "task.finished"
            with store.journal.write(run, seq, actor=engine, now=datetime.now(UTC)) as transaction:
                transaction.append(Draft(kind, {"outcome": "ready"}))
        return "closed"

    distributed.serve(url, store.database.pool, distributed.Serving(name, (), AT_ONCE), drive)
    while membership.stands():
        with membership.dead() as dead:
            for seen in dead:
                store.queue.abandon(seen.worker.name)
        time.sleep(0.3)


def started(url: str, number: int, steps: int = STEPS) -> list[subprocess.Popen[bytes]]:
    return [subprocess.Popen([sys.executable, __file__, "--work", url, str(steps)]) for _ in range(number)]


def finished(url: str) -> int:
    from gonogo.adapters.postgres import Postgres
    from gonogo.terms import Secret

    database = Postgres(Secret(url))
    try:
        with database.transaction() as rows:
            return int(rows.execute("select count(*) from gonogo_head where seq = ?", (STEPS,)).scalar() or 0)
    finally:
        database.close()


def opened(url: str, number: int, first: int = 0) -> float:
    """Open so many runs, each told to the workers in its own commit; how long that took."""
    from gonogo.control.stores.shared import SharedStore
    from gonogo.ports import Draft
    from gonogo.terms import Person, RunId, Secret

    store = SharedStore(Secret(url), lambda _point: None)
    _ = store.queue
    begun = time.perf_counter()
    for count in range(first, first + number):
        store.journal.open_run(RunId(f"run-{count:05}"), [Draft("run.opened", {})], actor=Person("dev1"), now=datetime.now(UTC))
    took = time.perf_counter() - begun
    store.database.close()
    return took


def throughput(server, runs: int, workers: int) -> float:
    """Seconds for all runs from the start of the first worker that is ready."""
    url = server.database()
    opening = opened(url, runs)
    processes = started(url, workers)
    while not finished(url):
        time.sleep(0.05)
    first, begun = finished(url), time.perf_counter()
    while (done := finished(url)) < runs:
        time.sleep(0.1)
    took = time.perf_counter() - begun
    for process in processes:
        process.kill()
        process.wait()
    rate = (runs - first) / took
    print(f"  {workers} worker(s): {runs} runs of {STEPS} steps of {STEP * 1000:.0f} ms in {took:.1f} s, {rate:.1f} runs/s (opened at {runs / opening:.0f}/s)")
    return rate


def takeover(server, times: int = 8) -> list[float]:
    """Seconds from SIGKILL of a worker in the middle of a run to the next event of that run, by another worker."""
    from gonogo.adapters.journals.postgres import PostgresJournal
    from gonogo.adapters.postgres import Postgres
    from gonogo.adapters.workers_postgres import PostgresWorkers
    from gonogo.terms import RunId, Secret

    url = server.database()
    living = {process.pid: process for process in started(url, 1, LONG)}
    database = Postgres(Secret(url))
    journal, workers, found = PostgresJournal(database), PostgresWorkers(database), []

    def by(run: RunId) -> str:
        entry = journal.entries(run)[-1]
        return entry.actor.name if entry.seq else ""

    for number in range(times):
        living |= {process.pid: process for process in started(url, 1, LONG)}
        while sum(seen.alive for seen in workers.seen()) < 2:
            time.sleep(0.02)
        opened(url, 1, first=number)
        run = RunId(f"run-{number:05}")
        while not (had := by(run)):
            time.sleep(0.02)
        victim = living.pop(int(had.rpartition("-")[2]))
        victim.kill()
        begun = time.perf_counter()
        while by(run) == had:
            time.sleep(0.01)
        found.append(time.perf_counter() - begun)
        victim.wait()
    for process in living.values():
        process.kill()
        process.wait()
    database.close()
    return found


def append_cost(server, times: int = 400) -> tuple[float, float]:
    """Milliseconds of one append by the journal, and of a bare commit of the same bytes by the driver."""
    import psycopg

    from gonogo.adapters.journals.postgres import PostgresJournal
    from gonogo.adapters.postgres import Postgres
    from gonogo.ports import Draft
    from gonogo.terms import Engine, RunId, Secret

    url = server.database()
    database = Postgres(Secret(url))
    journal, engine, run = PostgresJournal(database), Engine("eu1"), RunId("run-1")
    journal.open_run(run, [Draft("run.opened", {})], actor=engine, now=datetime.now(UTC))
    ours, bare = [], []
    line = b"x" * 250
    with psycopg.connect(url) as plain:
        plain.execute("create table bare (n bigint, line bytea)")
        plain.commit()
        for seq in range(times):
            begun = time.perf_counter()
            with journal.write(run, seq, actor=engine, now=datetime.now(UTC)) as transaction:
                transaction.append(Draft("task.intended", {"task": "a/b#c"}))
            ours.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            plain.execute("insert into bare values (%s, %s)", (seq, line))
            plain.commit()
            bare.append(time.perf_counter() - begun)
    database.close()
    return statistics.median(ours) * 1000, statistics.median(bare) * 1000


def main() -> int:
    parser = usage(__doc__)
    parser.add_argument("runs", nargs="?", type=count, default=1000, help="how many runs the workers take; 1000 where none is said")
    runs = parser.parse_args().runs
    from postgres_server import server as make_server

    server = make_server()
    ours, bare = append_cost(server)
    print(f"append: {ours:.2f} ms; a bare commit of the same bytes: {bare:.2f} ms: {ours / bare:.1f} x (hold: <= {MOST_APPEND:g} x)")
    seen = takeover(server)
    print(f"take-over after SIGKILL: median {statistics.median(seen):.2f} s, longest {max(seen):.2f} s of {len(seen)} (hold: <= {MOST_TAKEOVER:g} s)")
    one, many = throughput(server, runs, ALONE), throughput(server, runs, MANY)
    print(f"throughput of {MANY} workers: {many / one:.2f} x that of one (hold: >= {LEAST_SPEEDUP:g} x)")
    held = ours / bare <= MOST_APPEND and max(seen) <= MOST_TAKEOVER and many / one >= LEAST_SPEEDUP
    return 0 if held else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(main())
