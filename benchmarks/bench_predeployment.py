"""What gonogo itself adds to a pre-deployment: the demo project from `gonogo run` to `ready`, without its own scripts.

    python benchmarks/bench_predeployment.py            three runs, about half a minute
    python benchmarks/bench_predeployment.py --quick    one run

Real processes behind the demo's proxy, the command line as a person types it. The bar is 20 s beyond the time that the
project's scripts, tests and scans take by their own start and end in the ledger. Signing (`gonogo approve`, one call a
signature) is reported apart: people do it. Prints one line a figure and ends with 1 when the bar is missed. Where more
runs on the machine than it has processors, wall time says nothing about gonogo: then its processor time is judged.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from gonogo.adapters.journals.sqlite import SqliteJournal
from gonogo.demo.story_people import REQUESTER, SIGNERS
from gonogo.demo.story_stage import FAST, Stage, playing, set_stage, wish_of
from gonogo.evidence.ledger import time_of
from gonogo.run.events import TaskFinished, recorded
from gonogo.terms import RunId

BAR_SECONDS = 20.0
WAITS, READY = 3, 0
_RUN = re.compile(r"\b(pre-deployment-v2-[0-9a-z]+)\b")


@dataclass(frozen=True)
class Measured:
    """One pre-deployment, in seconds: its commands' walls, what its children took of them, and the signing."""

    wall: float
    children: float
    signing: float
    processor: float

    @property
    def own(self) -> float:
        """What gonogo adds."""
        return self.wall - self.children


@dataclass
class Clocked:
    """Calls of the command line in one folder, with the seconds that they took."""

    stage: Stage
    seconds: float = 0.0
    processor: float = 0.0

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command line, timed."""
        begun, used = time.monotonic(), processor_seconds()
        done = subprocess.run(  # noqa: S603 - our own command line
            [sys.executable, "-m", "gonogo", *arguments], cwd=self.stage.root, capture_output=True, text=True, check=False
        )
        self.seconds += time.monotonic() - begun
        self.processor += processor_seconds() - used
        return done


def processor_seconds() -> float:
    """Processor time of the ended calls; the project's scripts run under supervisors of their own and are not in it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(folder: Path) -> Measured:
    """Take the demo's release v2 through pre-deployment."""
    stage = set_stage(folder / "demo", wish_of("asyncio"), FAST)
    settings = stage.root / "config" / "staging.env"
    settings.write_text(settings.read_text("utf-8").replace("PRICE_LIST_CACHE=off", "PRICE_LIST_CACHE=on"), "utf-8")
    driving, signing = Clocked(stage), Clocked(stage)
    with playing(stage):
        done = driving.call("run", "pre-deployment", "--release", "v2", "--as", REQUESTER)
        run = _RUN.search(done.stdout + done.stderr)
        while done.returncode == WAITS and run:
            sign_all(signing, run[1])
            done = driving.call("resume", run[1])
    if done.returncode != READY or run is None:
        sys.exit(f"the demo's release did not become ready:\n{done.stdout}\n{done.stderr}")
    return Measured(driving.seconds, children_of(stage.root, RunId(run[1])), signing.seconds, driving.processor)


def sign_all(signing: Clocked, run: str) -> None:
    """Everybody signs what the run waits for."""
    waiting = signing.call("status", run).stdout
    for point in re.findall(r"waiting at `(\w+)`", waiting):
        for handle in SIGNERS[point]:
            arguments = ("--key", signing.stage.key(handle), "--yes")
            done = signing.call("approve", run, point, *arguments)
            if done.returncode:
                sys.exit(f"{handle} could not sign {point}: {done.stderr or done.stdout}")


def children_of(root: Path, run: RunId) -> float:
    """Seconds between start and end of every command of the run, from its ledger."""
    total = 0.0
    for entry in SqliteJournal(root / ".gonogo/journal.db").entries(run):
        event = recorded(entry).event
        if isinstance(event, TaskFinished):
            began, ended = event.facts.get("started_at"), event.facts.get("ended_at")
            if isinstance(began, str) and isinstance(ended, str):
                total += (time_of(ended) - time_of(began)).total_seconds()
    return total


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="one run instead of three")
    rounds = 1 if parser.parse_args().quick else 3
    if shutil.which("bash") is None:
        sys.exit("the demo's scripts need bash")
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="gg") as folder:
            found.append(measured(Path(folder)))
    own, processor = (median(getattr(item, name) for item in found) for name in ("own", "processor"))
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    print(f"{'gonogo run and resume, wall':<52} {median(item.wall for item in found):8.2f} s")
    print(f"{'of it the scripts, tests and scans of the project':<52} {median(item.children for item in found):8.2f} s")
    print(f"{'signatures, one call each':<52} {median(item.signing for item in found):8.2f} s")
    ok = (processor if busy else own) <= BAR_SECONDS
    bar = f"   bar {BAR_SECONDS:g} s   {'ok' if ok else 'MISSED'}"
    print(f"{'processor time of gonogo run and resume':<52} {processor:8.2f} s{bar if busy else ''}")
    print(f"{'beyond the time of its own scripts, wall':<52} {own:8.2f} s{'   (busy machine)' if busy else bar}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
