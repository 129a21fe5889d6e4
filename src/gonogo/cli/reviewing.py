"""`gonogo review`: package, gates, risks, open items in one view, before people decide (REV-01, SCO-01, APR-01)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from gonogo.cli.opened import door_at, run_named
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import json_option, project_option, run_argument
from gonogo.cli.taking import taking
from gonogo.control.door import Door
from gonogo.control.opening import Opened
from gonogo.errors import WrongUsage
from gonogo.evidence.canonical import Tree, read_object
from gonogo.reports.reviewing import production_body, review_body, review_lines, scope_body
from gonogo.values import dataclass

MOST = 16 << 20


@dataclass(frozen=True, slots=True)
class ReviewOptions:
    """What `gonogo review` takes."""

    run: str
    scope: bool
    production: bool
    folder: Path
    as_json: bool


@click.command()
@run_argument
@click.option("--scope", is_flag=True, help="What is released: manifest, services, ways back, stakeholders.")
@click.option("--production", is_flag=True, help="What the approvers of production decide about.")
@project_option
@json_option
@taking(ReviewOptions)
def review(options: ReviewOptions) -> int:
    """Show what RUN (default: the newest) found, in one view: package, gates, risks, open items."""
    if options.scope and options.production:
        raise WrongUsage("--scope and --production are two views", next_step="ask for one of them")
    door = door_at(options.folder)
    opened = door.load(run_named(door, options.run))
    body = (
        scope_body(opened.plan)
        if options.scope
        else production_body(opened.plan, opened.state, _bodies(door, opened))
        if options.production
        else review_body(opened.plan, opened.state, _bodies(door, opened))
    )
    if options.as_json:
        say_json({"run": opened.run, **body})
    else:
        for line in review_lines(body):
            say(line)
    return 0


def _bodies(door: Door, opened: Opened) -> dict[str, Mapping[str, Tree]]:
    """The current JSON evidence of the run, from the vault."""
    return {
        name: read_object(door.world.vault.read(item.digest), name=name, limit=MOST)
        for name, item in opened.state.evidence.items()
        if name.endswith(".json") and not name.startswith("security-scans")
    }
