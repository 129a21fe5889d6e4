"""Derived fields: computed once from the raw fields of the same body, and computed again when a gate judges (III.2)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

from gonogo.evidence.canonical import Tree
from gonogo.measure.figures import Body

Derived: TypeAlias = Mapping[str, Tree]
"""JSON pointer to the value that follows from the rest of the body. None: nothing follows, the field must be absent."""


def filled(raw: Body, derived: Derived) -> Body:
    """`raw` with every derived value in its place; what is not measurable stays out, so that its pointer is missing."""
    body = dict(raw)
    for pointer, value in derived.items():
        if value is not None:
            _put(body, pointer.split("/")[1:], value)
    return body


def compared(body: Mapping[str, Tree], derived: Derived) -> tuple[str, ...]:
    """One sentence for each field of `body` that is not what its own data say; none where all agree."""
    answer = []
    for pointer, wanted in derived.items():
        stated = _at(body, pointer.split("/")[1:])
        if not same(stated, wanted):
            answer.append(f"{pointer} says {_shown(stated)}; its own data say {_shown(wanted)}")
    return tuple(answer)


def same(left: Tree, right: Tree) -> bool:
    """Whether two values are equal in type and content; 1 and 1.0 are equal numbers, true is no number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | Decimal) and isinstance(right, int | Decimal):
        return left == right
    return type(left) is type(right) and left == right


def _put(body: Body, keys: list[str], value: Tree) -> None:
    if len(keys) == 1:
        body[keys[0]] = value
        return
    below = body.get(keys[0])
    inner = dict(below) if isinstance(below, Mapping) else {}
    _put(inner, keys[1:], value)
    body[keys[0]] = inner


def _at(value: Tree, keys: list[str]) -> Tree:
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def _shown(value: Tree) -> str:
    return "nothing" if value is None else f"`{value}`"
