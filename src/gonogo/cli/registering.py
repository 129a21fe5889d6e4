"""`gonogo scripts`: every script of the project as it really is, with drift against registry and documents."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.scripted.registering import Registered, registry_of
from gonogo.terms import Json
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class ScriptsOptions:
    """What `gonogo scripts` takes."""

    folder: Path
    as_json: bool


@click.command()
@project_option
@json_option
@taking(ScriptsOptions)
def scripts(options: ScriptsOptions) -> int:
    """List the scripts with purpose, owner, status, last run. Exit 0 without drift, else 2."""
    found = registry_of(door_at(options.folder))
    if options.as_json:
        rows = [_row(each) for each in found.scripts]
        say_json({"scripts": rows, "drift": [*found.drift]})
        return 2 if found.drift else 0
    for each in found.scripts:
        say(f"{each.status:<15}{each.path}", "green" if each.status == "ok" else "red")
        say(f"               {each.purpose}; owner {each.owner}; last run {each.last_run} {each.last_result}".rstrip())
    for line in found.drift:
        say(f"drift: {line}", "yellow")
    return 2 if found.drift else 0


def _row(each: Registered) -> dict[str, Json]:
    lists = {name: list(getattr(each, name)) for name in ("flags", "reads", "writes", "needs")}
    return {**asdict(each), **lists}
