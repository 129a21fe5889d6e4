"""The real command line in processes of its own: what the story types, and what came back.

Every command runs in the project's folder, so that the line on the screen is the line to type.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gonogo.errors import Broken, GonogoError
from gonogo.evidence.canonical import Tree, read_object
from gonogo.values import dataclass

LIMIT_SECONDS = 300.0
GO, NO_GO, WAITING, ROLLED_BACK = 0, 2, 3, 4
_FROM_OUTSIDE = ("GONOGO_", "GITHUB_", "GITLAB_", "PYTEST_")


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended: exit code, what it printed as result, and its words."""

    code: int
    out: str
    words: str

    @property
    def document(self) -> Mapping[str, Tree]:
        """The JSON document on stdout; Broken where there is none."""
        try:
            return read_object(self.out.encode("utf-8"), name="stdout")
        except GonogoError as error:
            raise Broken(f"no JSON document came back: {self.out[-300:]!r} {self.words[-600:]}") from error

    def text(self, key: str) -> str:
        """A text of the document; empty where it is not one."""
        found = self.document.get(key)
        return found if isinstance(found, str) else ""


class Pending:
    """A command that runs; one may wait for it more than once."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._answer: Answer | None = None
        self._alone = threading.Lock()

    def wait(self) -> Answer:
        """Its answer; it is ended where that cannot be had."""
        with self._alone:
            if self._answer is None:
                try:
                    out, words = self._process.communicate(timeout=LIMIT_SECONDS)
                finally:
                    end(self._process)
                self._answer = Answer(self._process.returncode, out, words)
            return self._answer


class CommandLine:
    """`gonogo` in the folder `root`."""

    def __init__(self, root: Path, programs: Path | None = None) -> None:
        """`programs` is a folder whose programs are found first."""
        self._root = root
        self._environ = environment(os.environ, programs)
        self._started: list[subprocess.Popen[str]] = []

    def ask(self, *arguments: str) -> Answer:
        """Run one command to its end; Broken after five minutes, which no machine is too busy for."""
        return self.begin(*arguments).wait()

    def begin(self, *arguments: str) -> Pending:
        """Begin a command beside others, as another person would."""
        return Pending(self._start(arguments))

    def watch(self, *arguments: str, heard: Callable[[int, str], None]) -> Answer:
        """Run one command and hand each line of its words on as it comes, with the id of the process."""
        process = self._start(arguments)
        watchdog = threading.Timer(LIMIT_SECONDS, process.kill)
        watchdog.start()
        words: list[str] = []
        try:
            for line in process.stderr or ():
                words.append(line)
                heard(process.pid, line.rstrip("\n"))
            out = process.stdout.read() if process.stdout else ""
            code = process.wait(LIMIT_SECONDS)
        finally:
            watchdog.cancel()
            end(process)
        return Answer(code, out, "".join(words))

    def _start(self, arguments: Sequence[str]) -> subprocess.Popen[str]:
        argv = (sys.executable, "-m", "gonogo", *arguments)
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and a fixed list
            argv,
            cwd=self._root,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._started.append(process)
        return process

    def end_all(self) -> None:
        """End every command that still runs."""
        for process in self._started:
            if process.poll() is None:
                process.terminate()
        for process in self._started:
            end(process)


def environment(outside: Mapping[str, str], programs: Path | None) -> dict[str, str]:
    """What a command of the story gets of `outside`: an actor or a CI system there does not act on the screen."""
    kept = {name: value for name, value in outside.items() if not name.startswith(_FROM_OUTSIDE)}
    path = os.pathsep.join(str(one) for one in (programs, kept.get("PATH", os.defpath)) if one)
    return kept | {"NO_COLOR": "1", "PATH": path}


def end(process: subprocess.Popen[str]) -> None:
    """End a command that we started, by its id, and collect it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(3.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(3.0)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
