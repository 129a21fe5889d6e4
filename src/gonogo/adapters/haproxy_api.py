"""HAProxy's runtime API: a UNIX socket, where one question takes one connection, and a talk is several on one.

Each new connection waits for HAProxy's event loop, which the load keeps full. In a talk HAProxy ends each reply with
its prompt, a line break and `> ` (2.4 to 3.5: each line that is sent has one of its own; from 3.2 on commands that
share a line have one together). So a reply is whole where its prompt came, and nothing else is a reply: an answer that
was cut off, or none, is never taken for consent (PX-02).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from gonogo.adapters.http_calls import printable
from gonogo.errors import Broken

SECONDS = 3.0
MOST_BYTES = 1 << 20
PROMPT = b"\n> "


def ask_haproxy(socket_path: str, command: str, where: str) -> str:
    """The reply to one command; Broken where the socket does not answer. A refusal is a reply, too (PX-02)."""
    try:
        with _connected(socket_path) as door:
            door.sendall(f"{command}\n".encode("ascii"))
            return _read_all(door).decode("utf-8", "replace")
    except OSError as error:
        raise _unanswered(command, where, error) from error


class Talk:
    """A connection on which several commands are given, one after the other (`prompt` of the runtime API).

    `asked` are the commands that were sent last.
    """

    def __init__(self, door: socket.socket) -> None:
        self._door = door
        self.asked: tuple[str, ...] = ()

    def ask(self, *commands: str) -> tuple[str, ...]:
        """The reply to each of these commands, which are sent together and done in this order; OSError otherwise."""
        lines = commands if self.asked else ("prompt", *commands)
        self.asked = commands
        self._door.sendall("".join(f"{line}\n" for line in lines).encode("ascii"))
        read = b""
        while read.count(PROMPT) < len(lines):
            block = self._door.recv(1 << 16)
            read += block
            if not block or len(read) > MOST_BYTES:
                raise OSError(f"its reply has no end: `{printable(read)}`")
        *replies, rest = read.split(PROMPT)
        if rest or len(replies) != len(lines):
            raise OSError(f"it says more than was asked: `{printable(read)}`")
        return tuple(reply.decode("utf-8", "replace") for reply in replies[-len(commands) :])


@contextmanager
def talk_to_haproxy(socket_path: str, where: str) -> Iterator[Talk]:
    """A talk; Broken where the socket does not answer, or not to the end.

    For what is done within milliseconds: who keeps a connection goes on talking to a process that was replaced.
    """
    asked: tuple[str, ...] = ()
    try:
        with _connected(socket_path) as door:
            talk = Talk(door)
            try:
                yield talk
            finally:
                asked = talk.asked
    except OSError as error:
        raise _unanswered("; ".join(asked) or "prompt", where, error) from error


@contextmanager
def _connected(socket_path: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.settimeout(SECONDS)
        door.connect(socket_path)
        yield door


def _unanswered(command: str, where: str, error: OSError) -> Broken:
    return Broken(
        f"HAProxy's socket does not answer `{command}`: {error}",
        where=where,
        next_step="check that HAProxy runs and that this user may write to its socket (level admin)",
    )


def _read_all(door: socket.socket) -> bytes:
    parts: list[bytes] = []
    while block := door.recv(1 << 16):
        parts.append(block)
        if sum(map(len, parts)) > MOST_BYTES:
            raise OSError("the reply does not end")
    return b"".join(parts)
