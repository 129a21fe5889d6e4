"""Integration points: what is taken from, and given to, other protocols (DOC-01; compiler section 4)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gonogo.document.claims import Claims, LineClass
from gonogo.document.extracts import paths_in
from gonogo.document.lines import Layer, Line, label_of, plain
from gonogo.document.text import Source
from gonogo.document.vocabulary import bare_name
from gonogo.protocol.model import Exchange

_INPUT = re.compile(r"\binputs?\b(?: from)?|\bupstream\b|\breceives?\b|\bconsumes?\b", re.IGNORECASE)
_OUTPUT = re.compile(r"\boutputs?\b(?: to)?|\bdownstream\b|\bprovides?\b|\bproduces?\b", re.IGNORECASE)
_REFERENCE = re.compile(r"^\**protocol \d", re.IGNORECASE)
_PROTOCOL = re.compile(
    r"^(?P<who>(?:protocols?\s+[\w/]+|[^:`]{2,60}?)(?:\s*\([^()]*\))?)\s*:\s*(?P<what>.*)$", re.IGNORECASE
)


def exchanges_of(
    lines: Sequence[Line], source: Source, claims: Claims
) -> tuple[tuple[Exchange, ...], tuple[Exchange, ...]]:
    """Inputs and outputs of one integration section."""
    side = ""
    sides: dict[str, list[Exchange]] = {"in": [], "out": []}
    parent: Line | None = None
    for line in lines:
        if line.layer is not Layer.TEXT:
            claims.take(line, LineClass.COMMENT if line.layer is Layer.COMMENT else LineClass.NOTE)
            continue
        if line.rule:
            claims.take(line, LineClass.DECORATION)
            continue
        heading = _side_heading(line)
        if heading is not None:
            side, parent = heading, None
            claims.take(line, LineClass.STRUCTURE, "heading")
            continue
        nested = parent is not None and line.indent > parent.indent
        if side and not nested and (line.item or _REFERENCE.match(line.body)):
            sides[side].append(_exchange(line, source))
            parent = line
            claims.take(line, LineClass.OBLIGATION, "exchange")
        else:
            claims.take(line, LineClass.NOTE, "content")
    return tuple(sides["in"]), tuple(sides["out"])


def _side_heading(line: Line) -> str | None:
    """Which side a heading or a bold head opens; an empty string for one that opens neither; None for other lines."""
    if line.level:
        name = bare_name(line.body)
    else:
        label = label_of(line) if not line.item else None
        if label is None or label.value or not label.bold or _REFERENCE.match(label.name):
            return None
        name = label.name
    if _INPUT.search(name):
        return "in"
    return "out" if _OUTPUT.search(name) else ""


def _exchange(line: Line, source: Source) -> Exchange:
    text = plain(line.body)
    match = _PROTOCOL.match(text)
    who, what = (match["who"].strip(), match["what"].strip()) if match else ("", text)
    artifacts = paths_in(what)
    return Exchange(who, artifacts, what, source.origin(line.index, line.col))
