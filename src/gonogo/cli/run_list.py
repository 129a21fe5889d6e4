"""The list of runs at a glance, as rows and as lines (RGD-01): it needs nothing that a command line is made of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gonogo.adapters.standings_read import Glance, glanced
from gonogo.cli.written import printable
from gonogo.control.stores.project_root import find_root, journal_at_hand

FEW = 50
EVERYTHING = 1 << 31
COLOURS = {"done": "green", "failed": "red", "running": "cyan", "released": "green", "ready": "green"}
ESCAPES = {"green": 32, "red": 31, "cyan": 36, "yellow": 33}
"""What a terminal takes for the colours above (ECMA-48, 8.3.117)."""


def rows_at_hand(folder: Path, *, all_runs: bool) -> tuple[list[dict[str, str | None]], int] | None:
    """The newest runs, oldest first, and how many there are; None where a glance does not tell all of it.

    Raises BadInput where `folder` is in no project.
    """
    path = journal_at_hand(find_root(folder.absolute()), os.environ)
    if path is None:
        return None
    found = glanced(path.parent, EVERYTHING if all_runs else FEW, datetime.now(UTC))
    if found is None or not found[0] or not all(each.known for each in found[0]):
        return None
    return [row_of(each) for each in reversed(found[0])], found[1]


def text_at_hand(folder: str, *, all_runs: bool, as_json: bool, coloured: bool) -> str | None:
    """What `gonogo status` prints where a glance tells all of it; None where it does not. Raises BadInput as above."""
    found = rows_at_hand(Path(folder), all_runs=all_runs)
    if found is None:
        return None
    if as_json:
        return json.dumps(as_value(*found), indent=1) + "\n"
    return "".join(_line(text, ESCAPES.get(colour) if coloured else None) for text, colour in as_lines(*found))


def _line(text: str, escape: int | None) -> str:
    return f"{printable(text)}\n" if escape is None else f"\x1b[{escape}m{printable(text)}\x1b[0m\n"


def row_of(each: Glance) -> dict[str, str | None]:
    """A run of the list, for `--json`."""
    return {
        "run": each.run,
        "release": each.release,
        "status": each.status,
        "opened_at": each.opened_at,
        "next": each.following or None,
    }


def as_value(
    rows: Sequence[Mapping[str, str | None]], count: int
) -> dict[str, Sequence[Mapping[str, str | None]] | int]:
    """A list of runs, the newest last, for `--json`."""
    return {"runs": rows, "older": count - len(rows)}


def as_lines(rows: Sequence[Mapping[str, str | None]], count: int) -> Iterator[tuple[str, str]]:
    """The lines of a list of runs with their colours, the newest run last, and how many older ones there are."""
    older = count - len(rows)
    if older:
        yield f"{older} older runs: gonogo status --all", ""
    for row in rows:
        words = f"{row['run']}   {row['release']}   {row['status']}   since {row['opened_at']}"
        yield words, colour_of(str(row["status"]))
        if row["next"]:
            yield f"    next: {row['next']}", ""


def colour_of(word: str) -> str:
    """The colour of a run's status."""
    if word.startswith("unusable"):
        return "red"
    return COLOURS.get(word, "yellow")
