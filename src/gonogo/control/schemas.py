"""JSON Schemas of every file that gonogo reads or writes, by name, and files held against them (SEC-10)."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Final

from gonogo.document.yaml_nodes import Items, Node, Pairs, Scalar, read_yaml
from gonogo.errors import BadInput
from gonogo.evidence.canonical import Tree, read_json
from gonogo.measure.evidence_schemas import evidence_schema
from gonogo.measure.file_schemas import FILE_SCHEMAS, WRITTEN_AS_YAML, file_schema
from gonogo.measure.schema_check import Schema, schema_faults
from gonogo.measure.shapes import SHAPES
from gonogo.plan.approvers import read_approvers
from gonogo.plan.bindings import read_project
from gonogo.plan.config_schemas import config_schema
from gonogo.plan.gate_limits import read_gate_limits
from gonogo.plan.reading import Findings
from gonogo.plan.sidecar import read_sidecar

MOST_BYTES: Final = 64 << 20
_READERS: Final[Mapping[str, tuple[str, str, Callable[[bytes, str, Findings], object]]]] = {
    "project": ("gonogo.yaml", "gonogo.example.yaml", read_project),
    "approvers": ("config/release-approvers.yaml", "release-approvers.example.yaml", read_approvers),
    "gate-limits": ("config/protocol_gates/NN.yaml", "gate-limits.example.yaml", read_gate_limits),
    "sidecar": ("PROTOCOL.gonogo.yaml", "pre-deployment.gonogo.yaml", read_sidecar),
}


def schema_names() -> tuple[str, ...]:
    """The names of all schemas: configuration first, then other files, then evidence by the names of its files."""
    return (*_READERS, *FILE_SCHEMAS, *sorted(SHAPES))


@cache
def schema_named(name: str) -> Schema:
    """The schema of this name; BadInput with the nearest one for another."""
    if name in _READERS:
        title, example, read = _READERS[name]
        notes = Findings()
        read(resources.files("gonogo.library").joinpath(example).read_bytes(), example, notes)
        return config_schema(name, title, notes)
    found = file_schema(name) or evidence_schema(name if name.endswith(".json") else f"{name}.json")
    if found is None:
        near = difflib.get_close_matches(name, schema_names(), n=1)
        hint = f"did you mean `{near[0]}`? " if near else ""
        raise BadInput(f"there is no schema `{name}`", next_step=f"{hint}`gonogo schema` lists the names")
    return found


def faults_of(name: str, data: bytes, file: str) -> tuple[str, ...]:
    """Where a file is not as the schema says, one sentence each; BadInput where it is no JSON or YAML at all."""
    schema = schema_named(name)
    if name in _READERS or name in WRITTEN_AS_YAML:
        return tuple(schema_faults(schema, _typed(read_yaml(data, file))))
    return tuple(schema_faults(schema, read_json(data, name=file, limit=MOST_BYTES)))


def _typed(node: Node) -> Tree:
    """A YAML node as editors type it: plain numbers and Booleans by their looks, times as text."""
    match node:
        case Pairs():
            return {key: _typed(value) for key, value in node.values.items()}
        case Items():
            return [_typed(item) for item in node.items]
        case Scalar(quoted=True):
            return node.text
        case Scalar():
            word = {"true": True, "false": False}.get(node.text)
            return word if word is not None else int(node.text) if node.text.isdecimal() else node.text
