"""One engine at a time: whose lock a process holds that a dead engine was starting, and who waits for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gonogo.adapters.run_lock import MOST_TRIES, RunLocks
from gonogo.errors import Busy
from gonogo.terms import RunId
from worlds import SimulatedClock

RUN = RunId("pre-deployment-v2")
SRC = Path(__file__).resolve().parents[2] / "src"
ENGINE = """import os, sys
from pathlib import Path
from gonogo.adapters.clock import SystemClock
from gonogo.adapters.run_lock import RunLocks
with RunLocks(Path(sys.argv[1]), SystemClock()).driving(sys.argv[2]):
    if os.fork() == 0:
        os.read(int(sys.argv[3]), 1)
    os._exit(0)
"""
"""An engine that dies while a process that it forked has not begun its own program, until the pipe is closed."""


class Clock(SimulatedClock):
    """Counts the sleeps, and does something in the first."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        super().__init__()
        self.meanwhile = meanwhile

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if len(self.sleeps) == 1:
            self.meanwhile()


@contextmanager
def left_by_a_dead_engine(root: Path) -> Iterator[Callable[[], None]]:
    """The lock of a dead engine is held by its child; what is given lets the child end."""
    ours, theirs = os.pipe()
    said, saying = os.pipe()
    command = [sys.executable, "-c", ENGINE, str(root), RUN, str(ours)]
    subprocess.run(command, env={"PYTHONPATH": str(SRC)}, pass_fds=(ours, saying), check=True, timeout=60)
    os.close(ours)
    os.close(saying)
    left = [theirs]

    def let_it_end() -> None:
        os.close(left.pop())
        os.read(said, 1)  # The child had the other end, and closes it when it ends; its lock may go a moment later.
        locks, until = RunLocks(root, SimulatedClock()), time.monotonic() + 60
        while locks.is_driven(RUN) and time.monotonic() < until:
            time.sleep(0.005)

    try:
        yield let_it_end
    finally:
        if left:
            let_it_end()
        os.close(said)


@pytest.mark.req("EXE-05", "WFS-10")
def test_the_lock_that_a_dying_engine_left_to_what_it_was_starting_is_waited_for(tmp_path: Path) -> None:
    with left_by_a_dead_engine(tmp_path) as let_it_end:
        clock = Clock(let_it_end)
        with RunLocks(tmp_path, clock).driving(RUN):
            assert 1 <= len(clock.sleeps) < MOST_TRIES
            assert f"process {os.getpid()} since" in (tmp_path / RUN / "engine.lock").read_text()


@pytest.mark.req("EXE-05")
def test_a_lock_that_a_dead_engine_left_for_good_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with left_by_a_dead_engine(tmp_path):
        clock = Clock(lambda: None)
        with pytest.raises(Busy, match="is being driven by process"), RunLocks(tmp_path, clock).driving(RUN):
            pass
        assert len(clock.sleeps) == MOST_TRIES


@pytest.mark.req("EXE-05")
@pytest.mark.parametrize("written", [None, "", "process", "process x since ever", "process 99999999999999999999 since"])
def test_who_lives_or_cannot_be_known_is_not_waited_for(tmp_path: Path, written: str | None) -> None:
    clock = Clock(lambda: None)
    with RunLocks(tmp_path, clock).driving(RUN):
        if written is not None:
            (tmp_path / RUN / "engine.lock").write_text(written)
        with pytest.raises(Busy, match="another process" if written == "" else "is being driven by process"):
            with RunLocks(tmp_path, clock).driving(RUN):
                pass
    assert clock.sleeps == []


@pytest.mark.req("EXE-05", "COM-24")
def test_an_engine_waits_for_who_only_reminds_people_and_only_one_carries_by_each_channel(tmp_path: Path) -> None:
    with ExitStack() as reminding:
        clock = Clock(reminding.close)
        locks = RunLocks(tmp_path, clock)
        reminding.enter_context(locks.driving(RUN, briefly=True))
        with locks.driving(RUN):
            assert len(clock.sleeps) == 1
    ends = locks.carrying(RUN, "mail")
    assert ends is not None
    assert locks.carrying(RUN, "mail") is None
    for other in (locks.carrying(RUN, "chat"), locks.carrying(RunId("other"), "mail")):
        assert other is not None, "what hangs elsewhere keeps nobody from it"
        other()
    ends()
    again = locks.carrying(RUN, "mail")
    assert again is not None
    again()
