"""Markdown twins of evidence files: rendered from the JSON, foreign text escaped and so only text (III.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gonogo.evidence.canonical import Tree

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~&!])")


def cell(value: Tree) -> str:
    """One value on one line, every character that Markdown or HTML could read as markup escaped."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case str():
            return _SPECIAL.sub(r"\\\1", " ".join(value.split())) or "-"
        case _:
            return _SPECIAL.sub(r"\\\1", str(value))


def table(titles: Sequence[str], rows: Iterable[Sequence[Tree]]) -> str:
    """A table, or the sentence that there are no entries."""
    lines = [f"| {' | '.join(cell(value) for value in row)} |" for row in rows]
    if not lines:
        return "No entries."
    return "\n".join([f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}", *lines])


def page(title: str, *parts: str) -> str:
    """A document: a title, then its parts with blank lines between them, one line feed at the end."""
    return "\n\n".join([f"# {title}", *(part for part in parts if part)]) + "\n"


def section(title: str, text: str) -> str:
    """A titled part of a document."""
    return f"## {title}\n\n{text}"
