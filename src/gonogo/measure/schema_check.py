"""The part of JSON Schema that gonogo's own schemas use, applied to a value (SEC-10).

Understood: type, required, properties, patternProperties, additionalProperties, items, enum, const, pattern, minimum,
anyOf. A test compares the answers with those of a validator of somebody else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

from gonogo.evidence.canonical import Tree

Schema: TypeAlias = Mapping[str, Tree]

MOST_SHOWN = 40


def schema_faults(schema: Schema, value: Tree, place: str = "", *, required: bool = True) -> Iterator[str]:
    """One sentence for each place where `value` is not as `schema` says; without `required` what is absent is none."""
    options = schema.get("anyOf")
    if isinstance(options, Sequence) and not isinstance(options, str):
        found = [list(schema_faults(_part(option), value, place, required=required)) for option in options]
        if all(found):
            yield from min(found, key=len)
        return
    fault = _own_fault(schema, value)
    if fault:
        yield f"{place or '/'}: {fault}"
    elif isinstance(value, Mapping):
        yield from _members(schema, value, place, required=required)
    elif isinstance(value, Sequence) and not isinstance(value, str) and "items" in schema:
        for index, item in enumerate(value):
            yield from schema_faults(_part(schema["items"]), item, f"{place}/{index}", required=required)


def _own_fault(schema: Schema, value: Tree) -> str:
    kinds = schema.get("type")
    allowed = [kinds] if isinstance(kinds, str) else list(kinds) if isinstance(kinds, Sequence) else []
    if allowed and not any(_is(value, str(kind)) for kind in allowed):
        return f"{_kind(value)} stands here, not {' or '.join(str(kind) for kind in allowed)}"
    words = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if isinstance(words, Sequence) and value not in words:
        return f"it is none of {', '.join(str(word) for word in words)}"
    pattern, least = schema.get("pattern"), schema.get("minimum")
    if isinstance(pattern, str) and isinstance(value, str) and not re.search(pattern, value, re.ASCII):
        return f"`{value[:MOST_SHOWN]}` does not have the form {pattern}"
    if isinstance(least, int) and isinstance(value, int | Decimal) and value < least:
        return f"it is less than {least}"
    return ""


def _members(schema: Schema, value: Mapping[str, Tree], place: str, *, required: bool) -> Iterator[str]:
    needed = schema.get("required")
    if required and isinstance(needed, Sequence):
        absent = [name for name in needed if isinstance(name, str) and name not in value]
        yield from (f"{place}/{name}: this field is missing" for name in absent)
    known, patterns = _part(schema.get("properties")), _part(schema.get("patternProperties"))
    for key, inner in value.items():
        below = known.get(key)
        if below is None:
            below = next((found for pattern, found in patterns.items() if re.search(pattern, key)), None)
        if below is not None:
            yield from schema_faults(_part(below), inner, f"{place}/{key}", required=required)
        elif schema.get("additionalProperties") is False:
            yield f"{place}/{key}: this field is not known"


def _part(value: Tree) -> Schema:
    return value if isinstance(value, Mapping) else {}


def _is(value: Tree, kind: str) -> bool:
    match kind:
        case "object":
            return isinstance(value, Mapping)
        case "array":
            return isinstance(value, Sequence) and not isinstance(value, str)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int | Decimal) and not isinstance(value, bool) and value == int(value)
        case "number":
            return isinstance(value, int | Decimal) and not isinstance(value, bool)
        case _:
            return value is None


def _kind(value: Tree) -> str:
    names = ("null", "boolean", "string", "integer", "number", "array", "object")
    return next(name for name in names if _is(value, name))
