"""`gonogo check-scripts`: deploy and rollback scripts, tried at a fake target before their dry run may be used."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import actor_of, actor_option, json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.trying import Tried, try_scripts
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class TryOptions:
    """What `gonogo check-scripts` takes."""

    release: str
    who: str
    folder: Path
    as_json: bool


@click.command("check-scripts")
@click.option("--release", default="", help="The release that the scripts are told. Default: the last with a manifest.")
@actor_option
@project_option
@json_option
@taking(TryOptions)
def check_scripts(options: TryOptions) -> int:
    """Try the deploy and rollback scripts at a fake target. Exit 0 where each keeps its contract, else 2.

    Each is run with its dry-run arguments in a copy of the project, with programs that only note that they were called
    and a server that only records. A dry run that changes anything there, or that nobody tried, is never used.
    """
    found = try_scripts(door_at(options.folder), actor_of(options.who), options.release)
    held = all(each.held for each in found)
    if options.as_json:
        say_json({"held": held, "trials": [_row(each) for each in found]})
        return 0 if held else 2
    for each in found:
        say(f"{'holds ' if each.held else 'FAILS '} {each.command} {each.what}", "green" if each.held else "red")
        for line in each.detail:
            say(f"        {line}")
    if not held:
        say("NO-GO: repair the script; until then its dry run is not used")
    return 0 if held else 2


def _row(each: Tried) -> dict[str, str | bool | list[str]]:
    return {"command": each.command, "what": each.what, "held": each.held, "detail": [*each.detail]}
