"""Runs a short command of the project and reads the JSON object that it prints; never a shell, always a time limit.

For questions (which weights, which counters) and traffic moves, not for deploys: those run under the supervisor.
Output goes to files and not to pipes, so that a grandchild which holds a pipe cannot hang the reader, and a child that
floods one stream cannot block on the other. At the limit the whole process group is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from gonogo.adapters.http_calls import printable
from gonogo.errors import BadInput, Broken
from gonogo.evidence.canonical import Tree, read_object
from gonogo.values import dataclass

MOST_BYTES = 1 << 20
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "USER")


@dataclass(frozen=True, slots=True)
class JsonCommand:
    """Argument list, working folder, time limit in seconds, and further environment for it."""

    argv: tuple[str, ...]
    cwd: Path
    seconds: float = 10.0
    env: Mapping[str, str] | None = None

    @property
    def name(self) -> str:
        """The command as it is quoted in messages."""
        return " ".join(self.argv)

    def ask(self, **more: str) -> Mapping[str, Tree]:
        """What the command prints, run with the variables `more`; Broken where it fails, hangs or prints no object."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            self._succeed(out, err, more)
            return self._object(out)

    def do(self) -> None:
        """Run it for its effect; Broken where it fails or hangs. What it prints is only quoted in the failure."""
        with tempfile.TemporaryFile() as said:
            self._succeed(said, said, {})

    def _succeed(self, out: IO[bytes], err: IO[bytes], more: Mapping[str, str]) -> None:
        code = self._run(out, err, more)
        if code is None:
            raise Broken(
                f"the command did not end within {self.seconds:g} s and was killed; it said: {_tail(err)}",
                where=self.name,
                next_step="its effect is unknown; read the present state before anything else",
            )
        if code:
            raise Broken(f"the command ended with {code}; it said: {_tail(err)}", where=self.name)

    def _run(self, out: IO[bytes], err: IO[bytes], more: Mapping[str, str]) -> int | None:
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        try:
            process = subprocess.Popen(  # noqa: S603 - an argument list from the reviewed project file, no shell
                self.argv,
                cwd=self.cwd,
                env={**passed, **(self.env or {}), **more},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise Broken(
                f"the command cannot be started: {error}", where=self.name, next_step="correct it in the project file"
            ) from error
        try:
            return process.wait(self.seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end_group(process)

    def _object(self, out: IO[bytes]) -> Mapping[str, Tree]:
        size = out.seek(0, os.SEEK_END)
        if size > MOST_BYTES:
            raise Broken(f"the command printed {size} bytes, at most {MOST_BYTES} are read", where=self.name)
        out.seek(0)
        try:
            return read_object(out.read(), name="its output")
        except BadInput as error:
            raise Broken(
                f"the command did not print one JSON object: {error.what}",
                where=self.name,
                next_step="print one JSON object on stdout and everything else on stderr",
            ) from error


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the command's process group, and reap the command."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(err: IO[bytes]) -> str:
    size = err.seek(0, os.SEEK_END)
    err.seek(max(0, size - 400))
    return printable(err.read()) or "nothing"
