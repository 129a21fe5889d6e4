"""Runs a short command of the project and reads the JSON object that it prints; never a shell, always a time limit.

For questions (which weights, which counters) and traffic moves, not for deploys: those run under the supervisor.
Output goes to files and not to pipes, so that a grandchild which holds a pipe cannot hang the reader, and a child that
floods one stream cannot block on the other. They lie in memory where the system can do that: a disk that is full must
not keep traffic from going back (FI-03). At the limit of time or size the whole process group is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from gonogo.adapters.http_calls import printable
from gonogo.errors import BadInput, Broken
from gonogo.evidence.canonical import Tree, read_object
from gonogo.values import dataclass

MOST_BYTES = 1 << 20
FLOOD = 64 << 20
"""A command that prints so many bytes is killed, whatever it is asked for: they lie in memory."""
LOOK = 0.1
"""Seconds after which it is looked how much was printed."""

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
        with self._scratch() as out, self._scratch() as err:
            self._succeed(out, err, more)
            return self._object(out)

    def do(self) -> None:
        """Run it for its effect; Broken where it fails or hangs. What it prints is only quoted in the failure."""
        with self._scratch() as said:
            self._succeed(said, said, {})

    def _scratch(self) -> IO[bytes]:
        try:
            if sys.platform == "linux":
                return os.fdopen(os.memfd_create("gonogo"), "w+b")
            return tempfile.TemporaryFile()
        except OSError as error:
            raise Broken(f"nothing can take what the command prints: {error}", where=self.name) from error

    def _succeed(self, out: IO[bytes], err: IO[bytes], more: Mapping[str, str]) -> None:
        code = self._run(out, err, more)
        if _is_flooded(out, err):
            text = f"the command printed more than {FLOOD} bytes, at most {MOST_BYTES} are read, and was killed"
            raise Broken(text, where=self.name)
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
        deadline = time.monotonic() + self.seconds
        try:
            while (left := deadline - time.monotonic()) > 0 and not _is_flooded(out, err):
                with suppress(subprocess.TimeoutExpired):
                    return process.wait(min(left, LOOK))
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
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _is_flooded(*streams: IO[bytes]) -> bool:
    return any(os.fstat(stream.fileno()).st_size > FLOOD for stream in streams)


def _tail(err: IO[bytes]) -> str:
    size = err.seek(0, os.SEEK_END)
    err.seek(max(0, size - 400))
    return printable(err.read()) or "nothing"
