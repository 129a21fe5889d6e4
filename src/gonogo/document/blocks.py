"""The block layer of Markdown, flat: which lines make which block, and inside which list items they stand.

It answers two questions only: which lines does a viewer show as what, and whose child is a line in the Markdown tree.
Attribution never depends on it (law 3); it is asked afterwards, to find where a viewer shows another document than the
one that is enforced (GN0201), and which lines a viewer drops (GN0004).
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

from gonogo.document.text import Source
from gonogo.findings import Span
from gonogo.values import dataclass

MOST_BLOCKS = 20_000
MOST_MARKERS = 50_000
MOST_CELLS = 50_000

_LEADING = re.compile(r"[ \t]*(?:(?:[>*+-]|\d{1,9}[.)])[ \t]*)+")
_MARKER = re.compile(r"[>*+-]|\d[.)]")

_LEAVES = {
    "heading_open": "heading",
    "paragraph_open": "paragraph",
    "fence": "fence",
    "code_block": "code",
    "html_block": "html",
    "hr": "rule",
    "table_open": "table",
}


@dataclass(frozen=True, slots=True)
class Block:
    """A run of lines `line0` to `line1` (exclusive): one leaf block, the space between two, or lines a viewer drops.

    `kind` is heading, paragraph, fence, code, html, rule, table, item (a bare marker), blank or lost. `list_path` holds
    the first lines of the list items around it, outermost first; `marker` is the list marker of the innermost item that
    starts here.
    """

    kind: str
    line0: int
    line1: int
    indent: int
    marker: str
    list_path: tuple[int, ...]
    span: Span


def blocks(source: Source) -> tuple[Block, ...]:
    """The blocks of `source`, without gap or overlap: printing their spans gives back the text exactly."""
    leaves = _leaves(source)
    result: list[Block] = []
    at = 0
    for kind, line0, line1, path, marker in leaves:
        if line0 < at:
            continue
        result.extend(_between(source, at, line0, path))
        result.append(_block(source, kind, line0, line1, path, marker))
        at = line1
    result.extend(_between(source, at, len(source.raw), ()))
    return tuple(result)


def markers(source: Source) -> int:
    """How many quote and list markers open the lines, all together; nesting is what costs a Markdown parser time."""
    count = 0
    for line in source.raw:
        if line and line[0] in " \t>*+-0123456789" and (leading := _LEADING.match(line)) is not None:
            count += len(_MARKER.findall(leading.group()))
    return count


def _leaves(source: Source) -> list[tuple[str, int, int, tuple[int, ...], str]]:
    leaves: list[tuple[str, int, int, tuple[int, ...], str]] = []
    path: list[int] = []
    items: dict[int, str] = {}
    for token in _parsed(source):
        if token.type == "list_item_open" and token.map:
            path.append(token.map[0])
            items[token.map[0]] = token.info + token.markup
            leaves.append(("item", token.map[0], token.map[0] + 1, tuple(path), items[token.map[0]]))
        elif token.type == "list_item_close":
            path.pop()
        elif token.type in _LEAVES and token.map:
            first, last = token.map
            while leaves and leaves[-1][0] == "item" and leaves[-1][1] == first:
                leaves.pop()
            leaves.append((_LEAVES[token.type], first, last, tuple(path), items.get(first, "")))
    return leaves


def _parsed(source: Source) -> list[Token]:
    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.enableOnly(["block"])
    return parser.parse("\n".join(source.raw))


def _between(source: Source, line0: int, line1: int, path: tuple[int, ...]) -> list[Block]:
    """The lines that no leaf block holds: blank ones, and ones that a viewer drops."""
    result: list[Block] = []
    at = line0
    while at < line1:
        blank = not source.raw[at].strip()
        end = at + 1
        while end < line1 and (not source.raw[end].strip()) == blank:
            end += 1
        inside = tuple(item for item in path if item < at)
        result.append(_block(source, "blank" if blank else "lost", at, end, inside, ""))
        at = end
    return result


def _block(source: Source, kind: str, line0: int, line1: int, path: tuple[int, ...], marker: str) -> Block:
    end = source.starts[line1] if line1 < len(source.starts) else len(source.text)
    first = source.raw[line0] if line0 < len(source.raw) else ""
    indent = len(first) - len(first.lstrip(" \t"))
    return Block(kind, line0, line1, indent, marker, path, Span(source.starts[line0], end))
