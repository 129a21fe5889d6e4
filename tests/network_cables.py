"""A worker on a network of its own, with one cable to the database and one to the target, each of which can be pulled.

Where this machine lets us (root, and network namespaces) the worker lives in a namespace, and a pulled cable is a link that
is down: packets vanish and nobody says goodbye. Elsewhere relays stand before both, which drop what is connected and let
nothing in. `how` says which of the two it was.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gonogo.demo.processes import wait_until
from postgres_server import Gate, Server, programs, server

NAMESPACE, RELAY = "a network namespace", "relays"


@dataclass
class Cables:
    """The two cables of a worker, and how it is started at their other end."""

    how: str
    inside: Sequence[str]
    database: Server
    host: str
    links: dict[str, str] = field(default_factory=dict)
    gates: dict[str, list[Gate]] = field(default_factory=lambda: {"database": [], "target": []})

    def url(self, database: str) -> str:
        """The address of a database as the worker sees it."""
        if self.how == NAMESPACE:
            return database.replace("@127.0.0.1:", f"@{self.host}:")
        gate = Gate(self.database.port)
        self.gates["database"].append(gate)
        return database.replace(f":{self.database.port}/", f":{gate.port}/")

    def to_target(self, port: int) -> str:
        """The address of a server of the target as the worker sees it."""
        gate = Gate(port, _END["target"] if self.how == NAMESPACE else "127.0.0.1")
        self.gates["target"].append(gate)
        return f"{_END['target'] if self.how == NAMESPACE else '127.0.0.1'}:{gate.port}"

    def pull(self, which: str) -> None:
        """Pull the cable to the `database` or to the `target`."""
        if self.how == NAMESPACE:
            _ip("link", "set", self.links[which], "down")
        for gate in self.gates[which] if self.how == RELAY else ():
            gate.cut()

    def plug_in(self, which: str) -> None:
        """Put it back; packets pass when it returns: the other end is held for lost a while after the link is up."""
        if self.how == NAMESPACE:
            _ip("link", "set", self.links[which], "up")
            assert wait_until(lambda: self._passes(which), 60.0), f"no packet passes the cable to the {which}"
        for gate in self.gates[which] if self.how == RELAY else ():
            gate.mend()

    def _passes(self, which: str) -> bool:
        """Whether the other end says that nobody listens there, which only an end that is reached can say."""
        line = [*self.inside, "bash", "-c", f"exec 3<>/dev/tcp/{_END[which]}/1"]
        return b"refused" in subprocess.run(line, capture_output=True, timeout=60, check=False).stderr


_NET = os.getpid() % 200 + 20
_END = {"database": f"10.213.{_NET}.1", "target": f"10.213.{_NET}.5"}
_FAR = {"database": f"10.213.{_NET}.2", "target": f"10.213.{_NET}.6"}


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


@contextlib.contextmanager
def cables() -> Iterator[Cables]:
    """Both cables, plugged in; taken away afterwards."""
    name = f"gonogo-{os.getpid()}"
    links = {"database": f"gd{os.getpid()}", "target": f"gt{os.getpid()}"}
    try:
        _ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError):
        found = Cables(RELAY, (), server(), "127.0.0.1")
        try:
            yield found
        finally:
            _closed(found)
        return
    found_server: Server | None = None
    try:
        _ip("netns", "exec", name, "ip", "link", "set", "lo", "up")
        for which, link in links.items():
            far = f"{link}n"
            _ip("link", "add", link, "type", "veth", "peer", "name", far)
            _ip("link", "set", far, "netns", name)
            _ip("addr", "add", f"{_END[which]}/30", "dev", link)
            _ip("link", "set", link, "up")
            _ip("netns", "exec", name, "ip", "addr", "add", f"{_FAR[which]}/30", "dev", far)
            _ip("netns", "exec", name, "ip", "link", "set", far, "up")
        folder = programs()
        assert folder is not None, "PostgreSQL is not installed: sudo sh tools/debian_packages.sh"
        found_server = Server(folder, _END["database"])
        made = Cables(NAMESPACE, ("ip", "netns", "exec", name), found_server, _END["database"], links)
        try:
            yield made
        finally:
            _closed(made)
    finally:
        if found_server is not None:
            found_server.remove()
        for link in links.values():
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("link", "del", link)
        _ip("netns", "del", name)


def _closed(found: Cables) -> None:
    for gate in (gate for gates in found.gates.values() for gate in gates):
        gate.__exit__(None, None, None)
