"""What a form leaves open, as questions, and the form with the answers in it: asked, never invented (GEN-14)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TypeAlias

from gonogo.document.yaml_nodes import Items, Node, Pairs, Scalar, read_yaml
from gonogo.findings import Finding, Level
from gonogo.values import dataclass

_EMPTY = re.compile(r"`(?P<path>[\w.\[\]-]+)` is empty")
_PART = re.compile(r"([\w-]+)|\[(\d{1,4})\]")
_LISTS = frozenset({"phases"})

Plain: TypeAlias = "str | list[Plain] | dict[str, Plain]"


@dataclass(frozen=True, slots=True)
class Question:
    """An empty field of the form that one text can fill; `path` is its place, e.g. `phases[0].phase_name`."""

    path: str
    ask: str


def questions(findings: Iterable[Finding]) -> tuple[Question, ...]:
    """What can be asked for, in the order of the form; a part with an inner structure cannot be told in one line."""
    found = []
    for each in sorted(findings, key=lambda one: (one.primary.line, one.primary.col)):
        empty = _EMPTY.search(each.message)
        if each.code == "GN0901" and each.level is Level.ERROR and empty is not None and each.notes:
            found.append(Question(empty["path"], each.notes[0]))
    return tuple(question for question in found if question.path not in _LISTS)


def answered(data: bytes, file: str, answers: Mapping[str, str]) -> bytes:
    """The form with `answers` by path, as JSON, which is YAML too; every other value stays as it is."""
    form = _plain(read_yaml(data, file))
    for path, text in answers.items():
        _put(form, [key or int(index) for key, index in _PART.findall(path)], text)
    return (json.dumps(form, ensure_ascii=False, indent=1) + "\n").encode()


def _plain(node: Node) -> Plain:
    match node:
        case Scalar(text=text, quoted=quoted):
            return "" if not quoted and text in {"null", "~", "Null", "NULL"} else text
        case Items(items=items):
            return [_plain(item) for item in items]
        case Pairs(values=values):
            return {key: _plain(value) for key, value in values.items()}


def _put(place: Plain, path: list[str | int], text: str) -> None:
    """Put `text` at `path`; mappings on the way that are not there yet are made, list members never are."""
    for step, following in pairwise(path):
        match place, step:
            case dict() as mapping, str() as key:
                if not mapping.get(key):
                    mapping[key] = [] if isinstance(following, int) else {}
                place = mapping[key]
            case list() as items, int() as index if index < len(items):
                place = items[index]
            case _:
                return
    match place, path[-1]:
        case dict() as mapping, str() as key:
            mapping[key] = text
        case list() as items, int() as index if index < len(items):
            items[index] = text
        case _:
            return
