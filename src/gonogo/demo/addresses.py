"""Loopback addresses: the only ones that the demo listens on or sends load to."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from gonogo.errors import BadInput, Refused

MOST_PORT = 65535


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
    """`count` different ports of 127.0.0.1 on which nothing listens now."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return tuple(one.getsockname()[1] for one in sockets)
    finally:
        for one in sockets:
            one.close()
