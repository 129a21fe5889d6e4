"""Long work that an agent started: a process of its own that outlives whoever asked, and a lock that ends with it.

    <root>/<operation>/lock       held by the process as long as it lives
    <root>/<operation>/log        what the process printed
    <root>/<operation>/stop       somebody asked it to stop at its next safe point

The processes are forked by a host, which has imported everything once and does nothing else: a start costs milliseconds
instead of a second. The host ends when its starter does; the processes that it forked do not.
"""

from __future__ import annotations

import array
import fcntl
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from gonogo.adapters.durable import disk_error, make_folder
from gonogo.errors import Broken

MOST_ORDER: Final = 1 << 16
_OPEN = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_ANSWER_SECONDS: Final = 30.0


class Operations:
    """The operations below `root`; `module` is the host that forks them, and `environ` what it gets."""

    def __init__(self, root: Path, module: str, environ: Mapping[str, str]) -> None:
        self._root = root
        self._module = module
        self._environ = dict(environ)
        self._host: socket.socket | None = None
        self._pid = 0
        self._guard = threading.Lock()

    def close(self) -> None:
        """Let the host end; what it started goes on."""
        with self._guard:
            self._let_go()

    def start(self, operation: str, arguments: Sequence[str]) -> bool:
        """Start the process of an operation with `arguments`; False where it lives already. Raises Broken."""
        make_folder(self._root / operation)
        lock = self._opened(operation, "lock")
        try:
            if not _held(lock, fcntl.LOCK_EX):
                return False
            log = self._opened(operation, "log")
            try:
                self._order(list(arguments), lock, log)
            finally:
                os.close(log)
        finally:
            os.close(lock)
        return True

    def _order(self, arguments: list[str], lock: int, log: int) -> None:
        with self._guard:
            for attempt in (1, 2):
                try:
                    host = self._running_host()
                    order = json.dumps(arguments).encode()
                    sent = array.array("i", [lock, log])
                    host.sendmsg([order], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, sent)])
                    if host.recv(1) == b"+":
                        return
                except OSError as error:
                    if attempt == 2:
                        raise Broken(f"no operation can be started: {error}", next_step="ask again") from error
                # The host was killed, or could not fork: another one is made, once.
                self._let_go()
        raise Broken("no operation can be started: its host ends at once", next_step="see its log, then ask again")

    def _running_host(self) -> socket.socket:
        if self._host is not None:
            return self._host
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_ANSWER_SECONDS)
        try:
            os.set_inheritable(theirs.fileno(), True)
            make_folder(self._root)
            log = os.open(self._root / "host.log", _OPEN | os.O_APPEND, 0o600)
            try:
                silent = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
                logged = [(os.POSIX_SPAWN_DUP2, log, number) for number in (1, 2)]
                argv = [sys.executable, "-m", self._module, str(theirs.fileno())]
                self._pid = os.posix_spawn(
                    sys.executable, argv, self._environ, file_actions=[silent, *logged], setsid=True
                )
            finally:
                os.close(log)
        finally:
            theirs.close()
        self._host = ours
        return ours

    def _let_go(self) -> None:
        if self._host is not None:
            self._host.close()
            with suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
        self._host = None

    def lives(self, operation: str) -> bool:
        """Whether the process of an operation is at work now."""
        try:
            lock = os.open(self._root / operation / "lock", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise disk_error(error, "cannot look at the operation", self._root / operation) from error
        try:
            return not _held(lock, fcntl.LOCK_SH)
        finally:
            os.close(lock)

    def ask_to_stop(self, operation: str) -> None:
        """Ask an operation to stop at its next safe point."""
        make_folder(self._root / operation)
        os.close(self._opened(operation, "stop"))

    def is_asked_to_stop(self, operation: str) -> bool:
        """Whether somebody asked."""
        return (self._root / operation / "stop").exists()

    def printed(self, operation: str, most: int = 1 << 16) -> bytes:
        """The end of what the process printed; nothing where it printed nothing."""
        try:
            descriptor = os.open(self._root / operation / "log", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return b""
        with os.fdopen(descriptor, "rb") as file:
            file.seek(max(os.fstat(descriptor).st_size - most, 0))
            return file.read(most)

    def one_at_a_time(self, act: Callable[[], object]) -> None:
        """Call `act` while no other process of this project is in here: two calls never see the same state twice."""
        make_folder(self._root)
        lock = self._opened("", "lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            act()
        finally:
            os.close(lock)

    def _opened(self, operation: str, name: str) -> int:
        path = self._root / operation / name
        try:
            return os.open(path, _OPEN, 0o600)
        except OSError as error:
            raise disk_error(error, "cannot open a file of the operation", path) from error


def serve_orders(host: socket.socket, begin: Callable[[list[str]], int], prepare: Callable[[list[str]], None]) -> None:
    """The host: fork a process for each order until the starter goes away. `prepare` is called before the fork.

    The process runs `begin` with the arguments of the order, its output in the log, the lock held until it ends.
    """
    while True:
        order, sent, _, _ = socket.recv_fds(host, MOST_ORDER, 2)
        if not order:
            return
        lock, log = sent
        arguments = json.loads(order)
        prepare(arguments)
        if os.fork() == 0:
            host.close()
            os.setsid()
            for number in (1, 2):
                os.dup2(log, number)
            os._exit(begin(arguments))
        os.close(lock)
        os.close(log)
        host.send(b"+")
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue


def _held(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
