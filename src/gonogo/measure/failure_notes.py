"""What people recorded about failing tests: cause, owner, plan, date (TST-03, TST-05, C19).

The file may change while a run waits: it ends a pause and turns no failure into a pass.
"""

from __future__ import annotations

from collections.abc import Mapping

from gonogo.document.yaml_nodes import Items, Node, Pairs, Scalar, read_yaml
from gonogo.errors import BadInput
from gonogo.measure.figures import read_time
from gonogo.measure.tests_measured import FailureCause, FailureNote, Mitigation

SCHEMA = "gonogo/test-failures/1"
CAUSES: Mapping[str, FailureCause] = {"deployment": "deployment", "code": "code", "environment": "environment"}
_KEYS = ("test", "cause", "owner", "plan", "due")


def read_failure_notes(data: bytes, name: str) -> Mapping[str, FailureNote]:
    """Notes by the id of the test, as reports of failures show it; BadInput with file and line for anything else."""
    root = read_yaml(data, name)
    if not isinstance(root, Pairs) or _text(root, "schema") != SCHEMA:
        raise _wrong(f"the file must begin with `schema: {SCHEMA}`", root)
    listed = root.values.get("failures")
    if not isinstance(listed, Items):
        raise _wrong("`failures` must be a list", root)
    notes: dict[str, FailureNote] = {}
    for item in listed.items:
        test, note = _note(item)
        if test in notes:
            raise _wrong(f"`{test}` is listed twice", item)
        notes[test] = note
    return notes


def _note(item: Node) -> tuple[str, FailureNote]:
    if not isinstance(item, Pairs):
        raise _wrong("each entry must hold names with values", item)
    unknown = sorted(item.values.keys() - set(_KEYS))
    if unknown:
        raise _wrong(f"`{unknown[0]}` is not known here; known are {', '.join(_KEYS)}", item)
    test, word = _text(item, "test"), _text(item, "cause")
    if not test:
        raise _wrong("an entry names no `test`", item)
    if word and word not in CAUSES:
        raise _wrong(f"`cause: {word}` is none of {', '.join(CAUSES)}", item)
    owner, plan, due = (_text(item, key) for key in ("owner", "plan", "due"))
    mitigation = Mitigation(owner, plan, read_time(due) if due else None) if owner or plan or due else None
    return test, FailureNote(CAUSES.get(word), mitigation)


def _text(entry: Pairs, key: str) -> str:
    node = entry.values.get(key)
    if node is None:
        return ""
    if not isinstance(node, Scalar):
        raise _wrong(f"`{key}` must be text", node)
    return node.text


def _wrong(what: str, node: Node) -> BadInput:
    return BadInput(what, where=str(node.origin), next_step="write it as docs/checks.md shows")
