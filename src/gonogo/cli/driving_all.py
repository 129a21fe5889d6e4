"""`gonogo drive`: go on with every run of this project as soon as there is something to do."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import click

from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.driving_all import drive_all
from gonogo.terms import RunId
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class DriveOptions:
    """What `gonogo drive` takes."""

    once: bool
    folder: Path
    as_json: bool


@click.command()
@click.option("--once", is_flag=True, help="End as soon as no run has anything to do now.")
@project_option
@json_option
@taking(DriveOptions)
def drive(options: DriveOptions) -> int:
    """Go on with every run of this project as soon as there is something to do, several at once, until it is ended.

    Whoever signs needs no engine then: this one sees the signature and goes on. Ending or killing it loses nothing.
    """

    def told(run: RunId, status: str) -> None:
        if options.as_json:
            say_json({"run": run, "status": status})
        else:
            say(f"{run}   {status}")

    drive_all(door_at(options.folder), told, once=options.once, stop=Event())
    return 0
