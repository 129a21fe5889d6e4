"""What the engine itself costs on SQLite: `python benchmarks/bench_engine.py [STEPS]`. About two minutes.

One step is what a driver does between two acts: read what is new, decide, append an event durably, fold it. Beside it
stands a bare SQLite commit of the same bytes in the same folder (write-ahead log, synchronous FULL), measured in turns, so
that a busy disk hits both. Figures of one machine are orders of magnitude; the ratios are what to hold. Ends with 1 when
one is missed.
"""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from usage import count, usage

from gonogo.adapters.clock import SystemClock
from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.engine.frontiers import Frontiers
from gonogo.engine.local import LocalWakeups
from gonogo.engine.working import LocalWorker
from gonogo.evidence.merkle import root_over
from gonogo.plan.model import Plan
from gonogo.plan.stored import stored_plan
from gonogo.ports import Draft
from gonogo.run.events import Recorded, TaskFinished, data_of, recorded, type_of
from gonogo.run.machine import decide
from gonogo.run.standing import Standing
from gonogo.run.state import RunState, advance
from gonogo.terms import Engine, RunId

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "tests" / "cases" / "plans" / "kept-by-0.1.0.json"
RUN, ENGINE = RunId("bench"), Engine("local")
LIVE, LOOKS, LONG = 10_000, 20, 10_000


@dataclass
class Verdicts:
    """What was held, and what was missed."""

    missed: int = 0

    def say(self, name: str, value: float, bar: float, unit: str) -> None:
        """One line a figure."""
        good = value <= bar
        self.missed += not good
        print(f"{'ok    ' if good else 'MISSED'} {name}: {value:.3g}{unit} (bar {bar:g}{unit})", flush=True)


def event_of(plan: Plan, number: int) -> TaskFinished:
    """An event as a run writes hundreds of them, about tasks that the plan has."""
    tasks = [task.id for stage in plan.stages for task in stage.tasks]
    facts = {"exit_code": 0, "started_at": "2026-11-21T10:00:00.000Z", "ended_at": "2026-11-21T10:00:01.000Z"}
    return TaskFinished(tasks[number % len(tasks)], 1, number, "ok", facts, None)


