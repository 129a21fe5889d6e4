"""`gonogo status`: where runs are, whom they wait for, why they halted (RGD-01, RGD-06)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from gonogo.cli.driving import EXIT
from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option, project_option, run_argument
from gonogo.cli.taking import taking
from gonogo.cli.watching import colour_of, lines_of, watch
from gonogo.control.door import Door
from gonogo.control.viewing import RunView, as_json, view
from gonogo.errors import GonogoError, WrongUsage
from gonogo.evidence.ledger import time_text
from gonogo.terms import Json, RunId

STATES = {"waiting for people": 3, "halted": 2, "running": 3, "open": 3}


@dataclass(frozen=True, slots=True)
class StatusOptions:
    """What `gonogo status` takes."""

    run: str
    watch: bool
    every: float
    verbose: bool
    exit_code: bool
    folder: Path
    as_json: bool


@click.command()
@run_argument
@click.option("--watch", is_flag=True, help="Draw again and again until RUN (default: the newest) is over.")
@click.option(
    "--every", type=click.FloatRange(0.1, 3600), default=1.0, show_default=True, help="Seconds between two drawings."
)
@click.option("-v", "--verbose", is_flag=True, help="Also role, mission, guardrails, gates and evidence.")
@click.option("--exit-code", is_flag=True, help="End with the code of the run's state instead of 0.")
@project_option
@json_option
@taking(StatusOptions)
def status(options: StatusOptions) -> int:
    """Show all runs, or one RUN: its steps, whom it waits for, why it halted, what to do next."""
    if options.watch and options.as_json:
        raise WrongUsage("--watch draws for people, --json prints once", next_step="leave out one of the two")
    door = door_at(options.folder)
    if options.watch:
        seen = watch(door, run_named(door, options.run), every=options.every, verbose=options.verbose)
        return code_of(seen) if options.exit_code else 0
    if not options.run:
        return _list(door, options)
    run = run_named(door, options.run)
    seen = view(door.world, door.load(run), driven=door.is_driven(run))
    if options.as_json:
        say_json(as_json(seen))
    else:
        for text, colour in lines_of(seen, verbose=options.verbose):
            say(text, colour)
    return code_of(seen) if options.exit_code else 0


def code_of(seen: RunView) -> int:
    """The exit code of the state that a run is in."""
    return EXIT.get(seen.outcome, 1) if seen.outcome else STATES.get(seen.status, 3)


def _list(door: Door, options: StatusOptions) -> int:
    rows = [_row(door, run) for run in door.runs()]
    if options.as_json:
        say_json({"runs": rows})
    elif not rows:
        say("no run yet; gonogo run pre-deployment --release VERSION")
    for row in () if options.as_json else rows:
        words = f"{row['run']}   {row['release']}   {row['status']}   since {row['opened_at']}"
        say(words, colour_of(str(row["status"])))
        if row["next"]:
            say(f"    next: {row['next']}")
    return 0


def _row(door: Door, run: RunId) -> dict[str, Json]:
    try:
        seen = view(door.world, door.load(run), driven=door.is_driven(run))
    except GonogoError as error:
        # A run that cannot be read must not hide the others.
        what = f"unusable: {error.what}"
        return {"run": run, "release": "", "status": what, "opened_at": "", "next": error.next_step or None}
    opened = time_text(seen.opened_at) if seen.opened_at else ""
    return {
        "run": run,
        "release": seen.release,
        "status": seen.status,
        "opened_at": opened,
        "next": seen.next_step or None,
    }
