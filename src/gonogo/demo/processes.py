"""Starting and stopping real processes by their id, and nothing else's.

A process is known by its id *and* the moment of its birth, because ids are used again: a pid file that outlived its
process never makes anybody kill a stranger. Started processes have a session of their own and write to a log file, so
they outlive the script that started them and hold none of its pipes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gonogo.errors import BadInput, Broken
from gonogo.evidence.canonical import read_object
from gonogo.values import dataclass

GRACE_SECONDS = 12.0
POLL_SECONDS = 0.02
PASSED = 3
"""The number of the first open file that a process gets besides its three streams (sd_listen_fds)."""


@dataclass(frozen=True, slots=True)
class Live:
    """A process: its id, and when it was born as the system tells it."""

    pid: int
    born: str

    def lives(self) -> bool:
        """Whether this very process runs; a zombie does not."""
        _reap(self.pid)
        return birth_of(self.pid) == self.born


def birth_of(pid: int) -> str | None:
    """A mark of the birth of process `pid`; None where there is no such process or only its zombie."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text("ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    return _birth_by_ps(pid)


def _birth_by_ps(pid: int) -> str | None:
    state, _, born = _ps("stat=,lstart=", pid).partition(" ")
    return None if not born or state.startswith("Z") else born.strip()


def _ps(columns: str, pid: int) -> str:
    tool = shutil.which("ps")
    if tool is None:
        raise Broken("neither /proc nor `ps` tells which processes run", next_step="install ps")
    argv = (tool, "-o", columns, "-p", str(pid))
    found = subprocess.run(argv, capture_output=True, check=False, text=True, timeout=5)  # noqa: S603 - fixed list
    return found.stdout.strip()


def command_of(pid: int) -> str:
    """The command line of process `pid`; empty where there is no such process."""
    file = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        try:
            return file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        except OSError:
            return ""
    return _ps("command=", pid)


def launch(argv: Sequence[str], *, log: Path, env: Mapping[str, str], listening: int | None = None) -> Live:
    """Start `argv[0]` (a path) in a session of its own; output is appended to `log`. Broken where it cannot start.

    The socket of the open file `listening` is its file `PASSED`, as service managers hand over sockets.
    """
    passed = () if listening is None else ((os.POSIX_SPAWN_DUP2, listening, PASSED),)
    actions = [
        *passed,
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    try:
        pid = os.posix_spawn(argv[0], list(argv), dict(env), file_actions=actions, setsid=True)
    except OSError as error:
        raise Broken(
            f"`{argv[0]}` cannot be started: {error.strerror}", next_step="check that it is installed"
        ) from error
    return Live(pid, birth_of(pid) or "ended at once")


def stop(process: Live, grace: float = GRACE_SECONDS) -> None:
    """End this process: SIGCONT (it may be stopped), SIGTERM, and SIGKILL after `grace` seconds."""
    if not process.lives():
        return
    _signal(process, signal.SIGCONT)
    _signal(process, signal.SIGTERM)
    if not wait_until(lambda: not process.lives(), grace):
        kill(process)


def kill(process: Live) -> None:
    """SIGKILL, and wait until it is gone."""
    _signal(process, signal.SIGKILL)
    if not wait_until(lambda: not process.lives(), 5.0):
        raise Broken(f"process {process.pid} does not die", next_step="look at it with `ps`")


def _signal(process: Live, number: signal.Signals) -> None:
    if process.lives():
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _reap(pid: int) -> None:
    """Take the exit status of our own child, so that it does not stay as a zombie."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask `condition` again and again for at most `seconds`; whether it came true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def write_pid(path: Path, process: Live) -> None:
    """Note a process in a file, in one step."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"pid": process.pid, "born": process.born}) + "\n", encoding="ascii")
    fresh.replace(path)


def read_pid(path: Path) -> Live | None:
    """The process noted in `path`; None where there is no such file. BadInput where it is unreadable."""
    try:
        found = read_object(path.read_bytes(), name=str(path))
    except FileNotFoundError:
        return None
    pid, born = found.get("pid"), found.get("born")
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 1 or not isinstance(born, str):
        raise BadInput("not a pid file of the demo", where=str(path), next_step="remove it after a look at `ps`")
    return Live(pid, born)


def log_tail(log: Path) -> str:
    """The end of a log as one line, for messages."""
    try:
        data = log.read_bytes()[-600:]
    except OSError:
        return "it left no log"
    return " ".join(data.decode("utf-8", "replace").split()) or "its log is empty"
