"""What asking gonogo for little things costs: `python benchmarks/bench_startup.py [TURNS] [NAME ...]`.

Processor time (user and system) of whole processes, all in turns, so that a busy machine hits all of them alike; the
median, the best, and the ratio of medians to the bare interpreter and to `gonogo --version`. With names: only the lines
that contain one of them. Ends with 1 where `gonogo status` among 10,000 live runs costs more than its bar.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench_engine import live_runs
from usage import count, usage

from gonogo.adapters import supervisor

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = [sys.executable, "-m", "gonogo"]
BARE, VERSION, LIST = "python -c pass", "gonogo --version", "gonogo status among 10,000 live runs"
BAR = 6.0
"""How many bare interpreters the list of runs may cost."""


def lines(here: str, many: str) -> dict[str, list[str]]:
    """Each command line by its name; `here` is a fresh project, `many` one with 10,000 live runs."""
    watched = ["-I", "-S", "-c", supervisor.LAUNCH, str(Path(supervisor.__file__).parent)]
    return {
        BARE: [sys.executable, "-c", "pass"],
        "python -c 'import click'": [sys.executable, "-c", "import click"],
        VERSION: [*PROGRAM, "--version"],
        LIST: [*PROGRAM, "status", "-C", many],
        "gonogo --help": [*PROGRAM, "--help"],
        "gonogo plan --help": [*PROGRAM, "plan", "--help"],
        "gonogo completion bash": [*PROGRAM, "completion", "bash"],
        "gonogo explain GN1003": [*PROGRAM, "explain", "GN1003"],
        "gonogo guard": [*PROGRAM, "guard", "--line", "kubectl get pods", "-C", here],
        "gonogo status, before the first run": [*PROGRAM, "status", "-C", here],
        "gonogo lock status": [*PROGRAM, "lock", "status", "-C", here],
        "gonogo drive --once": [*PROGRAM, "drive", "--once", "-C", here],
        "gonogo mcp serve, no client": [*PROGRAM, "mcp", "serve", "-C", here],
        "gonogo check --all": [*PROGRAM, "check", "--all", "-C", here],
        "gonogo resume, refused": [*PROGRAM, "resume", "none", "-C", here],
        "gonogo run, refused": [*PROGRAM, "run", "pre-deployment", "--release", "1", "-C", here],
        "what starts and watches a command, refused": [sys.executable, *watched],
    }


def spent(line: list[str], folder: str) -> float:
    """Seconds of processor time of one process."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    quiet = subprocess.DEVNULL
    subprocess.run(line, cwd=folder, env=environ, stdin=quiet, stdout=quiet, stderr=quiet, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(turns: int, wanted: list[str]) -> int:
    """Measure in turns, print, and hold the list of runs to its bar."""
    with tempfile.TemporaryDirectory() as here, tempfile.TemporaryDirectory() as many:
        subprocess.run([*PROGRAM, "init", "--service", "bench", "-C", here], cwd=here, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        live_runs(Path(many))
        chosen = {name: line for name, line in lines(here, many).items() if name in (BARE, VERSION, LIST) or not wanted or any(part in name for part in wanted)}
        found: dict[str, list[float]] = {name: [] for name in chosen}
        for _ in range(turns):
            for name, line in chosen.items():
                found[name].append(spent(line, here))
    bare, version = median(found[BARE]), median(found[VERSION])
    print(f"{'median':>9} {'best':>9} {'bare':>7} {'version':>8}   of {turns} turns")
    for name, times in found.items():
        middle = median(times)
        print(f"{middle * 1000:6.0f} ms {min(times) * 1000:6.0f} ms {middle / bare:6.1f}x {middle / version:7.1f}x   {name}")
    return 1 if median(found[LIST]) / bare > BAR else 0


if __name__ == "__main__":
    parser = usage(__doc__)
    parser.add_argument("turns", nargs="?", type=count, default=11, help="how often each line is measured; 11 where none is said")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only the lines that contain one of these")
    asked = parser.parse_args()
    sys.exit(main(asked.turns, asked.names))
