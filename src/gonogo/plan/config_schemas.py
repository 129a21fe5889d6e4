"""JSON Schemas of configuration files, made of what their readers ask for, so that the two cannot part (SEC-10).

For editors and for tools of others. The reader itself is stricter: it also checks what one value says about another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gonogo.evidence.canonical import Tree
from gonogo.measure.evidence_schemas import DIALECT
from gonogo.measure.schema_check import Schema
from gonogo.plan.reading import MAPPING, MAPPINGS, TEXTS, Asked, Findings, Place

SCALAR: Final[Schema] = {"type": ["string", "number", "boolean"]}
"""YAML types plain values by their looks; gonogo reads them all as text."""

_ONE_OF: Final = re.compile(r"one of (?P<words>[^ ,]+(?:, [^ ,]+)*)(?P<more>, or plugin:NAME.*)?")
_AT_LEAST: Final = re.compile(r"a whole number of at least (?P<least>\d+)")


def config_schema(name: str, title: str, notes: Findings) -> Schema:
    """The schema of a file whose reader, run over an example that has every key, asked for what `notes` hold."""
    return {"$schema": DIALECT, "$id": f"urn:gonogo:{name}:1", "title": title, **_mapping(notes, ())}


def _mapping(notes: Findings, place: Place) -> Schema:
    known: dict[str, Tree] = {}
    names: list[Schema] = []
    required: list[Tree] = []
    for key, asked in _asked_at(notes, place):
        schema = _value(notes, place, key, asked)
        if key == "*":
            names.append(schema)
            continue
        if place in notes.free:
            names.append(schema)
        known[key] = schema
        # What is asked for in some of the mappings only depends on what else stands there.
        required += [key] if asked.required and asked.times == notes.met[place] else []
    found: dict[str, Tree] = {"type": "object", "properties": known, "additionalProperties": False}
    if required:
        found["required"] = required
    if names:
        found["patternProperties"] = {".+": _any_of(names)}
    return found


def _asked_at(notes: Findings, place: Place) -> Iterator[tuple[str, Asked]]:
    for (where, key), asked in notes.asked.items():
        if where == place:
            yield key, asked


def _value(notes: Findings, place: Place, key: str, asked: Asked) -> Schema:
    inner = (*place, key)
    found = [_kind(notes, inner, kind) for kind in asked.kinds]
    if not found and any(where[: len(inner) + 1] == (*inner, "[]") for where, _ in notes.asked):
        # A list whose entries are plain values or mappings, as keys of people are.
        entry = _any_of([SCALAR, _mapping(notes, (*inner, "[]"))])
        found = [SCALAR, {"type": "array", "items": entry}]
    return _any_of(found) if found else {}


def _kind(notes: Findings, place: Place, kind: str) -> Schema:
    if kind == MAPPING:
        return _mapping(notes, place)
    if kind == MAPPINGS:
        return {"type": "array", "items": _mapping(notes, (*place, "[]"))}
    if kind == TEXTS:
        return {"anyOf": [SCALAR, {"type": "array", "items": SCALAR}]}
    if kind == "true or false":
        return {"type": "boolean"}
    if least := _AT_LEAST.fullmatch(kind):
        return {"type": "integer", "minimum": int(least["least"])}
    if words := _ONE_OF.fullmatch(kind):
        known: Schema = {"enum": words["words"].split(", ")}
        return known if words["more"] is None else {"anyOf": [known, {"type": "string", "pattern": "^plugin:"}]}
    return {**SCALAR, "description": kind}


def _any_of(options: list[Schema]) -> Schema:
    distinct = [option for at, option in enumerate(options) if option not in options[:at]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}
