"""One connection to one host, by SSH: known host keys only, one private key, nothing forwarded, everything bounded.

Files go over SFTP, where no shell is; argument lists are quoted word by word. Needs the extra `ssh` (asyncssh).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import asyncssh

from gonogo.adapters.hosts.host_commands import quoted
from gonogo.errors import Broken, GonogoError, Refused
from gonogo.values import dataclass

MOST_OUTPUT = 1 << 16
MOST_SHOWN = 400
CHUNK = 1 << 15

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Reach:
    """How a host is reached. `known_hosts` and `key` are files; times in seconds."""

    name: str
    address: str
    port: int
    user: str
    known_hosts: Path
    key: Path
    connect: float
    timeout: float

    @property
    def where(self) -> str:
        """The host for messages."""
        return f"{self.name} ({self.user}@{self.address}:{self.port})"


@dataclass(frozen=True, slots=True)
class Said:
    """How a command on a host ended, and the beginning of what it printed."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """The end of its complaint, on one line."""
        return " ".join((self.err or self.out).split())[-MOST_SHOWN:]


class Session:
    """A host that is connected: commands as argument lists, files by SFTP."""

    def __init__(self, reach: Reach, connection: asyncssh.SSHClientConnection, files: asyncssh.SFTPClient) -> None:
        self.reach = reach
        self.files = files
        self._connection = connection

    async def run(self, argv: tuple[str, ...]) -> Said:
        """Run `argv` to its end; only the first bytes of its output are kept, and it is closed at the time limit."""
        process = await self._connection.create_process(quoted(argv), encoding=None, stdin=asyncssh.DEVNULL)
        async with process:
            out, err, _ = await asyncio.gather(_capped(process.stdout), _capped(process.stderr), process.wait_closed())
        code = process.exit_status
        if code is None or code < 0:
            how = process.exit_signal or "it was cut off"
            raise Broken(
                f"`{quoted(argv)}` on {self.reach.name} ended without a status: {how}",
                where=self.reach.where,
                next_step="look at the host",
            )
        return Said(code, out, err)

    async def needed(self, argv: tuple[str, ...]) -> Said:
        """Run `argv`, which has to end with status 0."""
        said = await self.run(argv)
        if said.code != 0:
            raise Broken(
                f"`{quoted(argv)}` on {self.reach.name} ended with status {said.code}: {said.words or 'no word'}",
                where=self.reach.where,
                next_step="look at the host",
            )
        return said

    async def text(self, path: str, most: int = 1 << 12) -> str | None:
        """The text of a small file; None where there is none."""
        try:
            async with self.files.open(path, "rb") as file:
                data = await file.read(most)
        except asyncssh.SFTPNoSuchFile:
            return None
        return data if isinstance(data, str) else data.decode("utf-8", "replace")

    async def link(self, path: str) -> str | None:
        """Where a symbolic link leads; None where there is none."""
        try:
            found = await self.files.readlink(path)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPFailure, asyncssh.SFTPInvalidParameter, asyncssh.SFTPBadMessage):
            return None
        return found if isinstance(found, str) else found.decode("utf-8", "replace")

    async def write(self, path: str, data: bytes) -> None:
        """Put a small file in its place at once: written beside it, then renamed over it."""
        beside = f"{path}.new"
        async with self.files.open(beside, "wb") as file:
            await file.write(data)
        await self.files.posix_rename(beside, path)

    async def point(self, path: str, to: str) -> None:
        """Let a symbolic link lead elsewhere at once: nobody ever finds none."""
        beside = f"{path}.new"
        with contextlib.suppress(asyncssh.SFTPNoSuchFile):
            await self.files.remove(beside)
        await self.files.symlink(to, beside)
        await self.files.posix_rename(beside, path)


async def _capped(stream: asyncssh.SSHReader[bytes]) -> str:
    kept = bytearray()
    while chunk := await stream.read(CHUNK):
        kept += chunk[: max(0, MOST_OUTPUT - len(kept))]
    return bytes(kept).decode("utf-8", "replace")


@asynccontextmanager
async def connected(reach: Reach) -> AsyncIterator[Session]:
    """Connect with exactly the declared key to a host whose key is known; no agent, no configuration of the user."""
    connecting = asyncssh.connect(
        reach.address,
        reach.port,
        config=None,
        username=reach.user,
        known_hosts=str(reach.known_hosts),
        client_keys=[str(reach.key)],
        agent_path=None,
        agent_forwarding=False,
        x11_forwarding=False,
        preferred_auth="publickey",
        compression_algs=None,
        connect_timeout=reach.connect,
        login_timeout=reach.connect,
        keepalive_interval=max(1.0, reach.connect / 3),
        keepalive_count_max=2,
    )
    async with connecting as connection, connection.start_sftp_client() as files:
        yield Session(reach, connection, files)


def on_host(reach: Reach, work: Coroutine[None, None, Found]) -> Found:
    """Do `work` within the time limit; what fails is Broken, and a host or key that is not the known one Refused."""
    try:
        with asyncio.Runner() as runner:
            # What breaks is told once, below; the parts of a transfer that broke with it would print a trace each.
            runner.get_loop().set_exception_handler(lambda _loop, _context: None)
            return runner.run(asyncio.wait_for(work, reach.timeout))
    except GonogoError:
        raise
    except asyncssh.HostKeyNotVerifiable as error:
        raise Refused(
            f"{reach.name} does not show the host key that is known: {error.reason}",
            where=str(reach.known_hosts),
            next_step="find out why; only where the host was really set up anew, put its new key there",
        ) from error
    except asyncssh.PermissionDenied as error:
        raise Refused(
            f"{reach.name} does not let the key in: {error.reason}",
            where=str(reach.key),
            next_step="enter its public half",
        ) from error
    except TimeoutError as error:
        raise Broken(
            f"{reach.name} did not answer within {reach.timeout:g} s",
            where=reach.where,
            next_step="look at the host; what it did is read from it before anything is repeated",
        ) from error
    except (OSError, asyncssh.Error, ValueError) as error:
        words = error.reason if isinstance(error, asyncssh.Error) else str(error)
        raise Broken(
            f"{reach.name}: {words}", where=reach.where, next_step="look at the host and the way to it"
        ) from error
