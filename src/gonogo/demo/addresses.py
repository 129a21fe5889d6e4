"""Loopback addresses: the only ones that the demo listens on or sends load to."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
from collections.abc import Iterator
from functools import cache
from itertools import cycle, islice

from gonogo.errors import BadInput, Broken, Refused
from gonogo.values import dataclass

MOST_PORT = 65535
BACKLOG = 1024
SERVER_PORTS = range(20_000, 32_000)
PARTS = 24


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address and a port; it exists only inside 127.0.0.0/8 or as ::1."""

    host: str
    port: int

    def __post_init__(self) -> None:
        if not is_loopback(self.host):
            raise Refused(
                f"`{self.host}` is not a loopback address",
                next_step="use an address of 127.0.0.0/8, or ::1; names are refused because they may point elsewhere",
            )
        if not 0 <= self.port <= MOST_PORT:
            raise BadInput(f"{self.port} is no port", next_step=f"use a port from 0 to {MOST_PORT}")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def listening(self) -> socket.socket:
        """A socket that listens here; Broken where it cannot be had."""
        found = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((self.host, self.port))
            found.listen(BACKLOG)
        except OSError as error:
            found.close()
            raise Broken(
                f"cannot listen: {error.strerror}",
                where=str(self),
                next_step="look with `ss -ltn` at what listens there",
            ) from error
        return found


def is_loopback(host: str) -> bool:
    """Whether `host` is a literal loopback address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address_of(text: str) -> Address:
    """`127.0.0.1:9101` or `[::1]:9101` as an address; BadInput or Refused otherwise."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()):
        raise BadInput(f"`{text}` is no address", next_step="write host:port, e.g. 127.0.0.1:9101")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def free_ports(count: int) -> tuple[int, ...]:
    """`count` different ports of 127.0.0.1 on which nothing listens now.

    From below the range that systems take for outgoing connections, so that no client's own port can get in the way.
    Between this answer and the first listener, and while a service is down, a port is nobody's: what another process is
    given comes from another part of the range, and each port comes again only when the others had their turn.
    """
    ports, turns = _handed_out_by(os.getpid())
    found = tuple(islice((port for port in islice(ports, turns) if _is_free(port)), count))
    if len(found) < count:
        raise Broken(f"there are no {count} free ports", next_step="look with `ss -ltn` at what listens")
    return found


@cache
def _handed_out_by(_process: int) -> tuple[Iterator[int], int]:
    """The ports of this process, one after the other without end, and how many they are."""
    first = secrets.randbelow(PARTS)
    size = len(SERVER_PORTS) // PARTS
    for part in ((first + number) % PARTS for number in range(PARTS)):
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            # A name without a file, which the system forgets with the process. Only Linux has such names.
            mark.bind(f"\0gonogo-ports-{part}")
        except OSError:
            mark.close()
            continue
        mark.detach()  # open as long as the process lives
        return cycle(SERVER_PORTS[part * size : (part + 1) * size]), size
    start = secrets.randbelow(len(SERVER_PORTS))
    return cycle((*SERVER_PORTS[start:], *SERVER_PORTS[:start])), len(SERVER_PORTS)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
