"""`gonogo cleanup`: what may go because its time is over; deletes only with --apply (ARC-03, ARC-04, C50)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from gonogo.cli.opened import door_at
from gonogo.cli.saying import say, say_json
from gonogo.cli.shared_options import actor_of, actor_option, json_option, project_option
from gonogo.cli.taking import taking
from gonogo.control.cleaning import Cleaning, clean, preview
from gonogo.evidence.retention import row_tree
from gonogo.terms import Json
from gonogo.values import dataclass

MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class CleanupOptions:
    """What `gonogo cleanup` takes."""

    apply: bool
    who: str
    folder: Path
    as_json: bool


@click.command()
@click.option("--apply", is_flag=True, help="Write the inventory, then delete. Without it nothing is changed.")
@actor_option
@project_option
@json_option
@taking(CleanupOptions)
def cleanup(options: CleanupOptions) -> int:
    """Show what has outlived its time: 90 days after deployment, archives 3 years after the project was closed."""
    door = door_at(options.folder)
    now = door.world.clock.now()
    found = clean(door, now, actor_of(options.who)) if options.apply else preview(door, now)
    if options.as_json:
        say_json(_body(found, applied=options.apply))
        return 0
    for row in found.doomed[:MOST_SHOWN]:
        say(f"{row.action if options.apply else 'would go'}  {row.held.path}  {row.held.size} bytes: {row.why}")
    for why, count in Counter(row.why for row in found.rows if row.action == "kept").most_common():
        say(f"kept      {count} files: {why}")
    if found.due and not options.apply:
        say("a clean-up is due (quarterly)", "yellow")
    if found.doomed and not options.apply:
        say("  next: gonogo cleanup --apply")
    return 0


def _body(found: Cleaning, *, applied: bool) -> dict[str, Json]:
    return {
        "applied": applied,
        "due": found.due,
        "inventory": [row_tree(row) for row in found.rows],
    }
