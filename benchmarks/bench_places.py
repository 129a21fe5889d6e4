"""Several engines on one SQLite journal: `python benchmarks/bench_places.py [RUNS]` (default 1,000 runs of three steps of 100 ms).

Without a database there are no workers: each command drives its run, and up to four runs are worked on at once on a machine.
Here engines are processes that take one run after the other, each under the lock of that run, with the real journal, on one
file; a step sleeps and appends its event durably. Four of them against one: at least 3.5 times as many runs a second. And the run
of a process that is killed goes on in another one within 5 s. Ends with 1 when either is missed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from usage import count, usage

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src")]

from gonogo.adapters.clock import SystemClock
from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.adapters.run_lock import RunLocks
from gonogo.engine.local import LocalWakeups
from gonogo.engine.working import LocalWorker
from gonogo.errors import Busy
from gonogo.ports import Draft
from gonogo.terms import Engine, Person, RunId

STEP, STEPS, MANY, LEAST = 0.1, 3, 4, 3.5
LONG, KILLS, MOST_TAKEOVER = 600, 5, 5.0
SETTLED = 1.5
"""So many seconds the second process has to begin, and to find that the run is driven."""


def drive(folder: Path, first: int) -> None:
    """One engine: whatever run nobody drives, until all are over; it begins its looking at `first`."""
    locks, engine = RunLocks(folder / "runs", SystemClock()), Engine("local")
    with SqliteJournal(folder / "journal.db") as journal:
        runs = journal.runs()
        print("ready", flush=True)
        sys.stdin.readline()
        for run in (*runs[first:], *runs[:first]):
            with suppress(Busy), locks.driving(run):
                last = journal.entries(run)[-1].seq
                for seq in range(last, STEPS):
                    time.sleep(STEP)
                    kind = "run.closed" if seq == STEPS - 1 else "task.finished"
                    with journal.write(run, seq, actor=engine, now=datetime.now(UTC)) as change:
                        change.append(Draft(kind, {"outcome": "ready"}))


def rate(runs: int, engines: int) -> float:
    """Runs a second, from the moment when all engines are ready to the end of the last run."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with SqliteJournal(folder / "journal.db") as journal:
            for number in range(runs):
                journal.open_run(RunId(f"run-{number:05}"), [Draft("run.opened", {})], actor=Person("dev1"), now=datetime.now(UTC))
        command, pipes = [sys.executable, __file__, "--drive", place], {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        processes = [subprocess.Popen([*command, str(runs * number // engines)], **pipes) for number in range(engines)]
        for process in processes:
            process.stdout.readline()
        began = time.perf_counter()
        for process in processes:
            process.stdin.close()
        if any(process.wait() for process in processes):
            raise SystemExit("an engine failed")
        took = time.perf_counter() - began
        with SqliteJournal(folder / "journal.db") as journal:
            assert set(journal.heads().values()) == {STEPS}, "every run is over, each event once"
    print(f"  {engines} engine(s): {runs} runs of {STEPS} steps of {STEP * 1000:.0f} ms in {took:.1f} s, {runs / took:.1f} runs/s", flush=True)
    return runs / took


def go_on(folder: Path) -> None:
    """What `gonogo drive` does: go on with every run that nobody drives, and look at one that is driven from time to time."""
    clock = SystemClock()
    locks, engine = RunLocks(folder / "runs", clock), Engine(f"at-{os.getpid()}")
    with SqliteJournal(folder / "journal.db") as journal:

        def drive(run: RunId) -> None:
            with locks.driving(run):
                for seq in range(journal.entries(run)[-1].seq, LONG):
                    time.sleep(STEP)
                    with journal.write(run, seq, actor=engine, now=datetime.now(UTC)) as change:
                        change.append(Draft("task.finished", {"n": seq}))

        worker = LocalWorker(journal, clock, LocalWakeups(clock), drive, print)
        worker.sweep()
        while True:
            worker.one("one") or time.sleep(0.05)


def takeover(settled: float = SETTLED) -> float:
    """Seconds from SIGKILL of the process that drives a run to the run's next event, by another process on the same file."""
    with tempfile.TemporaryDirectory() as place, SqliteJournal(Path(place) / "journal.db") as journal:
        run = RunId("run-00000")
        journal.open_run(run, [Draft("run.opened", {})], actor=Person("dev1"), now=datetime.now(UTC))
        command = [sys.executable, __file__, "--go-on", place]

        def by() -> str:
            last = journal.entries(run)[-1]
            return last.actor.name if last.seq else ""

        processes = {f"at-{process.pid}": process for process in (subprocess.Popen(command) for _ in range(2))}
        while not (had := by()):
            time.sleep(0.02)
        time.sleep(settled)
        processes[had].kill()
        began = time.perf_counter()
        while by() == had:
            time.sleep(0.01)
        took = time.perf_counter() - began
        for process in processes.values():
            process.kill()
            process.wait()
    return took


def main() -> int:
    """Measure all three."""
    parser = usage(__doc__)
    parser.add_argument("runs", nargs="?", type=count, default=1000, help="how many runs the engines take; 1000 where none is said")
    runs = parser.parse_args().runs
    seen = [takeover(SETTLED + 0.4 * number) for number in range(KILLS)]
    held = max(seen) <= MOST_TAKEOVER
    shown = f"median {median(seen):.2f} s, longest {max(seen):.2f} s of {KILLS}"
    print(f"{'ok    ' if held else 'MISSED'} taken over after SIGKILL: {shown} (bar {MOST_TAKEOVER:g} s)", flush=True)
    one, many = rate(runs, 1), rate(runs, MANY)
    print(f"{'ok    ' if many / one >= LEAST else 'MISSED'} {MANY} engines: {many / one:.2f} times the runs of one (bar {LEAST})")
    return 0 if held and many / one >= LEAST else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--drive"]:
        drive(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["--go-on"]:
        go_on(Path(sys.argv[2]))
    else:
        sys.exit(main())
