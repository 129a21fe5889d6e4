"""`gonogo run`."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.driving import drive
from gonogo.cli.opened import door_at
from gonogo.cli.planning import show_plan
from gonogo.cli.shared_options import (
    actor_of,
    actor_option,
    json_option,
    priority_option,
    project_option,
    protocol_argument,
    release_option,
)
from gonogo.cli.taking import taking
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `gonogo run` takes."""

    protocol: str
    release: str
    wait: bool
    priority: int
    dry_run: bool
    who: str
    folder: Path
    as_json: bool


@click.command()
@protocol_argument
@release_option
@click.option("--wait", is_flag=True, help="Stay while people are awaited, and go on as soon as they have signed.")
@priority_option
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing; the same as `gonogo plan`.")
@actor_option
@project_option
@json_option
@taking(RunOptions)
def run(options: RunOptions) -> int:
    """Open a run of PROTOCOL for a release and drive it until it is over, halts, or waits for people."""
    if options.dry_run:
        return show_plan(options.folder, options.protocol, options.release, as_json=options.as_json)
    door = door_at(options.folder)
    opened = door.open(options.protocol, options.release, actor_of(options.who))
    return drive(door, opened.run, patient=options.wait, as_json=options.as_json, priority=options.priority)
