"""What a run costs beside Prefect, both on this machine and in turns: `python benchmarks/bench_prefect.py [ROUNDS]`.

Prefect gets an environment of its own, made by uv in a temporary folder (PREFECT_ENV names one that is there already), and its
local server with its SQLite database, started beforehand and warm. Two comparisons:

* the engine's own cost: a run of four steps that do nothing, opened, done and closed. Here that is four times reading what is
  new, deciding, appending durably and folding; there a flow of four tasks. The bar: a fifth of Prefect's cost.
* the same work as people would have it done: two scripts, each a process. Here a whole protocol run with compiled document,
  sealed evidence, judged gates and a signed package; there a flow of two tasks that start the same scripts, and nothing
  of all that. No bar: it is told so that nobody takes the first figure for this one.

Ends with 1 when the bar is missed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from usage import count, usage

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT), str(ROOT / "tests")]

from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.plan.stored import stored_plan
from gonogo.ports import Draft
from gonogo.run.events import RunClosed, TaskFinished, data_of, recorded, type_of
from gonogo.run.machine import decide
from gonogo.run.state import RunState, advance
from gonogo.terms import Engine, RunId

VERSION = "3.8.8"
BESIDE = "fastapi<0.140"
"""Prefect takes any later one, and its server does not start with those that dropped what it uses."""
STEPS = 4
BAR = 0.2
KEPT = ROOT / "tests" / "cases" / "plans" / "kept-by-0.1.0.json"

PREFECT = """
import logging, subprocess, sys, time
from prefect import flow, task

@task
def step(number): return number

@flow
def steps():
    for number in range(int(sys.argv[1])): step(number)

@task
def script(path): subprocess.run([path], check=True)

@flow
def scripts(paths):
    for path in paths: script(path)

steps()
print("ready", flush=True)
for line in sys.stdin:
    words = line.split()
    began = time.perf_counter()
    scripts(words[1:]) if words[0] == "scripts" else steps()
    print(time.perf_counter() - began, flush=True)
"""


class Rival:
    """A process of Prefect's own environment that runs a flow for each line it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        env = Path(os.environ.get("PREFECT_ENV", folder / "env"))
        if not env.exists():
            began = time.perf_counter()
            subprocess.run([sys.executable, "-m", "uv", "venv", "-q", str(env)], check=True)
            python = str(env / "bin" / "python")
            subprocess.run(
                [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", python, f"prefect=={VERSION}", BESIDE],
                check=True,
            )
            print(f"       Prefect {VERSION} installed in {time.perf_counter() - began:.0f} s", flush=True)
        (folder / "flows.py").write_text(PREFECT)
        patient = {
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
        }
        quiet = {"PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
        environ = {**os.environ, **quiet, **patient, "PREFECT_HOME": str(folder / "home")}
        self.process = subprocess.Popen(
            [str(env / "bin" / "python"), str(folder / "flows.py"), str(STEPS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=(folder / "rival.log").open("wb"), text=True, env=environ,
        )  # fmt: skip
        self._answer("ready")

    def run(self, *words: str) -> float:
        """Seconds of one flow."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return float(self._answer())

    def _answer(self, wanted: str = "") -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() == wanted or (not wanted and line[:1].isdigit()):
                return line
        raise SystemExit(f"Prefect ended, nothing can be compared: {(self.folder / 'rival.log').read_text()[-400:]}")

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)


def engine_run(journal: SqliteJournal, plan: object, number: int) -> float:
    """Seconds of a run of four steps that do nothing, from its opening to its end."""
    run, engine = RunId(f"run-{number:06}"), Engine("local")
    tasks = [task.id for stage in plan.stages for task in stage.tasks]
    began = time.perf_counter()
    journal.open_run(run, [Draft("freeze.ended", {"branch": "main"})], actor=engine, now=datetime.now(UTC))
    state = RunState()
    for step in range(STEPS + 1):
        for entry in journal.entries(run, state.seq):
            state = advance(plan, state, recorded(entry))
        decide(plan, state, datetime.now(UTC))
        event = TaskFinished(tasks[step], 1, 0, "ok", {}, None) if step < STEPS else RunClosed("ready")
        with journal.write(run, state.seq, actor=engine, now=datetime.now(UTC)) as change:
            change.append(Draft(type_of(event), data_of(event)))
    return time.perf_counter() - began


def protocol_run(project: object) -> float:
    """Seconds of a whole run of a protocol of two scripts, from the request to the sealed package."""
    from tests.scenarios.disk_stories import STOCK

    began = time.perf_counter()
    run = project.begin(STOCK)
    project.door().drive(run, patient=False, listener=lambda state, entry: None)
    took = time.perf_counter() - began
    assert project.state(run).outcome == "ready", project.view(run).halt
    return took


def main() -> int:
    """Compare, in turns."""
    from tests.scenarios.disk_stories import stock_project

    parser = usage(__doc__)
    parser.add_argument("rounds", nargs="?", type=count, default=15, help="how often each is measured; 15 where none is said")
    rounds = parser.parse_args().rounds
    plan = stored_plan(KEPT.read_bytes())
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        rival = Rival(folder)
        project = stock_project(folder / "shop", folder / "worlds")
        scripts = []
        for name in ("count", "report"):
            script = folder / f"{name}.sh"
            script.write_text("#!/bin/sh\necho '{}' > \"$0.json\"\n")
            script.chmod(0o755)
            scripts.append(str(script))
        protocol_run(project)
        ours, theirs, whole, flows = [], [], [], []
        with SqliteJournal(folder / "journal.db") as journal:
            for number in range(rounds):
                theirs.append(rival.run("steps"))
                ours.append(engine_run(journal, plan, number))
                flows.append(rival.run("scripts", *scripts))
                whole.append(protocol_run(project))
        rival.close()
    ratio = median(ours) / median(theirs)
    print(
        f"       a run of {STEPS} empty steps: {median(ours) * 1000:.1f} ms; Prefect {VERSION}: {median(theirs) * 1000:.0f} ms"
    )
    print(f"{'ok    ' if ratio <= BAR else 'MISSED'} a run against Prefect's: {ratio:.4f} (bar {BAR:g})")
    print(
        f"       two scripts as a whole protocol run: {median(whole) * 1000:.0f} ms; as a flow: {median(flows) * 1000:.0f} ms"
    )
    print(json.dumps({"ratio": round(ratio, 4), "whole": round(median(whole) / median(flows), 3)}))
    return 0 if ratio <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
