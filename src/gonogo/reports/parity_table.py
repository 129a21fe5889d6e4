"""A parity report for people: figures, the differences as a table, what to do about each, what nobody could compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from gonogo.evidence.canonical import Tree
from gonogo.measure.parity import open_items
from gonogo.measure.stored_fields import Fields
from gonogo.reports.parity_text import remediation_list

COLOURS: Mapping[str, str] = {"critical": "red", "high": "red", "medium": "yellow", "low": "yellow"}
MOST_ROWS = 200
MOST_WIDE = 44
_NO_FIGURE = "not known"


def parity_table(body: Mapping[str, Tree], now: datetime) -> Iterator[tuple[str, str]]:
    """Lines with their colours."""
    fields = Fields(body)
    yield from _figures(fields.part("staging_parity"))
    rows = fields.rows("differences")
    if rows:
        yield from _differences(rows)
    unclear = fields.rows("not_comparable")
    if unclear:
        yield "not comparable", ""
        for row in unclear[:MOST_ROWS]:
            seen = f" (reviewed by {row.text('reviewed_by')})" if row.filled("reviewed_by") else ""
            yield f"  {row.text('path')}: {row.text('reason')}{seen}", "" if seen else "red"
    todo = list(remediation_list(body))
    if todo:
        yield "to do", ""
        ages = {item.path: (now - item.first_seen).days for item in open_items(body)}
        for line in todo[:MOST_ROWS]:
            days = ages.get(line.partition(":")[0], 0)
            yield f"  {line}{f', open for {days} days' if days else ''}", ""


def _figures(about: Fields) -> Iterator[tuple[str, str]]:
    severity = about.maybe_text("drift_severity") or _NO_FIGURE
    figures = {
        "worst severity": severity,
        "drift metric": _figure(about, "drift_metric"),
        "parity score": _figure(about, "parity_score"),
        "compared": str(about.count("compared")),
        "differing": str(about.count("differing")),
    }
    colour = "green" if severity == "none" else COLOURS.get(severity, "red")
    yield ", ".join(f"{name} {value}" for name, value in figures.items()), colour


def _figure(about: Fields, key: str) -> str:
    value = about.maybe_number(key)
    return _NO_FIGURE if value is None else str(value)


def _differences(rows: tuple[Fields, ...]) -> Iterator[tuple[str, str]]:
    table = [("severity", "path", "staging", "production", "cause")]
    table += [
        (_rated(row), row.text("path"), _short(row.text("staging")), _short(row.text("production")), row.text("cause"))
        for row in rows[:MOST_ROWS]
    ]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for number, line in enumerate(table):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        yield text, "" if number == 0 else COLOURS.get(line[0], "")
    if len(rows) > MOST_ROWS:
        yield f"... and {len(rows) - MOST_ROWS} more; --json lists all", ""


def _rated(row: Fields) -> str:
    return "accepted" if row.filled("accepted_until") else row.text("severity")


def _short(text: str) -> str:
    return text if len(text) <= MOST_WIDE else f"{text[: MOST_WIDE - 1]}…"
