"""`gonogo limits`: what gates judge with, who set it, and the file of it for a governance registry (CFG-02)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.adapters.durable import make_folder, write_file
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option, project_option, protocol_argument
from gonogo.cli.taking import taking
from gonogo.control.governing import exported, limits_in_force, limits_json
from gonogo.control.sources import open_workspace
from gonogo.control.stores.project_root import find_root
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class LimitsOptions:
    """What `gonogo limits` takes."""

    protocol: str
    output: Path | None
    folder: Path
    as_json: bool


@click.command()
@protocol_argument
@click.option("--output", type=click.Path(path_type=Path), help="Write them to this file, for a registry or dashboard.")
@project_option
@json_option
@taking(LimitsOptions)
def limits(options: LimitsOptions) -> int:
    """Show each limit that the gates of PROTOCOL judge with, and who set it; weaker ones are called weaker."""
    workspace = open_workspace(find_root(options.folder.absolute()))
    found = limits_in_force(workspace, options.protocol)
    if options.output is not None:
        make_folder(options.output.absolute().parent, 0o755)
        write_file(options.output.absolute(), exported(workspace, found), 0o644)
    if options.as_json:
        say_json(limits_json(workspace, found))
        return 0
    for row in found.rows:
        changed = "" if row.limit == row.document_limit else f"   document: {row.document_limit}"
        word = "   WEAKER, by the signed policy" if row.weaker else ""
        say(f"{row.gate}   {row.metric} {row.operator} {row.limit}{changed}{word}", "yellow" if row.weaker else "")
        say(f"    set by {row.set_by}")
    if options.output is not None:
        say(f"written    {options.output}", "green")
    return 0
