"""What stands between gonogo and an SSH host of the tests, and can be cut: a relay of bytes, or a link of its own.

A `Veth` is a real link into a network namespace: it goes down, loses packets or becomes narrow as a real one does. Where
no namespace can be made (without root, in most containers) a `Relay` on loopback stalls instead.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

IP = shutil.which("ip") or "/usr/sbin/ip"
TC = shutil.which("tc") or "/usr/sbin/tc"
NARROW = "8mbit"


class Link(Protocol):
    """The way to one host. `address` and `port` are where its sshd is reached."""

    address: str
    port: int

    def cut(self) -> None:
        """From now on nothing comes through."""

    def drop(self) -> None:
        """From now on what is sent gets no answer, and nobody is told why."""

    def cut_after(self, size: int) -> None:
        """Cut as soon as so many bytes more were sent to the host."""

    def mend(self) -> None:
        """What is begun from now on comes through again."""

    def close(self) -> None:
        """There is no way any more."""


class Relay:
    """Carries bytes to a port of this machine until it is cut; then what is under way stalls."""

    def __init__(self, to: int) -> None:
        self.to = to
        self._limit = -1
        self._cut = threading.Event()
        self._held: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address, self.port = self._server.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        self._cut.set()

    drop = cut

    def cut_after(self, size: int) -> None:
        self._limit = size

    def mend(self) -> None:
        self._cut.clear()
        self._limit = -1

    def close(self) -> None:
        self._server.close()
        for held in self._held:
            held.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            self._held.append(near)
            if self._cut.is_set():
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                near.close()
                continue
            self._held.append(far)
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for one, other, counted in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._carry, args=(one, other, counted), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, counted: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                passed += len(data)
                if counted and 0 <= self._limit < passed:
                    self._cut.set()
                if self._cut.is_set():
                    return
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


@dataclass
class Veth:
    """A link into the network namespace `space`: `near` is this end, `eth0` in there the other. No way leads further."""

    space: str
    near: str
    here: str
    address: str
    port: int
    _watch: threading.Event = field(default_factory=threading.Event)

    @property
    def inside(self) -> tuple[str, ...]:
        """What stands before an argument list that is to run in there."""
        return (IP, "netns", "exec", self.space)

    def cut(self) -> None:
        _run(IP, "-n", self.space, "link", "set", "eth0", "down")

    def drop(self) -> None:
        _run(IP, "-n", self.space, "route", "replace", "blackhole", f"{self.here}/32")

    def narrow(self, rate: str = NARROW, queue: str = "64kb") -> None:
        """Let so much through and no more; what a full queue cannot hold is lost, and TCP has to send it again."""
        _run(TC, "qdisc", "replace", "dev", self.near, "root", "tbf", "rate", rate, "burst", "16kb", "limit", queue)

    def lost(self) -> int:
        """How many packets the narrow link has lost."""
        shown = subprocess.run([TC, "-s", "qdisc", "show", "dev", self.near], check=True, capture_output=True, text=True)
        return int(shown.stdout.partition("(dropped ")[2].partition(",")[0])

    def cut_after(self, size: int) -> None:
        """The link is narrow until then, so that it is cut in the middle of something."""
        self.narrow()
        first, self._watch = self._sent(), threading.Event()
        threading.Thread(target=self._cut_at, args=(first + size, self._watch), daemon=True).start()

    def _cut_at(self, size: int, ended: threading.Event) -> None:
        while self._sent() < size:
            if ended.wait(0.002):
                return
        self.cut()

    def _sent(self) -> int:
        with contextlib.suppress(OSError):
            return int(Path(f"/sys/class/net/{self.near}/statistics/tx_bytes").read_text())
        return 0

    def mend(self) -> None:
        self._watch.set()
        subprocess.run([TC, "qdisc", "del", "dev", self.near, "root"], check=False, capture_output=True)
        subprocess.run([IP, "-n", self.space, "route", "del", "blackhole", f"{self.here}/32"], check=False, capture_output=True)
        _run(IP, "-n", self.space, "link", "set", "eth0", "up")

    def end(self) -> None:
        """End whatever runs in there."""
        found = subprocess.run([IP, "netns", "pids", self.space], check=False, capture_output=True, text=True)
        for pid in found.stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), 9)

    def close(self) -> None:
        """End whatever runs in there, and remove the namespace with its link."""
        self._watch.set()
        self.end()
        subprocess.run([IP, "link", "del", self.near], check=False, capture_output=True)
        subprocess.run([IP, "netns", "del", self.space], check=False, capture_output=True)


def _taken() -> str:
    return subprocess.run([IP, "-o", "-4", "address"], check=True, capture_output=True, text=True).stdout


def _pair() -> tuple[str, str]:
    """Two neighbours of 198.18.0.0/15, which is for tests of networks and never a real one (RFC 2544)."""
    while True:
        first = random.SystemRandom().randrange(1 << 15) * 4
        here, there = (f"198.{18 + (first >> 16)}.{(first >> 8) & 255}.{(first & 255) + end}" for end in (1, 2))
        if f" {here}/" not in _taken():
            return here, there


def veth(port: int) -> Veth:
    """A new namespace with its link; raises CalledProcessError where the machine does not allow that."""
    mark = f"{random.SystemRandom().randrange(1 << 32):08x}"
    here, there = _pair()
    found = Veth(f"gonogo-{mark}", f"gn{mark}", here, there, port)
    try:
        _run(IP, "netns", "add", found.space)
        _run(IP, "link", "add", found.near, "type", "veth", "peer", "name", "eth0", "netns", found.space)
        _run(IP, "address", "add", f"{here}/30", "dev", found.near)
        _run(IP, "-n", found.space, "address", "add", f"{there}/30", "dev", "eth0")
        for where, device in ((("-n", found.space), "lo"), (("-n", found.space), "eth0"), ((), found.near)):
            _run(IP, *where, "link", "set", device, "up")
    except (OSError, subprocess.CalledProcessError):
        if Path(IP).exists():
            found.close()
        raise
    return found


@cache
def namespaces_allowed() -> bool:
    """Whether this machine lets us make network namespaces with links."""
    try:
        veth(1).close()
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def listens(link: Link) -> bool:
    """Whether an sshd answers behind a link."""
    with contextlib.suppress(OSError), socket.create_connection((link.address, link.port), 1) as found:
        return found.recv(4) == b"SSH-"
    return False
