"""`gonogo apply`: the next-protocol command of the documents, `@apply PATH` (C52, CMD-52, CMD-72)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.driving import drive
from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import actor_of, actor_option, json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.agents.step_contracts import contract, newest_open
from gonogo.control.continuing import next_release
from gonogo.control.door import Door
from gonogo.control.numbering import protocol_at
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """What `gonogo apply` takes."""

    path: str
    release: str
    contract: bool
    who: str
    folder: Path
    as_json: bool


@click.command()
@click.argument("path")
@click.option("--release", default="", help="The version. Default: that of the protocol that hands over to PATH.")
@click.option("--contract", is_flag=True, help="Start nothing: print the state that is due, with its contract.")
@actor_option
@project_option
@json_option
@taking(ApplyOptions)
def apply(options: ApplyOptions) -> int:
    """Open and drive a run of the protocol at PATH, as `@apply PATH` in a handoff says.

    PATH is a document such as .cursor/ai-driven-workflow/15-production-deployment.md; a number that another installed
    document of that name bears is understood, too. A PATH that leads to no document is an unresolved handoff (exit 2).
    With --contract an agent gets, instead of a prompt, what the state asks: evidence, gate with limits, people.
    """
    door = door_at(options.folder)
    protocol = protocol_at(door.workspace, options.path)
    if options.contract:
        return _contract(door, protocol, options)
    release = options.release or next_release(door, protocol)
    opened = door.open(protocol, release, actor_of(options.who))
    return drive(door, opened.run, patient=False, as_json=options.as_json)


def _contract(door: Door, protocol: str, options: ApplyOptions) -> int:
    """Print the contract of the newest open run of the protocol; BadInput where none is open."""
    opened = newest_open(door, protocol)
    found = contract(door, opened)
    if options.as_json:
        say_json(found)
        return 0
    say(f"run        {opened.run}")
    say(f"state      {found['state'] or 'none: the run is over'}")
    for name in ("standing", "leave", "gates", "people", "then"):
        value = found[name]
        for line in value if isinstance(value, list) else [value]:
            say(f"{name:<11}{line}")
    return 0
