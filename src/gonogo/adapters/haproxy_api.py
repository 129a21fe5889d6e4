"""HAProxy's runtime API: a UNIX socket, one command a connection, the reply read to its end."""

from __future__ import annotations

import socket

from gonogo.errors import Broken

SECONDS = 3.0
MOST_BYTES = 1 << 20


def ask_haproxy(socket_path: str, command: str, where: str) -> str:
    """The reply to one command; Broken where the socket does not answer. A refusal is a reply, too (PX-02)."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.settimeout(SECONDS)
            door.connect(socket_path)
            door.sendall(f"{command}\n".encode("ascii"))
            return _read_all(door).decode("utf-8", "replace")
    except OSError as error:
        raise Broken(
            f"HAProxy's socket does not answer `{command}`: {error}",
            where=where,
            next_step="check that HAProxy runs and that this user may write to its socket (level admin)",
        ) from error


def _read_all(door: socket.socket) -> bytes:
    parts: list[bytes] = []
    while block := door.recv(1 << 16):
        parts.append(block)
        if sum(map(len, parts)) > MOST_BYTES:
            raise OSError("the reply does not end")
    return b"".join(parts)
