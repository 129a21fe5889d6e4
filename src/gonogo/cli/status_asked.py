"""What `gonogo status` takes, and how it prints a list of runs: at a glance, or after the engine was loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gonogo.cli.run_list import as_lines, as_value
from gonogo.cli.saying import say, say_json
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class StatusOptions:
    """What `gonogo status` takes."""

    run: str
    watch: bool
    every: float
    verbose: bool
    all_runs: bool
    exit_code: bool
    statement: bool
    folder: Path
    as_json: bool


def show(rows: Sequence[Mapping[str, str | None]], count: int, *, as_json: bool) -> None:
    """Print a list of runs, the newest last, and how many older ones there are."""
    if as_json:
        say_json(as_value(rows, count))
        return
    for text, colour in as_lines(rows, count):
        say(text, colour)
