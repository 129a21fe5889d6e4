"""HTTP/1.1 messages over asyncio streams: heads, framing and bodies, for the demo's proxy and load driver.

Strict where two readers could disagree about where a message ends (RFC 9112 section 6.3): both framings at once,
repeated or odd lengths, folded lines and bare control characters are faults, never guessed at.
"""

from __future__ import annotations

import asyncio
import re
from typing import TypeAlias

from gonogo.errors import GonogoError
from gonogo.values import dataclass

MOST_HEAD = 1 << 16
BLOCK = 1 << 16

_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*\Z")
_STATUS = re.compile(r"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\x00-\x08\x0a-\x1f\x7f]*)?\Z")
_LENGTH = re.compile(r"[0-9]{1,15}\Z")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n\Z")
_NEVER_PASSED_ON = frozenset({"connection", "keep-alive", "proxy-connection", "te", "upgrade", "expect"})


class WireFault(GonogoError):
    """The peer sent something that is no unambiguous HTTP/1.1 message, or cut one short."""


class NoAnswer(WireFault):
    """The connection ended before the first byte of a message."""


@dataclass(frozen=True, slots=True)
class Head:
    """First line and fields of a message, in order, as they came."""

    first: str
    fields: tuple[tuple[str, str], ...]

    def values(self, name: str) -> tuple[str, ...]:
        """All values of the field `name` (lower case)."""
        return tuple(value for key, value in self.fields if key.lower() == name)

    def value(self, name: str) -> str | None:
        """The value of the field `name` (lower case) where it stands exactly once."""
        found = self.values(name)
        return found[0] if len(found) == 1 else None

    def says_close(self) -> bool:
        """Whether the sender ends the connection after this message."""
        return any("close" in value.lower() for value in self.values("connection"))

    @property
    def status(self) -> int:
        """Status code of a response."""
        found = _STATUS.match(self.first)
        if found is None:
            raise WireFault(f"no status line: {self.first[:80]!r}")
        return int(found[1])


@dataclass(frozen=True, slots=True)
class NoBody:
    """Nothing follows the head."""


@dataclass(frozen=True, slots=True)
class Sized:
    """Exactly `length` bytes follow."""

    length: int


@dataclass(frozen=True, slots=True)
class Chunked:
    """Chunks follow, the last one empty."""


@dataclass(frozen=True, slots=True)
class UntilClose:
    """Everything up to the end of the connection; only responses may be framed so."""


Body: TypeAlias = NoBody | Sized | Chunked | UntilClose


async def read_head(reader: asyncio.StreamReader) -> Head:
    """The next message head; NoAnswer where the connection ended before it, WireFault where it is malformed or cut."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            raise NoAnswer("the connection ended") from error
        raise WireFault("the connection ended inside a message head") from error
    except asyncio.LimitOverrunError as error:
        raise WireFault("the message head is too long") from error
    except OSError as error:
        raise NoAnswer("the connection broke") from error
    return parse_head(raw[:-4].decode("latin-1"))


def parse_head(text: str) -> Head:
    """The head of a message without its empty line; WireFault where a line is no field."""
    first, *lines = text.split("\r\n")
    if not first or not first.isprintable():
        raise WireFault("the first line is malformed")
    return Head(first, tuple(_field(line) for line in lines))


def _field(line: str) -> tuple[str, str]:
    found = _FIELD.match(line)
    if found is None:
        raise WireFault("a header line is malformed")
    return found[1], found[2]


def request_body(head: Head) -> Body:
    """How the body of a request is framed; WireFault where that is ambiguous."""
    codings, lengths = head.values("transfer-encoding"), head.values("content-length")
    if codings and lengths:
        raise WireFault("both Transfer-Encoding and Content-Length")
    if codings:
        return _chunked(codings)
    return _sized(lengths) if lengths else NoBody()


def response_body(head: Head, method: str) -> Body:
    """How the body of the response to a `method` request is framed (RFC 9112 section 6.3)."""
    if method == "HEAD" or head.status in {204, 304}:
        return NoBody()
    codings, lengths = head.values("transfer-encoding"), head.values("content-length")
    if codings and lengths:
        raise WireFault("both Transfer-Encoding and Content-Length")
    if codings:
        return _chunked(codings)
    return _sized(lengths) if lengths else UntilClose()


def _chunked(codings: tuple[str, ...]) -> Body:
    if [coding.strip().lower() for coding in codings] != ["chunked"]:
        raise WireFault("a transfer coding other than chunked")
    return Chunked()


def _sized(lengths: tuple[str, ...]) -> Body:
    if len(lengths) != 1 or not _LENGTH.match(lengths[0]):
        raise WireFault("Content-Length is not one number")
    length = int(lengths[0])
    return Sized(length) if length else NoBody()


def written(first: str, fields: tuple[tuple[str, str], ...], *, close: bool) -> bytes:
    """A message head as bytes, without the fields that concern one connection only."""
    lines = [first, *(f"{name}: {value}" for name, value in fields if name.lower() not in _NEVER_PASSED_ON)]
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def relay(body: Body, reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None) -> None:
    """Pass a body on, or read it to its end where `writer` is None; WireFault where it is cut or malformed."""
    try:
        match body:
            case NoBody():
                return
            case Sized(length):
                await _relay_bytes(length, reader, writer)
            case Chunked():
                await _relay_chunks(reader, writer)
            case UntilClose():
                while block := await reader.read(BLOCK):
                    await _send(block, writer)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise WireFault("the connection ended inside a body") from error


async def _relay_bytes(length: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None) -> None:
    left = length
    while left:
        block = await reader.readexactly(min(left, BLOCK))
        left -= len(block)
        await _send(block, writer)


async def _relay_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None) -> None:
    size = -1
    while size:
        line = await reader.readuntil(b"\r\n")
        found = _CHUNK.match(line)
        if found is None:
            raise WireFault("a chunk has no size")
        size = int(found[1], 16)
        await _send(line, writer)
        if size:
            await _relay_bytes(size + 2, reader, writer)
    trailer = b""
    while trailer != b"\r\n":
        trailer = await reader.readuntil(b"\r\n")
        await _send(trailer, writer)


async def _send(block: bytes, writer: asyncio.StreamWriter | None) -> None:
    if writer is not None:
        writer.write(block)
        await writer.drain()