def seconds(act: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def steps(folder: Path, plan: Plan, times: int) -> tuple[float, float]:
    """Median seconds of a step and of a bare commit of the same bytes, in turns, so many times."""
    plain = sqlite3.connect(folder / "plain.db", isolation_level=None)
    for line in ("pragma journal_mode = wal", "pragma synchronous = full", "create table event (seq integer primary key, line blob)"):
        plain.execute(line)
    journal = SqliteJournal(folder / "journal.db")
    journal.open_run(RUN, [Draft("freeze.ended", {"branch": "main"})], actor=ENGINE, now=datetime.now(UTC))
    state = RunState()
    ours, bare = [], []
    for number in range(times):
        began = time.perf_counter()
        for entry in journal.entries(RUN, state.seq):
            state = advance(plan, state, recorded(entry))
        decide(plan, state, datetime.now(UTC))
        event = event_of(plan, number)
        with journal.write(RUN, state.seq, actor=ENGINE, now=datetime.now(UTC)) as change:
            line = change.append(Draft(type_of(event), data_of(event))).line
        ours.append(time.perf_counter() - began)
        bare.append(seconds(lambda: plain.execute("insert into event values (?, ?)", (number, line))))  # noqa: B023 - called at once
    return median(ours), median(bare)


def growth(plan: Plan) -> float:
    """How much dearer an event is to fold and decide at the end of 10,000 than at their beginning."""
    at, state, times = datetime.now(UTC), RunState(), []
    for number in range(LONG):
        entry = Recorded(number, at + timedelta(seconds=number), ENGINE, event_of(plan, number))
        began = time.perf_counter()
        state = advance(plan, state, entry)
        decide(plan, state, entry.at)
        times.append(time.perf_counter() - began)
    return median(times[-1000:]) / median(times[:1000])


def checkpoints(folder: Path) -> tuple[float, float]:
    """Seconds to bring a checkpoint's root up to date in a log of 3,000 entries: what is new only, and the whole log."""
    journal = SqliteJournal(folder / "long.db")
    journal.open_run(RUN, [Draft("freeze.ended", {"n": number}) for number in range(3000)], actor=ENGINE, now=datetime.now(UTC))
    frontiers = Frontiers()
    frontiers.upto(journal, RUN, 2999)
    new = []
    for seq in range(3000, 3020):
        with journal.write(RUN, seq - 1, actor=ENGINE, now=datetime.now(UTC)) as change:
            change.append(Draft("freeze.ended", {"n": seq}))
        new.append(seconds(lambda: frontiers.upto(journal, RUN, seq)))  # noqa: B023 - called at once
    whole = seconds(lambda: root_over(entry.line for entry in journal.entries(RUN)))
    return median(new), whole


def leases(folder: Path) -> float:
    """How much dearer it is to take an environment after 10,000 runs than before them: processor time, medians of 200."""
    opened = [Draft("run.opened", {"run": str(RUN), "environment": "production", "plan_sha256": "b" * 64})]
    ended = [Draft("run.closed", {"run": str(RUN), "outcome": "released", "head": "c" * 64})]
    found = []
    with SqliteJournal(folder / "leases.db") as journal:
        journal.open_run(RUN, opened, actor=ENGINE, now=datetime.now(UTC), notes=opened)
        for runs in (0, LIVE):
            for _ in range(runs // 100):
                journal.note([*opened, *ended] * 100, actor=ENGINE, now=datetime.now(UTC))
            times = []
            for _ in range(200):
                began = time.process_time()
                with journal.write(RUN, 0, actor=ENGINE, now=datetime.now(UTC)) as change:
                    change.take_lease("production", "deploy")
                times.append(time.process_time() - began)
            found.append(median(times))
    return found[1] / found[0]


def live_runs(root: Path) -> None:
    """A project with 10,000 runs that wait for people."""
    (root / "gonogo.yaml").write_text("project: bench\n")
    now = datetime.now(UTC)
    with SqliteJournal(root / ".gonogo" / "journal.db") as journal:
        for number in range(LIVE):
            run = RunId(f"pre-deployment-v{number}-000000")
            journal.open_run(run, [Draft("run.opened", {})], actor=ENGINE, now=now)
            following = f"gonogo approve {run} scope --key YOUR-KEY"
            journal.keep_standing(
                Standing(run, 0, "pre-deployment", f"v{number}", "staging", "waiting for people", following, now)
            )


def status(root: Path) -> tuple[float, float]:
    """The 95th percentile of processor time and of wall time of `gonogo status` among them."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    spent, walls = [], []
    for _ in range(LOOKS):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-m", "gonogo", "status", "-C", str(root)], env=environ, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        walls.append(time.perf_counter() - began)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    place = int(0.95 * (LOOKS - 1))
    return sorted(spent)[place], sorted(walls)[place]


class SimulatedClock(SystemClock):
    """An hour of waiting passes in no time."""

    def __init__(self) -> None:
        self.passed = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.passed


def memory() -> int:
    """The resident memory of this process in KiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


def waiting(root: Path) -> tuple[int, int, int]:
    """KiB of the process that goes on with 10,000 live runs, after its first sweeps and after an hour; its threads then.

    The journal is the real one, only the clock is moved on. Nobody signs and no moment comes; each simulated second is one
    look at what is due, every five simulated minutes there is a sweep over all runs.
    """
    clock = SimulatedClock()
    with SqliteJournal(root / ".gonogo" / "journal.db") as journal:
        now = clock.now()
        for standing in journal.standings()[: LIVE // 2]:
            journal.keep_standing(replace(standing, status="waiting", due=now + timedelta(days=1)))
        worker = LocalWorker(journal, clock, LocalWakeups(clock), lambda run: sys.exit(f"{run} was driven"), print)
        for _ in range(2):
            worker.sweep()
        before = memory()
        for second in range(3600):
            clock.passed += timedelta(seconds=1)
            worker.one("one")
            if second % 300 == 299:
                worker.sweep()
        return before, memory(), threading.active_count()


def main() -> int:
    """Measure everything once."""
    parser = usage(__doc__)
    parser.add_argument("steps", nargs="?", type=count, default=400, help="how many steps are timed; 400 where none is said")
    times = parser.parse_args().steps
    verdicts, plan = Verdicts(), stored_plan(KEPT.read_bytes())
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        ours, bare = steps(folder, plan, times)
        print(f"       a step takes {ours * 1000:.2f} ms, a bare commit of its bytes {bare * 1000:.2f} ms")
        verdicts.say("a step against a bare commit", ours / bare, 8.0, "x")
        verdicts.say("an event at the end of 10,000 against one at their beginning", growth(plan), 1.6, "x")
        new, whole = checkpoints(folder)
        print(f"       a checkpoint's root among 3,000 entries: {new * 1000:.2f} ms, over the whole log {whole * 1000:.1f} ms")
        verdicts.say("a checkpoint against one over the whole log", new / whole, 0.1, "x")
        verdicts.say("taking an environment after 10,000 runs against before them", leases(folder), 2.0, "x")
        live_runs(folder)
        spent, wall = status(folder)
        print(f"       gonogo status among {LIVE} live runs: p95 {wall * 1000:.0f} ms of wall time")
        verdicts.say("gonogo status among 10,000 live runs, processor time, p95", spent, 0.1, " s")
        before, after, threads = waiting(folder)
        print(f"       {LIVE} live runs: {before / 1024:.1f} MiB, after a simulated hour {after / 1024:.1f} MiB, {threads} thread(s)")
        verdicts.say("memory after an hour with 10,000 live runs against its beginning", after / before, 1.05, "x")
    return 1 if verdicts.missed else 0


if __name__ == "__main__":
    sys.exit(main())
