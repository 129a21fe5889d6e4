"""CBOR as authenticators write it (RFC 8949, CTAP2 canonical form): one spelling, nothing left over, small depths.

Only what FIDO uses is read: integers, byte and text strings, lists, maps and booleans, each in its shortest form. Tags,
floats, indefinite lengths and a key that stands twice are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from gonogo.evidence.wire import BadSignature
from gonogo.values import dataclass

Cbor: TypeAlias = "int | bytes | str | bool | tuple[Cbor, ...] | Mapping[int | str, Cbor]"

MOST_DEPTH: Final = 8
MOST_ITEMS: Final = 64

_ADVICE: Final = "hand in the file exactly as the device or the browser wrote it"


@dataclass(frozen=True, slots=True)
class Decoded:
    """One item, and the bytes behind it."""

    value: Cbor
    rest: bytes


def read_cbor(data: bytes) -> Cbor:
    """The one item that `data` is. Raises BadSignature for anything else."""
    found = decode(data)
    if found.rest:
        raise _bad(f"{len(found.rest)} bytes stand behind the item")
    return found.value


def read_map(data: bytes) -> Mapping[int | str, Cbor]:
    """Like `read_cbor`, for a map."""
    found = read_cbor(data)
    if not isinstance(found, Mapping):
        raise _bad("it is no map")
    return found


def decode(data: bytes, depth: int = 0) -> Decoded:
    """The first item of `data`, with what follows it. Raises BadSignature for another form than the shortest."""
    if depth > MOST_DEPTH or not data:
        raise _bad("it ends early, or is nested too deeply")
    major, argument, rest = _head(data)
    match major:
        case 0:
            return Decoded(argument, rest)
        case 1:
            return Decoded(-1 - argument, rest)
        case 2:
            return Decoded(rest[:argument], _behind(rest, argument))
        case 3:
            following = _behind(rest, argument)
            return Decoded(_text(rest[:argument]), following)
        case 4:
            return _items(argument, rest, depth)
        case 5:
            return _pairs(argument, rest, depth)
        case 7 if data[0] in (0xF4, 0xF5):
            return Decoded(data[0] == 0xF5, data[1:])
        case _:
            raise _bad(f"it holds an item of kind {data[0]:#04x}")


def _head(data: bytes) -> tuple[int, int, bytes]:
    """Major type, argument in its shortest form, and the bytes behind."""
    major, short = data[0] >> 5, data[0] & 31
    if short < 24:
        return major, short, data[1:]
    if short > 27:
        raise _bad("it has no definite length")
    size = 1 << (short - 24)
    argument = int.from_bytes(data[1 : 1 + size], "big")
    least = 24 if size == 1 else 1 << (4 * size)
    if len(data) < 1 + size or argument < least:
        raise _bad("a number is cut, or not in its shortest form")
    return major, argument, data[1 + size :]


def _behind(rest: bytes, size: int) -> bytes:
    if size > len(rest):
        raise _bad("a string is cut")
    return rest[size:]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad("a text is not UTF-8") from error


def _items(count: int, rest: bytes, depth: int) -> Decoded:
    found: list[Cbor] = []
    for _ in range(_bounded(count)):
        item = decode(rest, depth + 1)
        found.append(item.value)
        rest = item.rest
    return Decoded(tuple(found), rest)


def _pairs(count: int, rest: bytes, depth: int) -> Decoded:
    found: dict[int | str, Cbor] = {}
    for _ in range(_bounded(count)):
        key = decode(rest, depth + 1)
        if isinstance(key.value, bool) or not isinstance(key.value, int | str) or key.value in found:
            raise _bad("a key stands twice, or is neither number nor text")
        item = decode(key.rest, depth + 1)
        found[key.value], rest = item.value, item.rest
    return Decoded(found, rest)


def _bounded(count: int) -> int:
    if count > MOST_ITEMS:
        raise _bad(f"it holds more than {MOST_ITEMS} items")
    return count


def _bad(what: str) -> BadSignature:
    return BadSignature(f"this is not what an authenticator writes: {what}", next_step=_ADVICE)
