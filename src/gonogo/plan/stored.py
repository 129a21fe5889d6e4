"""A plan as it is kept, and read back by the same and by later versions: how a run outlives the one that opened it.

The types of the plan say how each part is read, so there is no second description of a plan. What this version does not
know is refused by name, never left out: half a plan would be another plan. Tables keep their order, which a digest does
not see and people do.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import typing
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final

from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_object
from gonogo.plan.digest import as_json
from gonogo.plan.model import Plan

MOST_BYTES: Final = 1 << 24
KIND: Final = "kind_of"

Read = Callable[[Tree], Any]  # one reader for each type of the plan


class ForeignPlan(BadInput):
    """The stored plan says something that this version does not know."""


def stored_form(plan: Plan) -> bytes | None:
    """The bytes to keep of a plan; None where reading them back would give another plan."""
    data = _written(plan)
    again = stored_plan(data)
    return data if again == plan and _written(again) == data else None


def stored_plan(data: bytes) -> Plan:
    """The plan that `data` says; ForeignPlan names the first thing that this version does not know."""
    plan = _reader(Plan)(read_object(data, name="the stored plan", limit=MOST_BYTES))
    assert isinstance(plan, Plan)
    return plan


def _written(plan: Plan) -> bytes:
    return json.dumps(as_json(plan), ensure_ascii=False, separators=(",", ":")).encode()


def _foreign(what: str) -> ForeignPlan:
    return ForeignPlan(what, next_step="go on with the version that opened the run")


@cache
def _reader(kind: object) -> Read:
    """How a value of this type is read. Made once for each type."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _of_class(kind)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (UnionType, typing.Union):
        return _of_union(inner)
    if origin is tuple:
        return _of_tuple(inner)
    if origin is frozenset:
        return _of_set(inner[0])
    if origin is Mapping:
        return _of_mapping(inner[0] is int, inner[1])
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _of_words(kind)
    return _plain(kind)


def _of_class(kind: type) -> Read:
    hints = typing.get_type_hints(kind)
    fields = {field.name: _reader(hints[field.name]) for field in dataclasses.fields(kind)}
    needed = {
        field.name
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }

    def read(tree: Tree) -> object:
        if not isinstance(tree, Mapping) or tree.get(KIND) != kind.__name__:
            raise _foreign(f"the stored plan has something else in place of a {kind.__name__}")
        unknown = sorted(set(tree) - set(fields) - {KIND})
        lacking = sorted(needed - set(tree))
        if unknown or lacking:
            what = f"has `{unknown[0]}`, which this version does not know" if unknown else f"lacks `{lacking[0]}`"
            raise _foreign(f"the {kind.__name__} of the stored plan {what}")
        return kind(**{name: fields[name](value) for name, value in tree.items() if name != KIND})

    return read


def _of_union(kinds: tuple[object, ...]) -> Read:
    known = [kind for kind in kinds if isinstance(kind, type) and dataclasses.is_dataclass(kind)]
    classes = {kind.__name__: _reader(kind) for kind in known}
    others = [_reader(kind) for kind in kinds if kind is not NoneType and kind not in known]

    def read(tree: Tree) -> object:
        if tree is None and NoneType in kinds:
            return None
        if isinstance(tree, Mapping) and classes:
            name = str(tree.get(KIND))
            if name not in classes:
                raise _foreign(f"the stored plan has a {name}, which this version does not know")
            return classes[name](tree)
        return _first(others, tree)

    return read


def _first(readers: list[Read], tree: Tree) -> object:
    """What the first type that can be reads: a limit is a number where it reads as one, else a word."""
    for read in readers[:-1]:
        try:
            return read(tree)
        except BadInput:
            continue
    if not readers:
        raise _foreign("the stored plan has a value where this version knows none")
    return readers[-1](tree)


def _of_tuple(inner: tuple[object, ...]) -> Read:
    if inner[-1] is Ellipsis:
        each = _reader(inner[0])
        return lambda tree: tuple(each(item) for item in _list(tree))
    places = [_reader(kind) for kind in inner]

    def read(tree: Tree) -> object:
        items = _list(tree)
        if len(items) != len(places):
            raise _foreign(f"the stored plan has {len(items)} values in place of {len(places)}")
        return tuple(place(item) for place, item in zip(places, items, strict=True))

    return read


def _of_set(kind: object) -> Read:
    each = _reader(kind)
    return lambda tree: frozenset(each(item) for item in _list(tree))


def _of_mapping(numbered: bool, kind: object) -> Read:  # noqa: FBT001 - made in one place
    each, key = _reader(kind), _number if numbered else str

    def read(tree: Tree) -> object:
        if not isinstance(tree, Mapping):
            raise _foreign("the stored plan has something else in place of a table")
        return {key(name): each(item) for name, item in tree.items()}

    return read


def _of_words(kind: type[enum.Enum]) -> Read:
    words = {as_json(member): member for member in kind}

    def read(tree: Tree) -> object:
        if not isinstance(tree, str | int) or tree not in words:
            raise _foreign(f"the stored plan says {tree!r}, which is no {kind.__name__} of this version")
        return words[tree]

    return read


def _plain(kind: object) -> Read:
    if kind in _TEXTS:
        return _checked(str, _TEXTS[kind])
    # NewTypes of text, such as Digest, are text at run time.
    base: type = getattr(kind, "__supertype__", None) or _type(kind)
    return _checked(base, lambda value: value)


def _type(kind: object) -> type:
    if not isinstance(kind, type):
        msg = f"a plan cannot hold a {kind}"
        raise TypeError(msg)
    return kind


def _checked(kind: type, made: Callable[[Any], object]) -> Read:
    def read(tree: Tree) -> object:
        if type(tree) is not kind:
            raise _foreign(f"the stored plan says {tree!r} in place of a {kind.__name__}")
        try:
            return made(tree)
        except (ValueError, InvalidOperation) as error:
            raise _foreign(f"the stored plan says {tree!r}: {error}") from error

    return read


def _decimal(text: str) -> Decimal:
    found = Decimal(text)
    if not found.is_finite():
        raise ValueError("no finite number")
    return found


def _length(text: str) -> timedelta:
    number, _, unit = text.partition(" ")
    if unit != "ms":
        raise ValueError("no length in ms")
    return timedelta(milliseconds=int(number))


_TEXTS: Final[Mapping[object, Callable[[str], object]]] = {
    Decimal: _decimal,
    datetime: datetime.fromisoformat,
    timedelta: _length,
    bytes: bytes.fromhex,
}


def _number(text: str) -> int:
    if not text.isdecimal():
        raise _foreign(f"the stored plan says {text!r} in place of a number")
    return int(text)


def _list(tree: Tree) -> list[Any]:
    if not isinstance(tree, list | tuple):
        raise _foreign("the stored plan has something else in place of a list")
    return list(tree)
