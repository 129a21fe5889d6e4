"""Connections of the demo's proxy to one upstream: kept alive, handed out once at a time."""

from __future__ import annotations

import asyncio

from gonogo.demo.addresses import Address
from gonogo.demo.wire import MOST_HEAD
from gonogo.errors import GonogoError
from gonogo.values import dataclass

CONNECT_SECONDS = 1.0
MOST_IDLE = 64


class Unreachable(GonogoError):
    """No connection came about; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection; `reused` says that an earlier request used it, so it may have been closed meanwhile."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    reused: bool

    def drop(self) -> None:
        """Close it without waiting."""
        self.writer.transport.abort()


async def connect(address: Address) -> Connection:
    """A fresh connection; Unreachable where none comes about within a second."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(address.host, address.port, limit=MOST_HEAD)
    except (OSError, TimeoutError) as error:
        raise Unreachable(f"{address}: {error or 'timed out'}") from error
    return Connection(reader, writer, reused=False)


class Pool:
    """Idle connections to one address, the youngest first."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._idle: list[Connection] = []

    async def take(self, *, fresh: bool) -> Connection:
        """An idle connection that still looks open, else (or where `fresh`) a new one."""
        while self._idle and not fresh:
            found = self._idle.pop()
            if not found.writer.is_closing() and not found.reader.at_eof():
                return found
            found.drop()
        return await connect(self._address)

    def give(self, used: Connection) -> None:
        """Take back a connection whose exchange is complete."""
        if len(self._idle) < MOST_IDLE and not used.writer.is_closing():
            self._idle.append(Connection(used.reader, used.writer, reused=True))
        else:
            used.drop()

    def drop_idle(self) -> None:
        """Close all idle connections, so that the process behind may go."""
        while self._idle:
            self._idle.pop().drop()
