"""What a document says of each artifact in its evidence tables: place, purpose, consumers, metrics (EVS-01, EVS-03).

Only tables whose header has a column of purposes, consumers or metrics are read; every other table means something
else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gonogo.document.extracts import base_name, paths_in
from gonogo.document.lines import line_of, plain
from gonogo.document.tables import Cell, tables_in
from gonogo.values import dataclass

_COLUMNS: Final = {
    "location": ("location", "path", "storage", "storage location"),
    "purpose": ("purpose", "description", "use"),
    "consumers": ("consumer", "consumers", "used by", "downstream"),
    "metrics": ("metrics", "metric", "key metrics", "quality metrics"),
}


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One artifact as a table of the document tells it; empty where it says nothing."""

    name: str
    location: str
    purpose: str
    consumers: tuple[str, ...]
    metrics: str


def evidence_summary(document: bytes) -> tuple[SummaryRow, ...]:
    """Every artifact of the evidence tables, in the order of the document."""
    lines = [line_of(number, text) for number, text in enumerate(document.decode("utf-8", "replace").split("\n"))]
    found: dict[str, SummaryRow] = {}
    for table in tables_in(lines):
        header = [_words(cell) for cell in table.header]
        places = {key: next((at for at, name in enumerate(header) if name in names), -1) for key, names in _NAMED}
        if places["purpose"] < 0 and places["consumers"] < 0 and places["metrics"] < 0:
            continue
        for _, cells in table.rows:
            for row in _row(cells, places):
                found.setdefault(row.name, row)
    return tuple(found.values())


_NAMED: Final = tuple((key, frozenset(names)) for key, names in _COLUMNS.items())


def _row(cells: tuple[Cell, ...], places: dict[str, int]) -> Iterator[SummaryRow]:
    names = paths_in(cells[0].text) if cells else ()
    said = {key: plain(cells[at].text).strip() if 0 <= at < len(cells) else "" for key, at in places.items()}
    if names:
        consumers = tuple(part.strip() for part in said["consumers"].split(",") if part.strip())
        yield SummaryRow(base_name(names[0]), said["location"].strip("`"), said["purpose"], consumers, said["metrics"])


def _words(cell: Cell) -> str:
    return cell.text.replace("*", "").strip().lower()
