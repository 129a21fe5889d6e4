"""`gonogo plan`: every act that would be done, in order. Writes nothing: no state folder, no views (DRY-01)."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option, project_option, protocol_argument, release_option
from gonogo.cli.taking import taking
from gonogo.control.compiled import compile_for
from gonogo.control.soundness import require_sound
from gonogo.control.sources import open_workspace
from gonogo.control.stores.project_root import find_root
from gonogo.errors import BadInput
from gonogo.reports.planned import planned
from gonogo.reports.planned_text import planned_json, planned_text
from gonogo.values import dataclass


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What `gonogo plan` takes."""

    protocol: str
    release: str
    folder: Path
    as_json: bool


@click.command()
@protocol_argument
@release_option
@project_option
@json_option
@taking(PlanOptions)
def plan(options: PlanOptions) -> int:
    """Show every act that PROTOCOL would do for a release, in order, and who decides; change nothing."""
    return show_plan(options.folder, options.protocol, options.release, as_json=options.as_json)


def show_plan(folder: Path, protocol: str, release: str, *, as_json: bool) -> int:
    """Print the plan of a protocol for a release; BadInput where it cannot be compiled."""
    workspace = open_workspace(find_root(folder.absolute()))
    compiled = compile_for(workspace, protocol, release)
    require_sound(compiled.findings)
    if compiled.plan is None:
        raise BadInput(f"`{protocol}` cannot be compiled", next_step=f"gonogo check --release {release} says why")
    found = planned(compiled.plan)
    if as_json:
        say_json(planned_json(found))
    else:
        say(planned_text(found).rstrip("\n"))
    return 0
