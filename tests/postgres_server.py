"""A PostgreSQL server of the tests' own: made in a temporary folder, on loopback, stopped at the end; never a shared one.

One server serves all tests of a process; each test gets a database of its own, copied from a template that has the
tables already. PostgreSQL refuses to run as root: then it runs as the user that its package made, or as `nobody`.

A process that is killed can stop nothing. A small one beside the server reads a pipe that ends with it, and stops the server then.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from gonogo.adapters.postgres import Postgres
from gonogo.demo.addresses import free_ports
from gonogo.terms import Secret

TEMPLATE = "gonogo_template"
STOP_WITH_PARENT = """
import os, pathlib, shutil, signal, subprocess, sys
program, root, user = sys.argv[1:]
sys.stdin.buffer.read()
data = pathlib.Path(root, "data")
try:
    os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGCONT)
except (OSError, ValueError, IndexError):
    pass
command = [program, "-D", str(data), "-m", "immediate", "-w", "-t", "20", "stop"]
quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
subprocess.run(command, cwd="/", user=user or None, check=False, **quiet)
shutil.rmtree(root, ignore_errors=True)
"""
_NUMBERS = count(1)


def programs() -> Path | None:
    """The folder with PostgreSQL's programs, newest version first; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    beside = shutil.which("initdb")
    return Path(beside).resolve().parent if beside else None


def _user() -> str | None:
    """Who the server runs as; None for whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


class Server:
    """One cluster in a folder of its own."""

    def __init__(self, bin_folder: Path, beside: str = "") -> None:
        """`beside` is one more address that it listens on, besides loopback, and whose neighbours it lets in."""
        self._bin = bin_folder
        self._beside = beside
        self._user = _user()
        self.root = Path(tempfile.mkdtemp(prefix="gonogo-pg-"))
        (self.port,) = free_ports(1)
        if self._user is not None:
            owner = pwd.getpwnam(self._user)
            os.chown(self.root, owner.pw_uid, owner.pw_gid)
        self._watching = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", STOP_WITH_PARENT, str(bin_folder / "pg_ctl"), str(self.root), self._user or ""],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._run("initdb", "-D", str(self.root / "data"), "-U", "gonogo", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync")
        if beside:
            with (self.root / "data" / "pg_hba.conf").open("a", encoding="ascii") as rules:
                rules.write("host all all samenet trust\n")
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = {
            "port": self.port,
            "listen_addresses": ",".join(filter(None, ("127.0.0.1", self._beside))),
            "unix_socket_directories": self.root,
            "max_connections": 100,
            "shared_buffers": "16MB",
        }
        told = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._run("pg_ctl", "-D", str(self.root / "data"), "-l", str(self.root / "log"), "-w", "-o", told, "start")

    def crash(self) -> None:
        """Stop it as if the power failed: nothing is said to clients, and it recovers when it starts again."""
        self._run("pg_ctl", "-D", str(self.root / "data"), "-m", "immediate", "-w", "stop")

    def freeze(self) -> None:
        """SIGSTOP for the server and its children: it neither answers nor hangs up."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop it for good."""
        assert self._watching.stdin is not None
        self._watching.stdin.close()
        self._watching.wait(60)

    def url(self, database: str) -> str:
        """The address of a database."""
        return f"postgresql://gonogo@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What a statement answers, as plain text."""
        told = ["-h", str(self.root), "-p", str(self.port), "-U", "gonogo", "-d", database, "-AtXqc", statement]
        return self._run("psql", *told)

    def database(self, template: str = "template1") -> str:
        """A new database, by its address."""
        name = f"gonogo_{next(_NUMBERS)}"
        self.sql(f"create database {name} template {template}")
        return self.url(name)

    def _signal(self, number: signal.Signals) -> None:
        first = int((self.root / "data" / "postmaster.pid").read_text().split()[0])
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(first)], capture_output=True, text=True, check=True)
        for pid in (first, *(int(text) for text in children.stdout.split())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(self._bin / program), *arguments],
            cwd="/",
            user=self._user,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            # The server keeps what it inherits open: a pipe would never end.
            stdout=subprocess.PIPE if program == "psql" else subprocess.DEVNULL,
            stderr=subprocess.PIPE if program == "psql" else subprocess.DEVNULL,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} {arguments}: {done.stderr or (self.root / 'log').read_text()}")
        return (done.stdout or "").strip()


@cache
def server() -> Server:
    """The server of this process; skips the test where PostgreSQL is not installed."""
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed: sudo sh tools/debian_packages.sh")
    made = Server(folder)
    maker = os.getpid()
    # A forked child has the same list of things to do at its end: the server is its parent's.
    atexit.register(lambda: made.remove() if os.getpid() == maker else None)
    return made


def fresh_database() -> str:
    """The address of a new database that has gonogo's tables already."""
    running = server()
    if running.sql(f"select 1 from pg_database where datname = '{TEMPLATE}'") != "1":
        running.sql(f"create database {TEMPLATE}")
        made = Postgres(Secret(running.url(TEMPLATE)))
        made.prepare()
        made.close()
    return running.database(TEMPLATE)


@cache
def _shared() -> Postgres:
    return Postgres(Secret(fresh_database()))


@contextlib.contextmanager
def emptied_database() -> Iterator[Postgres]:
    """A database with empty tables that one process uses for one test after the other: cheaper than a new one."""
    database = _shared()
    with database.writing() as opened:
        # What no user of gonogo can do: its triggers keep every event.
        opened.execute("set local session_replication_role = replica")
        for table in ("head", "event", "lease", "wait", "standing", "worker", "blob"):
            opened.execute(f"delete from gonogo_{table}")
    try:
        yield database
    finally:
        database.close()


class Gate:
    """A TCP relay before a server: `cut` drops every connection and refuses new ones, `silence` lets them hang.

    So a cable that is pulled looks from both ends: nobody says goodbye.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        """`host` is where it listens; the server before which it stands is on loopback."""
        self._target = port
        self._open = threading.Event()
        self._open.set()
        self._silent = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._guard = threading.Lock()
        self._listening = socket.create_server((host, 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.cut()
        self._listening.close()

    def cut(self) -> None:
        """Drop all connections; new ones are refused until `mend`."""
        self._open.clear()
        with self._guard:
            pairs, self._pairs = self._pairs, []
        for one in (side for pair in pairs for side in pair):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def silence(self) -> None:
        """From now on nothing gets through, and nobody is told."""
        self._silent = True

    def mend(self) -> None:
        """Everything gets through again; connections that were silent are dropped."""
        self._silent = False
        self.cut()
        self._open.set()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if not self._open.is_set():
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                near.close()
                continue
            with self._guard:
                self._pairs.append((near, far))
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._relay, args=(source, target), daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if not self._silent:
                    target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def gate_before(port: int) -> Iterator[Gate]:
    """A relay before a server on loopback."""
    with Gate(port) as made:
        yield made
