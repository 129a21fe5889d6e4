"""`gonogo status`: a list of runs at a glance; one run, and runs that changed unseen, are loaded (RGD-01)."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from gonogo.adapters.standings_read import Glance, glanced
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option, project_option, run_argument
from gonogo.cli.taking import taking
from gonogo.control.project_root import find_root, journal_at_hand
from gonogo.errors import WrongUsage
from gonogo.terms import Json
from gonogo.values import dataclass

FEW = 50
EVERYTHING = 1 << 31
COLOURS = {"done": "green", "failed": "red", "running": "cyan", "released": "green", "ready": "green"}


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


@click.command()
@run_argument
@click.option("--watch", is_flag=True, help="Draw again and again until RUN (default: the newest) is over.")
@click.option(
    "--every", type=click.FloatRange(0.1, 3600), default=1.0, show_default=True, help="Seconds between two drawings."
)
@click.option("-v", "--verbose", is_flag=True, help="Also role, mission, guardrails, gates and evidence.")
@click.option("--all", "all_runs", is_flag=True, help=f"List every run, not the newest {FEW} only.")
@click.option("--statement", is_flag=True, help="What RUN (default: the newest) knows of itself, computed.")
@click.option("--exit-code", is_flag=True, help="End with the code of the run's state instead of 0.")
@project_option
@json_option
@taking(StatusOptions)
def status(options: StatusOptions) -> int:
    """List the newest runs, or show one RUN: its steps, whom it waits for, why it halted, what to do next."""
    if options.watch and options.as_json:
        raise WrongUsage("--watch draws for people, --json prints once", next_step="leave out one of the two")
    if not options.run and not options.watch and not options.statement and _listed(options):
        return 0
    # Loading a run costs the whole engine; a glance at the list does not.
    looked: Callable[[StatusOptions], int] = importlib.import_module("gonogo.cli.looking").look
    return looked(options)


def _listed(options: StatusOptions) -> bool:
    """List what is known at a glance; whether that was all."""
    path = journal_at_hand(find_root(options.folder.absolute()), os.environ)
    if path is None:
        return False
    found = glanced(path.parent, EVERYTHING if options.all_runs else FEW, datetime.now(UTC))
    if found is None or not found[0] or not all(each.known for each in found[0]):
        return False
    show([row_of(each) for each in reversed(found[0])], found[1], as_json=options.as_json)
    return True


def row_of(each: Glance) -> dict[str, Json]:
    """A run of the list, for `--json`."""
    return {
        "run": each.run,
        "release": each.release,
        "status": each.status,
        "opened_at": each.opened_at,
        "next": each.following or None,
    }


def show(rows: list[dict[str, Json]], count: int, *, as_json: bool) -> None:
    """Print a list of runs, the newest last, and how many older ones there are."""
    older = count - len(rows)
    if as_json:
        say_json({"runs": list(rows), "older": older})
        return
    if older:
        say(f"{older} older runs: gonogo status --all")
    for row in rows:
        words = f"{row['run']}   {row['release']}   {row['status']}   since {row['opened_at']}"
        say(words, colour_of(str(row["status"])))
        if row["next"]:
            say(f"    next: {row['next']}")


def colour_of(word: str) -> str:
    """The colour of a run's status."""
    if word.startswith("unusable"):
        return "red"
    return COLOURS.get(word, "yellow")
