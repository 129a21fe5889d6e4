"""A run that is watched from another terminal of 80 columns and 24 rows, and the words of the engine meanwhile."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from command_line import importing, spawned

from gonogo.cli.watching import HEAD, fitted, lines_of
from gonogo.control.viewing import view
from tests.projects import Project, small_project
from tests.worlds_http import place

COLUMNS, ROWS = 80, 24
STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Terminal:
    """A program on a terminal of its own."""

    pid: int
    screen: int
    seen: str = ""
    ended: bool = field(default=False)

    def shows(self, words: str, seconds: float = 30.0) -> bool:
        """Whether the program prints `words` within so many seconds."""
        until = time.monotonic() + seconds
        while words not in self.seen and time.monotonic() < until and not self.ended:
            if select.select([self.screen], [], [], 0.1)[0]:
                try:
                    data = os.read(self.screen, 65536)
                except OSError:
                    data = b""
                self.ended = not data
                self.seen += data.decode("utf-8", "replace")
        return words in self.seen

    def lines(self) -> list[str]:
        """What was printed, without what steers the terminal."""
        return STEERING.sub("", self.seen.replace("\r", "\n")).split("\n")


@contextmanager
def terminal(project: Project, *arguments: str) -> Iterator[Terminal]:
    """Start one command line on a terminal; it is ended by its id."""
    pid, screen = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.chdir(project.root)
        settings = importing(RECORD=str(project.record), TERM="xterm")
        os.execve(sys.executable, [sys.executable, "-m", "gonogo", *arguments], settings)
    found = Terminal(pid, screen)
    try:
        yield found
    finally:
        os.kill(pid, signal.SIGINT)
        found.shows("\0", 0.3)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(screen)


@contextmanager
def without_terminal(project: Project, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start one command line whose output goes into a pipe, as over `ssh` without a terminal."""
    found = spawned(*arguments, "-C", project.root)
    try:
        yield found
    finally:
        found.send_signal(signal.SIGINT)
        found.communicate(timeout=60)


def read_to(words: str, process: subprocess.Popen[str]) -> list[str]:
    """The lines that a program printed up to the one with `words` in it."""
    assert process.stdout is not None
    found = [""]
    while words not in found[-1]:
        line = process.stdout.readline()
        assert line, f"it ended after {found}"
        found.append(line)
    return found


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with place(tmp_path / "w" / "staging") as staging, place(tmp_path / "w" / "production") as production:
        yield small_project(tmp_path / "project", staging, production)


@pytest.mark.skipif(sys.platform != "linux", reason="terminals and locks are looked at as Linux shows them")
@pytest.mark.req("RGD-01")
def test_a_busy_run_is_watched_from_another_terminal_of_80_columns(project: Project) -> None:
    project.edit(
        "scripts/deploy_shop.sh", "set -euo pipefail\n", "set -euo pipefail\nwhile [ ! -e go-on ]; do sleep 0.1; done\n"
    )
    run = project.begin("pre-deployment")
    project.go_until(run, "audit_recommendation")
    project.sign_all(run)
    with (
        without_terminal(project, "status", run, "--watch", "--every", "0.2") as aside,
        terminal(project, "resume", run) as engine,
        terminal(project, "status", run, "--watch", "--every", "0.2") as watcher,
    ):
        assert watcher.shows("running for 3 s: run the deploy script in staging"), watcher.seen
        assert engine.shows("run the deploy script in staging: 2 s so far"), engine.seen
        project.write("go-on", "")
        assert watcher.shows("waiting at `readiness`"), watcher.seen
        piped = read_to("waiting at `readiness`", aside)
        assert engine.shows("WAITING"), engine.seen
    assert max(len(line) for line in watcher.lines()) <= COLUMNS
    drawings = watcher.seen.split("PRE-DEPLOYMENT: release v2")
    assert len(drawings) > 5
    assert max(drawing.count("\n") for drawing in drawings) <= ROWS
    assert "\x1b" not in "".join(piped)
    assert len([line for line in piped if "running for" in line and "deploy script in staging" in line]) == 1, "said once, not every second"
    assert len([line for line in piped if line.startswith("PRE-DEPLOYMENT: release v2")]) == 1


def test_a_run_that_is_higher_than_the_screen_keeps_what_happens_now(project: Project) -> None:
    run = project.begin("pre-deployment")
    project.go_until(run, "audit_recommendation")
    door = project.door()
    seen = view(door.world, door.load(run))
    whole = tuple(lines_of(seen, verbose=False))
    assert fitted(seen, 200, len(whole) + 1, verbose=False) == whole
    for rows in (24, 12, 6):
        shown = fitted(seen, 200, rows, verbose=False)
        assert len(shown) < rows
        assert shown[:HEAD] == whole[:HEAD]
        assert shown[-1] == whole[-1]
    short = [text for text, _ in lines_of(seen, verbose=False, short=True)]
    assert "  · phase 3: 0 of 4" in short
    over = replace(seen, outcome="rolled_back", taken_back="aborted by rm1: the queue is full")
    assert fitted(over, 200, 6, verbose=False) == tuple(lines_of(over, verbose=False))
    assert fitted(over, 200, 6, verbose=False)[-1][0] == "  ended rolled back: aborted by rm1: the queue is full", "what is seen last says how it ended and why"


def test_whether_a_run_is_driven_can_be_seen_without_keeping_the_engine_out(project: Project) -> None:
    run = project.begin("pre-deployment")
    door = project.door()
    assert not door.is_driven(run)
    seen = []
    door.drive(run, patient=False, listener=lambda state, entry: seen.append(project.door().is_driven(run)))
    assert set(seen) == {True}
    assert not door.is_driven(run)
