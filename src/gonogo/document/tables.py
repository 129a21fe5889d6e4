"""Tables by lines: header, rows, cells with columns; rows that lost their header (T3; DOC-19)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gonogo.document.lines import Layer, Line
from gonogo.values import dataclass

_SEPARATOR = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")
_PIPE = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Cell:
    """The text of one cell and the column where it stands."""

    text: str
    col: int


@dataclass(frozen=True, slots=True)
class Table:
    """Consecutive lines that look like a table. `header` is empty where the header row is missing."""

    first: int
    header: tuple[Cell, ...]
    rows: tuple[tuple[Line, tuple[Cell, ...]], ...]
    lines: tuple[Line, ...]

    @property
    def surplus(self) -> tuple[Line, ...]:
        """Rows with more cells than the header has; a viewer drops them."""
        return tuple(line for line, cells in self.rows if self.header and len(cells) > len(self.header))


def is_separator(line: Line) -> bool:
    """Whether the line separates header and rows (`|---|---|`, also where its start was cut off)."""
    return "|" in line.text and _SEPARATOR.match(line.text) is not None


def tables_in(lines: Sequence[Line]) -> tuple[Table, ...]:
    """The tables among `lines`: runs of rows without a blank line between them."""
    found: list[Table] = []
    run: list[Line] = []
    for line in lines:
        tabular = line.layer is Layer.TEXT and (line.row or is_separator(line))
        if run and (not tabular or line.gap or line.index != run[-1].index + 1):
            found.append(_table(run))
            run = []
        if tabular:
            run.append(line)
    if run:
        found.append(_table(run))
    return tuple(found)


def _table(run: Sequence[Line]) -> Table:
    headed = len(run) > 1 and not is_separator(run[0]) and is_separator(run[1])
    header = cells_of(run[0]) if headed else ()
    body = run[2:] if headed else run
    rows = tuple((line, cells_of(line)) for line in body if not is_separator(line))
    return Table(run[0].index, header, rows, tuple(run))


def cells_of(line: Line) -> tuple[Cell, ...]:
    """The cells of a row, without the outer pipes; a pipe in ticks is text where the ticks close in the cell."""
    text = line.text
    start = text.find("|") + 1
    cells: list[Cell] = []
    at = start
    for match in _PIPE.finditer(text, start):
        cells.append(_cell(text, at, match.start()))
        at = match.end()
    if text[at:].strip():
        cells.append(_cell(text, at, len(text)))
    return tuple(cells)


def _cell(text: str, start: int, end: int) -> Cell:
    inner = text[start:end]
    return Cell(inner.strip(), start + len(inner) - len(inner.lstrip()))
