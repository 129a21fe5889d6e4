"""How foreign text is shown in columns: display width, visible stand-ins for hidden characters, scrolled windows.

Text of documents is data: control characters (among them terminal escapes), zero-width and bidirectional characters
never reach a terminal as themselves, they are shown as `<U+200B>`.
"""

from __future__ import annotations

import unicodedata

from gonogo.values import dataclass

_TAB = "    "
_CUT = "…"


@dataclass(frozen=True, slots=True)
class Cell:
    """One character of a source line as it is shown, with the columns it takes."""

    shown: str
    width: int


def cells_of(line: str) -> tuple[Cell, ...]:
    """One cell for each code point of `line`; the cell index is the code point index."""
    return tuple(_cell(character) for character in line)


def width_of(text: str) -> int:
    """Columns that `text` takes on a terminal with a fixed-width font."""
    return sum(cell.width for cell in cells_of(text))


def shown(text: str) -> str:
    """`text` on one line, with everything hidden made visible."""
    return "".join(cell.shown for cell in cells_of(text))


def _cell(character: str) -> Cell:
    if character == "\t":
        return Cell(_TAB, len(_TAB))
    kind = unicodedata.category(character)
    if kind in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        text = f"<U+{ord(character):04X}>"
        return Cell(text, len(text))
    if unicodedata.combining(character) or kind in {"Mn", "Me"}:
        return Cell(character, 0)
    return Cell(character, 2 if unicodedata.east_asian_width(character) in "WF" else 1)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a line that fits: the text, and the columns before and under the mark."""

    text: str
    before: int
    under: int


def window_of(line: str, start: int, end: int, room: int) -> Window:
    """Show `line` in `room` columns, scrolled so that the code points `start` to `end` can be seen, or begin."""
    cells = cells_of(line)
    start = min(start, len(cells))
    end = min(max(end, start), len(cells))
    if _columns(cells) <= room:
        return Window(
            "".join(cell.shown for cell in cells), _columns(cells[:start]), max(1, _columns(cells[start:end]))
        )
    first = _first_cell(cells, start, end, room)
    last = first
    used = 2 if first else 1
    while last < len(cells) and used + cells[last].width <= room:
        used += cells[last].width
        last += 1
    head = _CUT if first else ""
    tail = _CUT if last < len(cells) else ""
    return Window(
        head + "".join(cell.shown for cell in cells[first:last]) + tail,
        len(head) + _columns(cells[first:start]),
        max(1, _columns(cells[start : min(end, last)])),
    )


def _first_cell(cells: tuple[Cell, ...], start: int, end: int, room: int) -> int:
    """The first cell to show: 0 when the mark fits from there, else a quarter of the room before the mark."""
    if _columns(cells[:end]) <= room - 1:
        return 0
    lead = max(0, min(room // 4, room - 2 - _columns(cells[start:end])))
    first = start
    while first > 0 and lead >= cells[first - 1].width:
        first -= 1
        lead -= cells[first].width
    return first


def _columns(cells: tuple[Cell, ...]) -> int:
    return sum(cell.width for cell in cells)
