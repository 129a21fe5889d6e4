"""Whole releases on a disk that fails somewhere on the way, and goes on well afterwards: nothing twice, nothing lost.

A rollout of which nothing can be recorded any more is given back at once (tests/scenarios/test_rescue_without_journal.py),
and the next engine takes that release back. Where the traffic had not been moved yet, it finds nothing changed, and goes on.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.crashes.crash_harness import ROOT
from tests.crashes.test_faulty_disk import faulty  # noqa: F401 - the fixture is used by name
from tests.crashes.test_rollout_crashes import Launch, answer_halts, ends_alike, launch  # noqa: F401 - as above

pytestmark = pytest.mark.slow

FAULTS = {
    "full": {"FAULTY_WRITE": "enospc"},
    "errors in writing": {"FAULTY_WRITE": "eio"},
    "errors in keeping": {"FAULTY_SYNC": "eio"},
    "slow": {"FAULTY_SYNC": "slow"},
}
GIVEN_BACK = "all traffic of production was given back to blue"
TIMES = int(os.environ.get("GONOGO_DISK_FAULTS", "5"))


def driven(launch: Launch, library: Path, fault: dict[str, str], after: int) -> subprocess.CompletedProcess[str]:
    """What the command line says that drives the release on such a disk, which takes so many calls first."""
    project = launch.stage.project
    told = {"LD_PRELOAD": str(library), "FAULTY_PATH": "/.gonogo/", "FAULTY_AFTER": str(after), **fault}
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "RECORD": str(project.record), **project.environ, **told}
    command = [sys.executable, "-m", "gonogo", "resume", launch.good.run, "-C", str(project.root)]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.req("WFS-10", "ROL-06", "ERR-10")
@pytest.mark.parametrize("name", FAULTS)
def test_a_release_whose_disk_fails_at_any_moment_says_so_and_comes_to_the_same_end_or_is_taken_back(
    launch: Launch, faulty: Path, name: str
) -> None:
    stage, known = launch.stage, launch.good
    seed = int(os.environ.get("GONOGO_RANDOM_SEED", str(time.time_ns() % 1_000_000)))
    chance, struck = random.Random(f"{name}{seed}"), 0
    for after in chance.sample(range(200 if "WRITE" in str(FAULTS[name]) else 60), TIMES):
        stage.restore("good/0")
        said = driven(launch, faulty, FAULTS[name], after)
        words = f"{name} after {after} calls, seed {seed}: {said.stderr[-600:]}"
        assert "Traceback" not in said.stderr, words
        assert said.returncode == 0 or "next:" in said.stderr + said.stdout, words
        struck += said.returncode != 0
        stage.go_on(known.run)
        answer_halts(stage, known.run)
        taken_back = GIVEN_BACK in said.stderr and stage.project.state(known.run).outcome == "rolled_back"
        ends_alike(stage, launch.bad if taken_back else known, words)
    assert struck or name == "slow", "the disk never failed"
