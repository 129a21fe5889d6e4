"""The binary form of SSH (RFC 4251 section 5), read so that every value has exactly one spelling."""

from __future__ import annotations

from gonogo.errors import Refused
from gonogo.values import dataclass


class BadSignature(Refused):
    """A signature, or the key that it names, is not what it should be."""


def string(data: bytes) -> bytes:
    """`data` behind its length (uint32, big-endian)."""
    return len(data).to_bytes(4, "big") + data


def mpint(value: int) -> bytes:
    """A positive integer in the fewest bytes, behind its length; a leading zero byte where the top bit is set."""
    return string(value.to_bytes(value.bit_length() // 8 + 1, "big") if value else b"")


@dataclass(frozen=True, slots=True)
class Cut:
    """What was read, and what is left."""

    value: bytes
    rest: bytes


def take(data: bytes, count: int, what: str) -> Cut:
    """The first `count` bytes. Raises BadSignature where there are fewer."""
    if len(data) < count:
        raise BadSignature(f"the signature ends inside {what}", next_step="sign again")
    return Cut(data[:count], data[count:])


def take_string(data: bytes, what: str) -> Cut:
    """A length and that many bytes. Raises BadSignature where there are fewer."""
    head = take(data, 4, what)
    return take(head.rest, int.from_bytes(head.value, "big"), what)


def strings(data: bytes, count: int, what: str) -> tuple[bytes, ...]:
    """Exactly `count` strings and nothing after them. Raises BadSignature otherwise."""
    found = []
    for _ in range(count):
        cut = take_string(data, what)
        found.append(cut.value)
        data = cut.rest
    nothing_left(data, what)
    return tuple(found)


def nothing_left(data: bytes, what: str) -> None:
    """Raises BadSignature when bytes follow `what`: two readers could take them for different things."""
    if data:
        raise BadSignature(f"{len(data)} bytes follow {what}", next_step="sign again")


def positive(data: bytes, what: str) -> int:
    """The positive integer of an mpint. Raises BadSignature for zero, negative and padded ones."""
    if not data or data[0] & 0x80 or (data[0] == 0 and (len(data) == 1 or not data[1] & 0x80)):
        raise BadSignature(f"{what} is not a positive integer in its shortest form", next_step="sign again")
    return int.from_bytes(data, "big")
