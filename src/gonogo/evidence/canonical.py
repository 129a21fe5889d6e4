"""Writing JSON once, and reading foreign JSON strictly.

Two forms are written: `write_json` for files that people read (sorted keys, indent 1, UTF-8, one LF at the end) and
`write_line` for log lines (sorted keys, no blanks, ASCII, integers only, LF). Signed bytes are never written again:
whoever verifies handles the stored bytes (REV-03, EVS-16).

`read_json` accepts RFC 8259 minus everything that two readers could understand differently: repeated keys, NaN, BOM,
lone surrogates, numbers out of range, deep nesting, anything after the value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final, NoReturn, TypeAlias

from gonogo.errors import BadInput
from gonogo.values import dataclass

Tree: TypeAlias = "bool | int | Decimal | str | Sequence[Tree] | Mapping[str, Tree] | None"
"""JSON as gonogo holds it: like `terms.Json`, and fractions are decimals; floats do not occur."""

MOST_BYTES: Final = 1 << 20
MOST_DEPTH: Final = 64
MOST_DIGITS: Final = 19
MOST_LITERAL: Final = 400
MOST_EXPONENT: Final = 308

_ESCAPE: Final = re.compile(rb"\\.", re.DOTALL)
_OPENING: Final = b"[{"
_UNMARKED: Final = bytes(set(range(256)) - set(b'[]{}"'))
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_BAD_ESCAPE: Final = re.compile(r"~(?![01])")


def write_json(value: Tree) -> bytes:
    """`value` as a file: sorted keys, indent 1, UTF-8, decimals as plain numbers, one LF at the end.

    Raises TypeError for a float or any other foreign value, BadInput for text that UTF-8 cannot hold.
    """
    return _encoded(_indented(value, "\n") + "\n", "utf-8")


def write_line(value: Tree) -> bytes:
    """`value` as one log line: sorted keys, no blanks, ASCII, integers only, LF at the end.

    Raises TypeError for a fraction, because a line has to be the same bytes for every reader.
    """
    return _encoded(_compact(value) + "\n", "ascii")


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        raise BadInput(
            f"text holds a code point that {encoding} cannot write (position {error.start})",
            next_step="remove the lone surrogate from the text",
        ) from error


def _indented(value: Tree, newline: str) -> str:
    deeper = newline + " "
    match value:
        case Mapping():
            members = [f"{_quoted(key)}: {_indented(value[key], deeper)}" for key in sorted(value)]
            return _bracketed("{", members, "}", newline)
        case str() | Decimal():
            return _quoted(value) if isinstance(value, str) else plain(value)
        case list() | tuple():
            return _bracketed("[", [_indented(item, deeper) for item in value], "]", newline)
        case _:
            return _scalar(value)


def _bracketed(opening: str, members: list[str], closing: str, newline: str) -> str:
    if not members:
        return opening + closing
    deeper = newline + " "
    return f"{opening}{deeper}{(',' + deeper).join(members)}{newline}{closing}"


def _quoted(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"a key of a JSON object is text, not {type(text).__name__}")
    return json.dumps(text, ensure_ascii=False)


def _ascii(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a key of a JSON object is text, not {type(key).__name__}")
    return json.dumps(key)


def _compact(value: Tree) -> str:
    match value:
        case Mapping():
            return "{" + ",".join(f"{_ascii(key)}:{_compact(value[key])}" for key in sorted(value)) + "}"
        case str():
            return json.dumps(value)
        case list() | tuple():
            return "[" + ",".join(map(_compact, value)) + "]"
        case _:
            return _scalar(value)


def _scalar(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return int.__repr__(value)
        case _:
            raise TypeError(f"{type(value).__name__} cannot be written here; numbers are integers or decimals")


def plain(value: Decimal) -> str:
    """A finite decimal without exponent, digits as they are (`0.90` stays `0.90`).

    A whole number of more digits than an integer may have gets `.0`, so that it is read back as the decimal that it is.
    Raises TypeError for NaN and infinity.
    """
    if not value.is_finite():
        raise TypeError(f"{value} is not a number that JSON can hold")
    text = format(value, "f")
    return text if "." in text or len(text.removeprefix("-")) <= MOST_DIGITS else f"{text}.0"


def read_json(data: bytes, *, name: str, limit: int = MOST_BYTES) -> Tree:
    """The one value in `data`, numbers as int or Decimal.

    `name` is the file as people know it, `limit` the most bytes. Raises BadInput, naming file, line and reason.
    """
    if len(data) > limit:
        _refuse(f"{len(data)} bytes where at most {limit} are read", name)
    if data.startswith(b"\xef\xbb\xbf"):
        _refuse("begins with a byte order mark", name)
    _check_depth(data, name)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(f"is not UTF-8 at byte {error.start}", name)
    try:
        value: Tree = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        _refuse(f"is not JSON: {error.msg} (column {error.colno})", f"{name}:{error.lineno}")
    except _Unacceptable as error:
        _refuse(str(error), name)
    if "\\u" in text:
        _check_surrogates(value, name)
    return value


def read_object(data: bytes, *, name: str, limit: int = MOST_BYTES) -> Mapping[str, Tree]:
    """Like `read_json`, and the value is an object."""
    value = read_json(data, name=name, limit=limit)
    if not isinstance(value, Mapping):
        _refuse("does not hold a JSON object", name)
    return value


def read_line(line: bytes, *, name: str, limit: int) -> Mapping[str, Tree]:
    """The object in one log line, which has to be exactly the bytes that `write_line` gives for it.

    Raises BadInput for anything else. What is written again as the same bytes has no repeated keys; what only
    `read_json` can judge (escapes, deep nesting) is left to it.
    """
    shallow = line.count(b"[") + line.count(b"{") <= MOST_DEPTH
    fast = shallow and len(line) <= limit and b"\\u" not in line and line.isascii()
    value: Tree
    try:
        value = _LINES.decode(line.decode("ascii")) if fast else read_json(line, name=name, limit=limit)
    except (ValueError, RecursionError) as error:
        _refuse(f"is not JSON: {error}", name)
    if not isinstance(value, dict):
        _refuse("does not hold a JSON object", name)
    again = _LINE_WRITER.encode(value).encode() + b"\n" if fast else write_line(value)
    if again != line:
        _refuse("is not spelled as gonogo spells it", name)
    return value


class _Unacceptable(ValueError):
    """What the hooks of the decoder say; never leaves this module."""


def _refuse(what: str, where: str) -> NoReturn:
    raise BadInput(what, where=where, next_step="let the tool that makes the file write it again")


def _check_depth(data: bytes, name: str) -> None:
    if data.count(b"[") + data.count(b"{") <= MOST_DEPTH:
        return
    if b"\\" in data:
        data = _ESCAPE.sub(b"", data)
    # Only quotes and brackets are left. Two quotes side by side are an empty text, or the end and begin of two.
    marks = data.translate(None, _UNMARKED).replace(b'""', b"")
    depth = 0
    for mark in b"".join(marks.split(b'"')[::2]):
        if mark in _OPENING:
            depth += 1
            if depth > MOST_DEPTH:
                _refuse(f"is nested deeper than {MOST_DEPTH} levels", name)
        else:
            depth -= 1


def _unique(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
    members = dict(pairs)
    if len(members) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = sorted({key for key in keys if keys.count(key) > 1}) if len(keys) < MOST_LITERAL else ["..."]
        raise _Unacceptable(f"says the key {json.dumps(twice[0])} twice")
    return members


def _integer(literal: str) -> int:
    if len(literal.removeprefix("-")) > MOST_DIGITS:
        raise _Unacceptable(f"holds an integer of more than {MOST_DIGITS} digits")
    return int(literal)


def _fraction(literal: str) -> Decimal:
    if len(literal) > MOST_LITERAL:
        raise _Unacceptable(f"holds a number of more than {MOST_LITERAL} characters")
    try:
        value = Decimal(literal)
    except InvalidOperation:
        raise _Unacceptable(f"holds the number {literal}, which is out of range") from None
    if abs(value.adjusted()) > MOST_EXPONENT or len(plain(value)) > MOST_LITERAL:
        raise _Unacceptable(f"holds the number {literal}, which is out of range")
    return value


def _constant(literal: str) -> NoReturn:
    raise _Unacceptable(f"holds {literal}, which is not a number")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
)


_LINES: Final = json.JSONDecoder(parse_int=_integer, parse_float=_constant, parse_constant=_constant)
_LINE_WRITER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def _check_surrogates(value: Tree, name: str) -> None:
    pending: list[Tree] = [value]
    while pending:
        item = pending.pop()
        match item:
            case str():
                if any("\ud800" <= character <= "\udfff" for character in item):
                    _refuse("holds half a surrogate pair", name)
            case Mapping():
                pending.extend(item.keys())
                pending.extend(item.values())
            case list():
                pending.extend(item)


@dataclass(frozen=True, slots=True)
class Found:
    """What a JSON pointer points to."""

    value: Tree


@dataclass(frozen=True, slots=True)
class Missing:
    """A JSON pointer that points to nothing; `why` names the first part that is not there."""

    pointer: str
    why: str


def resolve_pointer(value: Tree, pointer: str) -> Found | Missing:
    """The part of `value` at `pointer` (RFC 6901). Raises BadInput where `pointer` is not one."""
    if pointer and not pointer.startswith("/"):
        raise BadInput(f"{pointer!r} is not a JSON pointer", next_step='write it as "/part/part"')
    if _BAD_ESCAPE.search(pointer):
        raise BadInput(f"{pointer!r} is not a JSON pointer", next_step='write "~" as "~0" and "/" as "~1"')
    for part in pointer.split("/")[1:]:
        match _step(value, part.replace("~1", "/").replace("~0", "~")):
            case Found(value=inner):
                value = inner
            case Missing(why=why):
                return Missing(pointer, why)
    return Found(value)


def _step(value: Tree, part: str) -> Found | Missing:
    match value:
        case Mapping():
            return Found(value[part]) if part in value else Missing(part, f"no member {part!r}")
        case list() | tuple():
            if not _INDEX.fullmatch(part):
                return Missing(part, f"{part!r} is not an index of a list")
            index = int(part)
            return Found(value[index]) if index < len(value) else Missing(part, f"the list ends before {index}")
        case _:
            return Missing(part, f"{part!r} asked of a value that has no parts")
