"""`gonogo status`: a list of runs at a glance; one run, and runs that changed unseen, are loaded (RGD-01)."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import click

from gonogo.cli.run_list import FEW, rows_at_hand
from gonogo.cli.shared_options import json_option, project_option, run_argument
from gonogo.cli.status_asked import StatusOptions, show
from gonogo.cli.taking import taking
from gonogo.errors import WrongUsage


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
    found = rows_at_hand(options.folder, all_runs=options.all_runs)
    if found is not None:
        show(*found, as_json=options.as_json)
    return found is not None
