"""What asking gonogo for little things costs, as a ratio to the bare interpreter: `python benchmarks/bench_startup.py`.

Prints processor time (user and system) of whole processes, the median of several, best beside it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
TIMES = int(sys.argv[1]) if len(sys.argv) > 1 else 11
PROGRAM = [sys.executable, "-m", "gonogo.cli.main"]
LINES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import click'": [sys.executable, "-c", "import click"],
    "gonogo --version": [*PROGRAM, "--version"],
    "gonogo --help": [*PROGRAM, "--help"],
    "gonogo plan --help": [*PROGRAM, "plan", "--help"],
    "gonogo explain GN1003": [*PROGRAM, "explain", "GN1003"],
    "gonogo init --dry-run": [*PROGRAM, "init", "--dry-run", "--service", "bench"],
    "gonogo check --all": [*PROGRAM, "check", "--all"],
}


def spent(line: list[str], folder: str) -> float:
    """Seconds of processor time of one process."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(line, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


with tempfile.TemporaryDirectory() as folder:
    bare = 0.0
    print(f"{'median':>9} {'best':>9} {'ratio':>7}   of {TIMES}")
    for name, line in LINES.items():
        found = [spent(line, folder) for _ in range(TIMES)]
        middle = median(found)
        bare = bare or middle
        print(f"{middle * 1000:6.0f} ms {min(found) * 1000:6.0f} ms {middle / bare:6.1f}x   {name}")
