"""Runs a short program with bounds on time and output, wholly in memory: nothing that it says touches a disk.

For what may hold secrets (settings of an environment) and for code that is not gonogo's own (providers). At a bound the
whole process group is killed. What a killed or failed program said on stderr is counted and never quoted here: it may
quote what it read.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import IO, Literal, TypeAlias

from gonogo.errors import Broken
from gonogo.values import dataclass

EndedBy: TypeAlias = Literal["itself", "time", "output"]

CHUNK = 1 << 16
LINGER = 0.2
"""Seconds that output is still awaited for after the program itself has ended, where something else holds its pipe."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A program to run: arguments, folder, whole environment, what it reads, and its bounds (seconds, bytes)."""

    argv: tuple[str, ...]
    cwd: Path
    seconds: float
    most_bytes: int
    env: Mapping[str, str] = field(default_factory=dict)
    given: bytes = b""

    @property
    def name(self) -> str:
        """The program as it is quoted in messages."""
        return " ".join(self.argv)


@dataclass(frozen=True, slots=True)
class Told:
    """What a program said and how it ended; of stderr only the number of bytes is known."""

    ended_by: EndedBy
    code: int
    output: bytes
    complained: int


def run_bounded(asked: Asked) -> Told:
    """Run the program to its end or to a bound; Broken where it cannot be started."""
    try:
        process = subprocess.Popen(  # noqa: S603 - an argument list from the reviewed project file, no shell
            asked.argv,
            cwd=asked.cwd,
            env=asked.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) and error.strerror else "its arguments cannot be passed on"
        raise Broken(
            f"the program cannot be started: {what}", where=asked.argv[0] if asked.argv else "", next_step="correct it"
        ) from error
    try:
        return _Talk(process, asked).held()
    finally:
        end_group(process)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a program's process group, close its pipes, and reap it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    process.wait()


class _Talk:
    """One conversation: feeds stdin, gathers stdout, counts stderr, until all pipes are closed or a bound is met."""

    def __init__(self, process: subprocess.Popen[bytes], asked: Asked) -> None:
        self.process = process
        self.asked = asked
        self.left = memoryview(asked.given)
        self.output = bytearray()
        self.complained = 0
        self.selector = selectors.DefaultSelector()
        for pipe, event in (
            (process.stdin, selectors.EVENT_WRITE),
            (process.stdout, selectors.EVENT_READ),
            (process.stderr, selectors.EVENT_READ),
        ):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self.selector.register(pipe, event)

    def held(self) -> Told:
        """Talk until the program has ended or a bound is met."""
        deadline = time.monotonic() + self.asked.seconds
        with self.selector:
            while self.selector.get_map():
                left = deadline - time.monotonic()
                if left <= 0:
                    return self._told("time")
                ended = self.process.poll() is not None
                ready = self.selector.select(min(left, LINGER))
                if ended and not ready:
                    break
                for key, _ in ready:
                    self._serve(key)
                if len(self.output) > self.asked.most_bytes:
                    return self._told("output")
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return self._told("time")
        return self._told("itself")

    def _serve(self, key: selectors.SelectorKey) -> None:
        pipe = key.fileobj
        assert not isinstance(pipe, int)
        if pipe is self.process.stdin:
            self._feed(self.process.stdin)
            return
        data = os.read(key.fd, CHUNK)
        if not data:
            self.selector.unregister(pipe)
        elif pipe is self.process.stdout:
            self.output += data
        else:
            self.complained += len(data)

    def _feed(self, pipe: IO[bytes] | None) -> None:
        assert pipe is not None
        try:
            self.left = self.left[os.write(pipe.fileno(), self.left[:CHUNK]) :] if self.left else self.left
        except BrokenPipeError:
            self.left = self.left[:0]
        if not self.left:
            self.selector.unregister(pipe)
            with contextlib.suppress(OSError):
                pipe.close()

    def _told(self, ended_by: EndedBy) -> Told:
        code = self.process.returncode if self.process.returncode is not None else 0
        return Told(ended_by, code, bytes(self.output), self.complained)
